//! The packets: one file per family, each with the packet, its decoding and its encoding.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
pub(crate) mod publish;
mod suback;
mod subscribe;
mod unsubscribe;

pub use ack::{Ack, PubAck, PubComp, PubRec, PubRel};
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use publish::Publish;
pub use suback::{ReasonCodes, SubAck, UnsubAck};
pub use subscribe::{RetainHandling, Subscribe, Subscription, SubscriptionOptions, Subscriptions};
pub use unsubscribe::{Filters, Unsubscribe};

use crate::wire::{Reader, Writer, add_len, var_int_len};
use crate::{DecodeError, Dialect, EncodeError, FixedHeader, PacketType};

/// A packet of any type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(PubAck<'a>),
    PubRec(PubRec<'a>),
    PubRel(PubRel<'a>),
    PubComp(PubComp<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Decodes the packet whose `header` was read and whose body is all of `body`.
    ///
    /// The body is checked whole: a packet that is returned keeps every rule that can be judged
    /// without the state of a session. A CONNECT is read in the version it names, whatever
    /// `dialect` says; a CONNACK of the form `20 02 00 01` is read as 0x84 in 5.0.
    // Inlined, a PUBLISH is read in place by who asked for it and is not moved twice.
    #[inline(always)]
    pub fn decode(
        header: FixedHeader,
        body: &'a [u8],
        dialect: Dialect,
    ) -> Result<Packet<'a>, DecodeError> {
        let body = Reader::new(header.packet_type, body);
        Ok(match header.packet_type {
            PacketType::Publish => Packet::Publish(Publish::decode(header.flags, body, dialect)?),
            PacketType::PubAck => Packet::PubAck(PubAck::decode(body, dialect)?),
            PacketType::PubRec => Packet::PubRec(PubRec::decode(body, dialect)?),
            PacketType::PubRel => Packet::PubRel(PubRel::decode(body, dialect)?),
            PacketType::PubComp => Packet::PubComp(PubComp::decode(body, dialect)?),
            PacketType::Connect => Packet::Connect(Connect::decode(body, dialect)?),
            PacketType::ConnAck => Packet::ConnAck(ConnAck::decode(body, dialect)?),
            PacketType::Subscribe => Packet::Subscribe(Subscribe::decode(body, dialect)?),
            PacketType::SubAck => Packet::SubAck(SubAck::decode(body, dialect)?),
            PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(body, dialect)?),
            PacketType::UnsubAck => Packet::UnsubAck(UnsubAck::decode(body, dialect)?),
            PacketType::PingReq => body.finish().map(|()| Packet::PingReq)?,
            PacketType::PingResp => body.finish().map(|()| Packet::PingResp)?,
            PacketType::Disconnect => Packet::Disconnect(Disconnect::decode(body, dialect)?),
            PacketType::Auth => Packet::Auth(Auth::decode(body, dialect)?),
        })
    }

    /// Its type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }
}

/// The lengths of a packet that was checked: what [`Encode::write`] needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Bytes of the whole packet.
    pub len: usize,
    pub(crate) remaining_length: u32,
    pub(crate) properties: u32,
    pub(crate) will_properties: u32,
}

impl Measure {
    /// The measure of a packet with `remaining_length` bytes behind its fixed header.
    #[inline]
    fn new(remaining_length: u32, properties: u32) -> Result<Measure, EncodeError> {
        let remaining_length = add_len(remaining_length, 0)?;
        let header_len = 1 + var_int_len(remaining_length);
        Ok(Measure {
            len: (header_len + remaining_length) as usize,
            remaining_length,
            properties,
            will_properties: 0,
        })
    }
}

/// A packet that can be written.
pub trait Encode {
    /// Checks the packet against the standard and computes its length.
    ///
    /// An error means that `dialect.version` cannot say it or that the standard forbids it, and
    /// names the field.
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError>;

    /// Writes the packet to the start of `out`, which holds at least `measure.len` bytes.
    ///
    /// `measure` is what [`Encode::measure`] gave for the same packet and dialect. With less room
    /// the result is [`EncodeError::BufferTooSmall`] and `out` may hold a part of the packet.
    fn write(&self, dialect: Dialect, measure: &Measure, out: &mut [u8])
    -> Result<(), EncodeError>;
}

impl Encode for Packet<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        match self {
            Packet::Connect(packet) => packet.measure(dialect),
            Packet::ConnAck(packet) => packet.measure(dialect),
            Packet::Publish(packet) => packet.measure(dialect),
            Packet::PubAck(packet) => packet.measure(dialect),
            Packet::PubRec(packet) => packet.measure(dialect),
            Packet::PubRel(packet) => packet.measure(dialect),
            Packet::PubComp(packet) => packet.measure(dialect),
            Packet::Subscribe(packet) => packet.measure(dialect),
            Packet::SubAck(packet) => packet.measure(dialect),
            Packet::Unsubscribe(packet) => packet.measure(dialect),
            Packet::UnsubAck(packet) => packet.measure(dialect),
            Packet::PingReq | Packet::PingResp => {
                self.packet_type().check_encode(dialect)?;
                Measure::new(0, 0)
            }
            Packet::Disconnect(packet) => packet.measure(dialect),
            Packet::Auth(packet) => packet.measure(dialect),
        }
    }

    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        match self {
            Packet::Connect(packet) => packet.write(dialect, measure, out),
            Packet::ConnAck(packet) => packet.write(dialect, measure, out),
            Packet::Publish(packet) => packet.write(dialect, measure, out),
            Packet::PubAck(packet) => packet.write(dialect, measure, out),
            Packet::PubRec(packet) => packet.write(dialect, measure, out),
            Packet::PubRel(packet) => packet.write(dialect, measure, out),
            Packet::PubComp(packet) => packet.write(dialect, measure, out),
            Packet::Subscribe(packet) => packet.write(dialect, measure, out),
            Packet::SubAck(packet) => packet.write(dialect, measure, out),
            Packet::Unsubscribe(packet) => packet.write(dialect, measure, out),
            Packet::UnsubAck(packet) => packet.write(dialect, measure, out),
            Packet::PingReq | Packet::PingResp => {
                Writer::start(self.packet_type().first_byte(), measure, out).map(|_| ())
            }
            Packet::Disconnect(packet) => packet.write(dialect, measure, out),
            Packet::Auth(packet) => packet.write(dialect, measure, out),
        }
    }
}
