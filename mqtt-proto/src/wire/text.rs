//! Checks of text, a word at a time.
//!
//! Most text in MQTT is short and ASCII. The checks look at eight bytes at once and leave the rare
//! rest to [`core::str::from_utf8`].

use crate::Violation;

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Checks UTF-8 without U+0000 that nobody needs as `&str` yet.
#[inline]
pub(super) fn check(bytes: &[u8]) -> Result<(), Violation> {
    if any_word(bytes, zero_or_high_bytes) {
        return check_slowly(bytes);
    }
    Ok(())
}

#[cold]
fn check_slowly(bytes: &[u8]) -> Result<(), Violation> {
    read(bytes).map(|_| ())
}

/// Reads UTF-8 in which U+0000 may stand.
#[inline]
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Violation> {
    // [MQTT-1.5.4-1]
    core::str::from_utf8(bytes).map_err(|_| Violation::InvalidUtf8)
}

/// Reads UTF-8 without U+0000.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Result<&str, Violation> {
    let text = utf8(bytes)?;
    // [MQTT-1.5.4-2]
    if has_nul(bytes) { Err(Violation::NulCharacter) } else { Ok(text) }
}

/// Whether U+0000 stands in `bytes`.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    any_word(bytes, zero_bytes)
}

/// Whether U+0000, `+` or `#` stands in `bytes`.
#[inline]
pub(crate) fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    any_word(bytes, |word| zero_bytes(word) | wildcard_bytes(word))
}

/// Whether `bytes` is ASCII in which none of these stands.
#[inline]
pub(super) fn is_plain_topic(bytes: &[u8]) -> bool {
    !any_word(bytes, |word| zero_or_high_bytes(word) | wildcard_bytes(word))
}

/// Not 0 exactly when a byte of `word` is 0.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Not 0 exactly when a byte of `word` is a wildcard.
#[inline]
const fn wildcard_bytes(word: u64) -> u64 {
    // '+' is 0x2B and '#' is 0x23: they differ in bit 3 alone.
    const BIT_3: u64 = ONES << 3;
    const PLUSES: u64 = u64::from_ne_bytes([b'+'; 8]);
    zero_bytes((word | BIT_3) ^ PLUSES)
}

/// Not 0 exactly when a byte of `word` is 0 or not ASCII.
#[inline]
const fn zero_or_high_bytes(word: u64) -> u64 {
    (word.wrapping_sub(ONES) | word) & HIGHS
}

/// Whether `mark` gives anything but 0 for some word of `bytes`.
#[inline]
fn any_word(bytes: &[u8], mark: impl Fn(u64) -> u64) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) else {
        return mark(short_word(bytes)) != 0;
    };
    let mark = |word: &[u8; 8]| mark(u64::from_ne_bytes(*word));
    // The last word overlaps the one before.
    if bytes.len() <= 16 {
        return mark(first) | mark(last) != 0;
    }
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().any(|word| mark(word) != 0) || mark(last) != 0
}

/// A word of fewer than eight bytes: two halves that overlap, or bytes behind spaces.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|half| u64::from(u32::from_ne_bytes(*half)));
        return first << 32 | last;
    }
    let spaces = u64::from_ne_bytes([b' '; 8]);
    bytes.iter().fold(spaces, |word, &byte| word << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Miri, which takes long for each, looks at fewer.
    const LONGEST: usize = if cfg!(miri) { 18 } else { 40 };
    const BYTES_APART: usize = if cfg!(miri) { 29 } else { 1 };

    /// Texts of every length around a word, with `byte` at every place.
    fn each_place(byte: u8, mut test: impl FnMut(&[u8])) {
        for len in 1..LONGEST {
            for at in 0..len {
                let mut text = [b'a'; 40];
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                }
                test(text.get(..len).unwrap());
            }
        }
    }

    #[test]
    fn nul_is_found_at_every_place() {
        each_place(0, |text| {
            assert!(has_nul(text) && has_nul_or_wildcard(text));
            assert_eq!(check(text), Err(Violation::NulCharacter));
        });
    }

    #[test]
    fn wildcards_are_found_at_every_place() {
        for wildcard in *b"+#" {
            each_place(wildcard, |text| {
                assert!(has_nul_or_wildcard(text) && !has_nul(text));
                assert_eq!(check(text), Ok(()));
            });
        }
    }

    #[test]
    fn no_other_byte_is_taken_for_one() {
        let bytes = (1..=u8::MAX).filter(|byte| !b"+#".contains(byte));
        for byte in bytes.step_by(BYTES_APART) {
            each_place(byte, |text| assert!(!has_nul_or_wildcard(text) && !has_nul(text)));
        }
    }

    #[test]
    fn broken_utf8_is_found_at_every_place() {
        each_place(0x80, |text| assert_eq!(check(text), Err(Violation::InvalidUtf8)));
        assert_eq!(check("é日本語".as_bytes()), Ok(()));
        assert_eq!(check(b""), Ok(()));
    }
}
