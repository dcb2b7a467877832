//! What holds for every packet and for any bytes.

use mqtt_proto::{Dialect, Encode, EncodeError, FixedHeader, Packet, Properties, Publish};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generate::{config, dialects, speeches};
use crate::notation::{decode, encode};

/// What decodes can be encoded, to something that decodes to the same.
fn survives(packet: &Packet<'_>, dialect: Dialect) -> Result<(), TestCaseError> {
    match encode(packet, dialect) {
        Ok(bytes) => prop_assert_eq!(decode(&bytes, dialect), Ok(Some(*packet))),
        // The two codes of a DISCONNECT on which the standard contradicts itself.
        Err(EncodeError::IllegalReasonCode(_)) => {
            prop_assert!(matches!(packet, Packet::Disconnect(_)));
        }
        Err(error) => return Err(TestCaseError::fail(format!("{packet:?}: {error}"))),
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_encoded_decodes_to_the_same((dialect, parts) in speeches()) {
        let packet = parts.packet();
        let bytes = encode(&packet, dialect)?;
        let decoded = decode(&bytes, dialect).unwrap().unwrap();
        prop_assert_eq!(decoded, packet);
        prop_assert_eq!(decoded.packet_type(), packet.packet_type());
        prop_assert_eq!(encode(&decoded, dialect)?, bytes);
    }

    #[test]
    fn a_part_of_a_packet_is_not_the_packet((dialect, parts) in speeches(), cut in any::<Index>()) {
        let packet = parts.packet();
        let bytes = encode(&packet, dialect)?;
        let cut = cut.index(bytes.len());
        prop_assert_eq!(decode(&bytes[..cut], dialect), Ok(None));
        let header = FixedHeader::decode(&bytes, dialect).unwrap().unwrap();
        if let Some(body) = bytes[..cut].get(usize::from(header.len)..) {
            prop_assert_ne!(Packet::decode(header, body, dialect), Ok(packet));
        }
    }

    #[test]
    fn a_short_buffer_is_an_error((dialect, parts) in speeches(), cut in any::<Index>()) {
        let packet = parts.packet();
        let measure = packet.measure(dialect)?;
        let mut bytes = vec![0; cut.index(measure.len)];
        prop_assert_eq!(
            packet.write(dialect, &measure, &mut bytes),
            Err(EncodeError::BufferTooSmall)
        );
    }

    #[test]
    fn a_longer_buffer_keeps_its_end((dialect, parts) in speeches()) {
        let packet = parts.packet();
        let measure = packet.measure(dialect)?;
        let mut bytes = vec![0xEE; measure.len + 9];
        packet.write(dialect, &measure, &mut bytes)?;
        prop_assert_eq!(&bytes[measure.len..], [0xEE; 9]);
        prop_assert_eq!(&bytes[..measure.len], encode(&packet, dialect)?);
    }

    #[test]
    fn the_head_of_a_publish_is_all_but_its_payload((dialect, parts) in speeches()) {
        if let Packet::Publish(publish) = parts.packet() {
            let measure = publish.measure(dialect)?;
            let mut head = vec![0; measure.len];
            let len = publish.write_head(dialect, &measure, &mut head)?;
            let whole = encode(&Packet::Publish(publish), dialect)?;
            prop_assert_eq!([&head[..len], publish.payload].concat(), whole);
        }
    }

    #[test]
    fn kept_bytes_of_properties_give_the_same_list((dialect, parts) in speeches()) {
        let bytes = encode(&parts.packet(), dialect)?;
        let decoded = decode(&bytes, dialect).unwrap().unwrap();
        if let Packet::Publish(publish) = decoded {
            let wire = publish.properties.as_wire().unwrap();
            let again = Properties::from_wire(wire, decoded.packet_type(), dialect);
            prop_assert_eq!(again, Ok(publish.properties));
        }
    }

    #[test]
    fn joined_lists_are_written_as_one((dialect, parts) in speeches(), cut in any::<Index>()) {
        let whole = encode(&parts.packet(), dialect)?;
        if let Packet::Publish(publish) = parts.packet() {
            let all: Vec<_> = publish.properties.iter().collect();
            let (first, second) = all.split_at(cut.index(all.len() + 1));
            let second = Properties::from_slice(second);
            let properties = Properties::join(first, &second);
            let joined = Packet::Publish(Publish { properties, ..publish });
            prop_assert_eq!(encode(&joined, dialect)?, whole);
        }
    }

    #[test]
    fn any_bytes_give_a_packet_or_an_error(
        dialect in dialects(),
        lenient in any::<bool>(),
        first in any::<u8>(),
        body in vec(prop_oneof![any::<u8>(), 0..4u8], 0..100),
    ) {
        let dialect = Dialect { lenient, ..dialect };
        let bytes = [&[first, body.len() as u8][..], &body].concat();
        if let Ok(Some(packet)) = decode(&bytes, dialect) {
            survives(&packet, dialect)?;
        }
        let header = FixedHeader::decode(&body, dialect);
        prop_assert!(header.is_err() || body.len() >= 2 || header == Ok(None));
    }

    #[test]
    fn damaged_packets_give_a_packet_or_an_error(
        (dialect, parts) in speeches(),
        damage in vec((any::<Index>(), prop_oneof![any::<u8>(), 0..4u8]), 0..4),
        cut in any::<Index>(),
    ) {
        let bytes = encode(&parts.packet(), dialect)?;
        let header = FixedHeader::decode(&bytes, dialect).unwrap().unwrap();
        let mut body = bytes[usize::from(header.len)..].to_vec();
        if !body.is_empty() {
            for (at, byte) in damage {
                *at.get_mut(&mut body) = byte;
            }
        }
        for body in [&body[..], &body[..cut.index(body.len() + 1)]] {
            if let Ok(packet) = Packet::decode(header, body, dialect) {
                survives(&packet, dialect)?;
            }
        }
    }
}
