//! What was decoded is encoded to the same packet.

use mqtt_proto::{Dialect, Encode, Packet, PacketType, ReasonCode};

use crate::frames::{Frame, Frames, dialects};

/// Decodes, encodes and decodes again, as both ends and in every version.
pub fn round_trip(data: &[u8]) {
    for dialect in dialects() {
        for frame in (Frames { bytes: data, dialect }) {
            if let Ok(packet) = frame.decode() {
                again(&frame, &packet);
            }
        }
    }
}

fn again(frame: &Frame<'_>, packet: &Packet<'_>) {
    let dialect = spoken(packet, frame.dialect);
    if is_read_only(packet, dialect) {
        packet.measure(dialect).expect_err("it is not to be sent");
        return;
    }
    let bytes = encode(packet, dialect);
    let frames: Vec<_> = Frames { bytes: &bytes, dialect }.collect();
    let [copy] = frames.as_slice() else { panic!("one packet became {}", frames.len()) };
    assert_eq!(copy.whole.len(), bytes.len());
    assert_eq!(copy.decode().as_ref(), Ok(packet));
    // There is one shortest form, and that is what is written.
    assert_eq!(encode(packet, dialect), bytes);
    // A CONNACK of the form of 3.1.1 is read in 5.0.
    if packet.packet_type() != PacketType::ConnAck {
        assert!(bytes.len() <= frame.whole.len(), "longer than it was: {packet:?}");
    }
}

/// A CONNECT is read in the version it names.
fn spoken(packet: &Packet<'_>, dialect: Dialect) -> Dialect {
    match packet {
        Packet::Connect(connect) => Dialect { version: connect.version, ..dialect },
        Packet::ConnAck(_)
        | Packet::Publish(_)
        | Packet::PubAck(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Subscribe(_)
        | Packet::SubAck(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Disconnect(_)
        | Packet::Auth(_) => dialect,
    }
}

/// A DISCONNECT whose code one section of the standard has, and the table of its codes has not: it is
/// read and never sent.
fn is_read_only(packet: &Packet<'_>, dialect: Dialect) -> bool {
    let Packet::Disconnect(disconnect) = packet else { return false };
    let codes = [ReasonCode::BadAuthenticationMethod, ReasonCode::QoSNotSupported];
    codes.contains(&disconnect.reason)
        && !disconnect.reason.is_legal(PacketType::Disconnect, dialect.sender)
}

/// Writes a packet into just the room it says it needs.
fn encode(packet: &Packet<'_>, dialect: Dialect) -> Vec<u8> {
    let measure = match packet.measure(dialect) {
        Ok(measure) => measure,
        Err(error) => panic!("{packet:?} was decoded and cannot be encoded: {error}"),
    };
    let mut bytes = vec![0xEE; measure.len];
    let (short, _) = bytes.split_at_mut(measure.len - 1);
    packet.write(dialect, &measure, short).expect_err("there is a byte less than it needs");
    packet.write(dialect, &measure, &mut bytes).expect("there is the room it asked for");
    bytes
}
