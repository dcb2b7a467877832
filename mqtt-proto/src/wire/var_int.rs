//! Variable Byte Integers (section 1.5.5).

use crate::Violation;

/// A Variable Byte Integer and the form it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VarInt {
    pub(crate) value: u32,
    /// Bytes it takes: 1 to 4.
    pub(crate) len: u8,
    /// Whether fewer bytes would do.
    pub(crate) overlong: bool,
}

impl VarInt {
    /// The integer `bytes` start with; `None` if it goes on behind them.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<VarInt>, Violation> {
        let mut value = 0;
        for (&byte, len) in bytes.iter().zip(1..=4) {
            value |= u32::from(byte & 0x7F) << (7 * (len - 1));
            if byte < 0x80 {
                return Ok(Some(VarInt { value, len, overlong: byte == 0 && len > 1 }));
            }
            if len == 4 {
                return Err(Violation::UnboundedInteger);
            }
        }
        Ok(None)
    }

    /// The integer `bytes` start with, whole and in its shortest form.
    pub(crate) fn shortest(bytes: &[u8]) -> Result<VarInt, Violation> {
        match VarInt::read(bytes)? {
            // [MQTT-1.5.5-1]
            Some(VarInt { overlong: true, .. }) => Err(Violation::OverlongInteger),
            Some(int) => Ok(int),
            None => Err(Violation::Truncated),
        }
    }
}

/// Bytes `value` takes in its shortest form.
#[inline]
pub(crate) const fn var_int_len(value: u32) -> u32 {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_each_length() {
        let bounds: [(&[u8], u32); 8] = [
            (&[0x00], 0),
            (&[0x7F], 127),
            (&[0x80, 0x01], 128),
            (&[0xFF, 0x7F], 16_383),
            (&[0x80, 0x80, 0x01], 16_384),
            (&[0xFF, 0xFF, 0x7F], 2_097_151),
            (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
            (&[0xFF, 0xFF, 0xFF, 0x7F], 268_435_455),
        ];
        for (bytes, value) in bounds {
            let len = u8::try_from(bytes.len()).unwrap();
            assert_eq!(VarInt::shortest(bytes), Ok(VarInt { value, len, overlong: false }));
            assert_eq!(var_int_len(value), u32::from(len));
            let (_, unfinished) = bytes.split_last().unwrap();
            assert_eq!(VarInt::read(unfinished), Ok(None));
        }
    }

    #[test]
    fn over_long_forms() {
        let forms: [(&[u8], u32); 3] =
            [(&[0x80, 0x00], 0), (&[0xFF, 0x00], 127), (&[0x80, 0x81, 0x80, 0x00], 128)];
        for (bytes, value) in forms {
            let int = VarInt::read(bytes).unwrap().unwrap();
            assert_eq!((int.value, int.overlong), (value, true));
            assert_eq!(VarInt::shortest(bytes), Err(Violation::OverlongInteger));
        }
        assert_eq!(VarInt::read(&[0x80; 4]), Err(Violation::UnboundedInteger));
    }
}
