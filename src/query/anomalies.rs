//! Calls of a company with which something was wrong, newest first: out of the steps that are kept of each leg apart from the
//! users' records, so that no packet is read. The reading is audited.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::message::scan;
use crate::clock::Timestamp;
use crate::directory::{Company, User};
use crate::error::Result;
use crate::event::{CallDirection, CallPhase, Change, Direction, Media, Step, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::history::quality::{Codec, Figures, Grade};
use crate::query::words::call_cause;
use crate::query::{Query, Viewer};
use crate::store::record::Payload;
use crate::store::{Kinds, Query as Range};

/// How much time is looked through at once.
const SLICE: Duration = Duration::from_mins(30);
/// The ring holds no more than a month.
const OLDEST: Duration = Duration::from_hours(24 * 31);
/// Steps looked through for one page; then the page ends where it is.
const MOST_STEPS: usize = 400_000;
/// A call may have begun so long before the slice in which it ended.
const BEFORE: Duration = Duration::from_hours(2);
/// An answered call that is over sooner is short.
const SHORT: Duration = Duration::from_secs(3);
/// So many packets of media in one direction and none in the other are one-way: five seconds of speech.
const SPEECH: u64 = 250;

/// What may be wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// It failed by a fault: no route, not registered, refused, a timer.
    Failed,
    /// The estimate of its quality is poor.
    Poor,
    /// The estimate of its quality is fair.
    Fair,
    /// Media went in one direction only.
    OneWay,
    /// Answered, and over within three seconds.
    Short,
}

impl Anomaly {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Poor, Self::Fair, Self::OneWay, Self::Short];

    /// In one word, for addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::OneWay => "one-way",
            Self::Short => "short",
        }
    }

    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Poor => "Poor quality",
            Self::Fair => "Fair quality",
            Self::OneWay => "One-way media",
            Self::Short => "Over at once",
        }
    }
}

/// One call of the list.
#[derive(Debug, Clone)]
pub struct CallLine {
    /// When it began.
    pub start: Timestamp,
    /// How long it was up; `None`: never answered.
    pub talking: Option<Duration>,
    /// Who called: a user, or a number.
    pub from: Caller,
    /// Who was called.
    pub to: Caller,
    /// What was wrong, each once.
    pub anomalies: Vec<Anomaly>,
    /// Plain words on the failure; empty: it did not fail.
    pub words: String,
    /// The worst direction of all legs; `None`: no report.
    pub worst: Option<Figures>,
    /// In whose diagnostics it is found, and by which Call-ID and time; `None`: no user of the company took part.
    pub place: Option<(Arc<User>, Arc<str>, Timestamp)>,
}

/// A party of a call.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// If it is one of the company's users.
    pub user: Option<Arc<User>>,
    /// Number; may be empty.
    pub number: Arc<str>,
    /// Name; may be empty.
    pub name: Arc<str>,
}

/// One page.
#[derive(Debug, Clone)]
pub struct CallsPage {
    /// Of which company.
    pub company: Arc<Company>,
    /// Newest first.
    pub calls: Vec<CallLine>,
    /// How many calls were looked through.
    pub looked: usize,
    /// Where older ones begin; `None`: nothing older is kept.
    pub next: Option<Timestamp>,
    /// When it was read.
    pub at: Timestamp,
}

impl Query {
    /// The newest calls of a company with an anomaly (`only`: of this kind) that ended before `before`, at most `limit`, and
    /// of those that ended at the last one's moment all. `None` where there is no such company for the viewer. Cost: about
    /// 2 us a leg that was looked through.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn anomalies(
        &self,
        viewer: &Viewer,
        company: &str,
        before: Option<Timestamp>,
        only: Option<Anomaly>,
        limit: usize,
    ) -> Result<Option<CallsPage>> {
        let Some(company) = self.company(company).filter(|c| viewer.may_see(&c.id)) else { return Ok(None) };
        self.audit(viewer, "read-calls", &company.id, "", "")?;
        let now = self.now();
        let mut page = CallsPage { company, calls: Vec::new(), looked: 0, next: None, at: now };
        let end = self.0.store.status().oldest.map_or(now, |oldest| oldest.max(now.minus(OLDEST)));
        let (mut to, mut steps) = (before.unwrap_or(now), 0);
        while page.calls.len() < limit && steps < MOST_STEPS && to > end {
            let from = to.minus(SLICE);
            steps += self.slice(&mut page, (from, to), only)?;
            to = from;
        }
        page.calls.sort_by_key(|call| std::cmp::Reverse(call.start));
        page.next = (to > end).then_some(to);
        Ok(Some(page))
    }

    /// The calls that ended in a slice of time; says how many steps it took.
    fn slice(
        &self,
        page: &mut CallsPage,
        (from, to): (Timestamp, Timestamp),
        only: Option<Anomaly>,
    ) -> Result<usize> {
        let steps = self.0.store.read_steps(&page.company.id, from.minus(BEFORE), to)?;
        let mut calls: HashMap<Arc<str>, Vec<(Timestamp, &Step)>> = HashMap::new();
        for (time, _, step) in &steps {
            let call = if step.linked.is_empty() { &step.leg } else { &step.linked };
            calls.entry(Arc::clone(call)).or_default().push((*time, step));
        }
        for legs in calls.values() {
            let last = legs.last().map_or(Timestamp::MIN, |(time, _)| *time);
            if last < from || last >= to {
                continue;
            }
            page.looked += 1;
            if let Some(line) = self.line(&page.company.id, legs)
                && only.is_none_or(|only| line.anomalies.contains(&only))
            {
                page.calls.push(line);
            }
        }
        Ok(steps.len())
    }

    /// The line of a call; `None`: nothing is wrong with it, or it goes on.
    fn line(&self, company: &str, legs: &[(Timestamp, &Step)]) -> Option<CallLine> {
        let (start, _) = *legs.first()?;
        let ends: Vec<(Timestamp, &Step)> =
            legs.iter().copied().filter(|(_, step)| step.phase == CallPhase::Ended).collect();
        let (ended, _) = *ends.last()?;
        let up = legs.iter().find(|(_, step)| matches!(step.phase, CallPhase::Up | CallPhase::Held));
        let talking = up.map(|(time, _)| ended.since(*time));
        let mut anomalies = Vec::new();
        let mut words = String::new();
        // a leg that was tried in vain is no fault of a call that was answered
        if up.is_none()
            && let Some((_, step)) = ends.iter().find(|(_, step)| is_fault(step.cause))
        {
            anomalies.push(Anomaly::Failed);
            words = match call_cause(step.cause) {
                "" => format!("cause {}", step.cause),
                told => format!("{told} (cause {})", step.cause),
            };
        }
        let worst = ends.iter().flat_map(|(_, step)| both(step)).min_by(|a, b| a.rating.total_cmp(&b.rating));
        match worst.as_ref().map(|figures| figures.grade) {
            Some(Grade::Poor) => anomalies.push(Anomaly::Poor),
            Some(Grade::Fair) => anomalies.push(Anomaly::Fair),
            Some(Grade::Good) | None => {}
        }
        if ends.iter().any(|(_, step)| is_one_way(step)) {
            anomalies.push(Anomaly::OneWay);
        }
        if talking.is_some_and(|talking| talking < SHORT) {
            anomalies.push(Anomaly::Short);
        }
        if anomalies.is_empty() {
            return None;
        }
        let user = |id: &str| self.user(&UserKey::new(company, id)).filter(|_| !id.is_empty());
        let party = |direction| legs.iter().find(|(_, s)| s.direction == direction && !s.user.is_empty());
        let (caller, called) = (party(CallDirection::Outgoing), party(CallDirection::Incoming));
        // of a leg to or from outside, the far party is the other one
        let other = |leg: Option<&(Timestamp, &Step)>| {
            leg.map_or_else(Caller::default, |(_, step)| Caller {
                user: self.by_extension(company, &step.far_number),
                number: Arc::clone(&step.far_number),
                name: Arc::clone(&step.far_name),
            })
        };
        let mine = |leg: Option<&(Timestamp, &Step)>| {
            let found = leg.and_then(|(_, step)| user(&step.user))?;
            Some(Caller { number: Arc::clone(&found.extension), user: Some(found), name: Arc::default() })
        };
        let place = legs.iter().find_map(|(time, step)| {
            let found = user(&step.user).filter(|_| !step.call_id.is_empty())?;
            Some((found, Arc::clone(&step.call_id), *time))
        });
        Some(CallLine {
            start,
            talking,
            from: mine(caller).unwrap_or_else(|| other(called)),
            to: mine(called).unwrap_or_else(|| other(caller)),
            anomalies,
            words,
            worst,
            place,
        })
    }

    fn by_extension(&self, company: &str, number: &str) -> Option<Arc<User>> {
        self.user(&*self.0.directory.by_extension(company, number)?)
    }
}

/// Whether a Q.850 cause tells of a fault, not of what people do: hang up, be busy, not answer, decline, answer elsewhere.
fn is_fault(cause: u16) -> bool {
    !matches!(cause, 0 | 16 | 17 | 19 | 21 | 26 | 31)
}

/// What is known of both directions of a leg, as if the codec were G.711.
fn both(step: &Step) -> impl Iterator<Item = Figures> {
    let figures = |direction, media: Option<Media>| {
        media.filter(|media| media.packets > 0).map(|media| Figures::of(direction, media, Codec::of("")))
    };
    [figures(Direction::In, step.heard), figures(Direction::Out, step.sent)].into_iter().flatten()
}

fn is_one_way(step: &Step) -> bool {
    let packets = |media: Option<Media>| media.map(|media| media.packets);
    match (packets(step.heard), packets(step.sent)) {
        (Some(heard), Some(sent)) => heard.max(sent) >= SPEECH && heard.min(sent) == 0,
        _ => false,
    }
}

/// What tells of a leg may stand so far from its step.
const AROUND: Duration = Duration::from_secs(40);
/// Records looked through for it.
const MOST_RECORDS: usize = 5_000;

impl Query {
    /// The oldest record of a user near `at` that has this Call-ID: what names the call in his diagnostics. Reads, and
    /// shows nothing. `None`: nothing of it is kept.
    ///
    /// # Errors
    /// When the two-day ring can't be read.
    pub fn place_of_call(&self, user: &UserKey, call_id: &str, at: Timestamp) -> Result<Option<Cursor>> {
        let mut records = self.0.store.read(&Range {
            user,
            from: at.minus(AROUND),
            to: at.plus(AROUND),
            before: None,
            limit: MOST_RECORDS,
            kinds: Kinds { gaps: false, quality: false, ..Kinds::ALL },
        })?;
        records.reverse();
        let found = records.iter().find(|record| match &record.payload {
            Payload::Packet(packet) => scan(&packet.bytes).call_id == call_id.as_bytes(),
            Payload::Change(Change::Call { call_id: told, .. }) => **told == *call_id,
            _ => false,
        });
        Ok(found.map(|record| Cursor { time: record.time, seq: record.seq }))
    }
}
