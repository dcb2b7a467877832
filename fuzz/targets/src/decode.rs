//! Any bytes are packets or an error, whoever sent them.

use std::fmt::{self, Write as _};

use mqtt_proto::{DecodeError, Dialect, FixedHeader, Packet};

use crate::frames::{Frame, Frames, dialects};

/// Reads the bytes as what a client, and as what a broker sent, in every version.
pub fn decode(data: &[u8]) {
    for dialect in dialects() {
        header(data, dialect);
        for frame in (Frames { bytes: data, dialect }) {
            packet(&frame);
        }
    }
}

/// A fixed header is the same however many bytes are there, once it is whole.
fn header(data: &[u8], dialect: Dialect) {
    let longest = data.len().min(5);
    let whole = FixedHeader::decode(data, dialect);
    for cut in 0..=longest {
        let partial = FixedHeader::decode(&data[..cut], dialect);
        assert!(partial == Ok(None) || partial == whole, "{partial:?} of {cut} bytes of {whole:?}");
    }
    if let Ok(Some(header)) = whole {
        let len = usize::from(header.len);
        assert!((2..=5).contains(&len), "{header:?}");
        assert_eq!(FixedHeader::decode(&data[..len - 1], dialect), Ok(None));
        assert_eq!(FixedHeader::decode(&data[..len], dialect), whole);
    }
    if let Err(error) = whole {
        check_error(error);
    }
}

fn packet(frame: &Frame<'_>) {
    match frame.decode() {
        Ok(packet) => {
            assert_eq!(packet.packet_type(), frame.header.packet_type);
            // Lists are read as they are asked for: ask for all.
            write!(Nowhere, "{packet:?}").expect("formatting cannot fail");
        }
        Err(error) => {
            assert_eq!(error.packet, Some(frame.header.packet_type));
            check_error(error);
        }
    }
    if !frame.dialect.lenient {
        let lenient = Dialect { lenient: true, ..frame.dialect };
        let leniently = Packet::decode(frame.header, frame.body(), lenient);
        assert_eq!(leniently, frame.decode(), "of a legal fixed header");
    }
    // Less than the whole body is another packet, or an error.
    let body = frame.body();
    for cut in [body.len() / 2, body.len().saturating_sub(1)] {
        if let Ok(packet) = Packet::decode(frame.header, &body[..cut], frame.dialect) {
            assert_eq!(packet.packet_type(), frame.header.packet_type);
        }
    }
}

/// What is wrong can be told to the peer.
fn check_error(error: DecodeError) {
    assert!(error.reason_code().is_error(), "{error:?}");
    write!(Nowhere, "{error}").expect("formatting cannot fail");
}

/// Formats and forgets.
struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}
