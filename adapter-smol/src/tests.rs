use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Silent, TcpBroker};
use smol::future::or;

use super::*;

/// Of a name with an address that does not answer, the other is taken, within a second.
///
/// Promises: CON-4
#[test]
fn addresses_are_raced() {
    let silent = Silent::start().unwrap();
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let smol = Smol { clock: Clock::start() };
    let named = Named { smol, addresses: vec![silent.address(), broker.address()] };
    let options = Options::new("mqtt://broker").unwrap();
    let (client, driver) = mqtt_client::client(named, options).unwrap();
    smol::spawn(driver).detach();
    let late = async {
        smol::Timer::after(Duration::from_secs(1)).await;
        None
    };
    let connected = smol::block_on(or(async { Some(client.connected().await) }, late));
    assert!(matches!(connected, Some(Ok(()))), "{connected:?}");
    smol::block_on(client.disconnect());
}

/// smol where every name has these addresses.
struct Named {
    smol: Smol,
    addresses: Vec<SocketAddr>,
}

impl Runtime for Named {
    type Transport = <Smol as Runtime>::Transport;
    type Timer = <Smol as Runtime>::Timer;

    fn now(&self) -> mqtt_client::Time {
        self.smol.now()
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.addresses.clone())
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<Self::Transport> {
        self.smol.dial(address).await
    }

    fn timer(&self) -> Self::Timer {
        self.smol.timer()
    }
}
