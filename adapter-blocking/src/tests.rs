use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use mqtt_client::{Runtime, Time};
use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Silent, TcpBroker};

use super::*;

/// Of a name with an address that does not answer, the other is taken, within a second.
///
/// Promises: CON-4
#[test]
fn addresses_are_raced() {
    let silent = Silent::start().unwrap();
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let (poll, shared) = Shared::new().unwrap();
    let mio = Mio::new(&shared);
    let named = Named { mio, addresses: vec![silent.address(), broker.address()] };
    let options = Options::new("mqtt://broker").unwrap();
    let (client, driver) = mqtt_client::client(named, options).unwrap();
    let mut reactor = Reactor::new(poll, shared, driver);
    let start = Instant::now();
    let thread = thread::spawn(move || reactor.run());
    let client = Client::new(client, Mover::Thread);
    client.connected().unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    client.disconnect().unwrap();
    thread.join().unwrap();
}

/// A dialer of one's own waits for its connection, and hears that there is none.
#[test]
fn a_dialer_of_ones_own_connects_over_tcp() {
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let address = broker.address();
    let options = || Options::new("mqtt://broker").unwrap();
    let client = connect(options().transport(move |_| Io::connect(address))).unwrap();
    client.disconnect().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = connect(options().transport(move |_| Io::connect(nobody))).unwrap_err();
    assert!(matches!(refused, ConnectError::Dial { .. }), "{refused:?}");
}

/// mio where every name has these addresses.
struct Named {
    mio: Mio,
    addresses: Vec<SocketAddr>,
}

impl Runtime for Named {
    type Transport = <Mio as Runtime>::Transport;
    type Timer = <Mio as Runtime>::Timer;

    fn now(&self) -> Time {
        self.mio.now()
    }

    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.addresses.clone())
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<Self::Transport> {
        self.mio.dial(address).await
    }

    fn timer(&self) -> Self::Timer {
        self.mio.timer()
    }
}
