use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

use proptest::prelude::*;
use rcgen::generate_simple_self_signed;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::*;
use crate::{Tls, TlsFailure};

/// A server, and a transport to it that takes and gives bytes as told.
struct Wire {
    server: ServerConnection,
    /// What the server received.
    received: Vec<u8>,
    to_client: VecDeque<u8>,
    to_server: Vec<u8>,
    /// Bytes that one call moves, in turn; 0 is `Pending`.
    moves: Vec<usize>,
    turn: usize,
    /// The server's end is gone.
    ended: bool,
    /// Nothing is taken.
    blocked: bool,
    half_closed: bool,
    /// Who is told that there is more to do.
    waker: Option<Waker>,
    /// Bytes taken since the last flush.
    unflushed: usize,
}

impl Wire {
    /// Not yet; keeps the waker.
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn next_move(&mut self) -> usize {
        self.turn += 1;
        self.moves[self.turn % self.moves.len()]
    }

    /// Lets the server read and write all it can.
    fn serve(&mut self) {
        let mut input = &self.to_server[..];
        while !input.is_empty() && self.server.read_tls(&mut input).unwrap() > 0 {
            if self.server.process_new_packets().is_err() {
                break;
            }
            // It fails when there is nothing more, or nothing yet.
            self.server.reader().read_to_end(&mut self.received).ok();
        }
        self.to_server.clear();
        while self.server.wants_write() {
            self.server.write_tls(&mut self.to_client).unwrap();
        }
    }

    fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.server.writer().write(bytes).unwrap();
            bytes = &bytes[taken..];
            self.serve();
        }
    }
}

impl Transport for Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.serve();
        let n = self.next_move().min(buf.len()).min(self.to_client.len());
        if self.to_client.is_empty() && self.ended {
            return Poll::Ready(Ok(0));
        }
        if n == 0 {
            return self.wait(cx);
        }
        self.to_client.read(&mut buf[..n]).into()
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let mut left = self.next_move();
        if left == 0 || self.blocked {
            return self.wait(cx);
        }
        let before = self.to_server.len();
        for buf in bufs {
            let n = left.min(buf.len());
            self.to_server.extend(&buf[..n]);
            left -= n;
        }
        let taken = self.to_server.len() - before;
        self.unflushed += taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unflushed = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half_closed = true;
        Poll::Ready(Ok(()))
    }
}

/// A stream before its handshake.
fn stream(
    version: &'static SupportedProtocolVersion,
    moves: &[usize],
    trusts: bool,
) -> TlsStream<Wire> {
    offering(&[], &[], version, moves, trusts)
}

/// The same, where the client offers protocols by ALPN and the server knows some.
fn offering(
    offered: &[&str],
    known: &[&str],
    version: &'static SupportedProtocolVersion,
    moves: &[usize],
    trusts: bool,
) -> TlsStream<Wire> {
    let own = generate_simple_self_signed(["broker".into()]).unwrap();
    let provider = Arc::new(default_provider());
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = known.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    server.set_buffer_limit(None);
    let wire = Wire {
        server,
        received: Vec::new(),
        to_client: VecDeque::new(),
        to_server: Vec::new(),
        moves: moves.to_vec(),
        turn: 0,
        ended: false,
        blocked: false,
        half_closed: false,
        waker: None,
        unflushed: 0,
    };
    let other = generate_simple_self_signed(["broker".into()]).unwrap();
    let ca = if trusts { own.cert.der() } else { other.cert.der() };
    let tls = Tls::new(provider).ca_der(ca.to_vec()).alpn(offered.iter().copied());
    tls.connector().unwrap().connect("broker", wire).unwrap()
}

/// A stream after it.
fn open(version: &'static SupportedProtocolVersion, moves: &[usize]) -> TlsStream<Wire> {
    let mut stream = stream(version, moves, true);
    finish(|cx| stream.poll_handshake(cx)).unwrap();
    stream
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A waker that can be counted.
struct Counted;

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

/// Polls until it is ready. What is not has left its waker with the transport.
fn finish<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    for _ in 0..1_000_000 {
        let counted = Arc::new(Counted);
        let waker = Waker::from(Arc::clone(&counted));
        if let Poll::Ready(done) = poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        drop(waker);
        assert!(Arc::strong_count(&counted) > 1, "nobody would wake it");
    }
    panic!("it does not come to an end");
}

fn write_all(stream: &mut TlsStream<Wire>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // Less than the session holds, so that the next write finds it full of the last.
        let part = &bytes[..bytes.len().min(10_000)];
        let (head, tail) = part.split_at(part.len() / 3);
        let bufs = [IoSlice::new(head), IoSlice::new(tail)];
        let taken = finish(|cx| stream.poll_write(cx, &bufs)).unwrap();
        assert!(taken > 0);
        bytes = &bytes[taken..];
    }
    finish(|cx| stream.poll_flush(cx)).unwrap();
    stream.transport.serve();
}

/// Reads until the end; how it ended.
fn read_all(stream: &mut TlsStream<Wire>) -> (Vec<u8>, io::Result<usize>) {
    let (mut all, mut buf) = (Vec::new(), [0; 1000]);
    loop {
        match finish(|cx| stream.poll_read(cx, &mut buf)) {
            Ok(n @ 1..) => all.extend(&buf[..n]),
            end => return (all, end),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// However the transport takes and gives the bytes, all come through, both ways.
    #[test]
    fn bytes_come_through(
        moves in prop::collection::vec(prop_oneof![Just(0), 1usize..3000, Just(1 << 20)], 1..6),
        len in 1usize..50_000,
        newer: bool,
    ) {
        prop_assume!(moves.iter().any(|n| *n > 0));
        let mut stream = open(if newer { &TLS13 } else { &TLS12 }, &moves);
        let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
        write_all(&mut stream, &bytes);
        prop_assert!(stream.transport.received == bytes);
        stream.transport.send(&bytes);
        stream.transport.server.send_close_notify();
        let (read, end) = read_all(&mut stream);
        prop_assert!(read == bytes);
        prop_assert_eq!(end.unwrap(), 0);
    }
}

/// Without `close_notify` the end is an error, behind what came before it.
#[test]
fn a_truncated_stream_is_an_error() {
    for version in [&TLS12, &TLS13] {
        let mut stream = open(version, &[100]);
        stream.transport.send(b"all of it");
        stream.transport.ended = true;
        let (read, end) = read_all(&mut stream);
        assert_eq!(read, b"all of it");
        assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

/// Half a record gives nothing.
#[test]
fn a_cut_in_a_record_invents_nothing() {
    let mut stream = open(&TLS13, &[100]);
    stream.transport.send(b"whole");
    stream.transport.send(b"half");
    stream.transport.to_client.pop_back();
    stream.transport.ended = true;
    let (read, end) = read_all(&mut stream);
    assert_eq!(read, b"whole");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

/// What was changed on the way is an error, and what came before it is still read.
#[test]
fn a_changed_record_is_an_error() {
    let mut stream = open(&TLS13, &[1 << 20]);
    stream.transport.send(b"whole");
    stream.transport.send(b"changed");
    *stream.transport.to_client.back_mut().unwrap() ^= 1;
    let (read, end) = read_all(&mut stream);
    assert_eq!(read, b"whole");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::InvalidData);
}

/// What a read has TLS say is tried again, and flushed.
#[test]
fn an_alert_reaches_the_server() {
    let mut stream = open(&TLS13, &[1 << 20]);
    stream.transport.send(b"changed");
    *stream.transport.to_client.back_mut().unwrap() ^= 1;
    stream.transport.blocked = true;
    assert!(read_all(&mut stream).1.is_err());
    assert!(stream.transport.to_server.is_empty());
    stream.transport.blocked = false;
    assert!(read_all(&mut stream).1.is_err());
    let wire = &mut stream.transport;
    assert_eq!(wire.unflushed, 0);
    wire.server.read_tls(&mut &wire.to_server[..]).unwrap();
    let error = wire.server.process_new_packets().unwrap_err();
    assert_eq!(error, Error::AlertReceived(AlertDescription::BadRecordMac));
}

/// A server that is refused is told so, though the transport has a buffer.
#[test]
fn an_alert_in_the_handshake_is_flushed() {
    for version in [&TLS12, &TLS13] {
        let mut stream = stream(version, &[1 << 20], false);
        finish(|cx| stream.poll_handshake(cx)).unwrap_err();
        assert!(!stream.transport.to_server.is_empty());
        assert_eq!(stream.transport.unflushed, 0);
    }
}

/// What was encrypted waits for the transport, and until then nothing more is taken.
#[test]
fn a_blocked_transport_is_back_pressure() {
    let mut stream = open(&TLS13, &[1 << 20]);
    stream.transport.blocked = true;
    let bytes = vec![7; 200_000];
    let bufs = [IoSlice::new(&bytes)];
    let Poll::Ready(Ok(taken)) = stream.poll_write(&mut context(), &bufs) else { panic!("none") };
    assert!(taken > 0 && taken < bytes.len(), "{taken}");
    assert!(stream.poll_write(&mut context(), &bufs).is_pending());
    assert!(stream.poll_flush(&mut context()).is_pending());
    stream.transport.blocked = false;
    assert!(stream.poll_flush(&mut context()).is_ready());
    stream.transport.serve();
    assert_eq!(stream.transport.received.len(), taken);
}

/// `close_notify` goes before the end of the sending half, behind what waited, and reading goes on.
#[test]
fn closing_says_so() {
    let mut stream = open(&TLS13, &[1 << 20]);
    stream.transport.blocked = true;
    let bufs = [IoSlice::new(b"last words")];
    assert!(stream.poll_write(&mut context(), &bufs).is_ready());
    assert!(stream.poll_close(&mut context()).is_pending());
    assert!(!stream.transport.half_closed);
    stream.transport.blocked = false;
    assert!(stream.poll_close(&mut context()).is_ready());
    assert!(stream.transport.half_closed);
    stream.transport.serve();
    assert_eq!(stream.transport.received, b"last words");
    assert_eq!(stream.transport.server.reader().read(&mut [0]).unwrap(), 0, "close_notify");
    stream.transport.send(b"good bye");
    stream.transport.server.send_close_notify();
    let (read, end) = read_all(&mut stream);
    assert_eq!((read.as_slice(), end.unwrap()), (b"good bye".as_slice(), 0));
}

/// A server whose certificate is not accepted is told so.
#[test]
fn an_unknown_certificate_is_an_error_on_both_sides() {
    for version in [&TLS12, &TLS13] {
        let mut stream = stream(version, &[1 << 20], false);
        let error = finish(|cx| stream.poll_handshake(cx)).unwrap_err();
        assert_eq!(super::super::failure_of(&error), TlsFailure::ServerCertificate);
        let wire = &mut stream.transport;
        wire.server.read_tls(&mut &wire.to_server[..]).unwrap();
        let error = wire.server.process_new_packets().unwrap_err();
        assert!(matches!(error, Error::AlertReceived(_)), "{error}");
    }
}

/// Who offers protocols by ALPN gets one of them, or no connection.
#[test]
fn a_protocol_offered_must_be_chosen() {
    for version in [&TLS12, &TLS13] {
        let shake = |offered: &[&str], known: &[&str]| {
            let mut stream = offering(offered, known, version, &[1 << 20], true);
            let shaken = finish(|cx| stream.poll_handshake(cx));
            shaken.map_err(|error| super::super::failure_of(&error))
        };
        assert_eq!(shake(&["mqtt", "x"], &["x"]), Ok(()));
        assert_eq!(shake(&[], &["x"]), Ok(()));
        assert_eq!(shake(&["mqtt"], &[]), Err(TlsFailure::Agreement), "none is known");
        assert_eq!(shake(&["mqtt"], &["x"]), Err(TlsFailure::Agreement), "another is known");
    }
}

/// A peer that hangs up in the handshake is not waited for.
#[test]
fn an_end_in_the_handshake_is_an_error() {
    let mut stream = stream(&TLS13, &[1 << 20], true);
    assert!(stream.poll_push(&mut context()).is_ready());
    stream.transport.to_server.clear();
    stream.transport.ended = true;
    let error = finish(|cx| stream.poll_handshake(cx)).unwrap_err();
    assert_eq!(super::super::failure_of(&error), TlsFailure::Handshake);
}
