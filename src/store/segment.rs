//! A sealed file: records sorted by (place of the user, time, seq), cut into [`super::run`]s, with an index. Made
//! by [`super::output`], read here, removed by retention or replaced by a rewritten one; never changed.
//!
//! File: header, runs, table, index, summary, footer. The header is `magic [8]`, `version u16`, `length u16`, [`Facts`],
//! `crc u32`; the footer is the index's `offset u64`, `length u32`, `crc u32`, the summary's `length u32`,
//! `crc u32`, the header once more, `crc u32`, `magic [8]`. Index: `runs u32`, for each run the place and time of
//! its first record and its offset (`u64 i64 u64`), then a Bloom filter over the places. Table and summary: see
//! [`super::summary`]; version 1 had no table. What the footer or index has lost is found again by walking the runs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::age::Stretch;
use super::folder::{Folder, Name};
use super::journal::Unusable;
use super::output::Catalog;
use super::summary::Summary;
use super::wire::{Reader, checksum};
use crate::error::{Error, Result};

pub(super) const MAGIC: &[u8; 8] = b"USRMONS\n";
pub(super) const END: &[u8; 8] = b"USRMONE\n";
pub(super) const VERSION: u16 = 2;
/// Bytes of the header.
pub(super) const HEADER: usize = 12 + Facts::LEN + 4;
/// Bytes of the footer.
pub(super) const FOOTER: usize = 24 + HEADER + 4 + 8;
const PROBES: u64 = 6;

/// What is known of a segment without reading its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    pub(super) salt: u32,
    pub(super) number: u64,
    pub(super) records: u64,
    pub(super) packets: u64,
    pub(super) times: (i64, i64),
    pub(super) seqs: (u64, u64),
    pub(super) stretch: Stretch,
}

impl Facts {
    pub(super) const LEN: usize = 4 + 10 * 8;

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.salt.to_le_bytes());
        for value in [self.number, self.records, self.packets, self.seqs.0, self.seqs.1] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.times.0, self.times.1, self.stretch.from, self.stretch.to, self.stretch.skew] {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            salt: reader.u32()?,
            number: reader.u64()?,
            records: reader.u64()?,
            packets: reader.u64()?,
            seqs: (reader.u64()?, reader.u64()?),
            times: (reader.i64()?, reader.i64()?),
            stretch: Stretch { from: reader.i64()?, to: reader.i64()?, skew: reader.i64()? },
        })
    }

    /// The header's version and facts; or the later version that it is of; or nothing.
    pub(super) fn header(bytes: &[u8]) -> Result<(u16, Self), Option<u16>> {
        let parse = || {
            let mut reader = Reader(bytes);
            let magic = reader.array::<8>()?;
            let version = reader.u16()?;
            let length = usize::from(reader.u16()?);
            let facts = Self::take(&mut reader)?;
            let (covered, crc) = bytes.get(..length)?.split_last_chunk::<4>()?;
            let good = magic == *MAGIC && checksum(0, &[covered]) == u32::from_le_bytes(*crc);
            good.then_some((version, facts))
        };
        match parse() {
            Some((version @ 1..=VERSION, facts)) => Ok((version, facts)),
            Some((version, _)) => Err(Some(version)),
            None => Err(None),
        }
    }
}

/// The index of a segment, as on disk.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Vec<u8>,
    runs: usize,
    /// Where the last run ends.
    end: u64,
}

impl Index {
    pub(super) fn new(bytes: Vec<u8>, end: u64) -> Option<Self> {
        let mut reader = Reader(&bytes);
        let runs = usize::try_from(reader.u32()?).ok()?;
        reader.take(runs.checked_mul(24)?)?;
        Some(Self { bytes, runs, end })
    }

    /// Place and time of a run's first record, and its offset.
    pub(super) fn run(&self, at: usize) -> Option<(u64, i64, u64)> {
        let mut reader = Reader(self.bytes.get(4 + at.checked_mul(24)?..)?);
        (at < self.runs).then_some(())?;
        Some((reader.u64()?, reader.i64()?, reader.u64()?))
    }

    /// How many runs begin before (place, time).
    fn before(&self, place: u64, time: i64, or_there: bool) -> usize {
        let (mut low, mut high) = (0, self.runs);
        while low < high {
            let middle = usize::midpoint(low, high);
            let is_before = self.run(middle).is_some_and(|(p, t, _)| {
                if or_there { (p, t) <= (place, time) } else { (p, t) < (place, time) }
            });
            if is_before { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Whether there may be records of `place`.
    pub(super) fn may_hold(&self, place: u64) -> bool {
        may_hold(self.bytes.get(4 + self.runs * 24..).unwrap_or_default(), place)
    }

    /// The runs that may hold records of `place` between two times, by their extents, newest last.
    pub(super) fn find(&self, place: u64, from: i64, to: i64) -> Vec<(u64, u64)> {
        if !self.may_hold(place) {
            return Vec::new();
        }
        let first = self.before(place, from, false).saturating_sub(1);
        (first..self.before(place, to, true)).filter_map(|at| self.extent(at)).collect()
    }

    /// Where the run of this number is.
    pub(super) fn extent(&self, at: usize) -> Option<(u64, u64)> {
        let (_, _, start) = self.run(at)?;
        let end = self.run(at + 1).map_or(self.end, |(_, _, next)| next);
        (start <= end).then_some((start, end))
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

fn probes(place: u64, bits: u64) -> impl Iterator<Item = u64> {
    let step = place.rotate_left(32) | 1;
    (0..PROBES).map(move |i| place.wrapping_add(step.wrapping_mul(i)) % bits.max(1))
}

fn may_hold(filter: &[u8], place: u64) -> bool {
    filter.is_empty()
        || probes(place, filter.len() as u64 * 8).all(|bit| {
            let byte = usize::try_from(bit / 8).ok().and_then(|at| filter.get(at));
            byte.is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
        })
}

/// A Bloom filter over places: ten bits each, one wrong yes in a hundred.
pub(super) fn filter(places: &[u64]) -> Vec<u8> {
    let mut filter = vec![0u8; (places.len() * 10).div_ceil(8)];
    let bits = filter.len() as u64 * 8;
    for &place in places {
        for bit in probes(place, bits) {
            if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| filter.get_mut(at)) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    filter
}

/// A sealed file that can be read. Holds no file open.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) facts: Facts,
    pub(super) summary: Summary,
    /// Bytes of the file.
    pub(super) size: u64,
    /// A stretch of it was found damaged.
    pub(super) damaged: AtomicBool,
    /// Records that were not found again when the runs had to be walked.
    pub(super) lost: AtomicU64,
    /// Orders to purge up to this one have nothing to look for in it.
    pub(super) sieved: AtomicU64,
    /// When its index was last used, by the store's count of queries.
    pub(super) used: AtomicU64,
    place_of_index: Option<(u64, usize, u32)>,
    index: Mutex<Option<Arc<Index>>>,
}

impl Segment {
    /// Opens the file of `number`: two small reads; all of it when its footer is damaged.
    pub(super) fn open(folder: &Folder, number: u64) -> Result<Self, Unusable> {
        let file = folder.open_file(Name::Segment(number)).map_err(Unusable::Io)?;
        let fail = |e| Unusable::Io(Error::io("read", &folder.path(Name::Segment(number)), e));
        let size = file.metadata().map_err(fail)?.len();
        if let Some(segment) = Self::by_footer(&file, size)? {
            return Ok(segment);
        }
        let bytes = folder.read(Name::Segment(number)).map_err(Unusable::Io)?;
        let facts = match Facts::header(&bytes) {
            Ok((_, facts)) => facts,
            Err(Some(version)) => return Err(Unusable::Later(version)),
            Err(None) => return Err(Unusable::Damaged),
        };
        let found = Catalog::walk(&bytes, &facts);
        let segment = Self::new(facts, Summary::bare(&facts, found.companies()), size, None);
        let index = segment.rebuilt(found);
        *segment.index.lock() = index;
        Ok(segment)
    }

    fn rebuilt(&self, found: Catalog) -> Option<Arc<Index>> {
        self.damaged.store(true, Ordering::Relaxed);
        self.lost.store(self.facts.records.saturating_sub(found.records), Ordering::Relaxed);
        Index::new(found.index, found.end).map(Arc::new)
    }

    pub(super) fn new(
        facts: Facts,
        summary: Summary,
        size: u64,
        place_of_index: Option<(u64, usize, u32)>,
    ) -> Self {
        Self {
            facts,
            summary,
            size,
            place_of_index,
            damaged: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            sieved: AtomicU64::new(0),
            used: AtomicU64::new(0),
            index: Mutex::new(None),
        }
    }

    fn by_footer(file: &File, size: u64) -> Result<Option<Self>, Unusable> {
        let length = FOOTER as u64;
        let mut footer = [0u8; FOOTER];
        let Some(at) = size.checked_sub(length) else { return Ok(None) };
        if file.read_exact_at(&mut footer, at).is_err() {
            return Ok(None);
        }
        let parse = || {
            let mut reader = Reader(&footer);
            let (offset, index, index_crc) = (reader.u64()?, reader.u32()?, reader.u32()?);
            let (summary, summary_crc) = (reader.u32()?, reader.u32()?);
            let header = reader.take(HEADER)?;
            let (crc, magic) = (reader.u32()?, reader.array::<8>()?);
            let good = magic == *END
                && checksum(0, &[footer.get(..24 + HEADER)?]) == crc
                && offset.checked_add(u64::from(index))?.checked_add(u64::from(summary))? == at;
            good.then_some((offset, index, index_crc, summary, summary_crc, header))
        };
        let Some((offset, index, index_crc, summary, summary_crc, header)) = parse() else { return Ok(None) };
        let (version, facts) = match Facts::header(header) {
            Ok(found) => found,
            Err(Some(version)) => return Err(Unusable::Later(version)),
            Err(None) => return Ok(None),
        };
        let Some(summary) = part(file, at - u64::from(summary), u64::from(summary), summary_crc) else {
            return Ok(None);
        };
        let Some(summary) = Summary::take(version, &facts, &summary) else { return Ok(None) };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        Ok(Some(Self::new(facts, summary, size, Some((offset, index, index_crc)))))
    }

    /// The index; read if it is not in memory. `None`: it cannot be read.
    pub(super) fn index(&self, folder: &Folder, file: &File) -> Option<Arc<Index>> {
        if let Some(index) = self.index.lock().as_ref() {
            return Some(Arc::clone(index));
        }
        let (offset, length, crc) = self.place_of_index?;
        let end = self.summary.table.map_or(offset, |(table, ..)| table);
        let whole = part(file, offset, length as u64, crc).and_then(|bytes| Index::new(bytes, end));
        let index = match whole {
            Some(index) => Arc::new(index),
            None => self
                .rebuilt(Catalog::walk(&folder.read(Name::Segment(self.facts.number)).ok()?, &self.facts))?,
        };
        *self.index.lock() = Some(Arc::clone(&index));
        Some(index)
    }

    /// Where the index has to be read first: offset and length. `None`: it is in memory, or cannot be read.
    pub(super) fn unread_index(&self) -> Option<(u64, u64)> {
        let (offset, length, _) = self.place_of_index?;
        self.index.lock().is_none().then_some((offset, length as u64))
    }

    /// Bytes of memory that the index takes now.
    pub(super) fn index_size(&self) -> u64 {
        self.index.lock().as_ref().map_or(0, |index| index.size())
    }

    /// Forgets the index, if it can be read again.
    pub(super) fn forget_index(&self) {
        if self.place_of_index.is_some() {
            *self.index.lock() = None;
        }
    }

    /// The table of users; `None`: there is none, or it cannot be read.
    pub(super) fn table(&self, file: &File) -> Option<Vec<u8>> {
        let (offset, length, crc) = self.summary.table?;
        part(file, offset, u64::from(length), crc)
    }

    /// Reads one run; `None`: it cannot be read. Never more than the file holds.
    pub(super) fn run(&self, file: &File, (start, end): (u64, u64)) -> Option<Vec<u8>> {
        let length = end.min(self.size).checked_sub(start)?;
        let mut bytes = vec![0u8; usize::try_from(length).ok()?];
        file.read_exact_at(&mut bytes, start).ok()?;
        Some(bytes)
    }
}

/// A part of a file, if its checksum is right. `length` has been held against the size of the file.
fn part(file: &File, offset: u64, length: u64, crc: u32) -> Option<Vec<u8>> {
    let size = file.metadata().ok()?.len();
    (offset.checked_add(length)? <= size).then_some(())?;
    let mut bytes = vec![0u8; usize::try_from(length).ok()?];
    file.read_exact_at(&mut bytes, offset).ok()?;
    (checksum(0, &[&bytes]) == crc).then_some(bytes)
}
