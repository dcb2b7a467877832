//! AUTH (section 3.15).

use crate::property::{Place, list_len};
use crate::wire::{Reader, Writer};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketType, Properties, PropertyId,
    ReasonCode, Violation,
};

const PLACE: Place = Place::Packet(PacketType::Auth);
const METHOD: Field = Field::Property(PropertyId::AuthenticationMethod);

/// AUTH (section 3.15).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auth<'a> {
    /// Authenticate Reason Code.
    pub reason: ReasonCode,
    /// AUTH properties; the Authentication Method is always among them.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(super) fn decode(mut body: Reader<'a>, dialect: Dialect) -> Result<Auth<'a>, DecodeError> {
        // The short form says Success, yet it has no place for the method every AUTH needs.
        if body.is_empty() {
            return Err(body.error(Violation::MissingAuthenticationMethod, METHOD));
        }
        let reason = body.reason_code(dialect.sender)?;
        let properties = Properties::decode(&mut body, PLACE, dialect)?;
        body.finish()?;
        // [MQTT-4.12.0-5]
        if properties.authentication_method().is_none() {
            return Err(body.error(Violation::MissingAuthenticationMethod, METHOD));
        }
        Ok(Auth { reason, properties })
    }
}

impl Encode for Auth<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        PacketType::Auth.check_encode(dialect)?;
        self.reason.check_encode(PacketType::Auth, dialect)?;
        let properties = self.properties.measure(PLACE, dialect)?;
        // [MQTT-4.12.0-5]
        if self.properties.authentication_method().is_none() {
            return Err(EncodeError::Missing(METHOD));
        }
        Measure::new(1 + list_len(properties, dialect.version), properties)
    }

    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        let mut out = Writer::start(PacketType::Auth.first_byte(), measure, out)?;
        out.u8(self.reason.to_u8())?;
        self.properties.write(measure.properties, dialect.version, &mut out)
    }
}
