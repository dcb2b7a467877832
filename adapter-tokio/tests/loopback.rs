//! The adapter over loopback, against a hand-written peer.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mqtt_adapter_tokio::{
    Backoff, ClientEvent, ConnectError, ConnectionState, Options, Publish, PublishError, QoS,
    ReasonCode, connect, start,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CONNACK: [u8; 5] = [0x20, 3, 0, 0, 0];

/// A listener, and options for it.
async fn listen() -> (TcpListener, Options) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let options = options(listener.local_addr().unwrap());
    (listener, options)
}

fn options(address: SocketAddr) -> Options {
    Options::new(format!("mqtt://{address}")).unwrap().client_id("test").backoff(Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(1),
        jitter_percent: 0,
    })
}

/// Takes a connection and answers its CONNECT.
async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(packet(&mut stream).await[0], 0x10);
    stream.write_all(&CONNACK).await.unwrap();
    stream
}

/// Reads one packet of less than 128 bytes.
async fn packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet).await.unwrap();
    let mut body = vec![0; usize::from(packet[1])];
    stream.read_exact(&mut body).await.unwrap();
    packet.append(&mut body);
    packet
}

#[tokio::test]
async fn a_client_from_connect_to_disconnect() {
    let (listener, options) = listen().await;
    let peer = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        let subscribe = packet(&mut stream).await;
        assert_eq!(subscribe[0], 0x82);
        stream.write_all(&[0x90, 4, subscribe[2], subscribe[3], 0, 1]).await.unwrap();
        stream.write_all(b"\x32\x08\0\x01a\0\x07\0hi").await.unwrap();
        assert_eq!(packet(&mut stream).await, [0x40, 2, 0, 7]);
        let publish = packet(&mut stream).await;
        let [0x32, 8, 0, 1, b'b', high, low, 0, b'x', b'y'] = publish[..] else {
            panic!("{publish:?}");
        };
        stream.write_all(&[0x40, 2, high, low]).await.unwrap();
        let disconnect = packet(&mut stream).await;
        assert_eq!(disconnect[0], 0xE0);
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the client ends its sending half");
    });
    let client = connect(options).await.unwrap();
    let mut messages = client.subscribe("a", QoS::AtLeastOnce).await.unwrap();
    let message = messages.recv().await.unwrap();
    assert_eq!((message.topic(), message.payload()), ("a", &b"hi"[..]));
    drop(message);
    let publish = Publish::new("b", "xy").qos(QoS::AtLeastOnce);
    assert_eq!(client.publish(publish).await, Ok(ReasonCode::Success));
    client.disconnect().await;
    assert_eq!(client.state(), ConnectionState::Closed);
    assert!(messages.recv().await.is_none());
    peer.await.unwrap();
}

#[tokio::test]
async fn a_refused_port_is_an_error() {
    let (listener, options) = listen().await;
    drop(listener);
    let error = connect(options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Dial { .. }), "{error}");
}

#[tokio::test]
async fn a_peer_that_says_nothing_times_out() {
    let (_listener, options) = listen().await;
    let error = connect(options.connect_timeout(Duration::from_millis(50))).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let (listener, options) = listen().await;
    let (client, stream) = tokio::join!(connect(options), accept(&listener));
    let client = client.unwrap();
    let mut events = client.events();
    drop(stream);
    let _stream = accept(&listener).await;
    loop {
        match events.next().await {
            Some(ClientEvent::Connected { .. }) => break,
            Some(_) => {}
            None => panic!("the client has ended"),
        }
    }
    assert_eq!(client.stats().connects, 2);
}

/// END-3: the will is published, since there is no DISCONNECT.
#[tokio::test]
async fn the_last_handle_closes_the_connection() {
    let (listener, options) = listen().await;
    let (client, stream) = tokio::join!(connect(options), accept(&listener));
    drop(client.unwrap());
    let mut rest = Vec::new();
    { stream }.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
}

/// END-3: a runtime that shuts down under the client ends every waiting call.
#[test]
fn a_runtime_that_shuts_down_ends_waiting_calls() {
    let others = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, _stream) = runtime.block_on(async {
        let (listener, options) = listen().await;
        let (client, stream) = tokio::join!(connect(options), accept(&listener));
        (client.unwrap(), stream)
    });
    let publish = Publish::new("a", "").qos(QoS::AtLeastOnce);
    let handle = client.try_publish(publish).unwrap();
    runtime.shutdown_background();
    assert_eq!(others.block_on(handle), Err(PublishError::Closed));
    assert_eq!(client.state(), ConnectionState::Closed);
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let options = Options::new("mqtt://localhost").unwrap();
    assert!(matches!(start(options), Err(ConnectError::Start(_))));
}

#[tokio::test]
async fn messages_of_qos_1_wait_for_the_connection() {
    let (listener, options) = listen().await;
    let client = start(options).unwrap();
    let handle = client.try_publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).unwrap();
    let mut stream = accept(&listener).await;
    let publish = packet(&mut stream).await;
    assert_eq!(publish[..5], [0x32, 7, 0, 1, b'a']);
    stream.write_all(&[0x40, 2, publish[5], publish[6]]).await.unwrap();
    assert_eq!(handle.await, Ok(ReasonCode::Success));
}
