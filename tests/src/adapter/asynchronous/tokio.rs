//! tokio, on both of its schedulers.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use mqtt_adapter_tokio::{Client, ConnectError, Io, Options};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::Executor;

/// A runtime with so many worker threads, or on the one that calls.
#[derive(Clone)]
pub struct Tokio<const WORKERS: usize> {
    runtime: Arc<Runtime>,
}

impl<const WORKERS: usize> Executor for Tokio<WORKERS> {
    fn start() -> Self {
        let mut builder = match WORKERS {
            0 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(WORKERS.max(1)).enable_all().build();
        Tokio { runtime: Arc::new(runtime.expect("a runtime")) }
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn connect(&self, options: Options) -> impl Future<Output = Result<Client, ConnectError>> {
        mqtt_adapter_tokio::connect(options)
    }

    fn begin(&self, options: Options) -> Result<Client, ConnectError> {
        let _inside = self.runtime.enter();
        mqtt_adapter_tokio::start(options)
    }

    fn over(options: Options, address: SocketAddr) -> Options {
        options.transport(move |_| async move { Ok(Io::new(TcpStream::connect(address).await?)) })
    }
}
