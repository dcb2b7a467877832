//! Bytes as tests write them down, those of the session among them.

/// The bytes of a text of tokens: `3D` is a byte, `'a/b` a text with its two-byte length, and
/// `[ … ]` stands behind the one-byte length of what it encloses.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut open = vec![Vec::new()];
    for token in text.split_whitespace() {
        match token {
            "[" => open.push(Vec::new()),
            "]" => {
                let inner = open.pop().unwrap();
                let outer = open.last_mut().unwrap();
                assert!(inner.len() < 0x80);
                outer.push(inner.len() as u8);
                outer.extend(inner);
            }
            _ => match token.strip_prefix('\'') {
                Some(text) => {
                    let len = u16::try_from(text.len()).unwrap();
                    open.last_mut().unwrap().extend(len.to_be_bytes());
                    open.last_mut().unwrap().extend(text.as_bytes());
                }
                None => open.last_mut().unwrap().push(u8::from_str_radix(token, 16).unwrap()),
            },
        }
    }
    open.pop().unwrap()
}
