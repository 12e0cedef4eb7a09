//! The two-day ring on disk. The drain thread appends, the journal thread flushes, the seal thread maintains, pages
//! read; it knows users only by their keys and packets only as bytes. It never tells the PBX of a fault: what cannot be
//! stored is counted, becomes a gap in the ring, and an alarm in [`Status`].
//!
//! Records go into a `tier` in memory and, by [`Store::flush`], into its `journal`; `seal` turns a tier into
//! a `segment` of `run`s; `retain` removes segments, by the ring's own clock (`age`).

mod absent;
mod age;
mod ahead;
pub mod board;
mod chore;
mod disk;
mod folder;
mod front;
mod gap;
mod journal;
mod merge;
mod output;
mod purge;
mod read;
pub mod record;
mod recover;
mod retain;
mod rewrite;
mod run;
mod seal;
mod segment;
mod share;
mod sieve;
mod summary;
mod tier;
mod trouble;
mod upkeep;
pub mod wall;
mod wire;

pub use self::purge::{Order, Purge};
pub use self::share::Holder;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use self::age::Age;
use self::folder::Folder;
use self::front::Front;
use self::record::{Content, PacketParts, Record};
use self::segment::Segment;
use self::trouble::Trouble;
use self::upkeep::Turn;
use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::event::UserKey;

/// Budgets of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes of all files together; beyond it the oldest segments go.
    pub max_bytes: u64,
    /// Free bytes of the disk below which nothing is stored.
    pub min_free_bytes: u64,
    /// Bytes of journal, and of memory, at which it is sealed; at most 1 GiB. Twice as much is held while a
    /// seal is under way, then packets are dropped and counted.
    pub seal_bytes: u64,
    /// Time after which a journal is sealed in any case.
    pub seal_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: 10 << 30,
            min_free_bytes: 1 << 30,
            seal_bytes: 16 << 20,
            seal_interval: Duration::from_mins(5),
        }
    }
}

/// Kinds of records that a query wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kinds of record::Payload")]
pub struct Kinds {
    pub packets: bool,
    pub changes: bool,
    pub gaps: bool,
    pub quality: bool,
}

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self { packets: true, changes: true, gaps: true, quality: true };
    /// Packets, and the gaps between them.
    pub const PACKETS: Self = Self { changes: false, quality: false, ..Self::ALL };
}

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Whose records. Gaps for everybody come with each user's.
    pub user: &'a UserKey,
    /// Not before this.
    pub from: Timestamp,
    /// Not after this.
    pub to: Timestamp,
    /// Only what comes after this record (time, seq) in the order of reading, that is: is older.
    pub before: Option<(Timestamp, u64)>,
    /// At most so many records.
    pub limit: usize,
    /// Of these kinds.
    pub kinds: Kinds,
}

impl<'a> Query<'a> {
    /// The newest `limit` records of a user, of every kind.
    pub fn newest(user: &'a UserKey, limit: usize) -> Self {
        Self { user, from: Timestamp::MIN, to: Timestamp::MAX, before: None, limit, kinds: Kinds::ALL }
    }

    fn wants(&self, time: Timestamp, seq: u64) -> bool {
        self.from <= time && time <= self.to && self.before.is_none_or(|before| (time, seq) < before)
    }
}

/// How the ring is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Records that are there.
    pub records: u64,
    /// Packets among them.
    pub packets: u64,
    /// Bytes of all files.
    pub bytes_on_disk: u64,
    /// Sealed files.
    pub segments: usize,
    /// Time of the oldest record.
    pub oldest: Option<Timestamp>,
    /// Time of the newest record.
    pub newest: Option<Timestamp>,
    /// Files and stretches found damaged since the ring was opened.
    pub damaged: u64,
    /// What is wrong, and what to do; `None`: nothing.
    pub alarm: Option<String>,
    /// Packets stored since the ring was opened.
    pub stored_packets: u64,
    /// Packets that could not be stored since the ring was opened.
    pub lost_packets: u64,
}

/// Sealed files, the one with the newest record first.
type Segments = Arc<Vec<Arc<Segment>>>;

/// How old is too old.
#[derive(Debug)]
struct Rules {
    age: Age,
    retention: HashMap<Arc<str>, Duration>,
    /// Bytes on the disk, of companies that have a limit.
    limits: HashMap<Arc<str>, u64>,
}

/// The ring in one folder. Locks: each for one table, never two at once, no I/O under any but `turn`.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    options: Options,
    clock: Clock,
    /// What is not sealed. Append, flush and reads hold it for memory copies only.
    front: RwLock<Front>,
    /// What is sealed.
    segments: RwLock<Segments>,
    rules: RwLock<Rules>,
    trouble: Trouble,
    /// What is to be purged, and what was; changed by the one whose turn it is.
    orders: Mutex<Vec<Order>>,
    /// Whose turn it is to maintain, seal or close: held over I/O, never taken by append, flush or reads.
    turn: Mutex<Turn>,
    queries: AtomicU64,
    bad_bytes: AtomicU64,
}

impl Store {
    /// Opens the ring in `dir`, which is made if it is not there, and recovers what an earlier run left.
    /// Blocks; reads the journals whole and two blocks of each segment.
    ///
    /// # Errors
    /// [`crate::error::Error::Busy`] when another process has it; [`crate::error::Error::Stored`] when the folder is not private;
    /// [`crate::error::Error::Io`] when the system refuses the folder. Damaged files are no error.
    pub fn open(dir: &Path, options: Options, clock: Clock) -> Result<Self> {
        recover::open(dir, options, clock)
    }

    /// Stores records: sets the `seq` of each. Any thread; memory only, a lock for the length of the copying.
    /// What cannot be kept is counted and becomes a gap.
    ///
    /// # Errors
    /// [`crate::error::Error::Stopped`] after [`Store::close`]; nothing else.
    pub fn append(&self, records: &mut [Record]) -> Result<()> {
        let mut front = self.front.write();
        front.check()?;
        for record in records {
            record.seq = front.push(record.time, &record.user, Content::from(&record.payload)).0;
        }
        Ok(())
    }

    /// Stores one packet out of borrowed bytes and gives its seq; otherwise as [`Store::append`].
    ///
    /// # Errors
    /// [`crate::error::Error::Stopped`] after [`Store::close`]; nothing else.
    pub fn append_packet(&self, time: Timestamp, user: &UserKey, packet: PacketParts<'_>) -> Result<u64> {
        let mut front = self.front.write();
        front.check()?;
        Ok(front.push(time, user, Content::Packet(packet)).0)
    }

    /// Sets how many bytes on the disk some companies may have; the others have as many as there is room for. Any
    /// thread; in force with the next [`Store::maintain`].
    pub fn limit(&self, limits: HashMap<Arc<str>, u64>) {
        self.rules.write().limits = limits;
    }

    /// Whether a seal is due by size, so that the seal thread need not wait. Any thread, one short lock.
    pub fn is_seal_due(&self) -> bool {
        let front = self.front.read();
        front.stopped.is_none() && front.tier.bytes() >= self.options.seal_bytes
    }

    /// How full the memory is that holds what comes while a seal is under way, per mille: beyond 1,000 packets are
    /// dropped and counted. Any thread, one short lock.
    pub fn pressure(&self) -> u32 {
        self.front.read().pressure(self.options.seal_bytes)
    }

    /// How the ring is. Any thread; cost in proportion to the number of segments.
    pub fn status(&self) -> Status {
        let mut status = self.front.read().status();
        let segments = self.segments();
        status.segments = segments.len();
        for segment in segments.iter() {
            let facts = &segment.facts;
            let lost = segment.lost.load(Ordering::Relaxed);
            status.records += facts.records.saturating_sub(lost);
            status.packets += facts.packets.saturating_sub(lost);
            status.bytes_on_disk += segment.size;
            status.damaged += u64::from(segment.damaged.load(Ordering::Relaxed));
            let (first, last) = (Timestamp(facts.times.0), Timestamp(facts.times.1));
            status.oldest = Some(status.oldest.map_or(first, |t| t.min(first)));
            status.newest = Some(status.newest.map_or(last, |t| t.max(last)));
        }
        status.bytes_on_disk += self.bad_bytes.load(Ordering::Relaxed);
        let (alarm, damaged) = self.trouble.shown();
        status.alarm = alarm;
        status.damaged += damaged;
        status
    }

    fn segments(&self) -> Segments {
        Arc::clone(&self.segments.read())
    }

    /// Puts a segment in the place of others, for every reading that begins from now on.
    fn replace(&self, old: &[Arc<Segment>], new: Option<Segment>) {
        let mut listed = self.segments.write();
        let segments = Arc::make_mut(&mut listed);
        segments.retain(|segment| !old.iter().any(|other| Arc::ptr_eq(other, segment)));
        if let Some(segment) = new {
            let at = segments.partition_point(|other| other.facts.times.1 > segment.facts.times.1);
            segments.insert(at, Arc::new(segment));
        }
    }
}
