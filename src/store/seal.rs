//! Writes a tier as a segment, and finds again what a damaged segment holds. Runs on the seal thread (and when a
//! folder is opened); takes no lock.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use super::folder::{Folder, Name};
use super::run::{Unpacker, Writer, mark};
use super::segment::{END, FOOTER, Facts, HEADER, MAGIC, Segment, VERSION, filter};
use super::tier::{Entry, Tier, place_of};
use super::wire::{checksum, put_bytes, salt};
use crate::error::{Error, Result};

/// Bytes that are gathered before a write.
const GATHER: usize = 1024 * 1024;

/// Index, companies and counts of a segment, gathered run by run.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) companies: Vec<Arc<str>>,
    /// The index as on disk.
    pub(super) index: Vec<u8>,
    /// Where the last run ends.
    pub(super) end: u64,
    /// Records found by a walk.
    pub(super) records: u64,
    runs: u32,
    places: Vec<u64>,
}

impl Catalog {
    fn begin_run(&mut self, place: u64, time: i64, offset: u64) {
        if self.index.is_empty() {
            self.index.extend_from_slice(&[0; 4]);
        }
        self.index.extend_from_slice(&place.to_le_bytes());
        self.index.extend_from_slice(&time.to_le_bytes());
        self.index.extend_from_slice(&offset.to_le_bytes());
        self.runs = self.runs.saturating_add(1);
    }

    fn note(&mut self, place: u64, company: &str) {
        if self.places.last() != Some(&place) {
            self.places.push(place);
            if let Err(at) = self.companies.binary_search_by(|known| (**known).cmp(company)) {
                self.companies.insert(at, company.into());
            }
        }
    }

    fn finish(&mut self, end: u64) {
        self.end = end;
        self.index.resize(self.index.len().max(4), 0);
        if let Some(count) = self.index.first_chunk_mut::<4>() {
            *count = self.runs.to_le_bytes();
        }
        self.index.extend_from_slice(&filter(&self.places));
    }

    /// What can still be read of a segment whose footer or index is lost, run by run.
    pub(super) fn walk(bytes: &[u8], facts: Facts) -> Self {
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
                catalog.note(place, row.company);
                catalog.records += 1;
            }
            at += length;
            end = at;
        }
        catalog.finish(end as u64);
        catalog
    }
}

/// What became of a segment that could not be written.
#[derive(Debug)]
pub(super) enum Failed {
    /// The file is removed; it may be tried again.
    Write(Error),
    /// The disk did not confirm it; the file is set aside and never synced again.
    Sync(Error),
}

/// Writes the tier as the segment of its number, and makes it durable under its name. Calls `between` about every
/// megabyte, and before what may wait for the disk.
pub(super) fn write(folder: &Folder, tier: &Tier, between: &mut dyn FnMut()) -> Result<Segment, Failed> {
    let number = tier.number;
    let name = Name::Unfinished(number);
    let path = folder.path(name);
    let undo = |error| {
        drop(folder.remove(name));
        Failed::Write(error)
    };
    drop(folder.remove(name));
    let mut file = folder.create(name).map_err(Failed::Write)?;
    let written = fill(&mut file, tier, between).map_err(|e| undo(Error::io("write a segment", &path, e)))?;
    between();
    if let Err(e) = file.sync_all() {
        drop(folder.rename(name, Name::BadSegment(number)));
        return Err(Failed::Sync(Error::io("sync a segment", &path, e)));
    }
    folder.rename(name, Name::Segment(number)).map_err(undo)?;
    folder.sync().map_err(Failed::Sync)?;
    Ok(written)
}

fn fill(file: &mut File, tier: &Tier, between: &mut dyn FnMut()) -> std::io::Result<Segment> {
    let mut order: Vec<&Entry> = tier.entries().iter().collect();
    order.sort_unstable_by_key(|entry| (entry.place, entry.time, entry.seq));
    let salt = salt();
    let facts = Facts {
        salt,
        number: tier.number,
        records: order.len() as u64,
        packets: tier.packets,
        times: tier.times.unwrap_or_default(),
        seqs: tier.seqs.unwrap_or_default(),
        stretch: tier.stretch,
    };
    let mut catalog = Catalog::default();
    let mut writer = Writer::new(salt)?;
    let header = header(&facts);
    let mut out = Vec::with_capacity(GATHER + GATHER / 4);
    out.extend_from_slice(&header);
    let mut offset = 0u64;
    for entry in order {
        let Some(row) = tier.row(entry) else { continue };
        if writer.is_empty() {
            catalog.begin_run(entry.place, entry.time, offset + out.len() as u64);
        }
        catalog.note(entry.place, row.company);
        writer.push(&row);
        if writer.is_full() {
            writer.finish(&mut out)?;
            if out.len() >= GATHER {
                file.write_all(&out)?;
                offset += out.len() as u64;
                out.clear();
                between();
            }
        }
    }
    if !writer.is_empty() {
        writer.finish(&mut out)?;
    }
    catalog.finish(offset + out.len() as u64);
    let place = finish(&mut out, &catalog, &header);
    file.write_all(&out)?;
    let size = offset + out.len() as u64;
    Ok(Segment::new(facts, catalog.companies, size, Some(place)))
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

/// Appends index, summary and footer; gives where the index is, its length and checksum.
fn finish(out: &mut Vec<u8>, catalog: &Catalog, header: &[u8]) -> (u64, usize, u32) {
    let index_crc = checksum(0, &[&catalog.index]);
    out.extend_from_slice(&catalog.index);
    let mut summary = Vec::new();
    for company in &catalog.companies {
        put_bytes(&mut summary, company.as_bytes());
    }
    out.extend_from_slice(&summary);
    let mut footer = Vec::with_capacity(FOOTER);
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes();
    footer.extend_from_slice(&catalog.end.to_le_bytes());
    footer.extend_from_slice(&length(&catalog.index));
    footer.extend_from_slice(&index_crc.to_le_bytes());
    footer.extend_from_slice(&length(&summary));
    footer.extend_from_slice(&checksum(0, &[&summary]).to_le_bytes());
    footer.extend_from_slice(header);
    let crc = checksum(0, &[&footer]);
    footer.extend_from_slice(&crc.to_le_bytes());
    footer.extend_from_slice(END);
    out.extend_from_slice(&footer);
    (catalog.end, catalog.index.len(), index_crc)
}
