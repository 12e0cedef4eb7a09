//! From memory into the journal, and what happens when the disk refuses: flush, sync, stop and resume. Faults of the
//! disk end here: as an alarm and a stop, never as an error to the caller. What could not be written is written again
//! at the same place; a file whose sync failed is set aside and never synced again: its records are still in memory
//! and go into a new one.

use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::folder::Name;
use super::front::Stop;
use super::journal::Journal;
use super::tier::Piece;
use super::trouble::{Fault, advice};
use super::upkeep::{RETRY, Turn};
use crate::error::{Error, Result};

/// How long written records may wait for a sync: with the caller's second, under the promised five.
const SYNC: Duration = Duration::from_secs(2);
/// Free bytes beyond the floor at which storing resumes, so that it does not flutter.
const HYSTERESIS: u64 = 16 << 20;

pub(super) fn write(journal: &Journal, pieces: &[(u64, Piece)]) -> Result<(), (u64, Error)> {
    for (offset, piece) in pieces {
        journal.write(*offset, piece.bytes()).map_err(|e| (*offset, e))?;
    }
    Ok(())
}

fn not_stored(error: &Error) -> String {
    format!("{error}: packets are not stored until the disk takes them again: {}", advice(error))
}

impl Store {
    /// Hands what was appended to the kernel. The journal thread, every 200 ms; blocks for the write.
    ///
    /// # Errors
    /// None; what a disk refuses is tried again by the next maintenance, which raises an alarm.
    pub fn flush(&self) -> Result<()> {
        drop(self.hand_over());
        Ok(())
    }

    pub(super) fn hand_over(&self) -> Result<()> {
        let (journal, pieces) = {
            let mut front = self.front.write();
            if front.is_held || front.stopped == Some(Stop::Disk) || !front.tier.has_unflushed() {
                return Ok(());
            }
            (Arc::clone(&front.journal), front.tier.unflushed())
        };
        let Err((offset, error)) = write(&journal, &pieces) else { return Ok(()) };
        let mut front = self.front.write();
        if front.journal.number != journal.number {
            // its records are in memory to be sealed, or in the journal that took its place
            return Ok(());
        }
        front.tier.rewind(offset);
        Err(error)
    }

    pub(super) fn stop_for(&self, error: &Error) {
        self.front.write().stop(Stop::Disk);
        self.trouble.raise(Fault::Stopped, not_stored(error));
    }

    pub(super) fn watch_floor(&self) {
        let Ok(free) = self.folder.free() else { return };
        let floor = self.options.min_free_bytes;
        let stopped = self.front.read().stopped;
        if stopped.is_none() && free < floor {
            self.front.write().stop(Stop::Floor);
            self.below_the_floor();
        } else if stopped == Some(Stop::Floor) && free >= floor.saturating_add(HYSTERESIS.min(floor / 8)) {
            self.go_on();
        }
    }

    fn below_the_floor(&self) {
        let text = format!(
            "{}: less than {} MiB of the disk are free: packets are not stored until there is more: free some of the \
             disk, or lower max_mib",
            self.folder.dir().display(),
            self.options.min_free_bytes >> 20
        );
        self.trouble.raise(Fault::Stopped, text);
    }

    fn go_on(&self) {
        {
            let mut front = self.front.write();
            front.stopped = None;
            front.settle();
        }
        self.trouble.clear(Fault::Stopped);
    }

    /// Makes durable what the kernel was handed, if it is time.
    pub(super) fn sync_in_time(&self, turn: &mut Turn) {
        let now = self.clock.steady();
        if now.saturating_sub(turn.synced) >= SYNC {
            self.sync(turn, now);
        }
    }

    fn sync(&self, turn: &mut Turn, now: Duration) {
        turn.synced = now;
        let journal = {
            let front = self.front.read();
            if front.stopped == Some(Stop::Disk) {
                return;
            }
            Arc::clone(&front.journal)
        };
        // read before the sync: what is written meanwhile may miss it
        let written = journal.written();
        if turn.durable == (journal.number, written) {
            return;
        }
        match journal.sync() {
            Ok(()) => turn.durable = (journal.number, written),
            Err(error) => {
                if self.resume(turn, now) {
                    let what = "the journal was set aside and begun anew, nothing is lost";
                    self.trouble.notice(format!("{error}: {what}: {}", advice(&error)), now);
                }
            }
        }
    }

    /// Tries to write all that is in memory, and goes on, or stops. Whether it can.
    pub(super) fn resume(&self, turn: &mut Turn, now: Duration) -> bool {
        turn.retry = now.saturating_add(RETRY);
        self.front.write().is_held = true;
        let done = self.write_all(turn);
        self.front.write().is_held = false;
        if let Err(error) = done {
            self.stop_for(&error);
            return false;
        }
        if self.folder.free().is_ok_and(|free| free < self.options.min_free_bytes) {
            self.front.write().stop(Stop::Floor);
            self.below_the_floor();
            return false;
        }
        self.go_on();
        true
    }

    /// Into the journal that there is, if it can be trusted; otherwise all into a new one.
    fn write_all(&self, turn: &mut Turn) -> Result<()> {
        self.folder.restore()?;
        let (old, pieces) = {
            let mut front = self.front.write();
            (Arc::clone(&front.journal), front.tier.unflushed())
        };
        if old.is_sound() {
            if let Err((offset, error)) = write(&old, &pieces) {
                self.front.write().tier.rewind(offset);
                return Err(error);
            }
            if old.sync().is_ok() {
                return Ok(());
            }
        }
        let stamp = self.rules.read().age.stamp();
        let journal = Journal::create(&self.folder, turn.number(), old.salt, &stamp)?;
        let pieces = {
            let mut front = self.front.write();
            front.tier.rewind(0);
            front.tier.unflushed()
        };
        let done = write(&journal, &pieces)
            .map_err(|(_, error)| error)
            .and_then(|()| journal.sync())
            .and_then(|()| self.folder.sync());
        if let Err(error) = done {
            self.front.write().tier.rewind(0);
            drop(self.folder.remove(Name::Journal(journal.number)));
            return Err(error);
        }
        {
            let mut front = self.front.write();
            front.tier.number = journal.number;
            front.journal = Arc::new(journal);
        }
        if old.is_linked() {
            drop(self.folder.rename(Name::Journal(old.number), Name::BadJournal(old.number)));
        }
        Ok(())
    }

    /// Makes folder, lock and journal again if somebody removed them.
    pub(super) fn watch_folder(&self, turn: &mut Turn, now: Duration) {
        let (journal, stopped) = {
            let front = self.front.read();
            (Arc::clone(&front.journal), front.stopped)
        };
        if stopped == Some(Stop::Disk) || (self.folder.is_ours() && journal.is_linked()) {
            return;
        }
        turn.swept = None;
        if self.resume(turn, now) {
            let lost = self.drop_missing();
            let dir = self.folder.dir().display();
            let text = format!(
                "{dir}: the packet folder, its lock or its journal was removed by somebody and is made again; {lost} sealed \
                 packets are lost and shown as a gap: let nothing but usermon remove files there"
            );
            self.trouble.notice(text, now);
        }
    }
}
