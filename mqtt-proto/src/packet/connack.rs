//! CONNACK (section 3.2).

use crate::property::{Place, list_len};
use crate::wire::{Reader, Writer};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketType, Properties, ReasonCode,
    Version, Violation,
};

const PLACE: Place = Place::Packet(PacketType::ConnAck);

/// CONNACK (section 3.2). A return code of 3.1.1 is read as the reason code that says the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnAck<'a> {
    /// Session Present. MQTT 3.1 has none: `false`, whatever the broker knows.
    pub session_present: bool,
    /// Connect Reason Code.
    pub reason: ReasonCode,
    /// CONNACK properties.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<ConnAck<'a>, DecodeError> {
        let flags = match (body.u8(Field::AcknowledgeFlags)?, dialect.version) {
            // A byte that is not used.
            (_, Version::V3_1) => 0,
            (flags, Version::V3_1_1 | Version::V5) => flags,
        };
        // [MQTT-3.2.2-1]
        if flags & !1 != 0 {
            return Err(body.error(Violation::ReservedBits, Field::AcknowledgeFlags));
        }
        let session_present = flags != 0;
        // A server without 5.0 answers in the form of 3.1.1.
        let refused_version = body.rest() == [0x01];
        let reason = if dialect.version.has_properties() && !refused_version {
            // [MQTT-3.2.2-8]
            body.reason_code(dialect.sender)?
        } else {
            ReasonCode::from_return_code(body.u8(Field::ReasonCode)?)
                .ok_or(body.error(Violation::IllegalReasonCode, Field::ReasonCode))?
        };
        // [MQTT-3.2.2-6]
        if session_present && reason.is_error() {
            return Err(body.error(Violation::SessionPresentInRefusal, Field::AcknowledgeFlags));
        }
        let properties = if refused_version {
            Properties::EMPTY
        } else {
            Properties::decode(&mut body, PLACE, dialect)?
        };
        body.finish()?;
        Ok(ConnAck { session_present, reason, properties })
    }

    /// The reason code, or before 5.0 the return code.
    fn code(&self, dialect: Dialect) -> Result<u8, EncodeError> {
        if dialect.version.has_properties() {
            self.reason.check_encode(PacketType::ConnAck, dialect)?;
            return Ok(self.reason.to_u8());
        }
        self.reason.to_return_code().ok_or(EncodeError::NotInVersion(Field::ReasonCode))
    }
}

impl Encode for ConnAck<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        PacketType::ConnAck.check_encode(dialect)?;
        self.code(dialect)?;
        // [MQTT-3.2.2-6]
        if self.session_present && self.reason.is_error() {
            return Err(EncodeError::Unexpected(Field::AcknowledgeFlags));
        }
        if self.session_present && dialect.version == Version::V3_1 {
            return Err(EncodeError::NotInVersion(Field::AcknowledgeFlags));
        }
        let properties = self.properties.measure(PLACE, dialect)?;
        Measure::new(2 + list_len(properties, dialect.version), properties)
    }

    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        let mut out = Writer::start(PacketType::ConnAck.first_byte(), measure, out)?;
        out.u8(u8::from(self.session_present))?;
        out.u8(self.code(dialect)?)?;
        self.properties.write(measure.properties, dialect.version, &mut out)
    }
}
