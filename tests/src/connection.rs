//! One connection of a scripted broker: what the script expects and what it sends.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpStream};

use mqtt_proto::{Dialect, Encode, FixedHeader, Packet, Role, Version};

use crate::tls::Wire;
use crate::trace::Trace;

/// An accepted connection. Whatever is expected and does not come fails the script.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    /// The client's port, which tells connections apart in the trace.
    name: String,
    version: Version,
    /// Received and not yet expected.
    input: Vec<u8>,
    trace: Trace,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, from: SocketAddr, trace: Trace) -> Connection {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Connection::over(Wire::Plain(stream), from, trace)
    }

    pub(crate) fn over(wire: Wire, from: SocketAddr, trace: Trace) -> Connection {
        let name = format!("client:{}", from.port());
        trace.line(format_args!("{name} connects"));
        Connection { wire, name, version: Version::V5, input: Vec::new(), trace }
    }

    /// Waits for the next packet, which `pick` must take.
    pub fn expect<T>(&mut self, what: &str, pick: impl FnOnce(&Packet<'_>) -> Option<T>) -> T {
        let frame = self.frame(what);
        let dialect = self.dialect(Role::Client);
        let header = FixedHeader::decode(&frame, dialect).ok().flatten().expect("a whole frame");
        let packet = Packet::decode(header, &frame[usize::from(header.len)..], dialect);
        let packet = packet.unwrap_or_else(|error| panic!("{what} expected, but: {error}"));
        if let Packet::Connect(connect) = packet {
            self.version = connect.version;
        }
        self.trace.line(format_args!("{} → {packet:?}", self.name));
        pick(&packet).unwrap_or_else(|| panic!("{what} expected, but got {packet:?}"))
    }

    /// Waits for exactly this packet; how its properties are written does not matter.
    pub fn expect_packet(&mut self, expected: &Packet<'_>) {
        self.expect(&format!("{expected:?}"), |packet| (packet == expected).then_some(()));
    }

    /// Waits for exactly these bytes.
    pub fn expect_bytes(&mut self, bytes: &[u8]) {
        while self.input.len() < bytes.len() {
            self.read("bytes").unwrap_or_else(|error| panic!("{bytes:02x?} expected, but {error}"));
        }
        let got: Vec<u8> = self.input.drain(..bytes.len()).collect();
        self.trace.line(format_args!("{} → {got:02x?}", self.name));
        assert_eq!(got, bytes, "other bytes than expected");
    }

    /// Waits for bytes that are no packet, and forgets them.
    pub fn expect_record(&mut self) {
        self.read("a record of TLS").unwrap_or_else(|error| panic!("bytes expected, but {error}"));
        self.input.clear();
    }

    /// Waits until the client ended its sending half, or the connection, without a packet more. A
    /// reset is no end: it may have taken packets with it.
    pub fn expect_end(&mut self) {
        let end = loop {
            if let Err(end) = self.read("the end") {
                break end;
            }
        };
        assert!(self.input.is_empty(), "the end expected, but got {:02x?}", self.input);
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof, "the end expected, but {end}");
        self.trace.line(format_args!("{} ends", self.name));
    }

    /// Waits until the client said over TLS that it ends, without a packet more.
    pub fn expect_close_notify(&mut self) {
        assert!(self.input.is_empty(), "close_notify expected, but got {:02x?}", self.input);
        let ended = self.wire.read(&mut [0]);
        assert_eq!(ended.expect("close_notify, and no end without it"), 0, "a packet came");
        self.trace.line(format_args!("{} says close_notify", self.name));
    }

    /// Sends a packet.
    pub fn send(&mut self, packet: &Packet<'_>) {
        let bytes = self.encode(packet);
        self.trace.line(format_args!("{} ← {packet:?}", self.name));
        self.write(&bytes);
    }

    /// Sends all but the last bytes of a packet's TLS record and cuts the connection.
    pub fn cut_within(mut self, packet: &Packet<'_>) {
        let bytes = self.encode(packet);
        self.wire.write_part(&bytes).expect("a client that takes what it is sent");
        self.trace.line(format_args!("{} ← a part of {packet:?}", self.name));
        self.cut();
    }

    /// Says `close_notify` and ends the connection.
    pub fn close(mut self) {
        self.wire.close().expect("a client that takes what it is sent");
        self.trace.line(format_args!("{} is told close_notify", self.name));
        self.cut();
    }

    /// Sends bytes that need not be a packet.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.trace.line(format_args!("{} ← {bytes:02x?}", self.name));
        self.write(bytes);
    }

    /// Ends its own sending half; the client's stays open.
    pub fn end_sending(&mut self) {
        self.trace.line(format_args!("{} is told the end", self.name));
        self.wire.end_sending().expect("a connection that is open");
    }

    /// Ends the connection at once, in both directions.
    pub fn cut(self) {
        self.trace.line(format_args!("{} is cut", self.name));
        self.wire.cut();
    }

    fn encode(&self, packet: &Packet<'_>) -> Vec<u8> {
        let dialect = self.dialect(Role::Server);
        let measure = packet.measure(dialect).expect("a packet a broker may send");
        let mut bytes = vec![0; measure.len];
        packet.write(dialect, &measure, &mut bytes).expect("room for a measured packet");
        bytes
    }

    /// Waits for a whole packet and takes it out of the input.
    fn frame(&mut self, what: &str) -> Vec<u8> {
        let dialect = self.dialect(Role::Client);
        loop {
            let header = FixedHeader::decode(&self.input, dialect)
                .unwrap_or_else(|error| panic!("{what} expected, but: {error}"));
            match header.map(|header| header.packet_len()) {
                Some(len) if len <= self.input.len() => {
                    let rest = self.input.split_off(len);
                    return mem::replace(&mut self.input, rest);
                }
                Some(_) | None => {}
            }
            self.read(what).unwrap_or_else(|error| panic!("{what} expected, but {error}"));
        }
    }

    /// Reads more input; the end is an error.
    fn read(&mut self, what: &str) -> io::Result<()> {
        let _wait = self.trace.wait(&self.name, what);
        let mut buffer = [0; 16 << 10];
        match self.wire.read(&mut buffer)? {
            0 => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client ended the connection"))
            }
            read => {
                self.input.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).expect("a client that takes what it is sent");
    }

    fn dialect(&self, sender: Role) -> Dialect {
        Dialect { version: self.version, sender, lenient: false }
    }
}
