//! One connection: whole packets in, bytes out, and the handshake.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Void;
use crate::wire::{self, Fields};

/// Larger than what a socket hands over in one read.
const INPUT: usize = 1 << 20;

/// A silence this long is a stuck client.
const PATIENCE: Duration = Duration::from_secs(30);

/// The socket and what was read from it: `input[start..end]` is not taken yet.
pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    start: usize,
    end: usize,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Result<Self, Void> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, input: vec![0; INPUT], start: 0, end: 0 })
    }

    /// The next packet already read: its first byte and what follows its Remaining Length.
    pub(crate) fn packet(&mut self) -> Result<Option<(u8, &[u8])>, Void> {
        let bytes = &self.input[self.start..self.end];
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let Some((len, size)) = wire::variable_byte_integer(rest)? else {
            return Ok(None);
        };
        let Some(body) = rest.get(size..size + len) else {
            return Ok(None);
        };
        self.start += 1 + size + len;
        Ok(Some((first, body)))
    }

    /// Reads once, after the packets already read are taken. False: the client has closed.
    pub(crate) fn read(&mut self) -> Result<bool, Void> {
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let len = self.stream.read(&mut self.input[self.end..])?;
        self.end += len;
        Ok(len > 0)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Void> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Answers CONNECT. Returns the client's Receive Maximum, at most our own.
    pub(crate) fn handshake(&mut self) -> Result<u16, Void> {
        let receive_maximum = receive_maximum(self.expect(wire::CONNECT)?)?;
        self.write(&wire::CONNACK)?;
        Ok(receive_maximum.min(wire::RECEIVE_MAXIMUM))
    }

    /// Answers SUBSCRIBE. Returns its one Topic Filter, which has no wildcard.
    pub(crate) fn subscription(&mut self) -> Result<Vec<u8>, Void> {
        let mut fields = Fields(self.expect(wire::SUBSCRIBE)?);
        let id = fields.u16()?.to_be_bytes();
        fields.properties()?;
        let topic = fields.string()?.to_vec();
        let granted = fields.byte()? & 3;
        self.write(&[0x90, 4, id[0], id[1], 0, granted])?;
        Ok(topic)
    }

    /// Waits for one packet, which must start with `first`.
    fn expect(&mut self, first: u8) -> Result<&[u8], Void> {
        while self.peek()?.is_none() {
            if !self.read()? {
                return Err(Void("closed by the client".into()));
            }
        }
        match self.packet()? {
            Some((byte, body)) if byte == first => Ok(body),
            other => Err(Void(format!("expected a packet {first:#04x}, got {other:02x?}"))),
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Void> {
        let start = self.start;
        let first = self.packet()?.map(|(first, _)| first);
        self.start = start;
        Ok(first)
    }
}

fn receive_maximum(connect: &[u8]) -> Result<u16, Void> {
    let mut fields = Fields(connect);
    if fields.string()? != b"MQTT" || fields.byte()? != 5 {
        return Err(Void("not a CONNECT of MQTT 5".into()));
    }
    fields.bytes(3)?; // flags, Keep Alive
    let mut properties = fields.properties()?;
    while !properties.0.is_empty() {
        match properties.byte()? {
            0x21 => return properties.u16(),
            0x11 | 0x27 => drop(properties.bytes(4)?),
            0x17 | 0x19 => drop(properties.byte()?),
            0x22 => drop(properties.u16()?),
            0x26 => drop((properties.string()?, properties.string()?)),
            id => return Err(Void(format!("property {id:#04x} in CONNECT"))),
        }
    }
    Ok(u16::MAX)
}
