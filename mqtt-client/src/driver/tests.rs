mod connecting;
mod lock;
mod packets;
mod pipe;
mod publishing;
mod receiving;
mod subscribing;
mod world;
