//! The drain: takes what the tap holds, scans, attributes and redacts it, and hands it on. `module` runs it on the
//! thread `usermon-drain`, a round after each short pause. A packet that nothing proves on first sight waits up to
//! 400 ms, because events often come just after the packets they are about. Must never write a byte that the
//! redactor has not seen, nor hand on anything of a company whose dump detail is `off`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::attribute::{Attributed, Attributor, Certainty};
use super::gate::{Gate, Limits};
use super::marks::Marks;
use super::message::{Scan, scan_marked};
use super::outlet::{Item, News};
use super::pressure::Gauge;
use super::redact::redact_scanned;
pub use super::stretch::Why;
use super::{Dropped, Owned, Tap};
use crate::clock::Timestamp;
use crate::event::{Call, Change, DumpDetail, Event, Quality, UserKey};
use crate::settings::Settings;

/// How long a packet waits for a proof.
const PATIENCE: Duration = Duration::from_millis(400);

/// How many packets, and bytes of them, wait at most; the oldest goes on early.
const WAITING_PACKETS: usize = 2_048;
const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Items of one round: some milliseconds of work.
const ROUND: usize = 2_048;

/// A packet ready to be kept.
#[derive(Debug)]
pub struct Captured<'a> {
    /// Whose it is; the empty key: nobody known.
    pub user: &'a Arc<UserKey>,
    /// The endpoint; empty: not known.
    pub endpoint: &'a Arc<str>,
    /// What joins the legs of the call, if the PBX said; empty: not known.
    pub linked: &'a Arc<str>,
    /// How sure it is that it is this user's.
    pub certainty: Certainty,
    /// The dump detail in force.
    pub detail: DumpDetail,
    /// Not all bytes are here, because of the detail or a limit.
    pub cut: bool,
    /// The redactor could not scan all of it with certainty.
    pub unsure: bool,
    /// Bytes on the wire.
    pub original_len: u32,
    /// Time, direction, transport and addresses. Not its data: that is not redacted.
    pub packet: &'a Owned,
    /// What is kept, redacted.
    pub bytes: &'a [u8],
}

/// What the drain hands on.
#[derive(Debug)]
pub enum Caught<'a> {
    /// A packet.
    Packet(Captured<'a>),
    /// The queue was full for a while.
    Dropped(Dropped),
    /// Packets of one user were counted instead of kept, or kept with less detail. The empty key: it is not known whose.
    Missing {
        /// Whose.
        user: Arc<UserKey>,
        /// Why.
        why: Why,
        /// When, and how many.
        dropped: Dropped,
    },
    /// A change of a user.
    Change {
        /// Whose.
        user: Arc<UserKey>,
        /// When.
        time: Timestamp,
        /// What.
        change: Change,
    },
    /// What the PBX tells of a leg of a call, of any endpoint; it repeats itself.
    Call(Call),
    /// A quality report.
    Quality {
        /// Whose.
        user: Arc<UserKey>,
        /// The report.
        quality: Quality,
    },
}

/// The drain of one tap. Used by one thread.
#[derive(Debug)]
pub struct Drain {
    tap: Arc<Tap>,
    attributor: Arc<Attributor>,
    settings: Arc<Settings>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The attributor's facts when the waiting packets were last tried.
    facts: u64,
    reported_drops: u64,
    nobody: Arc<UserKey>,
    gate: Gate,
    details: Details,
    marks: Marks,
    /// Where the packet in hand is; used for each.
    room: Owned,
    out: Vec<u8>,
}

#[derive(Debug)]
struct Waiting {
    packet: Owned,
    since: Timestamp,
}

/// The dump detail of the company of the packet before: mostly that of the next one too.
#[derive(Debug, Default)]
struct Details {
    company: Arc<str>,
    /// The settings' generation; zero: nothing was asked yet.
    generation: u64,
    detail: DumpDetail,
}

impl Details {
    fn of(&mut self, company: &Arc<str>, settings: &Settings) -> DumpDetail {
        let generation = settings.generation();
        if generation != self.generation || self.company != *company {
            let detail = settings.dump_detail(company);
            *self = Self { company: company.clone(), generation, detail };
        }
        self.detail
    }
}

impl Drain {
    /// A drain with nothing waiting, and without bounds on what nothing proves.
    pub fn new(tap: Arc<Tap>, attributor: Arc<Attributor>, settings: Arc<Settings>) -> Self {
        Self {
            tap,
            attributor,
            settings,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            facts: 0,
            reported_drops: 0,
            nobody: Arc::default(),
            gate: Gate::new(&Limits::NONE, Arc::default()),
            details: Details::default(),
            marks: Marks::default(),
            room: Owned::empty(),
            out: Vec::with_capacity(2_048),
        }
    }

    /// With bounds on what nothing proves, and a gauge that shows how the intake is.
    pub fn bounded(self, limits: &Limits, gauge: Arc<Gauge>) -> Self {
        Self { gate: Gate::new(limits, gauge), ..self }
    }

    /// Tells how full the memory behind the drain is, per mille, and how many users there are: both count when packets
    /// come faster than they can be kept. To be told before each round, or as often as it changes.
    pub fn press(&mut self, memory: u32, users: usize) {
        self.gate.press(memory, users);
    }

    /// Takes up to 2,048 items from the tap and hands on what is ready; says how many packets, events and reports it
    /// took. `now` decides only how long packets wait. Zero: time for a pause (10 ms, say).
    pub fn round(&mut self, now: Timestamp, sink: &mut dyn FnMut(Caught<'_>)) -> usize {
        self.attributor.tend();
        self.gate.begin(now, &self.tap, &mut |user, why, dropped| {
            sink(Caught::Missing { user, why, dropped });
        });
        self.report_drops(sink);
        self.retry(now, sink);
        // not put back by a panic
        let mut room = std::mem::replace(&mut self.room, Owned::empty());
        let mut taken = 0;
        while taken < ROUND
            && let Some(item) = self.tap.take(&mut room)
        {
            taken += 1;
            match item {
                Item::Packet => self.packet(&room, now, sink),
                Item::News(news) => self.news(*news, sink),
            }
        }
        self.room = room;
        taken
    }

    /// The last rounds: empties the tap and hands on what waits. Says how many items it took. To be called once
    /// nothing pushes any more; what is pushed meanwhile may stay.
    pub fn finish(&mut self, now: Timestamp, sink: &mut dyn FnMut(Caught<'_>)) -> usize {
        let mut taken = 0;
        loop {
            match self.round(now, sink) {
                0 => break,
                n => taken += n,
            }
        }
        while let Some(waiting) = self.unqueue() {
            self.attempt(&waiting.packet, true, sink);
        }
        self.report_drops(sink);
        self.gate.finish(&self.tap, &mut |user, why, dropped| sink(Caught::Missing { user, why, dropped }));
        taken
    }

    fn news(&self, news: News, sink: &mut dyn FnMut(Caught<'_>)) {
        match news {
            News::Happened(event, changes) => {
                if let Some(event) = &event {
                    self.attributor.observe(event);
                }
                for (user, time, change) in changes {
                    sink(Caught::Change { user, time, change });
                }
                if let Some(Event::Call(call)) = event {
                    sink(Caught::Call(call));
                }
            }
            News::Quality(user, quality) => sink(Caught::Quality { user, quality }),
        }
    }

    fn report_drops(&mut self, sink: &mut dyn FnMut(Caught<'_>)) {
        if let Some(dropped) = self.tap.dropped_since(self.reported_drops) {
            self.reported_drops += dropped.packets;
            sink(Caught::Dropped(dropped));
        }
    }

    fn packet(&mut self, packet: &Owned, now: Timestamp, sink: &mut dyn FnMut(Caught<'_>)) {
        if self.attempt(packet, false, sink) {
            return;
        }
        self.waiting_bytes += packet.data().len();
        self.waiting.push_back(Waiting { packet: packet.clone(), since: now });
        while self.waiting.len() > WAITING_PACKETS || self.waiting_bytes > WAITING_BYTES {
            let Some(waiting) = self.unqueue() else { break };
            self.attempt(&waiting.packet, true, sink);
        }
    }

    fn unqueue(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting.packet.data().len());
        Some(waiting)
    }

    /// Tries waiting packets again: all of them if there are new facts, else those that have waited long enough.
    fn retry(&mut self, now: Timestamp, sink: &mut dyn FnMut(Caught<'_>)) {
        let facts = self.attributor.facts();
        let all = facts != self.facts;
        self.facts = facts;
        // a clock that was set back must not keep them
        let due = |waiting: &Waiting| now.since(waiting.since) >= PATIENCE || now < waiting.since;
        for _ in 0..self.waiting.len() {
            if !all && !self.waiting.front().is_some_and(due) {
                break;
            }
            let Some(waiting) = self.unqueue() else { break };
            if !self.attempt(&waiting.packet, due(&waiting), sink) {
                self.waiting_bytes += waiting.packet.data().len();
                self.waiting.push_back(waiting);
            }
        }
    }

    /// Looks whose the packet is, and hands it on if that is settled, or if it is its `last` chance. Says whether it did.
    fn attempt(&mut self, packet: &Owned, last: bool, sink: &mut dyn FnMut(Caught<'_>)) -> bool {
        self.marks.read(packet.data());
        let scan = scan_marked(packet.data(), &self.marks);
        let attributed = self.attributor.attribute(packet, &scan);
        let ready = attributed.settled || last;
        if ready {
            self.deliver(packet, &scan, &attributed, sink);
        }
        ready
    }

    fn deliver(
        &mut self,
        packet: &Owned,
        scan: &Scan<'_>,
        attributed: &Attributed,
        sink: &mut dyn FnMut(Caught<'_>),
    ) {
        let user = attributed.user.as_ref().unwrap_or(&self.nobody);
        let set = self.details.of(&user.company, &self.settings);
        if set == DumpDetail::Off {
            return;
        }
        let Some(detail) = self.gate.admit(user, attributed.certainty, packet, set) else { return };
        let redacted =
            redact_scanned(detail, scan, packet.data(), &self.marks, packet.is_torn(), &mut self.out);
        sink(Caught::Packet(Captured {
            user,
            endpoint: &attributed.endpoint,
            linked: &attributed.linked,
            certainty: attributed.certainty,
            detail,
            cut: redacted.cut,
            unsure: redacted.unsure,
            original_len: packet.original_len,
            packet,
            bytes: &self.out,
        }));
    }
}
