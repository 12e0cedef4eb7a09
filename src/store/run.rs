//! A run: some 240 KiB of records of neighbouring users, compressed as one. Written by the sealing, read by
//! queries. Its fields stand in columns, so that the texts lie side by side and compress.
//!
//! Run: `mark u32` (made of the salt), `stored u32`, `raw u32`, `records u32`, `codec u8`, `crc u32` of these and
//! the stored bytes, stored bytes. Raw: six lengths `u32`, then the columns: groups (company, user, count),
//! kinds, times, seqs (both as differences within a group), heads (each after its length), lengths of bodies;
//! bodies to the end.

use super::record::Row;
use super::wire::{Reader, checksum, put_bytes, put_signed, put_size, put_varint};
use crate::clock::Timestamp;

/// Bytes before the stored ones.
pub(super) const HEAD: usize = 21;
/// Raw bytes at which a run is closed; a query unpacks whole runs, 75 us each. Measured on the reference mix at zstd
/// level 1, as sealed (20 packets a user) and merged of 16: 64 KiB 51 and 41 B a packet, 120 KiB 46 and 35, 250 KiB
/// 42 and 31, 500 KiB 39 and 29. A dictionary of the segment's own records gives what twice the size gives.
const SIZE: usize = 240 * 1024;
/// No run is longer: the size, one record, and columns.
const MAX_RAW: usize = SIZE + super::journal::MAX_ROW + 64 * 1024;
const ZSTD: u8 = 1;
const LEVEL: i32 = 1;
/// Shorter matches of zstd are mostly hexadecimal digits by chance, which cost more than they save: 49.1 instead of
/// 49.8 B a packet with the level's own 6.
const MIN_MATCH: u32 = 7;

pub(super) fn mark(salt: u32) -> [u8; 4] {
    (salt.rotate_left(17) ^ 0x5553_4d52).to_le_bytes()
}

/// Room before the bodies, where the other columns are put when they are complete: of a run of usual records they
/// are a tenth.
const FRONT: usize = 64 * 1024;

/// Fills runs and compresses them; its buffers are used again.
pub(super) struct Writer {
    zstd: zstd::bulk::Compressor<'static>,
    salt: u32,
    columns: [Vec<u8>; 6],
    /// Room for the columns, then the bodies.
    raw: Vec<u8>,
    packed: Vec<u8>,
    /// Company, user and count of the group at hand.
    group: (String, String, u64),
    last: (i64, i64),
    records: u32,
    held: usize,
}

impl Writer {
    pub(super) fn new(salt: u32) -> std::io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(LEVEL)?;
        zstd.set_parameter(zstd::zstd_safe::CParameter::MinMatch(MIN_MATCH))?;
        let mut raw = Vec::with_capacity(FRONT + SIZE + SIZE / 8);
        raw.resize(FRONT, 0);
        Ok(Self {
            zstd,
            salt,
            columns: Default::default(),
            raw,
            packed: Vec::new(),
            group: Default::default(),
            last: (0, 0),
            records: 0,
            held: 0,
        })
    }

    /// Adds a record; records come in the order of the segment.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let (company, user, count) = &self.group;
        if *count == 0 || *user != *row.user || *company != *row.company {
            self.end_group();
            let (company, user, _) = &mut self.group;
            company.clear();
            company.push_str(row.company);
            user.clear();
            user.push_str(row.user);
            self.last = (0, 0);
        }
        self.group.2 += 1;
        let (time, seq) = (row.time.0, row.seq.cast_signed());
        let [_, kinds, times, seqs, heads, lengths] = &mut self.columns;
        kinds.push(row.kind);
        put_signed(times, time.wrapping_sub(self.last.0));
        put_signed(seqs, seq.wrapping_sub(self.last.1));
        put_bytes(heads, row.head);
        put_size(lengths, row.body.len());
        self.raw.extend_from_slice(row.body);
        self.last = (time, seq);
        self.records = self.records.saturating_add(1);
        self.held += row.head.len() + row.body.len() + 12;
    }

    fn end_group(&mut self) {
        let (company, user, count) = &mut self.group;
        if *count > 0 {
            let [groups, ..] = &mut self.columns;
            put_bytes(groups, company.as_bytes());
            put_bytes(groups, user.as_bytes());
            put_varint(groups, *count);
            *count = 0;
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.held >= SIZE
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Appends the run to `out` and begins the next.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.end_group();
        let front = self.columns.iter().fold(4 * self.columns.len(), |sum, column| sum + column.len());
        if front > FRONT {
            self.raw.splice(..0, std::iter::repeat_n(0, front - FRONT));
        }
        let start = FRONT.saturating_sub(front);
        let mut room = self.raw.get_mut(start..).unwrap_or_default();
        let lengths = self.columns.each_ref().map(|column| short(column.len()).to_le_bytes());
        for part in
            lengths.iter().map(|length| length.as_slice()).chain(self.columns.iter().map(Vec::as_slice))
        {
            std::io::Write::write_all(&mut room, part)?;
        }
        for column in &mut self.columns {
            column.clear();
        }
        let raw = self.raw.get(start..).unwrap_or_default();
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.zstd.compress_to_buffer(raw, &mut self.packed)?;
        let start = out.len();
        out.extend_from_slice(&mark(self.salt));
        out.extend_from_slice(&short(self.packed.len()).to_le_bytes());
        out.extend_from_slice(&short(raw.len()).to_le_bytes());
        out.extend_from_slice(&self.records.to_le_bytes());
        out.push(ZSTD);
        let crc = checksum(self.salt, &[out.get(start..).unwrap_or_default(), &self.packed]);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&self.packed);
        self.raw.truncate(FRONT);
        (self.records, self.held) = (0, 0);
        Ok(())
    }
}

fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Unpacks runs; its buffer is used again.
pub(super) struct Unpacker {
    zstd: zstd::bulk::Decompressor<'static>,
    raw: Vec<u8>,
}

impl Unpacker {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()?, raw: Vec::new() })
    }

    /// Unpacks the run at the front of `bytes`: its length there, and its records. `None`: damaged.
    pub(super) fn unpack(&mut self, salt: u32, bytes: &[u8]) -> Option<(usize, Rows<'_>)> {
        let mut raw = std::mem::take(&mut self.raw);
        let length = self.unpack_into(salt, bytes, &mut raw);
        self.raw = raw;
        Some((length?, Rows::new(&self.raw)?))
    }

    /// As [`Self::unpack`], into a buffer that outlives the next run: [`Rows::new`] reads it.
    pub(super) fn unpack_into(&mut self, salt: u32, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let mut reader = Reader(bytes);
        if reader.array::<4>()? != mark(salt) {
            return None;
        }
        let (stored, raw, _records) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let (codec, crc) = (reader.u8()?, reader.u32()?);
        let stored = reader.take(usize::try_from(stored).ok()?)?;
        let raw = usize::try_from(raw).ok().filter(|&raw| raw <= MAX_RAW)?;
        if codec != ZSTD || checksum(salt, &[bytes.get(..HEAD - 4)?, stored]) != crc {
            return None;
        }
        out.clear();
        out.reserve(raw);
        let got = self.zstd.decompress_to_buffer(stored, out).ok()?;
        (got == raw).then_some(HEAD + stored.len())
    }
}

/// The records of a run, in order. Ends early when the columns do not fit each other.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a> {
    groups: Reader<'a>,
    kinds: Reader<'a>,
    times: Reader<'a>,
    seqs: Reader<'a>,
    heads: Reader<'a>,
    lengths: Reader<'a>,
    bodies: Reader<'a>,
    names: (&'a str, &'a str),
    left: u64,
    last: (i64, i64),
}

/// Where a record is in the raw bytes of its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    kind: u8,
    seq: u64,
    time: Timestamp,
    company: (u32, u32),
    user: (u32, u32),
    head: (u32, u32),
    body: (u32, u32),
}

impl Spot {
    /// `row` was given by [`Rows`] of `raw`.
    pub(super) fn new(raw: &[u8], row: &Row<'_>) -> Self {
        let spot = |part: &[u8]| {
            let start = part.as_ptr().addr().wrapping_sub(raw.as_ptr().addr());
            (short(start), short(part.len()))
        };
        Self {
            kind: row.kind,
            seq: row.seq,
            time: row.time,
            company: spot(row.company.as_bytes()),
            user: spot(row.user.as_bytes()),
            head: spot(row.head),
            body: spot(row.body),
        }
    }

    /// The record again.
    pub(super) fn row<'a>(&self, raw: &'a [u8]) -> Option<Row<'a>> {
        let part = |(start, len): (u32, u32)| raw.get(start as usize..)?.get(..len as usize);
        Some(Row {
            kind: self.kind,
            seq: self.seq,
            time: self.time,
            company: std::str::from_utf8(part(self.company)?).ok()?,
            user: std::str::from_utf8(part(self.user)?).ok()?,
            head: part(self.head)?,
            body: part(self.body)?,
        })
    }
}

impl<'a> Rows<'a> {
    /// The records of a run's raw bytes; `None`: damaged.
    pub(super) fn new(raw: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(raw);
        let mut sizes = [0usize; 6];
        for size in &mut sizes {
            *size = usize::try_from(reader.u32()?).ok()?;
        }
        let mut columns = [Reader(&[]); 6];
        for (column, size) in columns.iter_mut().zip(sizes) {
            *column = Reader(reader.take(size)?);
        }
        let [groups, kinds, times, seqs, heads, lengths] = columns;
        let bodies = reader;
        let names = ("", "");
        Some(Self { groups, kinds, times, seqs, heads, lengths, bodies, names, left: 0, last: (0, 0) })
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Row<'a>> {
        while self.left == 0 {
            self.names = (self.groups.str()?, self.groups.str()?);
            self.left = self.groups.varint()?;
            self.last = (0, 0);
        }
        self.left -= 1;
        let kind = self.kinds.u8()?;
        let time = self.last.0.wrapping_add(self.times.signed()?);
        let seq = self.last.1.wrapping_add(self.seqs.signed()?);
        self.last = (time, seq);
        let head = self.heads.bytes()?;
        let body = self.lengths.size().and_then(|n| self.bodies.take(n))?;
        let (company, user) = self.names;
        Some(Row { kind, seq: seq.cast_unsigned(), time: Timestamp(time), company, user, head, body })
    }
}
