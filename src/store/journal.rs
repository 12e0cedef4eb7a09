//! The journal: records of the last minutes, framed one after the other, so that a kill loses nothing older than
//! the last flush. The seal and drain threads write it by offset; a segment of the same number replaces it.
//!
//! File: the header twice (the second for when the first is damaged), then frames. Header: `magic [8]`,
//! `version u16`, `length u16`, `salt u32`, `number u64`, a [`Stamp`], `crc u32`. Frame: `mark u32` (made of the
//! salt), `length u32`, `crc u32` of length and content, content: records, each after its length `u32`; in version 1
//! one record without it. What cannot be read at the end was being written and is cut silently; what cannot be read
//! before a good record is damage, and is reported.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::age::Stamp;
use super::folder::{self, Folder, Name};
use super::record::{MAX_BYTES, Row};
use super::tier::Tier;
use super::wire::{Reader, checksum, salt};
use crate::clock::Timestamp;
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"USRMONJ\n";
const VERSION: u16 = 2;
const HEADER: usize = 8 + 2 + 2 + 4 + 8 + Stamp::LEN + 4;
/// Where the frames begin.
pub(super) const START: u64 = 2 * HEADER as u64;
/// A record's bytes are never more: a packet's, and names.
pub(super) const MAX_ROW: usize = MAX_BYTES + 256 * 1024;

/// Frames around records.
pub(super) mod frame {
    use super::{MAX_ROW, Reader, checksum};

    /// Bytes before the content.
    const LEN: usize = 12;
    /// Bytes before a record.
    pub(crate) const PREFIX: usize = 4;
    /// Bytes at which a frame is closed: some four records. One checksum of them costs half of four, and damage takes
    /// no more.
    pub(crate) const FULL: usize = 2 * 1024;

    pub(super) fn mark(salt: u32) -> [u8; 4] {
        (salt.rotate_left(11) ^ 0x5553_4a4d).to_le_bytes()
    }

    /// Leaves room; gives where the frame begins.
    pub(crate) fn begin(out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; LEN]);
        start
    }

    /// Fills the room that [`begin`] left, now that the content stands behind it.
    pub(crate) fn end(salt: u32, start: usize, out: &mut [u8]) {
        let Some((head, content)) = out.get_mut(start..).and_then(|f| f.split_first_chunk_mut::<LEN>())
        else {
            return;
        };
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes();
        let crc = checksum(salt, &[&length, content]).to_le_bytes();
        let filled = mark(salt).into_iter().chain(length).chain(crc);
        for (byte, value) in head.iter_mut().zip(filled) {
            *byte = value;
        }
    }

    /// Leaves room for a record's length; gives where the record begins.
    pub(crate) fn begin_record(out: &mut Vec<u8>) -> usize {
        out.extend_from_slice(&[0; PREFIX]);
        out.len()
    }

    /// Fills the room that [`begin_record`] left.
    pub(crate) fn end_record(start: usize, out: &mut [u8]) {
        let length = u32::try_from(out.len().saturating_sub(start)).unwrap_or(u32::MAX);
        let room = out.get_mut(start.saturating_sub(PREFIX)..start);
        if let Some(room) = room.and_then(|room| room.first_chunk_mut::<PREFIX>()) {
            *room = length.to_le_bytes();
        }
    }

    /// The content of the frame at the front of `bytes`.
    pub(super) fn open(salt: u32, bytes: &[u8]) -> Option<&[u8]> {
        let mut reader = Reader(bytes);
        if reader.array::<4>()? != mark(salt) {
            return None;
        }
        let (length, crc) = (reader.u32()?, reader.u32()?);
        let content = reader.take(usize::try_from(length).ok().filter(|&n| n <= FULL + PREFIX + MAX_ROW)?)?;
        (checksum(salt, &[&length.to_le_bytes(), content]) == crc).then_some(content)
    }

    /// The records of a frame's content, and where in the frame each begins.
    pub(super) fn records(version: u16, content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
        let mut reader = Reader(content);
        std::iter::from_fn(move || {
            if reader.0.is_empty() {
                return None;
            }
            let length = if version == 1 { content.len() } else { usize::try_from(reader.u32()?).ok()? };
            let start = LEN + content.len() - reader.0.len();
            Some((start, reader.take(length)?))
        })
    }

    /// The length of a frame with this content.
    pub(super) fn length(content: &[u8]) -> usize {
        LEN + content.len()
    }
}

/// A journal that is written.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) number: u64,
    pub(super) salt: u32,
    pub(super) path: PathBuf,
    /// `None`: the disk refused it.
    file: Option<File>,
    written: AtomicU64,
    /// A sync failed.
    failed: AtomicBool,
}

impl Journal {
    /// Begins a file. Its name in the folder is durable after the next [`Folder::sync`].
    pub(super) fn create(folder: &Folder, number: u64, salt: u32, stamp: &Stamp) -> Result<Self> {
        let name = Name::Journal(number);
        let path = folder.path(name);
        let file = folder.create(name)?;
        let mut header = Vec::with_capacity(2 * HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&u16::try_from(HEADER).unwrap_or(0).to_le_bytes());
        header.extend_from_slice(&salt.to_le_bytes());
        header.extend_from_slice(&number.to_le_bytes());
        stamp.put(&mut header);
        let crc = checksum(0, &[&header]);
        header.extend_from_slice(&crc.to_le_bytes());
        header.extend_from_within(..);
        if let Err(e) = file.write_all_at(&header, 0) {
            drop(std::fs::remove_file(&path));
            return Err(Error::io("begin a journal", &path, e));
        }
        let file = Some(file);
        Ok(Self { number, salt, path, file, written: AtomicU64::new(0), failed: AtomicBool::new(false) })
    }

    /// One that could not be begun: nothing can be written into it.
    pub(super) fn absent(folder: &Folder, number: u64, salt: u32) -> Self {
        let path = folder.path(Name::Journal(number));
        let (written, failed) = (AtomicU64::new(0), AtomicBool::new(true));
        Self { number, salt, path, file: None, written, failed }
    }

    fn file(&self) -> std::io::Result<&File> {
        self.file.as_ref().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    /// Writes at `offset` after the header. Blocks; never under a lock.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file()
            .and_then(|file| file.write_all_at(bytes, START.saturating_add(offset)))
            .map_err(|e| Error::io("write the journal", &self.path, e))?;
        self.written.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    /// Bytes written so far, repeated ones too: unchanged since before a sync, that sync covers them all.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Makes what was written durable. After an error the file is never synced again.
    pub(super) fn sync(&self) -> Result<()> {
        let fail = |e| Error::io("sync the journal", &self.path, e);
        if self.failed.load(Ordering::Acquire) {
            return Err(fail(std::io::Error::other("an earlier sync failed")));
        }
        self.file().and_then(File::sync_data).map_err(|e| {
            self.failed.store(true, Ordering::Release);
            fail(e)
        })
    }

    /// Whether the file is still there under its name.
    pub(super) fn is_linked(&self) -> bool {
        self.file.as_ref().is_some_and(|file| folder::is_at(file, &self.path))
    }

    /// Whether what is written into it can be trusted to stay.
    pub(super) fn is_sound(&self) -> bool {
        self.is_linked() && !self.failed.load(Ordering::Acquire)
    }
}

/// A salt for all journals of one run.
pub(super) fn new_salt() -> u32 {
    salt()
}

/// What a journal file of an earlier run held.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) tier: Tier,
    pub(super) stamp: Stamp,
    /// Stretches that could not be read: between these two times.
    pub(super) damaged: Vec<(Timestamp, Timestamp)>,
}

/// Why a file is not used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Nothing was written into it yet.
    Empty,
    /// Of a later version; it is left as it is.
    Later(u16),
    /// Not to be read at all.
    Damaged,
    /// The system did not let us.
    Io(Error),
}

/// Reads a journal file as a whole: memory and time in proportion to its size.
pub(super) fn read(folder: &Folder, number: u64) -> Result<Found, Unusable> {
    let bytes = folder.read(Name::Journal(number)).map_err(Unusable::Io)?;
    let first = header(&bytes);
    let second = || header(bytes.get(HEADER..).unwrap_or_default());
    let (version, salt, stamp) = match first {
        Ok(found) => found,
        Err(version) => match (second(), version) {
            (Ok(found), _) => found,
            (Err(Some(version)), _) | (Err(None), Some(version)) => return Err(Unusable::Later(version)),
            (Err(None), None) if bytes.len() < 2 * HEADER => return Err(Unusable::Empty),
            (Err(None), None) => return Err(Unusable::Damaged),
        },
    };
    let mut tier = Tier::new(number, stamp.stretch());
    let bytes = tier.adopt(bytes);
    let damaged = walk(&bytes, (version, salt), &mut tier);
    Ok(Found { tier, stamp, damaged })
}

/// Version, salt and stamp; or the later version that it is of; or nothing.
fn header(bytes: &[u8]) -> Result<(u16, u32, Stamp), Option<u16>> {
    let parse = || {
        let mut reader = Reader(bytes);
        let magic = reader.array::<8>()?;
        let version = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let salt = reader.u32()?;
        let _number = reader.u64()?;
        let stamp = Stamp::take(&mut reader)?;
        let (covered, crc) = bytes.get(..length)?.split_last_chunk::<4>()?;
        let good = magic == *MAGIC && checksum(0, &[covered]) == u32::from_le_bytes(*crc);
        good.then_some((version, salt, stamp))
    };
    match parse() {
        Some(found @ (1..=VERSION, ..)) => Ok(found),
        Some((version, ..)) => Err(Some(version)),
        None => Err(None),
    }
}

fn walk(bytes: &Arc<Vec<u8>>, (version, salt): (u16, u32), tier: &mut Tier) -> Vec<(Timestamp, Timestamp)> {
    let mark = frame::mark(salt);
    let mut damaged = Vec::new();
    let mut at = 2 * HEADER;
    let mut before: Option<Timestamp> = None;
    let mut lost = false;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(content) = frame::open(salt, rest) else {
            lost = true;
            let next = rest.windows(4).skip(1).position(|window| window == mark);
            let Some(next) = next else { break };
            at += next + 1;
            continue;
        };
        for (start, record) in frame::records(version, content) {
            let Some(row) = Row::split(record) else {
                lost = true;
                continue;
            };
            if lost {
                damaged.push((before.unwrap_or(row.time).min(row.time), row.time));
                lost = false;
            }
            tier.adopt_row(&row, at + start, record.len());
            before = Some(row.time);
        }
        at += frame::length(content);
    }
    damaged
}
