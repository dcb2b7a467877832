//! smol.

use std::future::Future;
use std::net::SocketAddr;

use mqtt_adapter_smol::{Client, ConnectError, Io, Options};
use smol::net::TcpStream;

use super::Executor;

/// The global executor of the process.
#[derive(Clone)]
pub struct Smol;

impl Executor for Smol {
    fn start() -> Smol {
        Smol
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        smol::block_on(future)
    }

    fn connect(&self, options: Options) -> impl Future<Output = Result<Client, ConnectError>> {
        mqtt_adapter_smol::connect(options)
    }

    fn begin(&self, options: Options) -> Result<Client, ConnectError> {
        mqtt_adapter_smol::start(options)
    }

    fn over(options: Options, address: SocketAddr) -> Options {
        options.transport(move |_| async move { Ok(Io::new(TcpStream::connect(address).await?)) })
    }
}
