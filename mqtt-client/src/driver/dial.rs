//! From the name of a broker to a transport.

use std::io;
use std::sync::Arc;

use crate::ConnectError;
use crate::options::Broker;
use crate::runtime::Runtime;

/// Tries the addresses of a broker one after another.
pub(super) async fn dial<R: Runtime>(
    runtime: &R,
    broker: &Broker,
) -> Result<R::Transport, ConnectError> {
    let addresses = runtime.resolve(&broker.host, broker.port).await;
    let addresses = addresses.map_err(|error| ConnectError::Resolve {
        host: broker.host.clone(),
        cause: Arc::new(error),
    })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match runtime.dial(address).await {
            Ok(transport) => return Ok(transport),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Dial { broker: broker.to_string(), cause: Arc::new(last) })
}
