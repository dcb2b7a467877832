//! Many threads, many clients.

use std::sync::{Mutex, PoisonError};
use std::thread;

use mqtt_adapter_blocking::{Options, Publish, QoS};
use mqtt_testkit::TcpBroker;
use mqtt_testkit::broker::Settings;
use mqtt_tests::Trial;
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{connected, everything, qos1};

const THREADS: usize = 8;
const MESSAGES: usize = 25;
const CLIENTS: usize = 200;

/// Each publishes, takes what comes and acknowledges it.
pub(crate) fn threads_share_a_client<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| broker.open(false).echo());
    let mut stream = client.subscribe(everything("in")).unwrap();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || {
                (0..MESSAGES).try_for_each(|_| client.publish(qos1("in")).map(drop))
            })
        })
        .collect();
    for _ in 0..THREADS * MESSAGES {
        let message = stream.recv().unwrap();
        thread::spawn(move || message.ack());
    }
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
    let stats = client.stats();
    assert_eq!(stats.delivered, (THREADS * MESSAGES) as u64);
    client.disconnect();
}

/// One suite at a time, since every client has threads at the broker.
static ROOM: Mutex<()> = Mutex::new(());

pub(crate) fn two_hundred_clients_share_a_process<A: Adapter>(_: &Trial) {
    let _room = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let adapter = A::start();
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let name = format!("client/{number}");
            let options = Options::new(broker.url()).unwrap().client_id(name.as_str());
            let client = adapter.connect(options).unwrap();
            let stream = client.subscribe(everything(&name)).unwrap();
            (name, client, stream)
        })
        .collect();
    for (name, client, _) in &clients {
        client.publish(Publish::new(name.as_str(), "").qos(QoS::AtLeastOnce)).unwrap();
    }
    for (name, client, stream) in &mut clients {
        assert_eq!(stream.recv().unwrap().topic(), name);
        client.disconnect();
    }
}
