//! Messages that say which one they are.

/// Bytes that name a message.
const NAME: usize = 8;

/// Which message: who published it, and the how-manieth of theirs it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) client: u16,
    pub(crate) number: u32,
}

impl Name {
    /// A payload of at least `NAME` bytes.
    pub(crate) fn payload(self, len: usize) -> Vec<u8> {
        let mut payload = b"m:".to_vec();
        payload.extend(self.client.to_be_bytes());
        payload.extend(self.number.to_be_bytes());
        payload.resize(len.max(NAME), self.filler());
        payload
    }

    /// Whose payload it is; `None` if it is none, or was changed.
    pub(crate) fn of(payload: &[u8]) -> Option<Name> {
        let (name, rest) = payload.split_at_checked(NAME)?;
        let name = match name {
            [b'm', b':', a, b, c, d, e, f] => Name {
                client: u16::from_be_bytes([*a, *b]),
                number: u32::from_be_bytes([*c, *d, *e, *f]),
            },
            _ => return None,
        };
        rest.iter().all(|byte| *byte == name.filler()).then_some(name)
    }

    fn filler(self) -> u8 {
        self.number.to_be_bytes()[3]
    }

    /// The index of the operation.
    pub(crate) fn index(self) -> usize {
        self.number as usize
    }
}
