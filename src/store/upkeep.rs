//! What the seal thread does: maintain, rotate, seal. What is logged on the way waits until the turn is over: the log
//! is the host's, and nothing of the host's is called under a lock.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::chore::Chores;
use super::disk::write;
use super::folder::Name;
use super::front::Stop;
use super::journal::{self, Journal};
use super::output::Failed;
use super::record::{Gap, GapCause};
use super::seal;
use super::tier::Tier;
use super::trouble::{Fault, advice};
use crate::clock::Timestamp;
use crate::error::Result;

/// How long to wait before a disk that refused is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(5);
/// How often sealing a tier may panic before it is set aside.
const TRIES: u32 = 2;

/// What the one whose turn it is has to remember. Times are the steady clock's.
#[derive(Debug)]
pub(super) struct Turn {
    /// Number of the next file.
    next: u64,
    /// When the journal was begun.
    began: Duration,
    pub(super) synced: Duration,
    /// Which journal is durable, up to how many bytes written.
    pub(super) durable: (u64, u64),
    /// When to try to store again after a stop.
    pub(super) retry: Duration,
    /// When to try to rotate and seal again.
    again: Duration,
    pub(super) swept: Option<Duration>,
    /// Files that could not be removed, and when that was tried.
    pub(super) leftover: Vec<Name>,
    removed: Duration,
    /// The tier at which sealing panicked, and how often.
    panicked: (u64, u32),
    pub(super) chores: Chores,
}

impl Turn {
    pub(super) fn new(next: u64, now: Duration) -> Self {
        Self {
            next,
            began: now,
            synced: now,
            durable: (0, 0),
            retry: Duration::ZERO,
            again: Duration::ZERO,
            swept: None,
            leftover: Vec::new(),
            removed: now,
            panicked: (0, 0),
            chores: Chores::default(),
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

impl Store {
    /// Syncs, seals when due, applies retention, and resumes after a fault. The seal thread, every second;
    /// blocks for the disk. `retention` is asked once for each company; it must not call the store.
    ///
    /// # Errors
    /// None; a disk that refuses raises an alarm.
    pub fn maintain(&self, retention: &dyn Fn(&str) -> Duration) -> Result<()> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            let mut turn = self.turn.lock();
            if self.front.read().stopped != Some(Stop::Closed) {
                self.upkeep(&mut turn, retention);
            }
        }));
        match &done {
            Ok(()) => self.trouble.clear(Fault::Panic),
            Err(panic) => {
                let text = format!(
                    "a fault of usermon's own in looking after the packet folder ({}): packets may not be sealed or \
                     removed: report it, and restart the PBX when it can be",
                    said(&**panic)
                );
                self.trouble.raise(Fault::Panic, text);
            }
        }
        self.trouble.tell();
        done.map_err(|panic| resume_unwind(panic))
    }

    fn upkeep(&self, turn: &mut Turn, retention: &dyn Fn(&str) -> Duration) {
        let now = self.clock.steady();
        let was_set = self.tick(retention);
        self.watch_floor();
        self.watch_folder(turn, now);
        if self.front.read().stopped == Some(Stop::Disk) && turn.retry <= now {
            self.resume(turn, now);
        }
        if let Err(error) = self.hand_over() {
            self.stop_for(&error);
        }
        self.sync_in_time(turn);
        if self.is_due(turn, now, was_set) {
            self.rotate(turn, now);
        }
        self.seal_pending(turn, now);
        self.retain(turn, now);
        if now.saturating_sub(turn.removed) >= RETRY {
            turn.removed = now;
            self.remove_leftovers(turn);
        }
    }

    /// Seals what is not sealed, now. Blocks for the disk.
    ///
    /// # Errors
    /// None; a disk that refuses raises an alarm.
    pub fn seal(&self) -> Result<()> {
        {
            let mut turn = self.turn.lock();
            let now = self.clock.steady();
            self.rules.write().age.tick(&self.clock);
            if !matches!(self.front.read().stopped, Some(Stop::Disk | Stop::Closed)) {
                self.rotate(&mut turn, now);
            }
            self.seal_now(&mut turn, now);
        }
        self.trouble.tell();
        Ok(())
    }

    /// Writes and seals everything and gives the folder free; later calls do nothing, appends are refused.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// None; what cannot be sealed stays in the journal for the next start.
    pub fn close(&self) -> Result<()> {
        {
            let mut turn = self.turn.lock();
            if self.front.read().stopped == Some(Stop::Closed) {
                return Ok(());
            }
            let now = self.clock.steady();
            self.rules.write().age.tick(&self.clock);
            if self.front.read().stopped == Some(Stop::Disk) {
                self.resume(&mut turn, now);
            }
            let before = {
                let mut front = self.front.write();
                front.settle();
                front.stopped.replace(Stop::Closed)
            };
            if before != Some(Stop::Disk) {
                drop(self.hand_over());
                self.rotate(&mut turn, now);
            }
            self.seal_now(&mut turn, now);
            self.stop_chores(&mut turn);
            self.folder.release();
        }
        self.trouble.tell();
        Ok(())
    }

    fn seal_now(&self, turn: &mut Turn, now: Duration) {
        turn.again = Duration::ZERO;
        self.seal_pending(turn, now);
    }

    fn is_due(&self, turn: &Turn, now: Duration, was_set: bool) -> bool {
        let front = self.front.read();
        let bytes = front.tier.bytes();
        // a nearly full disk gains by sealing: a segment is a tenth of its journal
        let due = bytes >= self.options.seal_bytes
            || now.saturating_sub(turn.began) >= self.options.seal_interval
            || front.stopped == Some(Stop::Floor);
        let can = front.sealing.is_empty() && front.stopped != Some(Stop::Disk) && turn.again <= now;
        can && (was_set || due && bytes > 0)
    }

    fn unsealed(&self, turn: &mut Turn, now: Duration, what: &str) {
        turn.again = now.saturating_add(RETRY);
        let most = self.options.seal_bytes.saturating_mul(2) >> 10;
        let text = format!("{what}; until then packets stay in journal and memory, where {most} KiB fit");
        self.trouble.raise(Fault::Unsealed, text);
    }

    /// Begins a new journal and leaves the old one's records to be sealed.
    /// Whether it could.
    pub(super) fn rotate(&self, turn: &mut Turn, now: Duration) -> bool {
        let stamp = self.rules.read().age.stamp();
        let number = turn.number();
        let begun = Journal::create(&self.folder, number, journal::new_salt(), &stamp)
            .and_then(|journal| self.folder.sync().map(|()| Arc::new(journal)));
        let journal = match begun {
            Ok(journal) => journal,
            Err(error) => {
                drop(self.folder.remove(Name::Journal(number)));
                let what = format!("{error}: a new journal cannot be begun: {}", advice(&error));
                self.unsealed(turn, now, &what);
                return false;
            }
        };
        let fresh = Tier::new(number, stamp.stretch());
        let (old, pieces) = {
            let mut front = self.front.write();
            let old = std::mem::replace(&mut front.journal, journal);
            let pieces = front.tier.unflushed();
            let mut tier = std::mem::replace(&mut front.tier, fresh);
            tier.stretch.to = stamp.ring;
            let spare = tier.take_spare();
            front.tier.give_spare(spare, self.options.seal_bytes);
            if !tier.entries().is_empty() {
                front.sealing.push(Arc::new(tier));
            }
            (old, pieces)
        };
        turn.began = now;
        if pieces.is_empty() && !self.front.read().sealing.iter().any(|tier| tier.number == old.number) {
            self.remove_file(turn, Name::Journal(old.number));
            return true;
        }
        // until the segment is there, a kill or a power cut must find the last records here; if the disk refuses, they
        // are still in memory, and what becomes of the segment is what is said
        drop(write(&old, &pieces).map_err(|(_, error)| error).and_then(|()| old.sync()));
        true
    }

    /// Writes the segments that wait to be written, oldest first.
    pub(super) fn seal_pending(&self, turn: &mut Turn, now: Duration) {
        if turn.again > now {
            return;
        }
        let pending = self.front.read().sealing.clone();
        for tier in pending {
            let number = tier.number;
            let done = catch_unwind(AssertUnwindSafe(|| {
                fault(&tier);
                seal::write(&self.folder, &tier, &mut || self.sync_in_time(turn))
            }));
            match done {
                Ok(Ok(segment)) => self.replace(&[], Some(segment)),
                Ok(Err(Failed::Write(error) | Failed::Sync(error))) => {
                    let what = format!("{error}: sealing is tried again: {}", advice(&error));
                    return self.unsealed(turn, now, &what);
                }
                Err(panic) => {
                    self.panicked(turn, now, &tier, said(&*panic));
                    if turn.again > now {
                        return;
                    }
                    continue;
                }
            }
            self.sealed(number);
            self.remove_file(turn, Name::Journal(number));
            if let Some(tier) = Arc::into_inner(tier) {
                // to the tier that is being filled: kept for the next one, they would be a second budget
                let spare = tier.recycle();
                self.front.write().tier.give_spare(spare, self.options.seal_bytes);
            }
        }
        self.trouble.clear(Fault::Unsealed);
    }

    /// Forgets a tier that waited to be sealed.
    fn sealed(&self, number: u64) {
        let mut front = self.front.write();
        front.sealing.retain(|other| other.number != number);
        if front.sealing.is_empty() {
            front.limit = self.options.seal_bytes.saturating_mul(2);
        }
    }

    /// Sets a tier aside that cannot be sealed without a panic, so that those behind it can.
    fn panicked(&self, turn: &mut Turn, now: Duration, tier: &Arc<Tier>, said: &str) {
        let number = tier.number;
        let path = self.folder.path(Name::Journal(number)).display().to_string();
        let before = if turn.panicked.0 == number { turn.panicked.1 } else { 0 };
        turn.panicked = (number, before.saturating_add(1));
        if turn.panicked.1 < TRIES {
            let what = format!("{path}: a fault of usermon's own in sealing it ({said}): tried once more");
            return self.unsealed(turn, now, &what);
        }
        self.sealed(number);
        let (from, to) = tier.times.map_or_else(Default::default, |(a, b)| (Timestamp(a), Timestamp(b)));
        let gap = Gap { from, to, packets: tier.packets, cause: GapCause::Fault };
        self.front.write().gap(&gap);
        let aside = self.folder.rename(Name::Journal(number), Name::BadJournal(number));
        let kept =
            aside.map_or_else(|e| e.to_string(), |()| "it is set aside under the ending .bad".to_owned());
        let text = format!(
            "{path}: a fault of usermon's own in sealing it ({said}): its {} packets are shown as a gap; {kept}: report it",
            tier.packets
        );
        self.trouble.notice(text, now);
    }
}

/// Panics in a debug build at a company of this name, so that a test can see what follows. A release build has nothing
/// of it.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "this is what it is for")]
fn fault(tier: &Tier) {
    if tier.companies.iter().any(|company| &**company == "usermon-panic:seal") {
        panic!("asked for by a company's name");
    }
}

/// As above: nothing in a release build.
#[cfg(not(debug_assertions))]
fn fault(_: &Tier) {}
