//! The page and the ink: the message as it came, which the rules read, and the copy they black out. Rules never
//! read what they have filled, so the order of rules does not matter. Must never change the copy's length.

use super::FILL;
use crate::capture::line::is_blank;

/// A message and its copy of the same length.
pub(super) struct Ink<'a> {
    /// As it came.
    pub(super) data: &'a [u8],
    out: &'a mut [u8],
}

impl<'a> Ink<'a> {
    /// `out` holds a copy of `data`.
    pub(super) fn new(data: &'a [u8], out: &'a mut [u8]) -> Self {
        Self { data, out }
    }

    /// Fills `from..to` but keeps folds (line breaks and one white byte behind each), so that headers stay headers.
    pub(super) fn fill(&mut self, from: usize, to: usize) {
        let mut folded = false;
        for b in self.out.get_mut(from..to).unwrap_or_default() {
            let line_break = matches!(*b, b'\r' | b'\n');
            if !line_break && !(folded && is_blank(*b)) {
                *b = FILL;
            }
            folded = line_break;
        }
    }

    /// Fills every byte of `from..to`.
    pub(super) fn fill_all(&mut self, from: usize, to: usize) {
        self.out.get_mut(from..to).unwrap_or_default().fill(FILL);
    }
}
