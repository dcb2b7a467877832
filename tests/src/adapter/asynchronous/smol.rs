//! smol.

use std::future::Future;

use mqtt_adapter_smol::{Client, ConnectError, Options};

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
}
