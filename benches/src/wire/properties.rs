//! The six properties a message can carry, read by hand in one pass.

use super::{Result, read_u16};

/// What a PUBLISH says about its message; the last User Property only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties<'a> {
    /// Payload Format Indicator.
    pub payload_format_indicator: Option<bool>,
    /// Message Expiry Interval in seconds.
    pub message_expiry_interval: Option<u32>,
    /// Content Type.
    pub content_type: Option<&'a str>,
    /// Response Topic.
    pub response_topic: Option<&'a str>,
    /// Correlation Data.
    pub correlation_data: Option<&'a [u8]>,
    /// User Property.
    pub user_property: Option<(&'a str, &'a str)>,
}

impl MessageProperties<'static> {
    /// One of each, as a request with its trace might have them.
    pub const EXAMPLE: Self = Self {
        payload_format_indicator: Some(true),
        message_expiry_interval: Some(300),
        content_type: Some("application/json"),
        response_topic: Some("devices/7/responses"),
        correlation_data: Some(&[0xC5; 16]),
        user_property: Some(("trace-id", "4bf92f3577b34da6")),
    };
}

impl<'a> MessageProperties<'a> {
    /// Reads the bytes behind a Property Length. Checks lengths and UTF-8 and knows no other rule.
    pub fn read(mut bytes: &'a [u8]) -> Result<Self> {
        let mut read = Self::default();
        while let Some((&id, rest)) = bytes.split_first() {
            bytes = rest;
            match id {
                0x01 => {
                    let [value] = take(&mut bytes)?;
                    read.payload_format_indicator = Some(value != 0);
                }
                0x02 => {
                    read.message_expiry_interval = Some(u32::from_be_bytes(take(&mut bytes)?));
                }
                0x03 => read.content_type = Some(text(&mut bytes)?),
                0x08 => read.response_topic = Some(text(&mut bytes)?),
                0x09 => read.correlation_data = Some(binary(&mut bytes)?),
                0x26 => read.user_property = Some((text(&mut bytes)?, text(&mut bytes)?)),
                _ => return Err("unexpected property"),
            }
        }
        Ok(read)
    }

    /// Appends the properties with their length.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.push(0); // Property Length, known below
        if let Some(value) = self.payload_format_indicator {
            out.extend_from_slice(&[0x01, u8::from(value)]);
        }
        if let Some(value) = self.message_expiry_interval {
            out.push(0x02);
            out.extend_from_slice(&value.to_be_bytes());
        }
        let values = [
            (0x03, self.content_type.map(str::as_bytes)),
            (0x08, self.response_topic.map(str::as_bytes)),
            (0x09, self.correlation_data),
            (0x26, self.user_property.map(|(name, _)| name.as_bytes())),
        ];
        for (id, value) in values {
            if let Some(value) = value {
                out.push(id);
                write_binary(out, value);
            }
        }
        if let Some((_, value)) = self.user_property {
            write_binary(out, value.as_bytes());
        }
        let len = u8::try_from(out.len() - start - 1).ok().filter(|len| *len < 0x80);
        out[start] = len.expect("a Property Length of one byte");
    }
}

#[inline]
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (value, rest) = bytes.split_first_chunk().ok_or("a property cut off")?;
    *bytes = rest;
    Ok(*value)
}

#[inline]
fn binary<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (len, rest) = read_u16(bytes)?;
    let (value, rest) = rest.split_at_checked(len.into()).ok_or("a property cut off")?;
    *bytes = rest;
    Ok(value)
}

#[inline]
fn text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str> {
    str::from_utf8(binary(bytes)?).map_err(|_| "a property is not UTF-8")
}

fn write_binary(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut bytes = Vec::new();
        MessageProperties::EXAMPLE.write(&mut bytes);
        let (&len, properties) = bytes.split_first().unwrap();
        assert_eq!(usize::from(len), properties.len());
        assert_eq!(MessageProperties::read(properties), Ok(MessageProperties::EXAMPLE));
        MessageProperties::read(&properties[..properties.len() - 1]).unwrap_err();
    }

    #[test]
    fn malformed_properties_are_refused() {
        for bytes in [&b"\x01"[..], b"\x02\0\0\0", b"\x03\0\x01\xff", b"\x09\0\x02a", b"\x7f"] {
            MessageProperties::read(bytes).unwrap_err();
        }
    }
}
