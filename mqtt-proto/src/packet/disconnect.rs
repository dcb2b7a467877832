//! DISCONNECT (section 3.14).

use crate::property::{Place, list_len};
use crate::wire::{Reader, Writer};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Measure, PacketType, Properties, ReasonCode,
};

const PLACE: Place = Place::Packet(PacketType::Disconnect);

/// DISCONNECT (section 3.14).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disconnect<'a> {
    /// Disconnect Reason Code; 3.1.1 knows only [`ReasonCode::NormalDisconnection`].
    pub reason: ReasonCode,
    /// DISCONNECT properties.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<Disconnect<'a>, DecodeError> {
        let mut disconnect =
            Disconnect { reason: ReasonCode::NormalDisconnection, properties: Properties::EMPTY };
        if dialect.version.has_properties() && !body.is_empty() {
            disconnect.reason = body.reason_code(dialect.sender)?;
            if !body.is_empty() {
                disconnect.properties = Properties::decode(&mut body, PLACE, dialect)?;
            }
        }
        body.finish()?;
        Ok(disconnect)
    }
}

impl Encode for Disconnect<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        PacketType::Disconnect.check_encode(dialect)?;
        self.reason.check_encode(PacketType::Disconnect, dialect)?;
        let properties = self.properties.measure(PLACE, dialect)?;
        let len = match (self.reason, properties) {
            (ReasonCode::NormalDisconnection, 0) => 0,
            (_, 0) => 1,
            (_, properties) => 1 + list_len(properties, dialect.version),
        };
        Measure::new(len, properties)
    }

    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        let mut out = Writer::start(PacketType::Disconnect.first_byte(), measure, out)?;
        if measure.remaining_length > 0 {
            out.u8(self.reason.to_u8())?;
        }
        if measure.remaining_length > 1 {
            self.properties.write(measure.properties, dialect.version, &mut out)?;
        }
        Ok(())
    }
}
