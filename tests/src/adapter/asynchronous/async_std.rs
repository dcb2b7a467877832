//! async-std.

use std::future::Future;
use std::net::SocketAddr;

use async_std::net::TcpStream;
use async_std::task;
use mqtt_adapter_smol::{Client, ConnectError, Io, Options};

use super::Executor;

/// The runtime of the process.
#[derive(Clone)]
pub struct AsyncStd;

impl Executor for AsyncStd {
    fn start() -> AsyncStd {
        AsyncStd
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        task::block_on(future)
    }

    async fn connect(&self, options: Options) -> Result<Client, ConnectError> {
        let client = self.begin(options)?;
        client.connected().await?;
        Ok(client)
    }

    fn begin(&self, options: Options) -> Result<Client, ConnectError> {
        let (client, driver) = mqtt_adapter_smol::client(options)?;
        task::spawn(driver);
        Ok(client)
    }

    fn over(options: Options, address: SocketAddr) -> Options {
        options.transport(move |_| async move { Ok(Io::new(TcpStream::connect(address).await?)) })
    }
}
