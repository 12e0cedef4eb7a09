//! The texts of a row in one piece of memory within the row, so that to compare them all reads no other memory and to
//! change one allocates nothing. Longer ones than there is room for are elsewhere, as a whole. Pure.

use std::sync::Arc;

use smallvec::{Array, SmallVec};

/// `N` texts, of which as many bytes as `A` has cost no memory elsewhere.
#[repr(C)]
pub(super) struct Texts<const N: usize, A: Array<Item = u8>> {
    /// Where each ends.
    ends: [u32; N],
    bytes: SmallVec<A>,
}

impl<const N: usize, A: Array<Item = u8>> Texts<N, A> {
    pub(super) fn new(texts: [&str; N]) -> Self {
        let mut bytes = SmallVec::new();
        let ends = texts.map(|text| {
            bytes.extend_from_slice(text.as_bytes());
            u32::try_from(bytes.len()).unwrap_or(u32::MAX)
        });
        Self { ends, bytes }
    }

    /// Whether the text of this number is that one.
    pub(super) fn is(&self, number: usize, text: &str) -> bool {
        *self.slice(number) == *text.as_bytes()
    }

    /// A copy of the text of this number.
    pub(super) fn get(&self, number: usize) -> Arc<str> {
        str::from_utf8(self.slice(number)).unwrap_or_default().into()
    }

    /// Sets the text of this number; says whether it is another one now.
    pub(super) fn set(&mut self, number: usize, text: &str) -> bool {
        if self.is(number, text) {
            return false;
        }
        let (from, to) = self.span(number);
        if let Some(same_length) = self.bytes.get_mut(from..to).filter(|old| old.len() == text.len()) {
            same_length.copy_from_slice(text.as_bytes());
            return true;
        }
        let rest: SmallVec<A> = self.bytes.drain(from..).skip(to - from).collect();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.extend_from_slice(&rest);
        let end = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        for other in self.ends.iter_mut().skip(number) {
            *other = other.saturating_add(end(text.len())).saturating_sub(end(to - from));
        }
        true
    }

    /// The bytes of the text of this number.
    pub(super) fn slice(&self, number: usize) -> &[u8] {
        let (from, to) = self.span(number);
        self.bytes.get(from..to).unwrap_or_default()
    }

    fn span(&self, number: usize) -> (usize, usize) {
        let end = |number: usize| self.ends.get(number).map_or(0, |end| usize::try_from(*end).unwrap_or(0));
        (number.checked_sub(1).map_or(0, end), end(number))
    }
}
