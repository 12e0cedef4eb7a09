//! What a rewriting leaves out, record by record: what is past its company's retention, what is to be purged, what
//! a user has beyond the fair share. Pure; what it takes from a user who is still there leaves a gap in its place.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::age::Age;
use super::purge::Purge;
use super::record::{Content, Gap, GapCause, Names, Payload, Row, kind};
use super::wire::EVERYBODY;
use crate::clock::Timestamp;
use crate::event::{DumpDetail, UserKey};

/// What an order to purge leaves out.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) id: u64,
    pub(super) purge: Purge,
    /// Of records of a lower seq.
    pub(super) until: u64,
    /// How many it left out.
    pub(super) packets: u64,
}

impl Row<'_> {
    /// The dump detail in force for a packet.
    fn detail(&self) -> Option<DumpDetail> {
        DumpDetail::from_number(self.head.get(2)? & 0xf)
    }
}

impl Cut {
    fn takes(&self, row: &Row<'_>) -> bool {
        let is_its = *self.purge.company == *row.company
            && self.purge.user.as_deref().is_none_or(|user| user == row.step_user().unwrap_or(row.user))
            && row.seq < self.until;
        is_its
            && match self.purge.above {
                None => true,
                Some(above) => row.kind == kind::PACKET && row.detail().is_none_or(|detail| detail > above),
            }
    }
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// It goes, and nothing tells of it.
    Forget,
    /// It goes, and a gap tells of it.
    Miss(GapCause),
}

/// The rules of one rewriting. Records come sorted by place and time.
#[derive(Debug)]
pub(super) struct Sieve {
    age: Age,
    retention: HashMap<Arc<str>, Duration>,
    pub(super) cuts: Vec<Cut>,
    /// Bytes that go of a place, oldest first.
    pub(super) shares: HashMap<u64, u64>,
    place: Option<u64>,
    /// Of the place at hand.
    user: Arc<UserKey>,
    keeps: Option<Duration>,
    share: u64,
    /// What was taken of this place and is not told yet, and the seq to tell it under.
    missing: Option<(Gap, u64)>,
    /// Time of the last record of this place that stayed.
    last: Timestamp,
    head: Vec<u8>,
}

impl Sieve {
    /// Lets everything pass that is not past its company's retention, nor taken by a cut.
    pub(super) fn new(age: Age, retention: HashMap<Arc<str>, Duration>, cuts: Vec<Cut>) -> Self {
        Self {
            age,
            retention,
            cuts,
            shares: HashMap::new(),
            place: None,
            user: Arc::default(),
            keeps: None,
            share: 0,
            missing: None,
            last: Timestamp::MIN,
            head: Vec::new(),
        }
    }

    /// Gives `out` the records that stay, and the gaps for those that go. `ring` is when it happened.
    pub(super) fn pass<E>(
        &mut self,
        place: u64,
        row: &Row<'_>,
        ring: i64,
        out: &mut dyn FnMut(u64, &Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.place != Some(place) {
            self.finish(out)?;
            self.turn_to(place, row);
        }
        match self.judge(place, row, ring) {
            Verdict::Forget => Ok(()),
            Verdict::Miss(cause) => {
                if self.missing.is_some_and(|(gap, _)| gap.cause != cause) {
                    self.tell(out)?;
                }
                self.miss(row, cause);
                Ok(())
            }
            Verdict::Keep => {
                if row.kind == kind::PACKET {
                    self.tell(out)?;
                }
                self.last = self.last.max(row.time);
                out(place, row)
            }
        }
    }

    /// There are no more records.
    pub(super) fn finish<E>(&mut self, out: &mut dyn FnMut(u64, &Row<'_>) -> Result<(), E>) -> Result<(), E> {
        self.tell(out)?;
        self.place = None;
        Ok(())
    }

    fn turn_to(&mut self, place: u64, row: &Row<'_>) {
        self.place = Some(place);
        self.user = Arc::new(UserKey::new(row.company, row.user));
        self.last = Timestamp::MIN;
        self.share = self.shares.get(&place).copied().unwrap_or(0);
        self.keeps = match place {
            // every company's users read these
            EVERYBODY => self.retention.values().max().copied(),
            _ => self.retention.get(row.company).copied(),
        };
    }

    fn judge(&mut self, place: u64, row: &Row<'_>, ring: i64) -> Verdict {
        if self.keeps.is_some_and(|keeps| self.age.of(ring) > keeps) {
            return Verdict::Forget;
        }
        if place == EVERYBODY {
            return Verdict::Keep;
        }
        let told = self.told(row);
        let is_packet = row.kind == kind::PACKET;
        let is_trace = told.is_some_and(|gap| gap.cause == GapCause::Removed);
        if let Some(cut) = self.cuts.iter_mut().find(|cut| cut.takes(row)) {
            cut.packets = cut.packets.saturating_add(u64::from(is_packet));
            match (cut.purge.leaves_gap && !self.user.is_nobody(), is_packet) {
                (true, true) => return Verdict::Miss(GapCause::Removed),
                // of the same order, before a kill
                (true, false) if is_trace => return Verdict::Keep,
                _ => return Verdict::Forget,
            }
        }
        if self.share > 0 && (is_packet || told.is_some_and(|gap| gap.cause == GapCause::Share)) {
            self.share = self.share.saturating_sub(row.raw());
            // a gap under the empty key would be everybody's
            return if self.user.is_nobody() { Verdict::Forget } else { Verdict::Miss(GapCause::Share) };
        }
        Verdict::Keep
    }

    /// The gap that it is.
    fn told(&self, row: &Row<'_>) -> Option<Gap> {
        if row.kind != kind::GAP {
            return None;
        }
        match row.decode(&self.user, &mut Names::default())?.payload {
            Payload::Gap(gap) => Some(gap),
            _ => None,
        }
    }

    fn miss(&mut self, row: &Row<'_>, cause: GapCause) {
        let one = Gap { from: row.time, to: row.time, packets: 1, cause };
        let told = self.told(row).unwrap_or(one);
        let (gap, seq) = self.missing.get_or_insert((Gap { packets: 0, ..told }, row.seq));
        gap.from = gap.from.min(told.from);
        gap.to = gap.to.max(told.to);
        gap.packets = gap.packets.saturating_add(told.packets);
        *seq = (*seq).max(row.seq);
    }

    fn tell<E>(&mut self, out: &mut dyn FnMut(u64, &Row<'_>) -> Result<(), E>) -> Result<(), E> {
        let (Some((gap, seq)), Some(place)) = (self.missing.take(), self.place) else { return Ok(()) };
        self.head.clear();
        Content::Gap(&gap).put_head(&mut self.head);
        let (company, user) = (&*self.user.company, &*self.user.user);
        let time = gap.to.max(self.last);
        self.last = time;
        out(place, &Row { kind: kind::GAP, seq, time, company, user, head: &self.head, body: &[] })
    }
}
