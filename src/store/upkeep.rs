//! What the seal thread does, and the writing of the journal: flush, sync, seal, stop and resume. Faults of the
//! disk end here: as an alarm and a stop, never as an error to the caller. A file whose sync failed is set aside
//! and never synced again; its records are still in memory and go into a new one.

use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::chore::Chores;
use super::folder::Name;
use super::front::Stop;
use super::journal::{self, Journal};
use super::output::Failed;
use super::seal;
use super::tier::{Piece, Tier};
use crate::error::{Error, Result};

/// How long written records may wait for a sync: with the caller's second, under the promised five.
const SYNC: Duration = Duration::from_secs(2);
/// How long to wait before a disk that refused is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Free bytes beyond the floor at which storing resumes, so that it does not flutter.
const HYSTERESIS: u64 = 16 << 20;

/// What the one whose turn it is has to remember. Times are the steady clock's.
#[derive(Debug)]
pub(super) struct Turn {
    /// Number of the next file.
    next: u64,
    /// When the journal was begun.
    began: Duration,
    synced: Duration,
    /// Bytes of which journal are durable.
    durable: (u64, u64),
    retry: Duration,
    pub(super) swept: Option<Duration>,
    pub(super) chores: Chores,
}

impl Turn {
    pub(super) fn new(next: u64, now: Duration) -> Self {
        let (durable, retry) = ((0, 0), Duration::ZERO);
        Self { next, began: now, synced: now, durable, retry, swept: None, chores: Chores::default() }
    }

    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }
}

fn write(journal: &Journal, pieces: &[(u64, Piece)]) -> Result<(), (u64, Error)> {
    for (offset, piece) in pieces {
        journal.write(*offset, piece.bytes()).map_err(|e| (*offset, e))?;
    }
    Ok(())
}

impl Store {
    /// Hands what was appended to the kernel. The journal thread, every 200 ms; blocks for the write.
    ///
    /// # Errors
    /// None; a disk that refuses raises an alarm.
    pub fn flush(&self) -> Result<()> {
        let (journal, pieces) = {
            let mut front = self.front.write();
            if front.stopped == Some(Stop::Disk) || !front.tier.has_unflushed() {
                return Ok(());
            }
            (Arc::clone(&front.journal), front.tier.unflushed())
        };
        if let Err((offset, error)) = write(&journal, &pieces) {
            {
                let mut front = self.front.write();
                if front.journal.number == journal.number {
                    front.tier.rewind(offset);
                }
            }
            self.stop(
                Stop::Disk,
                &format!("{error}: packets are not stored until the disk takes them again"),
            );
        }
        Ok(())
    }

    /// Syncs, seals when due, applies retention, and resumes after a fault. The seal thread, every second;
    /// blocks for the disk. `retention` is asked once for each company; it must not call the store.
    ///
    /// # Errors
    /// None; a disk that refuses raises an alarm.
    pub fn maintain(&self, retention: &dyn Fn(&str) -> Duration) -> Result<()> {
        let mut turn = self.turn.lock();
        let turn = &mut *turn;
        if self.front.read().stopped == Some(Stop::Closed) {
            return Ok(());
        }
        let now = self.clock.steady();
        let was_set = self.tick(retention);
        self.watch_floor();
        if !self.front.read().journal.is_linked() {
            self.stop(Stop::Disk, "the packet folder or its journal was removed: it is made again");
            turn.retry = now;
        }
        if self.front.read().stopped == Some(Stop::Disk) && turn.retry <= now {
            self.resume(turn, now);
        }
        self.flush()?;
        if now.saturating_sub(turn.synced) >= SYNC {
            self.sync(turn, now);
        }
        if self.is_due(turn, now, was_set) {
            self.rotate(turn, now);
        }
        self.seal_pending(turn, now);
        self.retain(turn, now);
        Ok(())
    }

    /// Seals what is not sealed, now. Blocks for the disk.
    ///
    /// # Errors
    /// None; a disk that refuses raises an alarm.
    pub fn seal(&self) -> Result<()> {
        let mut turn = self.turn.lock();
        let now = self.clock.steady();
        self.rules.write().age.tick(&self.clock);
        if !matches!(self.front.read().stopped, Some(Stop::Disk | Stop::Closed)) {
            self.rotate(&mut turn, now);
        }
        turn.retry = Duration::ZERO;
        self.seal_pending(&mut turn, now);
        Ok(())
    }

    /// Writes and seals everything and gives the folder free; later calls do nothing, appends are refused.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// None; what cannot be sealed stays in the journal for the next start.
    pub fn close(&self) -> Result<()> {
        let mut turn = self.turn.lock();
        if self.front.read().stopped == Some(Stop::Closed) {
            return Ok(());
        }
        let now = self.clock.steady();
        self.rules.write().age.tick(&self.clock);
        let before = {
            let mut front = self.front.write();
            if front.stopped.is_none() {
                front.settle();
            }
            front.stopped.replace(Stop::Closed)
        };
        if before != Some(Stop::Disk) {
            self.rotate(&mut turn, now);
        }
        turn.retry = Duration::ZERO;
        self.seal_pending(&mut turn, now);
        self.stop_chores(&mut turn);
        self.folder.release();
        Ok(())
    }

    fn stop(&self, stop: Stop, text: &str) {
        {
            let mut front = self.front.write();
            if front.stopped == Some(Stop::Closed) {
                return;
            }
            front.stopped = Some(stop);
        }
        self.alarm(text.to_owned());
    }

    fn go_on(&self) {
        self.front.write().stopped = None;
        self.trouble.lock().alarm = None;
        tracing::info!("packets are stored again");
    }

    fn watch_floor(&self) {
        let Ok(free) = self.folder.free() else { return };
        let floor = self.options.min_free_bytes;
        let stopped = self.front.read().stopped;
        if stopped.is_none() && free < floor {
            let text = format!(
                "{}: less than {} MiB of the disk are free: packets are not stored until there is more",
                self.folder.dir().display(),
                floor >> 20
            );
            self.stop(Stop::Floor, &text);
        } else if stopped == Some(Stop::Floor) && free >= floor.saturating_add(HYSTERESIS.min(floor / 8)) {
            self.go_on();
        }
    }

    fn sync(&self, turn: &mut Turn, now: Duration) {
        turn.synced = now;
        let (journal, bytes) = {
            let front = self.front.read();
            if front.stopped == Some(Stop::Disk) {
                return;
            }
            (Arc::clone(&front.journal), front.tier.bytes())
        };
        if turn.durable == (journal.number, bytes) {
            return;
        }
        match journal.sync() {
            Ok(()) => turn.durable = (journal.number, bytes),
            Err(error) => {
                self.stop(Stop::Disk, &format!("{error}: the file is set aside, a new one is begun"));
                self.notice(format!("{error}: the journal was set aside and begun anew; look at the disk"));
                self.resume(turn, now);
            }
        }
    }

    /// Tries to write all that is in memory into a new journal, and goes on with it.
    fn resume(&self, turn: &mut Turn, now: Duration) {
        turn.retry = now.saturating_add(RETRY);
        let mut attempt = || -> Result<Journal> {
            self.folder.restore()?;
            let stamp = self.rules.read().age.stamp();
            let salt = self.front.read().journal.salt;
            Journal::create(&self.folder, turn.number(), salt, &stamp)
        };
        let journal = match attempt() {
            Ok(journal) => Arc::new(journal),
            Err(error) => {
                self.alarm(format!("{error}: packets are not stored until the disk takes them again"));
                return;
            }
        };
        let (old, pieces) = {
            let mut front = self.front.write();
            front.tier.rewind(0);
            (Arc::clone(&front.journal), front.tier.unflushed())
        };
        let done = write(&journal, &pieces)
            .map_err(|(_, error)| error)
            .and_then(|()| journal.sync())
            .and_then(|()| self.folder.sync());
        if let Err(error) = done {
            self.front.write().tier.rewind(0);
            drop(self.folder.remove(Name::Journal(journal.number)));
            self.alarm(format!("{error}: packets are not stored until the disk takes them again"));
            return;
        }
        {
            let mut front = self.front.write();
            front.tier.number = journal.number;
            front.journal = journal;
        }
        drop(self.folder.rename(Name::Journal(old.number), Name::BadJournal(old.number)));
        self.go_on();
    }

    fn is_due(&self, turn: &Turn, now: Duration, was_set: bool) -> bool {
        let front = self.front.read();
        let bytes = front.tier.bytes();
        // a nearly full disk gains by sealing: a segment is a tenth of its journal
        let due = bytes >= self.options.seal_bytes
            || now.saturating_sub(turn.began) >= self.options.seal_interval
            || front.stopped == Some(Stop::Floor);
        (was_set || due && bytes > 0) && front.sealing.is_empty() && front.stopped != Some(Stop::Disk)
    }

    /// Begins a new journal and leaves the old one's records to be sealed.
    pub(super) fn rotate(&self, turn: &mut Turn, now: Duration) {
        let stamp = self.rules.read().age.stamp();
        let number = turn.number();
        let journal = match Journal::create(&self.folder, number, journal::new_salt(), &stamp) {
            Ok(journal) => Arc::new(journal),
            Err(error) => {
                turn.retry = now.saturating_add(RETRY);
                let text = format!("{error}: packets are not stored until the disk takes them again");
                return self.stop(Stop::Disk, &text);
            }
        };
        drop(self.folder.sync());
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
            drop(self.folder.remove(Name::Journal(old.number)));
        } else if let Err((_, error)) = write(&old, &pieces) {
            // the records are in memory; the segment that is written next is what counts
            tracing::warn!("{error}: its last records are safe only when they are sealed");
        }
    }

    /// Writes the segments that wait to be written, oldest first.
    pub(super) fn seal_pending(&self, turn: &mut Turn, now: Duration) {
        let pending = self.front.read().sealing.clone();
        if pending.is_empty() || turn.retry > now {
            return;
        }
        for tier in pending {
            let number = tier.number;
            match seal::write(&self.folder, &tier) {
                Ok(segment) => self.replace(&[], Some(segment)),
                Err(failed) => {
                    turn.retry = now.saturating_add(RETRY);
                    let (Failed::Write(error) | Failed::Sync(error)) = failed;
                    return self.alarm(format!("{error}: sealing is tried again; is the disk full?"));
                }
            }
            {
                let mut front = self.front.write();
                front.sealing.retain(|other| other.number != number);
                if front.sealing.is_empty() {
                    front.limit = self.options.seal_bytes.saturating_mul(2);
                }
            }
            drop(self.folder.remove(Name::Journal(number)));
            if let Some(tier) = Arc::into_inner(tier) {
                // to the tier that is being filled: kept for the next one, they would be a second budget
                let spare = tier.recycle();
                self.front.write().tier.give_spare(spare, self.options.seal_bytes);
            }
        }
        if self.front.read().stopped.is_none() {
            self.trouble.lock().alarm = None;
        }
    }
}
