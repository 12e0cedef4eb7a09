//! A call with all its legs, put together: which lane each message is on, in which order, what is missing. Pure; made by
//! [`super::legs`], read by the ladder, comparisons and exports.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::message::Facts;
use super::{Figures, Item, Kind, Message, quality, repeats};
use crate::capture::message::scan;
use crate::clock::Timestamp;
use crate::directory::User;
use crate::event::{Change, Quality, Step, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::words::{call_cause, gap_words};
use crate::store::record::{Gap, GapCause, Payload, Record};

/// Messages of one call that are shown; of more, the first.
pub const MOST_MESSAGES: usize = 2_000;

/// A device or a network beside the PBX.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Whose; `None`: nobody known, a trunk say.
    pub user: Option<Arc<User>>,
    /// The endpoint; may be empty.
    pub endpoint: Arc<str>,
    /// Its far address, of the first message; `None`: nothing of it was kept.
    pub far: Option<std::net::SocketAddr>,
    /// Its Call-IDs.
    pub call_ids: Vec<Arc<str>>,
}

/// One message of a call.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Number of the lane on the other side of the PBX.
    pub lane: usize,
    /// Whose record it is; `None`: nobody's.
    pub owner: Option<Arc<User>>,
    /// The message; its `dialog` is the number of its Call-ID in [`Joined::call_ids`].
    pub message: Message,
}

/// A call, registration or other dialog with all its legs.
#[derive(Debug, Clone)]
pub struct Joined {
    /// Whose history it was found in.
    pub user: Arc<User>,
    /// Its line in that user's list.
    pub item: Item,
    /// The devices, the one that began first.
    pub lanes: Vec<Lane>,
    /// Oldest first.
    pub messages: Vec<Placed>,
    /// Numbered as the messages' dialogs.
    pub call_ids: Vec<Arc<str>>,
    /// What the PBX said of each leg, oldest first.
    pub steps: Vec<(Timestamp, Step)>,
    /// Figures of the media, oldest first.
    pub quality: Vec<(Arc<User>, Quality)>,
    /// What is missing meanwhile, of any of the users, oldest first.
    pub gaps: Vec<(Cursor, Gap)>,
    /// There were more than [`MOST_MESSAGES`].
    pub is_cut: bool,
    /// Not the whole of it is shown: a leg is of another company.
    pub has_foreign_legs: bool,
    /// When it was read.
    pub at: Timestamp,
}

/// A stretch in which packets are missing, or kept with less than the dump detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
    /// What is missing and why, as a sentence.
    pub words: String,
    /// No packet is missing, each has less detail.
    pub is_lowered: bool,
}

impl Joined {
    /// The lane of a leg; `None`: it is of no device, or of one that nothing is known of.
    pub fn lane_of(&self, step: &Step) -> Option<usize> {
        let told = || self.steps.iter().map(|(_, other)| other).filter(|other| other.leg == step.leg);
        let call_id = told().map(|other| &other.call_id).find(|id| !id.is_empty());
        let same_user = |lane: &Lane| lane.user.as_ref().map_or("", |user| &user.key.user) == &*step.user;
        call_id.and_then(|id| self.lanes.iter().position(|lane| lane.call_ids.contains(id))).or_else(|| {
            let its =
                |lane: &Lane| !step.endpoint.is_empty() && lane.endpoint == step.endpoint && same_user(lane);
            self.lanes.iter().position(its).filter(|_| call_id.is_none())
        })
    }

    /// What the PBX gave as the cause of a leg's end, in a few words; empty: none, or a rare one.
    pub fn cause_words(step: &Step) -> &'static str {
        call_cause(step.cause)
    }

    /// What is missing, oldest first.
    pub fn holes(&self) -> Vec<Hole> {
        let hole = |(_, gap): &(Cursor, Gap)| Hole {
            from: gap.from,
            to: gap.to,
            words: gap_words(gap),
            is_lowered: gap.cause == GapCause::Lowered,
        };
        self.gaps.iter().map(hole).collect()
    }

    /// All that is known of it as records, oldest first: messages, steps, figures, gaps.
    pub(in crate::query) fn records(&self) -> Vec<Record> {
        let company = &self.user.key.company;
        let key = |owner: Option<&Arc<User>>| owner.map_or_else(Arc::default, |owner| Arc::clone(&owner.key));
        let message = |placed: &Placed| {
            let (message, user) = (&placed.message, key(placed.owner.as_ref()));
            let payload = Payload::Packet(message.packet());
            Record { seq: message.at.seq, time: message.at.time, user, payload }
        };
        let step = |(time, step): &(Timestamp, Step)| {
            let user = Arc::new(UserKey { company: Arc::clone(company), user: Arc::clone(&step.user) });
            Record { seq: 0, time: *time, user, payload: Payload::Change(change(step)) }
        };
        let report = |(user, report): &(Arc<User>, Quality)| Record {
            seq: 0,
            time: report.time,
            user: Arc::clone(&user.key),
            payload: Payload::Quality(report.clone()),
        };
        let gap = |(at, gap): &(Cursor, Gap)| Record {
            seq: at.seq,
            time: at.time,
            user: Arc::clone(&self.user.key),
            payload: Payload::Gap(*gap),
        };
        let mut records: Vec<Record> = self.steps.iter().map(step).collect();
        records.extend(self.messages.iter().map(message));
        records.extend(self.quality.iter().map(report));
        records.extend(self.gaps.iter().map(gap));
        records.sort_by_key(|record| (record.time, record.seq));
        records
    }

    /// A message by its place.
    pub fn message(&self, at: Cursor) -> Option<&Placed> {
        self.messages.iter().find(|placed| placed.message.at == at)
    }

    /// Adds lanes for devices of which the PBX told, but no message was kept.
    pub(super) fn add_silent(&mut self, named: &dyn Fn(&str) -> Option<Arc<User>>) {
        for (_, step) in self.steps.clone() {
            if step.endpoint.is_empty() || self.lane_of(&step).is_some() {
                continue;
            }
            self.lanes.push(Lane {
                user: Some(&*step.user).filter(|id| !id.is_empty()).and_then(named),
                endpoint: Arc::clone(&step.endpoint),
                far: None,
                call_ids: Some(step.call_id).filter(|id| !id.is_empty()).into_iter().collect(),
            });
        }
    }

    /// Figures of the media of each leg that has some: the user, the Call-ID, both directions.
    pub fn figures(&self) -> Vec<(Arc<User>, Arc<str>, Vec<Figures>)> {
        let mut all = Vec::new();
        for (dialog, call_id) in self.call_ids.iter().enumerate() {
            let reports = self.quality.iter().filter(|(_, report)| report.call_id == *call_id);
            let Some((user, _)) = reports.clone().next() else { continue };
            let messages = self.messages.iter().map(|placed| &placed.message);
            let codec = quality::codec(messages.filter(|message| message.dialog == dialog));
            let figures = quality::figures(reports.map(|(_, report)| report), codec);
            all.push((Arc::clone(user), Arc::clone(call_id), figures));
        }
        all
    }

    pub(super) fn take(&mut self, records: Vec<Record>, owner: Option<&Arc<User>>, hash: &RandomState) {
        let (start, end) = (self.item.start, self.item.end);
        for record in records {
            let at = Cursor { time: record.time, seq: record.seq };
            match record.payload {
                // a registration's Call-ID is that of all before and after it
                Payload::Packet(_)
                    if self.item.kind != Kind::Call && !(start..=end).contains(&record.time) => {}
                Payload::Packet(packet) => {
                    let scan = scan(&packet.bytes);
                    let its = |id: &Arc<str>| id.as_bytes() == scan.call_id;
                    let Some(dialog) = self.call_ids.iter().position(its) else { continue };
                    let facts = Facts::of(&scan, &packet.bytes, hash);
                    let message = Message::new(at, packet, &facts, dialog);
                    let lane = self.lane(owner, &message);
                    self.messages.push(Placed { lane, owner: owner.cloned(), message });
                }
                Payload::Gap(gap) => self.gaps.push((at, gap)),
                Payload::Quality(quality) if self.call_ids.contains(&quality.call_id) => {
                    self.quality.extend(owner.map(|owner| (Arc::clone(owner), quality)));
                }
                Payload::Quality(_) | Payload::Change(_) => {}
            }
        }
    }

    /// The lane of a message: one for each endpoint of a user, or for each address of nobody.
    fn lane(&mut self, owner: Option<&Arc<User>>, message: &Message) -> usize {
        let key = |user: Option<&Arc<User>>| user.map(|user| Arc::clone(&user.key));
        let call_id = self.call_ids.get(message.dialog).cloned().unwrap_or_default();
        let same = |lane: &Lane| {
            key(lane.user.as_ref()) == key(owner)
                && match owner {
                    Some(_) if lane.far == Some(message.far) => true,
                    Some(_) => lane.call_ids.contains(&call_id),
                    None => lane.far == Some(message.far),
                }
        };
        let at = self.lanes.iter().position(same).unwrap_or_else(|| {
            self.lanes.push(Lane {
                user: owner.cloned(),
                endpoint: Arc::clone(&message.endpoint),
                far: Some(message.far),
                call_ids: Vec::new(),
            });
            self.lanes.len() - 1
        });
        if let Some(lane) = self.lanes.get_mut(at) {
            if lane.endpoint.is_empty() {
                lane.endpoint = Arc::clone(&message.endpoint);
            }
            if !lane.call_ids.contains(&call_id) {
                lane.call_ids.push(call_id);
            }
        }
        at
    }

    /// Puts all in the order of time, lanes in that of their first message, and marks repeats.
    pub(super) fn settle(&mut self) {
        self.messages.sort_by_key(|placed| placed.message.at);
        self.is_cut = self.messages.len() > MOST_MESSAGES;
        self.messages.truncate(MOST_MESSAGES);
        let mut order: BTreeMap<usize, usize> = BTreeMap::new();
        for placed in &mut self.messages {
            let next = order.len();
            placed.lane = *order.entry(placed.lane).or_insert(next);
        }
        let mut lanes: Vec<(usize, Lane)> = std::mem::take(&mut self.lanes)
            .into_iter()
            .enumerate()
            .map(|(n, lane)| (order.get(&n).copied().unwrap_or(usize::MAX), lane))
            .collect();
        lanes.sort_by_key(|(n, _)| *n);
        self.lanes = lanes.into_iter().map(|(_, lane)| lane).collect();
        self.quality.sort_by_key(|(_, quality)| quality.time);
        self.gaps.sort_by_key(|(at, _)| *at);
        self.gaps.dedup();
        repeats::mark(self.messages.iter_mut().map(|placed| &mut placed.message));
    }
}

/// A step as the records of its user tell it.
fn change(step: &Step) -> Change {
    Change::Call {
        leg: Arc::clone(&step.leg),
        linked: Arc::clone(&step.linked),
        call_id: Arc::clone(&step.call_id),
        phase: step.phase,
        direction: step.direction,
        far_number: Arc::clone(&step.far_number),
        far_name: Arc::clone(&step.far_name),
        cause: step.cause,
    }
}
