//! Packets on their way out, and what is wrong with those that came in.

use mqtt_proto::{DecodeError, Dialect, Encode, Property, ReasonCode, Role, Version};

/// Why a packet was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// It takes more bytes than the limit.
    TooLarge,
    /// The version cannot say it.
    Unsayable,
}

/// Appends a packet of at most `limit` bytes. An error means that nothing was appended.
pub(super) fn write(
    packet: &impl Encode,
    version: Version,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), Unwritten> {
    let dialect = Dialect { version, sender: Role::Server, lenient: false };
    let measure = packet.measure(dialect).map_err(|_| Unwritten::Unsayable)?;
    if measure.len > limit {
        return Err(Unwritten::TooLarge);
    }
    let start = out.len();
    out.resize(start + measure.len, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    packet.write(dialect, &measure, room).map_err(|_| {
        out.truncate(start);
        Unwritten::Unsayable
    })
}

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What the client is told.
    pub(super) reason: ReasonCode,
    /// The Reason String.
    pub(super) explanation: String,
    pub(super) server_reference: Option<String>,
}

impl Fault {
    pub(super) fn new(reason: ReasonCode, explanation: &str) -> Fault {
        Fault { reason, explanation: explanation.to_owned(), server_reference: None }
    }

    /// A packet that is not allowed, or not allowed now.
    pub(super) fn protocol_error(explanation: &str) -> Fault {
        Fault::new(ReasonCode::ProtocolError, explanation)
    }

    /// What the last packet of the connection says beside the reason code, for 5.0. A Reason
    /// String that makes it too large is left out.
    pub(super) fn properties(&self) -> [Vec<Property<'_>>; 2] {
        let reference = self.server_reference.as_deref().map(Property::ServerReference);
        let reason = Property::ReasonString(&self.explanation);
        [reference.into_iter().chain([reason]).collect(), reference.into_iter().collect()]
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Fault {
        Fault::new(error.reason_code(), &error.to_string())
    }
}
