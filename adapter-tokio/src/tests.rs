use std::io;
use std::time::Duration;

use mqtt_client::Driver;
use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Silent, TcpBroker};
use tokio::time::timeout;

use super::*;

#[test]
fn without_a_runtime_there_is_an_error() {
    let options = Options::new("mqtt://localhost").unwrap();
    assert!(matches!(start(options), Err(ConnectError::Start(_))));
}

/// Of a name with an address that does not answer, the other is taken, within a second.
///
/// Promises: CON-4
#[tokio::test]
async fn addresses_are_raced() {
    let silent = Silent::start().unwrap();
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let tokio = Tokio { clock: Clock::start() };
    let named = Named { tokio, addresses: vec![silent.address(), broker.address()] };
    let options = Options::new("mqtt://broker").unwrap();
    let (client, driver): (Client, Driver<Named>) = mqtt_client::client(named, options).unwrap();
    tokio::spawn(driver);
    let connected = timeout(Duration::from_secs(1), client.connected()).await;
    assert!(matches!(connected, Ok(Ok(()))), "{connected:?}");
    client.disconnect().await;
}

/// tokio where every name has these addresses.
struct Named {
    tokio: Tokio,
    addresses: Vec<SocketAddr>,
}

impl Runtime for Named {
    type Transport = <Tokio as Runtime>::Transport;
    type Timer = <Tokio as Runtime>::Timer;

    fn now(&self) -> mqtt_client::Time {
        self.tokio.now()
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.addresses.clone())
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<Self::Transport> {
        self.tokio.dial(address).await
    }

    fn timer(&self) -> Self::Timer {
        self.tokio.timer()
    }
}
