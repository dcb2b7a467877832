//! The sections of a linked 32-bit program: as much of ELF as that takes.

/// One section that is loaded into the device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
}

/// Flag of a section that is loaded.
const LOADED: u32 = 2;
/// Type of a section that has bytes in the file.
const IN_FILE: u32 = 1;

/// The sections with code or data; `None` if `file` is not such a program.
pub(super) fn sections(file: &[u8]) -> Option<Vec<Section<'_>>> {
    // Magic number, 32 bits, little endian.
    if !file.starts_with(b"\x7FELF\x01\x01") {
        return None;
    }
    let table = word(file, 0x20)?;
    let (size, count, names) = (half(file, 0x2E)?, half(file, 0x30)?, half(file, 0x32)?);
    let header = |index: usize| file.get(table + index * size..);
    let contents = |header| file.get(word(header, 16)?..)?.get(..word(header, 20)?);
    let names = contents(header(names)?)?;
    let mut sections = Vec::new();
    for index in 0..count {
        let header = header(index)?;
        if word(header, 4)? as u32 != IN_FILE || word(header, 8)? as u32 & LOADED == 0 {
            continue;
        }
        let name = names.get(word(header, 0)?..)?.split(|byte| *byte == 0).next()?;
        let name = str::from_utf8(name).ok()?;
        sections.push(Section { name, bytes: contents(header)? });
    }
    Some(sections)
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of one section `.text` with the bytes `code`, and the table of names.
    fn program() -> Vec<u8> {
        let mut file = b"\x7FELF\x01\x01".to_vec();
        file.resize(0x34, 0);
        file[0x20] = 0x48; // the headers
        (file[0x2E], file[0x30], file[0x32]) = (40, 2, 1);
        file.extend(b"code\0.text\0\0\0\0\0\0\0\0\0\0");
        file.resize(0x48, 0);
        for (name, kind, flags, offset, size) in [(1, 1, 2, 0x34, 4), (0, 3, 0, 0x38, 12)] {
            let words: [u32; 10] = [name, kind, flags, 0, offset, size, 0, 0, 0, 0];
            file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        file
    }

    #[test]
    fn loaded_sections_are_found() {
        let program = program();
        let sections = sections(&program).unwrap();
        assert_eq!(sections, [Section { name: ".text", bytes: b"code" }]);
    }

    #[test]
    fn a_file_cut_off_has_none() {
        let program = program();
        for len in 0..program.len() {
            sections(&program[..len]);
        }
        assert_eq!(sections(b"#!/bin/sh"), None);
        assert_eq!(sections(&program[..100]), None);
    }
}
