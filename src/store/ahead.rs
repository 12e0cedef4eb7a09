//! Reading ahead: a query over many segments asks the kernel for the next ones' indexes and runs at once, so that it
//! waits for the disk a few times instead of twice for each segment. Used by [`super::read`]; takes no lock.

use std::collections::VecDeque;
use std::fs::File;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::folder::{Folder, Name};
use super::segment::{Index, Segment};
use crate::error::Result;

/// How many segments are asked for first; then twice as many each time, because a short query ends soon.
const FIRST: usize = 2;
/// At most so many files are open for a query.
const MOST: usize = 32;
/// At most so many bytes of one segment's runs are asked for: those that are read first.
const BYTES: u64 = 1 << 20;

/// A segment that is about to be read.
pub(super) struct Next {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Result<File>,
    /// `None`: it cannot be read.
    pub(super) index: Option<Arc<Index>>,
}

/// Segments in the order given, opened and on their way into memory.
pub(super) struct Ahead<'a, I> {
    folder: &'a Folder,
    segments: I,
    /// Whose runs between which times.
    places: &'a [u64],
    span: (i64, i64),
    count: usize,
    ready: VecDeque<Next>,
}

impl<'a, I: Iterator<Item = Arc<Segment>>> Ahead<'a, I> {
    pub(super) fn new(folder: &'a Folder, segments: I, places: &'a [u64], span: (i64, i64)) -> Self {
        Self { folder, segments, places, span, count: FIRST, ready: VecDeque::new() }
    }

    fn fetch(&mut self) {
        for segment in self.segments.by_ref().take(self.count) {
            let file = self.folder.open_file(Name::Segment(segment.facts.number));
            if let (Ok(file), Some((offset, length))) = (&file, segment.unread_index()) {
                ask_for(file, offset, length);
            }
            self.ready.push_back(Next { segment, file, index: None });
        }
        for next in &mut self.ready {
            let Ok(file) = &next.file else { continue };
            next.index = next.segment.index(self.folder, file);
            let Some(index) = &next.index else { continue };
            for &place in self.places {
                let extents = index.find(place, self.span.0, self.span.1);
                if let (Some((start, _)), Some((_, end))) = (extents.first(), extents.last()) {
                    let start = (*start).max(end.saturating_sub(BYTES));
                    ask_for(file, start, end.saturating_sub(start));
                }
            }
        }
        self.count = MOST.min(self.count * 2);
    }
}

impl<I: Iterator<Item = Arc<Segment>>> Iterator for Ahead<'_, I> {
    type Item = Next;

    fn next(&mut self) -> Option<Next> {
        if self.ready.is_empty() {
            self.fetch();
        }
        self.ready.pop_front()
    }
}

/// The kernel may decline: then the read waits.
fn ask_for(file: &File, offset: u64, length: u64) {
    if let Some(length) = NonZeroU64::new(length) {
        let _declined = rustix::fs::fadvise(file, offset, Some(length), rustix::fs::Advice::WillNeed);
    }
}
