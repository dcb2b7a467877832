//! Byte streams of the application's own, in place of TCP.

#[path = "../../../examples/pipe/broker.rs"]
mod broker;
#[path = "../../../examples/serial_line/line.rs"]
mod line;
#[path = "../../../examples/pipe/pipe.rs"]
mod pipe;

use std::future;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mqtt_adapter_blocking::{Backoff, ConnectError, Options, Publish, QoS, ReasonCode};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Broker, Trial, id};

use crate::{everything, qos1};
use broker::serve;
use line::Line;
pub(crate) use pipe::End;
use pipe::pipe;

/// More than any buffer on the way takes at once.
const LARGE: usize = 300 << 10;

/// Options whose URL names no host there is.
fn nowhere() -> Options {
    let backoff = Backoff::Constant(Duration::from_millis(10));
    Options::new("mqtt://nowhere.invalid").unwrap().client_id("client").backoff(backoff)
}

/// A large message each way, and a proper end.
fn a_round(broker: &Broker) {
    let mut connection = broker.open(false);
    connection.grant("in", QoS::ExactlyOnce);
    connection.publish(QoS::AtLeastOnce, Some(id(1)), "in", &vec![7; LARGE]);
    connection.expect_puback(id(1));
    assert_eq!(connection.take_qos1("out").payload.len(), LARGE);
    connection.expect_disconnect(ReasonCode::NormalDisconnection);
}

fn use_it(client: &impl Client) {
    let mut stream = client.subscribe(everything("in")).unwrap();
    assert_eq!(stream.recv().unwrap().payload(), vec![7; LARGE]);
    client.publish(Publish::new("out", vec![8; LARGE]).qos(QoS::AtLeastOnce)).unwrap();
    client.disconnect();
}

pub(crate) fn a_stream_of_the_runtime_serves<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(a_round);
    let options = A::over(nowhere(), peer.address());
    use_it(&A::start().connect(options).unwrap());
}

pub(crate) fn a_line_that_blocks_serves<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(a_round);
    let stream = TcpStream::connect(peer.address()).unwrap();
    let line = Line::new(stream.try_clone().unwrap(), stream.try_clone().unwrap()).unwrap();
    let options = nowhere().transport(move |_| {
        let attempt = line.open();
        async { Ok(attempt) }
    });
    use_it(&A::start().connect(options).unwrap());
    // A line has no end of its own.
    drop(stream.shutdown(std::net::Shutdown::Both));
}

/// No socket anywhere: a model broker is at the other end.
pub(crate) fn a_pipe_in_memory_serves<A: Adapter>(trial: &Trial) {
    let trial = trial.clone();
    let options = nowhere().transport(move |_| {
        let (here, there) = pipe();
        trial.part("the broker in memory", move || serve(there));
        async { Ok(here) }
    });
    let client = A::start().connect(options).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    let message = Publish::new("in", vec![7; LARGE]).qos(QoS::ExactlyOnce);
    client.publish(message).unwrap();
    assert_eq!(stream.recv().unwrap().payload(), vec![7; LARGE]);
    client.disconnect();
}

pub(crate) fn a_dialer_without_an_answer_is_given_up<A: Adapter>(_: &Trial) {
    let options = nowhere().connect_timeout(Duration::from_millis(50));
    let options = options.transport(|_| future::pending::<io::Result<End>>());
    let error = A::start().connect(options).err().unwrap();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}

pub(crate) fn a_dialer_that_fails_is_asked_again<A: Adapter>(trial: &Trial) {
    let failed = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&failed);
    let parts = trial.clone();
    let options = nowhere().retry_initial_connect(true).transport(move |_| {
        let opened = if asked.swap(true, Ordering::Relaxed) {
            let (here, there) = pipe();
            parts.part("the broker in memory", move || serve(there));
            Ok(here)
        } else {
            Err(io::Error::other("not yet"))
        };
        async { opened }
    });
    let client = A::start().connect(options).unwrap();
    assert!(failed.load(Ordering::Relaxed));
    client.publish(qos1("out")).unwrap();
    client.disconnect();
    let refused = nowhere().transport(|_| async { Err::<End, _>(io::Error::other("never")) });
    match A::start().connect(refused).err() {
        Some(ConnectError::Dial { broker, cause }) => {
            assert_eq!(
                (broker.as_str(), cause.to_string().as_str()),
                ("nowhere.invalid:1883", "never")
            );
        }
        other => panic!("the dialer's own error expected, but {other:?}"),
    }
}
