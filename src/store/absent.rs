//! Files that should be there and are not, and those that should be gone and are still there: somebody removed the
//! ones, the system did not let us remove the others. The seal thread, whose turn it is, looks every minute.

use std::time::Duration;

use super::Store;
use super::folder::Name;
use super::record::{Gap, GapCause};
use super::trouble::{Fault, advice};
use super::upkeep::Turn;
use crate::clock::Timestamp;
use crate::error::Error;

impl Store {
    pub(super) fn look_for_missing(&self, now: Duration) {
        let before = self.segments().len();
        let lost = self.drop_missing();
        let files = before.saturating_sub(self.segments().len());
        if files > 0 {
            let dir = self.folder.dir().display();
            let text = format!(
                "{dir}: {files} packet files were removed by somebody; their {lost} packets are shown as a gap: let nothing \
                 but usermon remove files there"
            );
            self.trouble.notice(text, now);
        }
    }

    /// Gaps in the place of the segments whose files are gone. Gives how many packets those had.
    pub(super) fn drop_missing(&self) -> u64 {
        let segments = self.segments();
        let missing = segments.iter().filter(|one| self.folder.is_missing(Name::Segment(one.facts.number)));
        let mut lost = 0u64;
        for segment in missing {
            self.replace(std::slice::from_ref(segment), None);
            let facts = &segment.facts;
            let (from, to) = (Timestamp(facts.times.0), Timestamp(facts.times.1));
            let gap = Gap { from, to, packets: facts.packets, cause: GapCause::Damage };
            self.front.write().gap(&gap);
            lost = lost.saturating_add(facts.packets);
        }
        lost
    }

    /// Removes a file, now or when the system lets us.
    pub(super) fn remove_file(&self, turn: &mut Turn, name: Name) {
        if let Err(error) = self.folder.remove(name) {
            self.left_over(turn, name, &error);
        }
    }

    /// A file could not be removed; it is tried again.
    pub(super) fn left_over(&self, turn: &mut Turn, name: Name, error: &Error) {
        turn.leftover.push(name);
        let text =
            format!("{error}: old packets stay on the disk until it can be removed: {}", advice(error));
        self.trouble.raise(Fault::Leftover, text);
    }

    pub(super) fn remove_leftovers(&self, turn: &mut Turn) {
        for name in std::mem::take(&mut turn.leftover) {
            self.remove_file(turn, name);
        }
        if turn.leftover.is_empty() {
            self.trouble.clear(Fault::Leftover);
        }
    }
}
