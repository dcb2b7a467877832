mod connecting;
mod publishing;
mod receiving;
mod subscribing;
mod world;
