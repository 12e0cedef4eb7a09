//! The records that are not sealed yet, in memory: the very bytes of their journal, in chunks, and one small
//! entry for each record. One user's entries are chained. The store holds the lock; nothing here does I/O.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::age::Stretch;
use super::journal::{MAX_ROW, frame};
use super::record::{Content, Row, kind};
use super::wire::{EVERYBODY, place};
use super::{Kinds, Query};
use crate::clock::Timestamp;
use crate::event::UserKey;

/// Size at which a chunk is closed; from then on it is shared, never changed.
const CHUNK: usize = 256 * 1024;
const SLACK: usize = 8 * 1024;
const NONE: u32 = u32::MAX;

/// Where a record is, and enough of it to sort and choose without looking there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) place: u64,
    pub(super) time: i64,
    pub(super) seq: u64,
    chunk: u32,
    start: u32,
    /// Bytes of the record.
    pub(super) len: u32,
    previous: u32,
    kind: u8,
}

/// A place is already a hash.
#[derive(Debug, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Bytes of a record, or of a stretch of the journal, that outlive the lock.
#[derive(Debug)]
pub(super) enum Piece {
    /// In a closed chunk.
    Shared(Arc<Vec<u8>>, usize, usize),
    /// Copied out of the open one.
    Own(Vec<u8>),
}

impl Piece {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(chunk, from, to) => chunk.get(*from..*to).unwrap_or_default(),
            Self::Own(bytes) => bytes,
        }
    }
}

/// Records of one journal.
#[derive(Debug, Default)]
pub(super) struct Tier {
    /// The journal's number; the segment's too.
    pub(super) number: u64,
    pub(super) stretch: Stretch,
    pub(super) packets: u64,
    pub(super) times: Option<(i64, i64)>,
    pub(super) seqs: Option<(u64, u64)>,
    closed: Vec<(u64, Arc<Vec<u8>>)>,
    open: Vec<u8>,
    /// Where in `open` the frame begins that more records may join, and the journal's salt.
    frame: Option<(usize, u32)>,
    base: u64,
    flushed: u64,
    entries: Vec<Entry>,
    last: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    spare: Vec<Vec<u8>>,
    head: Vec<u8>,
    /// Companies that have records here.
    pub(super) companies: Vec<Arc<str>>,
}

impl Tier {
    pub(super) fn new(number: u64, stretch: Stretch) -> Self {
        Self { number, stretch, ..Self::default() }
    }

    /// Bytes of its journal without the header.
    pub(super) fn bytes(&self) -> u64 {
        self.base.saturating_add(self.open.len() as u64)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The records in the order of a segment: by place, time, seq. One user's chain is nearly in order as it is.
    pub(super) fn sorted(&self) -> Vec<&Entry> {
        let mut chains: Vec<(u64, u32)> = self.last.iter().map(|(place, last)| (*place, *last)).collect();
        chains.sort_unstable();
        let mut order = Vec::with_capacity(self.entries.len());
        for (_, last) in chains {
            let (start, mut at) = (order.len(), last);
            while let Some(entry) = self.entries.get(at as usize) {
                order.push(entry);
                at = entry.previous;
            }
            let chain = order.get_mut(start..).unwrap_or_default();
            chain.reverse();
            if !chain.is_sorted_by_key(|entry| (entry.time, entry.seq)) {
                chain.sort_unstable_by_key(|entry| (entry.time, entry.seq));
            }
        }
        order
    }

    /// Puts a record at the end; `false`: it is too long to be read again and was not taken.
    pub(super) fn push(
        &mut self,
        salt: u32,
        seq: u64,
        time: Timestamp,
        user: &UserKey,
        content: Content<'_>,
    ) -> bool {
        if self.open.capacity() == 0 {
            self.open = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK + SLACK));
        }
        let before = self.open.len();
        let frame = self.frame.map_or_else(|| frame::begin(&mut self.open), |(frame, _)| frame);
        let start = frame::begin_record(&mut self.open);
        content.encode(seq, time, user, &mut self.head, &mut self.open);
        let len = self.open.len().saturating_sub(start);
        if len > MAX_ROW {
            self.open.truncate(before);
            return false;
        }
        frame::end_record(start, &mut self.open);
        self.frame = Some((frame, salt));
        let kind = content.kind();
        let place = place_of(kind, &user.company, &user.user);
        self.index(place, kind, seq, time, &user.company, (self.closed.len(), start, len));
        if self.open.len() >= CHUNK {
            self.close_chunk();
        } else if self.open.len().saturating_sub(frame) >= frame::FULL {
            self.end_frame();
        }
        true
    }

    fn end_frame(&mut self) {
        if let Some((frame, salt)) = self.frame.take() {
            frame::end(salt, frame, &mut self.open);
        }
    }

    fn close_chunk(&mut self) {
        self.end_frame();
        let chunk = std::mem::take(&mut self.open);
        let base = self.base;
        self.base = self.base.saturating_add(chunk.len() as u64);
        self.closed.push((base, Arc::new(chunk)));
    }

    fn index(
        &mut self,
        place: u64,
        kind: u8,
        seq: u64,
        time: Timestamp,
        company: &str,
        (chunk, start, len): (usize, usize, usize),
    ) {
        let (Ok(chunk), Ok(start), Ok(len), Ok(at)) = (
            u32::try_from(chunk),
            u32::try_from(start),
            u32::try_from(len),
            u32::try_from(self.entries.len()),
        ) else {
            return;
        };
        let previous = self.last.insert(place, at).unwrap_or(NONE);
        if previous == NONE && !self.companies.iter().any(|known| **known == *company) {
            self.companies.push(company.into());
        }
        let time = time.0;
        self.entries.push(Entry { place, time, seq, chunk, start, len, previous, kind });
        self.packets = self.packets.saturating_add(u64::from(kind == kind::PACKET));
        self.times = Some(self.times.map_or((time, time), |(a, b)| (a.min(time), b.max(time))));
        self.seqs = Some(self.seqs.map_or((seq, seq), |(a, b)| (a.min(seq), b.max(seq))));
    }

    /// Takes a whole journal file that was found at start; [`Tier::adopt_row`] then says what is in it.
    pub(super) fn adopt(&mut self, file: Vec<u8>) -> Arc<Vec<u8>> {
        self.open = file;
        self.close_chunk();
        self.flushed = self.base;
        self.closed.last().map(|(_, chunk)| Arc::clone(chunk)).unwrap_or_default()
    }

    /// A record of the adopted file, of `len` bytes at `start`.
    pub(super) fn adopt_row(&mut self, row: &Row<'_>, start: usize, len: usize) {
        let place = place_of(row.kind, row.company, row.user);
        let spot = (self.closed.len().saturating_sub(1), start, len);
        self.index(place, row.kind, row.seq, row.time, row.company, spot);
    }

    /// This tier without the records of these seqs.
    pub(super) fn without(self, known: &HashSet<u64>) -> Self {
        let entries: Vec<Entry> = self.entries.iter().filter(|e| !known.contains(&e.seq)).copied().collect();
        if entries.len() == self.entries.len() {
            return self;
        }
        let mut tier =
            Self { closed: self.closed, base: self.base, flushed: self.flushed, ..Self::default() };
        (tier.number, tier.stretch) = (self.number, self.stretch);
        let chunks = tier.closed.clone();
        for entry in entries {
            let bytes =
                chunks.get(entry.chunk as usize).map(|(_, chunk)| chunk.as_slice()).unwrap_or_default();
            let (start, len) = (entry.start as usize, entry.len as usize);
            if let Some(row) = bytes.get(start..start + len).and_then(Row::split) {
                tier.adopt_row(&row, start, len);
            }
        }
        tier
    }

    /// The bytes that the journal file has not got yet, with their offset after the header; from now on they
    /// count as written, until [`Tier::rewind`].
    pub(super) fn unflushed(&mut self) -> Vec<(u64, Piece)> {
        self.end_frame();
        let mut pieces = Vec::new();
        let first = self.closed.partition_point(|(base, chunk)| *base + chunk.len() as u64 <= self.flushed);
        for (base, chunk) in self.closed.iter().skip(first) {
            let from = usize::try_from(self.flushed.saturating_sub(*base)).unwrap_or(usize::MAX);
            pieces.push((
                base.max(&self.flushed).to_owned(),
                Piece::Shared(Arc::clone(chunk), from, chunk.len()),
            ));
        }
        let from = usize::try_from(self.flushed.saturating_sub(self.base)).unwrap_or(usize::MAX);
        if let Some(tail) = self.open.get(from..).filter(|tail| !tail.is_empty()) {
            pieces.push((self.base.saturating_add(from as u64), Piece::Own(tail.to_vec())));
        }
        self.flushed = self.bytes();
        pieces
    }

    /// The file has nothing from `offset` on.
    pub(super) fn rewind(&mut self, offset: u64) {
        self.flushed = self.flushed.min(offset);
    }

    pub(super) fn has_unflushed(&self) -> bool {
        self.flushed < self.bytes()
    }

    /// The bytes of a record, in a tier that grows no more or under the lock.
    pub(super) fn row(&self, entry: &Entry) -> Option<Row<'_>> {
        let chunk = match self.closed.get(entry.chunk as usize) {
            Some((_, chunk)) => chunk.as_slice(),
            None => self.open.as_slice(),
        };
        Row::split(chunk.get(entry.start as usize..)?.get(..entry.len as usize)?)
    }

    fn piece(&self, entry: &Entry) -> Option<Piece> {
        let (from, to) = (entry.start as usize, entry.start as usize + entry.len as usize);
        Some(match self.closed.get(entry.chunk as usize) {
            Some((_, chunk)) => Piece::Shared(Arc::clone(chunk), from, to),
            None => Piece::Own(self.open.get(from..to)?.to_vec()),
        })
    }

    /// The newest records of `place` that the query asks for, at most `query.limit`, in no order. Cost: the
    /// user's entries, and a copy of what is chosen out of the open chunk.
    pub(super) fn pick(&self, place: u64, query: &Query<'_>, out: &mut Vec<Piece>) {
        let mut chosen: Vec<&Entry> = Vec::new();
        let mut at = self.last.get(&place).copied().unwrap_or(NONE);
        while let Some(entry) = self.entries.get(at as usize) {
            if query.wants(Timestamp(entry.time), entry.seq) && query.kinds.has(entry.kind) {
                chosen.push(entry);
            }
            at = entry.previous;
        }
        if chosen.len() > query.limit {
            chosen.select_nth_unstable_by_key(query.limit, |e| std::cmp::Reverse((e.time, e.seq)));
            chosen.truncate(query.limit);
        }
        out.extend(chosen.into_iter().filter_map(|entry| self.piece(entry)));
    }

    /// All records of one kind of `place` between two times, in no order. Cost: as of [`Self::pick`].
    pub(super) fn all(&self, place: u64, kind: u8, (from, to): (i64, i64), out: &mut Vec<Piece>) {
        let mut at = self.last.get(&place).copied().unwrap_or(NONE);
        while let Some(entry) = self.entries.get(at as usize) {
            if entry.kind == kind && from <= entry.time && entry.time <= to {
                out.extend(self.piece(entry));
            }
            at = entry.previous;
        }
    }

    /// The chunks, for the next tier to use again.
    pub(super) fn recycle(self) -> Vec<Vec<u8>> {
        let mut spare = self.spare;
        for (_, chunk) in self.closed {
            if let Some(mut chunk) = Arc::into_inner(chunk)
                && chunk.capacity() <= 2 * CHUNK
            {
                chunk.clear();
                spare.push(chunk);
            }
        }
        spare
    }

    /// Takes the chunks that wait to be used again.
    pub(super) fn take_spare(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.spare)
    }

    /// Gives it chunks to use again, as many as it may still fill within `budget` bytes.
    pub(super) fn give_spare(&mut self, spare: Vec<Vec<u8>>, budget: u64) {
        self.spare.extend(spare);
        let more = budget.saturating_sub(self.bytes()).div_ceil(CHUNK as u64);
        self.spare.truncate(usize::try_from(more).unwrap_or(usize::MAX));
    }
}

/// Under which place a record is filed.
pub(super) fn place_of(kind: u8, company: &str, user: &str) -> u64 {
    if kind == kind::GAP && company.is_empty() && user.is_empty() { EVERYBODY } else { place(company, user) }
}

impl Kinds {
    fn has(self, kind: u8) -> bool {
        match kind {
            kind::PACKET => self.packets,
            kind::CHANGE => self.changes,
            kind::GAP => self.gaps,
            kind::QUALITY => self.quality,
            _ => false,
        }
    }
}
