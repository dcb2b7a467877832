//! CONNECT (section 3.1).

use crate::property::{Place, list_len};
use crate::topic;
use crate::wire::{Reader, Writer, binary_len, text_len};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketType, Properties, QoS,
    Version, Violation,
};

const PLACE: Place = Place::Packet(PacketType::Connect);

/// CONNECT (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connect<'a> {
    /// The version asked for; the packet is written and read in it, whatever the dialect says.
    pub version: Version,
    /// Clean Start; in 3.1.1 Clean Session.
    pub clean_start: bool,
    /// Keep Alive in seconds, 0 for none.
    pub keep_alive: u16,
    /// CONNECT properties.
    pub properties: Properties<'a>,
    /// Client Identifier, empty to have one assigned.
    pub client_id: &'a str,
    /// The Will Message.
    pub will: Option<Will<'a>>,
    /// User Name.
    pub username: Option<&'a str>,
    /// Password.
    pub password: Option<&'a [u8]>,
}

/// The Will Message of a CONNECT (section 3.1.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Will<'a> {
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// Will Properties.
    pub properties: Properties<'a>,
    /// Will Topic.
    pub topic: &'a str,
    /// Will Payload.
    pub payload: &'a [u8],
}

/// The Connect Flags (section 3.1.2.3).
///
/// ```text
///      7          6           5        4  3      2        1          0
///  User Name  Password  Will Retain  Will QoS  Will  Clean Start  reserved
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags {
    username: bool,
    password: bool,
    /// Will Retain and Will QoS.
    will: Option<(bool, QoS)>,
    clean_start: bool,
}

impl Flags {
    fn from_u8(bits: u8) -> Result<Flags, Violation> {
        // [MQTT-3.1.2-3]
        if bits & 0b0000_0001 != 0 {
            return Err(Violation::ReservedBits);
        }
        let will = if bits & 0b0000_0100 != 0 {
            // [MQTT-3.1.2-12]
            let qos = QoS::from_u8(bits >> 3 & 0b11).ok_or(Violation::InvalidQoS)?;
            Some((bits & 0b0010_0000 != 0, qos))
        } else if bits & 0b0011_1000 != 0 {
            // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
            return Err(Violation::WillBitsWithoutWill);
        } else {
            None
        };
        Ok(Flags {
            username: bits & 0b1000_0000 != 0,
            password: bits & 0b0100_0000 != 0,
            will,
            clean_start: bits & 0b0000_0010 != 0,
        })
    }

    fn to_u8(self) -> u8 {
        let will = self
            .will
            .map_or(0, |(retain, qos)| u8::from(retain) << 5 | (qos as u8) << 3 | 0b0000_0100);
        u8::from(self.username) << 7
            | u8::from(self.password) << 6
            | will
            | u8::from(self.clean_start) << 1
    }
}

impl<'a> Connect<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<Connect<'a>, DecodeError> {
        let version = read_version(&mut body)?;
        let dialect = Dialect { version, ..dialect };
        let flags = Flags::from_u8(body.u8(Field::ConnectFlags)?)
            .map_err(|violation| body.error(violation, Field::ConnectFlags))?;
        if flags.password && !flags.username && version != Version::V5 {
            return Err(body.error(Violation::PasswordWithoutUserName, Field::ConnectFlags));
        }
        let keep_alive = body.u16(Field::KeepAlive)?;
        let properties = Properties::decode(&mut body, PLACE, dialect)?;
        // [MQTT-3.1.3-3], [MQTT-3.1.3-4]
        let client_id = body.text(Field::ClientId)?;
        if client_id.is_empty() && !flags.clean_start && version != Version::V5 {
            return Err(body.error(Violation::ClientIdMissing, Field::ClientId));
        }
        // [MQTT-3.1.2-9]
        let will = match flags.will {
            Some((retain, qos)) => Some(Will::decode(qos, retain, &mut body, dialect)?),
            None => None,
        };
        // [MQTT-3.1.2-16], [MQTT-3.1.2-17], [MQTT-3.1.3-12]
        let username = if flags.username { Some(body.text(Field::UserName)?) } else { None };
        // [MQTT-3.1.2-18], [MQTT-3.1.2-19]
        let password = if flags.password { Some(body.binary(Field::Password)?) } else { None };
        body.finish()?;
        Ok(Connect {
            version,
            clean_start: flags.clean_start,
            keep_alive,
            properties,
            client_id,
            will,
            username,
            password,
        })
    }

    fn flags(&self) -> Flags {
        Flags {
            username: self.username.is_some(),
            password: self.password.is_some(),
            will: self.will.map(|will| (will.retain, will.qos)),
            clean_start: self.clean_start,
        }
    }

    /// Checks what 5.0 allows and the versions before it do not.
    fn check_version(&self) -> Result<(), EncodeError> {
        if self.version == Version::V5 {
            return Ok(());
        }
        if self.password.is_some() && self.username.is_none() {
            return Err(EncodeError::Missing(Field::UserName));
        }
        if self.client_id.is_empty() && !self.clean_start {
            return Err(EncodeError::Missing(Field::ClientId));
        }
        Ok(())
    }
}

impl<'a> Will<'a> {
    fn decode(
        qos: QoS,
        retain: bool,
        body: &mut Reader<'a>,
        dialect: Dialect,
    ) -> Result<Will<'a>, DecodeError> {
        let properties = Properties::decode(body, Place::Will, dialect)?;
        // [MQTT-3.1.3-11]
        let topic = body.topic_name(Field::WillTopic)?;
        let payload = body.binary(Field::WillPayload)?;
        Ok(Will { qos, retain, properties, topic, payload })
    }

    /// Checks the Will and gives the bytes of its properties and of all of it.
    fn measure(&self, dialect: Dialect) -> Result<(u32, u32), EncodeError> {
        let properties = self.properties.measure(Place::Will, dialect)?;
        topic::check_name(self.topic.as_bytes())
            .map_err(|error| EncodeError::Topic { field: Field::WillTopic, error })?;
        let len = list_len(properties, dialect.version)
            + binary_len(self.topic.as_bytes(), Field::WillTopic)?
            + binary_len(self.payload, Field::WillPayload)?;
        Ok((properties, len))
    }

    fn write(
        &self,
        properties: u32,
        version: Version,
        out: &mut Writer<'_>,
    ) -> Result<(), EncodeError> {
        self.properties.write(properties, version, out)?;
        out.text(self.topic)?;
        out.binary(self.payload)
    }
}

fn read_version(body: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = body.binary(Field::ProtocolName)?;
    let level = body.u8(Field::ProtocolVersion)?;
    match (name, level) {
        (b"MQTT", 5) => Ok(Version::V5),
        (b"MQTT", 4) => Ok(Version::V3_1_1),
        (b"MQIsdp", 3) => Ok(Version::V3_1),
        // [MQTT-3.1.2-2]
        (b"MQTT" | b"MQIsdp", _) => {
            Err(body.error(Violation::UnsupportedVersion, Field::ProtocolVersion))
        }
        // [MQTT-3.1.2-1]
        _ => Err(body.error(Violation::UnsupportedVersion, Field::ProtocolName)),
    }
}

const fn protocol(version: Version) -> (&'static str, u8) {
    match version {
        Version::V3_1 => ("MQIsdp", 3),
        Version::V3_1_1 => ("MQTT", 4),
        Version::V5 => ("MQTT", 5),
    }
}

impl Encode for Connect<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        PacketType::Connect.check_encode(dialect)?;
        self.check_version()?;
        let dialect = Dialect { version: self.version, ..dialect };
        let properties = self.properties.measure(PLACE, dialect)?;
        let (name, _) = protocol(self.version);
        let mut len = text_len(name, Field::ProtocolName)? + 4;
        len += list_len(properties, self.version);
        len += text_len(self.client_id, Field::ClientId)?;
        let mut will_properties = 0;
        if let Some(will) = &self.will {
            let (properties, will_len) = will.measure(dialect)?;
            will_properties = properties;
            len += will_len;
        }
        if let Some(username) = self.username {
            len += text_len(username, Field::UserName)?;
        }
        if let Some(password) = self.password {
            len += binary_len(password, Field::Password)?;
        }
        Ok(Measure { will_properties, ..Measure::new(len, properties)? })
    }

    fn write(&self, _: Dialect, measure: &Measure, out: &mut [u8]) -> Result<(), EncodeError> {
        let mut out = Writer::start(PacketType::Connect.first_byte(), measure, out)?;
        let (name, level) = protocol(self.version);
        out.text(name)?;
        out.u8(level)?;
        out.u8(self.flags().to_u8())?;
        out.u16(self.keep_alive)?;
        self.properties.write(measure.properties, self.version, &mut out)?;
        // [MQTT-3.1.3-1]
        out.text(self.client_id)?;
        if let Some(will) = &self.will {
            will.write(measure.will_properties, self.version, &mut out)?;
        }
        if let Some(username) = self.username {
            out.text(username)?;
        }
        if let Some(password) = self.password {
            out.binary(password)?;
        }
        Ok(())
    }
}
