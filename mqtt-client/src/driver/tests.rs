mod answers;
mod authenticating;
mod connect_hook;
mod connecting;
mod draining;
mod identifiers;
mod limits;
mod lock;
mod packets;
mod pipe;
mod publishing;
mod receiving;
mod redirects;
mod subscribing;
#[cfg(feature = "tls")]
mod tls;
mod versions;
mod world;
