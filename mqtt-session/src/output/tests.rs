use super::*;

#[cfg(feature = "alloc")]
#[test]
fn a_vector_takes_everything_and_copies_what_is_lent() {
    let mut out = alloc::vec::Vec::new();
    let output: &mut dyn Output<&[u8]> = &mut out;
    assert!(output.is_empty());
    output.put(b"ab");
    output.lend(&&b"cd"[..]);
    assert!(!output.is_empty());
    assert_eq!(output.room(), usize::MAX);
    assert_eq!(out, b"abcd");
}

#[test]
fn a_slice_takes_what_it_has_room_for() {
    let mut buffer = [0; 4];
    let mut out = SliceOutput::new(&mut buffer);
    let output: &mut dyn Output<&[u8]> = &mut out;
    assert_eq!((output.room(), output.is_empty()), (4, true));
    output.put(b"abc");
    assert_eq!((output.room(), output.is_empty()), (1, false));
    // More than that is refused whole.
    output.put(b"de");
    assert_eq!(output.room(), 1);
    output.lend(&&b"d"[..]);
    assert_eq!(out.filled(), b"abcd");
}
