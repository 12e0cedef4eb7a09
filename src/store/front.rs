//! The table behind the store's front lock: the records that are not sealed, and what is missing. Memory only.

use std::sync::Arc;

use super::Status;
use super::journal::Journal;
use super::record::{Content, Gap, GapCause};
use super::tier::Tier;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::UserKey;

/// Why nothing is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The disk refused.
    Disk,
    /// The disk is nearly full.
    Floor,
    /// The ring is closed.
    Closed,
}

/// What is not sealed.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) tier: Tier,
    pub(super) journal: Arc<Journal>,
    /// Tiers whose segments are not written yet, oldest first.
    pub(super) sealing: Vec<Arc<Tier>>,
    pub(super) next_seq: u64,
    pub(super) stopped: Option<Stop>,
    /// Another journal is about to take the place of this one: no flush meanwhile.
    pub(super) is_held: bool,
    /// Bytes in memory beyond which records are dropped.
    pub(super) limit: u64,
    /// What could not be kept since the last record that was.
    pub(super) missing: Option<Gap>,
    pub(super) stored: u64,
    pub(super) lost: u64,
}

impl Front {
    pub(super) fn check(&self) -> Result<()> {
        match self.stopped {
            Some(Stop::Closed) => Err(Error::Stopped("the packet ring")),
            _ => Ok(()),
        }
    }

    /// Nothing is stored from now on, unless the ring is closed anyway.
    pub(super) fn stop(&mut self, stop: Stop) {
        if self.stopped != Some(Stop::Closed) {
            self.stopped = Some(stop);
        }
    }

    /// Keeps a record, or counts it as missing. Gives its seq, and whether it is kept. Beyond the limit packets are refused,
    /// and what is no packet has an eighth more, so that a flood of packets does not keep changes and gaps out. A page of
    /// the wall is not missed in anybody's packets: who wrote it has to write it again.
    pub(super) fn push(&mut self, time: Timestamp, user: &UserKey, content: Content<'_>) -> (u64, bool) {
        let packets = u64::from(matches!(content, Content::Packet(_)));
        let bytes = self.bytes();
        let limit = if packets > 0 { self.limit } else { self.limit.saturating_add(self.limit / 8) };
        let refused = match self.stopped {
            Some(_) => Some(GapCause::Disk),
            None => (bytes >= limit).then_some(GapCause::Limit),
        };
        // among packets that are refused, one gap is enough
        if refused.is_none() && bytes < self.limit {
            self.settle();
        }
        let seq = self.seq();
        let refused = refused.or_else(|| {
            let kept = self.tier.push(self.journal.salt, seq, time, user, content);
            (!kept).then_some(GapCause::Limit)
        });
        match refused {
            None => self.stored += packets,
            Some(_) if matches!(content, Content::Wall(_)) => {}
            Some(cause) => {
                self.lost += packets;
                // a gap that can't be kept is not forgotten either
                let (from, to, packets) = match content {
                    Content::Gap(gap) => (gap.from, gap.to, gap.packets),
                    _ => (time, time, packets),
                };
                let gap = self.missing.get_or_insert(Gap { from, to, packets: 0, cause });
                gap.from = gap.from.min(from);
                gap.to = gap.to.max(to);
                gap.packets = gap.packets.saturating_add(packets);
            }
        }
        (seq, refused.is_none())
    }

    /// Writes down what was missing, now that records are kept again.
    pub(super) fn settle(&mut self) {
        if let Some(gap) = self.missing.take() {
            self.gap(&gap);
        }
    }

    /// Keeps a gap for everybody.
    pub(super) fn gap(&mut self, gap: &Gap) {
        let seq = self.seq();
        self.tier.push(self.journal.salt, seq, gap.to, &UserKey::default(), Content::Gap(gap));
    }

    fn seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq = seq.saturating_add(1);
        seq
    }

    fn bytes(&self) -> u64 {
        self.sealing.iter().fold(self.tier.bytes(), |sum, tier| sum.saturating_add(tier.bytes()))
    }

    /// How much of the last `room` bytes before the limit is full, per mille; zero while nothing is stored.
    pub(super) fn pressure(&self, room: u64) -> u32 {
        if self.stopped.is_some() {
            return 0;
        }
        let left = self.limit.saturating_sub(self.bytes()).min(room);
        u32::try_from(room.saturating_sub(left).saturating_mul(1_000) / room.max(1)).unwrap_or(1_000)
    }

    /// Counts of what is not sealed; the rest is added by the store.
    pub(super) fn status(&self) -> Status {
        let mut status = Status { stored_packets: self.stored, lost_packets: self.lost, ..Status::default() };
        for tier in self.sealing.iter().map(AsRef::as_ref).chain([&self.tier]) {
            status.records += tier.entries().len() as u64;
            status.packets += tier.packets;
            status.bytes_on_disk += super::journal::START.saturating_add(tier.bytes());
            if let Some((first, last)) = tier.times {
                let (first, last) = (Timestamp(first), Timestamp(last));
                status.oldest = Some(status.oldest.map_or(first, |t| t.min(first)));
                status.newest = Some(status.newest.map_or(last, |t| t.max(last)));
            }
        }
        status
    }
}
