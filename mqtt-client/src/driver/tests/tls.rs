use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use mqtt_session::proto::{Packet, ReasonCode};
use rcgen::generate_simple_self_signed;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

use super::packets::{connack, publish};
use super::world::World;
use crate::{ConnectError, ConnectionState, Options, Tls, TlsFailure};

/// The broker's end of TLS.
struct Server {
    session: ServerConnection,
    /// What the client sent.
    received: Vec<u8>,
}

impl Server {
    /// A world whose client is connected by TLS, and the server.
    fn connected(change: impl FnOnce(Options) -> Options) -> (World, Server) {
        let own = generate_simple_self_signed(["broker".into()]).unwrap();
        let provider = Arc::new(default_provider());
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut server = Server { session, received: Vec::new() };
        let tls = Tls::new(provider).ca_der(own.cert.der().to_vec());
        let options = Options::new("mqtts://broker:1883").unwrap().seed(1).client_id("test");
        let mut world = World::new(|_| change(options.tls(tls)));
        while server.received.is_empty() {
            server.serve(&mut world);
        }
        server.send(&mut world, &connack(false, ReasonCode::Success));
        assert_eq!(world.client().state(), ConnectionState::Connected);
        server.received.clear();
        (world, server)
    }

    /// Takes what the client sent and answers as TLS does.
    fn serve(&mut self, world: &mut World) {
        world.run();
        let sent = world.pipe().take_sent();
        let mut input = &sent[..];
        while !input.is_empty() {
            self.session.read_tls(&mut input).unwrap();
            self.session.process_new_packets().unwrap();
            // It fails when there is nothing more, or nothing yet.
            self.session.reader().read_to_end(&mut self.received).ok();
        }
        let records = self.records();
        world.pipe().send(&records);
        world.run();
    }

    /// The records of a packet.
    fn encrypt(&mut self, world: &World, packet: &Packet<'_>) -> Vec<u8> {
        self.session.writer().write_all(&world.encode(packet)).unwrap();
        self.records()
    }

    fn send(&mut self, world: &mut World, packet: &Packet<'_>) {
        let records = self.encrypt(world, packet);
        world.pipe().send(&records);
        world.run();
    }

    fn records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }
}

/// The broker's own word counts for more than an alert behind it.
#[test]
fn an_alert_hides_no_refusal() {
    let mut world = World::new(|options| options);
    let client = world.client();
    let mut connected = world.task(client.connected());
    assert!(connected.poll().is_pending());
    world.run();
    let cause = Arc::new(io::Error::other("alert"));
    let alert = Some((TlsFailure::ClientCertificate, cause));
    client.shared().with(|state| state.attempt.tls_failure = alert);
    world.send(&connack(false, ReasonCode::NotAuthorized));
    world.cut();
    let error = connected.output().unwrap_err();
    assert!(matches!(&error, ConnectError::Refused(it) if it.reason == ReasonCode::NotAuthorized));
}

/// LIVE-1: a record that comes slowly is life, though nothing can be read before it is whole.
#[test]
fn part_of_a_record_is_life() {
    let ping = Duration::from_secs(5);
    let change = |options: Options| options.keep_alive(Duration::from_secs(10)).ping_timeout(ping);
    let (mut world, mut server) = Server::connected(change);
    let records = server.encrypt(&world, &publish("a", 0, &[0; 10_000]));
    for part in records.chunks(2000) {
        world.advance(Duration::from_secs(4));
        assert_eq!(world.client().state(), ConnectionState::Connected);
        world.pipe().send(part);
    }
    world.run();
    world.advance(Duration::from_secs(4));
    assert_eq!(world.client().state(), ConnectionState::Connected);
    world.advance(Duration::from_secs(30));
    assert_ne!(world.client().state(), ConnectionState::Connected, "silence is none");
}
