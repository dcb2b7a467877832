//! Where packets to transmit are put.

/// A buffer that `poll_transmit` appends packets to.
///
/// `B` is the type of payloads kept without a copy; a buffer that can write from several places
/// overrides [`Output::lend`].
pub trait Output<B: AsRef<[u8]>> {
    /// Bytes that may still be appended. A buffer that grows says how much it wants.
    fn room(&self) -> usize;

    /// Whether nothing was appended yet; then `room` is all it ever has.
    fn is_empty(&self) -> bool;

    /// Appends bytes; at most `room` of them.
    fn put(&mut self, bytes: &[u8]);

    /// Appends a large payload, without a copy where the buffer can.
    fn lend(&mut self, body: &B) {
        self.put(body.as_ref());
    }
}

/// The buffer given to `poll_transmit` is empty and still too small for the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the next packet has {needed} bytes and does not fit into the empty buffer")]
pub struct BufferTooSmall {
    /// Bytes of the packet.
    pub needed: usize,
}

#[cfg(feature = "alloc")]
impl<B: AsRef<[u8]>> Output<B> for alloc::vec::Vec<u8> {
    fn room(&self) -> usize {
        usize::MAX
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A slice filled from its start.
#[derive(Debug)]
pub struct SliceOutput<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> SliceOutput<'a> {
    /// An empty output over all of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> SliceOutput<'a> {
        SliceOutput { buffer, len: 0 }
    }

    /// What was put so far.
    pub fn filled(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

impl<B: AsRef<[u8]>> Output<B> for SliceOutput<'_> {
    fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.len)
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.buffer.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end;
        }
    }
}

#[cfg(test)]
mod tests;
