//! Rewriting: one or several segments become a new one, with the records that a [`Sieve`] lets pass. A merge of
//! sorted files, run by run: memory is one run of each source. Done in steps by the seal thread.
//!
//! The new segment names in its summary those that it replaces. They are removed only when it is durable under its
//! name; whoever opens a folder with both leaves them out and removes them. So a kill at any point leaves either
//! them or it, and a page that began to read them ends with them: see [`super::chore`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::folder::{Folder, Name};
use super::output::{Failed, Output};
use super::record::{Content, Gap, GapCause, Row, kind};
use super::run::{Rows, Spot, Unpacker};
use super::segment::{Index, Segment};
use super::sieve::{Cut, Sieve};
use super::tier::place_of;
use super::wire::{EVERYBODY, place, salt};
use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// Place, time, seq: what a segment is sorted by.
type Key = (u64, i64, u64);

/// A rewriting under way.
pub(super) struct Rewrite {
    sources: Vec<Source>,
    unpacker: Unpacker,
    /// The first record of each source that has one.
    order: BinaryHeap<Reverse<(Key, usize)>>,
    sieve: Sieve,
    output: Output,
    /// Of the new segment.
    pub(super) number: u64,
    last: Option<Key>,
}

/// A segment that is read from its first record to its last.
struct Source {
    segment: Arc<Segment>,
    file: File,
    index: Arc<Index>,
    /// The next run.
    next: usize,
    /// The run at hand, unpacked, and its records.
    raw: Vec<u8>,
    spots: Vec<(Key, Spot)>,
    at: usize,
    /// Records of stretches that can't be read.
    is_damaged: bool,
}

impl Source {
    fn open(folder: &Folder, segment: &Arc<Segment>, unpacker: &mut Unpacker) -> Result<Self> {
        let name = Name::Segment(segment.facts.number);
        let path = folder.path(name);
        let file = folder.open_file(name)?;
        let index = segment.index(folder, &file).ok_or_else(|| {
            segment.damaged.store(true, Ordering::Relaxed);
            Error::Stored {
                path: path.clone(),
                what: "the index cannot be read; look at the disk".to_owned(),
            }
        })?;
        let is_damaged = segment.lost.load(Ordering::Relaxed) > 0;
        let mut source = Self {
            segment: Arc::clone(segment),
            file,
            index,
            next: 0,
            raw: Vec::new(),
            spots: Vec::new(),
            at: 0,
            is_damaged,
        };
        source.fill(unpacker);
        Ok(source)
    }

    /// Reads the next run that has records.
    fn fill(&mut self, unpacker: &mut Unpacker) {
        self.spots.clear();
        self.at = 0;
        while self.spots.is_empty()
            && let Some(extent) = self.index.extent(self.next)
        {
            self.next += 1;
            let bytes = self.segment.run(&self.file, extent).unwrap_or_default();
            let unpacked = unpacker.unpack_into(self.segment.facts.salt, &bytes, &mut self.raw);
            let Some(rows) = unpacked.and_then(|_| Rows::new(&self.raw)) else {
                self.is_damaged = true;
                self.segment.damaged.store(true, Ordering::Relaxed);
                continue;
            };
            // neighbours are mostly of one user
            let mut last = ("", "", place("", ""));
            for row in rows {
                if (row.company, row.user) != (last.0, last.1) {
                    last = (row.company, row.user, place(row.company, row.user));
                }
                let place =
                    if row.kind == kind::GAP { place_of(row.kind, row.company, row.user) } else { last.2 };
                self.spots.push(((place, row.time.0, row.seq), Spot::new(&self.raw, &row)));
            }
        }
    }

    fn key(&self) -> Option<Key> {
        self.spots.get(self.at).map(|(key, _)| *key)
    }

    fn row(&self) -> Option<Row<'_>> {
        let (_, spot) = self.spots.get(self.at)?;
        spot.row(&self.raw)
    }

    fn advance(&mut self, unpacker: &mut Unpacker) -> Option<Key> {
        self.at += 1;
        if self.at >= self.spots.len() {
            self.fill(unpacker);
        }
        self.key()
    }
}

impl Rewrite {
    /// Begins the file of `number`. Reads the index, and a run, of each source.
    pub(super) fn begin(
        folder: &Folder,
        number: u64,
        sources: &[Arc<Segment>],
        sieve: Sieve,
    ) -> Result<Self, Failed> {
        let fail = |e| Failed::Write(Error::io("set up zstd for", folder.dir(), e));
        let mut unpacker = Unpacker::new().map_err(fail)?;
        let opened: Result<Vec<_>> =
            sources.iter().map(|segment| Source::open(folder, segment, &mut unpacker)).collect();
        let sources = opened.map_err(Failed::Write)?;
        let first = |(at, source): (usize, &Source)| Some(Reverse((source.key()?, at)));
        let order = sources.iter().enumerate().filter_map(first).collect();
        let output = Output::begin(folder, number, salt())?;
        Ok(Self { sources, unpacker, order, sieve, output, number, last: None })
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.sources.iter().map(|source| &source.segment)
    }

    /// Whether a stretch of a source can't be read.
    pub(super) fn is_damaged(&self) -> bool {
        self.sources.iter().any(|source| source.is_damaged)
    }

    /// Goes on for about `budget` bytes before compression: how many there were, and whether it came to the end.
    pub(super) fn step(&mut self, folder: &Folder, budget: u64) -> Result<(u64, bool), Failed> {
        let fail = |e| Failed::Write(Error::io("write a segment in", folder.dir(), e));
        let Self { sources, unpacker, order, sieve, output, last, .. } = self;
        let mut spent = 0u64;
        while let Some(mut head) = order.peek_mut() {
            let Reverse((key, at)) = *head;
            let Some(source) = sources.get_mut(at) else { break };
            // a journal that could not be removed may have been sealed twice
            if *last != Some(key)
                && let Some(row) = source.row()
            {
                *last = Some(key);
                spent = spent.saturating_add(row.raw());
                let ring = source.segment.summary.ring(row.seq, row.time);
                sieve.pass(key.0, &row, ring, &mut |place, row| output.push(place, row)).map_err(fail)?;
            }
            match source.advance(unpacker) {
                Some(next) => *head = Reverse((next, at)),
                None => drop(PeekMut::pop(head)),
            }
            if spent >= budget {
                return Ok((spent, false));
            }
        }
        Ok((spent, true))
    }

    /// Makes what was written durable so far, so that the end has little to wait for.
    pub(super) fn sync(&self) -> Result<(), Failed> {
        self.output.sync()
    }

    /// Makes the new segment durable, unless nothing is left; gives what orders to purge left out too.
    pub(super) fn finish(mut self, folder: &Folder) -> Result<(Option<Segment>, Vec<Cut>), Failed> {
        let output = &mut self.output;
        let sieve = &mut self.sieve;
        let fail = |e| Failed::Write(Error::io("write a segment in", folder.dir(), e));
        sieve.finish(&mut |place, row| output.push(place, row)).map_err(fail)?;
        let damaged = self.sources.iter().filter(|source| source.is_damaged);
        for facts in damaged.map(|source| source.segment.facts) {
            let (from, to) = (Timestamp(facts.times.0), Timestamp(facts.times.1));
            let mut head = Vec::new();
            Content::Gap(&Gap { from, to, packets: 0, cause: GapCause::Damage }).put_head(&mut head);
            let row =
                Row { kind: kind::GAP, seq: 0, time: to, company: "", user: "", head: &head, body: &[] };
            output.push(EVERYBODY, &row).map_err(fail)?;
        }
        if output.records() == 0 {
            self.output.abandon(folder);
            return Ok((None, self.sieve.cuts));
        }
        let facts = self.sources.iter().map(|source| source.segment.facts);
        let seqs = facts.clone().map(|facts| facts.seqs);
        let seqs = seqs.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default();
        let all = self.sources.iter().flat_map(|source| source.segment.summary.parts.iter().copied());
        let mut parts: Vec<_> = all.collect();
        parts.sort_by_key(|part| part.seqs);
        let replaces = facts.map(|facts| facts.number).collect();
        let segment = self.output.finish(folder, seqs, parts, replaces)?;
        Ok((Some(segment), self.sieve.cuts))
    }

    /// Leaves nothing of it; the sources stay.
    pub(super) fn abandon(self, folder: &Folder) {
        self.output.abandon(folder);
    }
}

impl std::fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources: Vec<u64> = self.sources().map(|segment| segment.facts.number).collect();
        f.debug_struct("Rewrite").field("sources", &sources).finish_non_exhaustive()
    }
}
