//! A segment on its way to the disk: takes records in the order of the file, gathers the index, and makes the file
//! durable under its name. Used by the sealing and by rewriting, on the seal thread; takes no lock.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::age::Stretch;
use super::board::is_board;
use super::folder::{Folder, Name};
use super::record::{Row, kind};
use super::run::{Unpacker, Writer, mark};
use super::segment::{END, FOOTER, Facts, HEADER, MAGIC, Segment, VERSION, filter};
use super::summary::{Company, Holding, Part, Summary};
use super::tier::place_of;
use super::wire::{EVERYBODY, checksum};
use crate::error::{Error, Result};

/// Bytes that are gathered before a write.
const GATHER: usize = 1024 * 1024;

/// What became of a segment that could not be written.
#[derive(Debug)]
pub(super) enum Failed {
    /// The file is removed; it may be tried again.
    Write(Error),
    /// The disk did not confirm it; the file is set aside and never synced again.
    Sync(Error),
}

impl Row<'_> {
    /// Bytes before compression that it counts for.
    pub(super) fn raw(&self) -> u64 {
        (self.head.len() + self.body.len() + 12) as u64
    }
}

/// Index, companies and users of a segment, gathered run by run.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    companies: Vec<Company>,
    by_name: HashMap<Arc<str>, usize>,
    /// The index as on disk.
    pub(super) index: Vec<u8>,
    /// Where the last run ends.
    pub(super) end: u64,
    /// Records that were noted.
    pub(super) records: u64,
    runs: u32,
    places: Vec<u64>,
    table: Vec<u8>,
    /// The user at hand: company, id, bytes.
    user: (usize, String, u64),
}

impl Catalog {
    pub(super) fn begin_run(&mut self, place: u64, time: i64, offset: u64) {
        if self.index.is_empty() {
            self.index.extend_from_slice(&[0; 4]);
        }
        self.index.extend_from_slice(&place.to_le_bytes());
        self.index.extend_from_slice(&time.to_le_bytes());
        self.index.extend_from_slice(&offset.to_le_bytes());
        self.runs = self.runs.saturating_add(1);
    }

    /// Counts a record, whose `place` is not before that of the last one.
    pub(super) fn note(&mut self, place: u64, row: &Row<'_>) {
        self.records += 1;
        self.add(place, row.company, row.user, row.raw());
    }

    /// Counts `raw` bytes of a user.
    pub(super) fn add(&mut self, place: u64, company: &str, user: &str, raw: u64) {
        if self.places.last() != Some(&place) {
            self.end_user();
            self.places.push(place);
            let at = match self.by_name.get(company) {
                Some(&at) => at,
                None => {
                    let (at, name) = (self.companies.len(), Arc::<str>::from(company));
                    self.by_name.insert(Arc::clone(&name), at);
                    self.companies.push(Company { name, raw: 0 });
                    at
                }
            };
            self.user.0 = at;
            self.user.1.clear();
            self.user.1.push_str(user);
        }
        self.user.2 = self.user.2.saturating_add(raw);
    }

    fn end_user(&mut self) {
        let (company, user, raw) = &mut self.user;
        // nobody's share: a company's wall is not kept for one user
        let is_somebody = self.places.last().is_some_and(|place| *place != EVERYBODY) && !is_board(user);
        if is_somebody && let Some(sum) = self.companies.get_mut(*company) {
            Holding { company: *company, user, raw: *raw }.put(&mut self.table);
            sum.raw = sum.raw.saturating_add(*raw);
        }
        *raw = 0;
    }

    fn finish(&mut self, end: u64) {
        self.end_user();
        self.end = end;
        self.index.resize(self.index.len().max(4), 0);
        if let Some(count) = self.index.first_chunk_mut::<4>() {
            *count = self.runs.to_le_bytes();
        }
        self.index.extend_from_slice(&filter(&self.places));
    }

    pub(super) fn companies(&self) -> impl Iterator<Item = Arc<str>> {
        self.companies.iter().map(|company| Arc::clone(&company.name))
    }

    /// What can still be read of a segment whose footer or index is lost, run by run.
    pub(super) fn walk(bytes: &[u8], facts: &Facts) -> Self {
        let mut catalog = Self::default();
        let Ok(mut unpacker) = Unpacker::new() else { return catalog };
        let mark = mark(facts.salt);
        let (mut at, mut end) = (HEADER, HEADER);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some((length, rows)) = unpacker.unpack(facts.salt, rest) else {
                let Some(next) = rest.windows(4).skip(1).position(|window| window == mark) else { break };
                at += next + 1;
                continue;
            };
            for (n, row) in rows.enumerate() {
                let place = place_of(row.kind, row.company, row.user);
                if n == 0 {
                    catalog.begin_run(place, row.time.0, at as u64);
                }
                catalog.note(place, &row);
            }
            at += length;
            end = at;
        }
        catalog.finish(end as u64);
        catalog
    }
}

/// A segment that is being written.
pub(super) struct Output {
    file: File,
    path: PathBuf,
    number: u64,
    salt: u32,
    out: Vec<u8>,
    /// Bytes that are in the file.
    offset: u64,
    writer: Writer,
    catalog: Catalog,
    packets: u64,
    times: Option<(i64, i64)>,
}

impl Output {
    /// Begins the file.
    pub(super) fn begin(folder: &Folder, number: u64, salt: u32) -> Result<Self, Failed> {
        let name = Name::Unfinished(number);
        let path = folder.path(name);
        drop(folder.remove(name));
        let file = folder.create(name).map_err(Failed::Write)?;
        let writer = Writer::new(salt).map_err(|e| Failed::Write(Error::io("set up zstd for", &path, e)))?;
        let mut out = Vec::with_capacity(GATHER + GATHER / 4);
        out.resize(HEADER, 0);
        let catalog = Catalog::default();
        Ok(Self { file, path, number, salt, out, offset: 0, writer, catalog, packets: 0, times: None })
    }

    pub(super) fn records(&self) -> u64 {
        self.catalog.records
    }

    /// Takes the next record.
    pub(super) fn push(&mut self, place: u64, row: &Row<'_>) -> std::io::Result<()> {
        let time = row.time.0;
        if self.writer.is_empty() {
            self.catalog.begin_run(place, time, self.offset + self.out.len() as u64);
        }
        self.catalog.note(place, row);
        self.packets = self.packets.saturating_add(u64::from(row.kind == kind::PACKET));
        self.times = Some(self.times.map_or((time, time), |(a, b)| (a.min(time), b.max(time))));
        self.writer.push(row);
        if self.writer.is_full() { self.end_run() } else { Ok(()) }
    }

    fn end_run(&mut self) -> std::io::Result<()> {
        if !self.writer.is_empty() {
            self.writer.finish(&mut self.out)?;
        }
        if self.out.len() >= GATHER { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> std::io::Result<()> {
        self.file.write_all(&self.out)?;
        self.offset += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }

    /// Makes durable what is in the file.
    pub(super) fn sync(&self) -> Result<(), Failed> {
        let fail = |e| Failed::Sync(Error::io("sync a segment", &self.path, e));
        self.file.sync_data().map_err(fail)
    }

    /// Leaves nothing of it.
    pub(super) fn abandon(self, folder: &Folder) {
        drop(folder.remove(Name::Unfinished(self.number)));
    }

    /// Writes what is left, and makes the file durable under its name. `parts` and `replaces` are those of
    /// [`Summary`], `seqs` those that its records have or had.
    pub(super) fn finish(
        mut self,
        folder: &Folder,
        seqs: (u64, u64),
        parts: Vec<Part>,
        replaces: Vec<u64>,
    ) -> Result<Segment, Failed> {
        let name = Name::Unfinished(self.number);
        let undo = |error| {
            drop(folder.remove(name));
            Failed::Write(error)
        };
        let segment = self
            .complete(seqs, parts, replaces)
            .map_err(|e| undo(Error::io("write a segment", &self.path, e)))?;
        if let Err(e) = self.file.sync_all() {
            drop(folder.rename(name, Name::BadSegment(self.number)));
            return Err(Failed::Sync(Error::io("sync a segment", &self.path, e)));
        }
        folder.rename(name, Name::Segment(self.number)).map_err(undo)?;
        folder.sync().map_err(Failed::Sync)?;
        Ok(segment)
    }

    fn complete(
        &mut self,
        seqs: (u64, u64),
        parts: Vec<Part>,
        replaces: Vec<u64>,
    ) -> std::io::Result<Segment> {
        self.end_run()?;
        self.catalog.finish(self.offset + self.out.len() as u64);
        let facts = Facts {
            salt: self.salt,
            number: self.number,
            records: self.catalog.records,
            packets: self.packets,
            times: self.times.unwrap_or_default(),
            seqs,
            stretch: whole(&parts),
        };
        let table = &self.catalog.table;
        let summary = Summary {
            companies: std::mem::take(&mut self.catalog.companies),
            parts,
            replaces,
            table: Some((self.catalog.end, short(table.len()), checksum(0, &[table]))),
        };
        let index = self.catalog.end.saturating_add(table.len() as u64);
        self.out.extend_from_slice(table);
        let header = header(&facts);
        let place = footer(&mut self.out, index, &self.catalog.index, &summary, &header);
        self.write_out()?;
        self.file.write_all_at(&header, 0)?;
        Ok(Segment::new(facts, summary, self.offset, Some(place)))
    }
}

/// The stretch of all parts; what their clocks were, only the parts know.
fn whole(parts: &[Part]) -> Stretch {
    let mut whole = parts.last().map(|part| part.stretch).unwrap_or_default();
    for Part { stretch, .. } in parts {
        whole.from = whole.from.min(stretch.from);
        whole.to = whole.to.max(stretch.to);
    }
    whole
}

fn header(facts: &Facts) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&u16::try_from(HEADER).unwrap_or(0).to_le_bytes());
    facts.put(&mut header);
    let crc = checksum(0, &[&header]);
    header.extend_from_slice(&crc.to_le_bytes());
    header
}

fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Appends index, summary and footer; gives where the index is, its length and checksum.
fn footer(out: &mut Vec<u8>, at: u64, index: &[u8], summary: &Summary, header: &[u8]) -> (u64, usize, u32) {
    let index_crc = checksum(0, &[index]);
    out.extend_from_slice(index);
    let start = out.len();
    summary.put(out);
    let summary = out.get(start..).unwrap_or_default();
    let (length, crc) = (short(summary.len()), checksum(0, &[summary]));
    let mut footer = Vec::with_capacity(FOOTER);
    footer.extend_from_slice(&at.to_le_bytes());
    footer.extend_from_slice(&short(index.len()).to_le_bytes());
    footer.extend_from_slice(&index_crc.to_le_bytes());
    footer.extend_from_slice(&length.to_le_bytes());
    footer.extend_from_slice(&crc.to_le_bytes());
    footer.extend_from_slice(header);
    let crc = checksum(0, &[&footer]);
    footer.extend_from_slice(&crc.to_le_bytes());
    footer.extend_from_slice(END);
    out.extend_from_slice(&footer);
    (at, index.len(), index_crc)
}
