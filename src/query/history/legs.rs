//! All legs of a call, from any of them: joined by what the PBX said (leg, linked id, Call-ID), never guessed. For the
//! ladder and for exports of a call. Legs of another company are not looked for.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use super::message::Facts;
use super::{Context, Figures, History, Item, Kind, Message, quality, repeats};
use crate::capture::message::scan;
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{Quality, Step, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::{Query, Viewer};
use crate::store::record::{Gap, Payload, Record};
use crate::store::{Kinds, Query as Range};

/// Messages of one call that are shown; of more, the first.
pub const MOST_MESSAGES: usize = 2_000;
/// Records of one user that are looked through for a call.
const MOST_RECORDS: usize = 20_000;
/// A dialog is looked for so long after its beginning, and longer while it goes on at the end of that.
const WINDOWS: [Duration; 3] =
    [Duration::from_mins(10), Duration::from_hours(3), Duration::from_hours(24 * 31)];
/// What belongs to a call may come so long before or after what is known of it.
const AROUND: Duration = Duration::from_secs(40);

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

/// What names the legs of one call.
#[derive(Default)]
struct Names {
    linked: HashSet<Arc<str>>,
    legs: HashSet<Arc<str>>,
    call_ids: BTreeSet<Arc<str>>,
    /// Users of the company who have one.
    users: BTreeSet<Arc<str>>,
}

impl Names {
    fn knows(&self, step: &Step) -> bool {
        (!step.linked.is_empty() && self.linked.contains(&step.linked))
            || self.legs.contains(&step.leg)
            || (!step.call_id.is_empty() && self.call_ids.contains(&step.call_id))
    }

    /// Says whether it told anything new.
    fn learn(&mut self, step: &Step) -> bool {
        let mut is_news = self.legs.insert(Arc::clone(&step.leg));
        if !step.linked.is_empty() {
            is_news |= self.linked.insert(Arc::clone(&step.linked));
        }
        if !step.call_id.is_empty() {
            is_news |= self.call_ids.insert(Arc::clone(&step.call_id));
        }
        self.users.insert(Arc::clone(&step.user));
        is_news
    }
}

impl Query {
    /// The item of a user's history that has the record `at`, with all legs of the call. Audited as a reading.
    /// `None` where there is no such user or record.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn joined(&self, viewer: &Viewer, user: &UserKey, at: Cursor) -> Result<Option<Joined>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_reading(viewer, "read-packets", Some(&user), &at.to_string())?;
        self.joined_of(&user, at)
    }

    /// As [`Self::joined`], for what is audited already.
    pub(in crate::query) fn joined_of(&self, user: &Arc<User>, at: Cursor) -> Result<Option<Joined>> {
        let Some((history, item)) = self.around(user, at)? else { return Ok(None) };
        let mut names = Names::default();
        for dialog in item.dialogs.iter().filter_map(|n| history.dialogs.get(*n)) {
            names.call_ids.insert(Arc::clone(&dialog.call_id));
            names.linked.extend(dialog.linked.iter().cloned());
        }
        names.users.insert(Arc::clone(&user.key.user));
        let (from, to) = (item.start.minus(AROUND), item.end.plus(AROUND));
        let steps = if item.kind == Kind::Call {
            self.steps(&user.key.company, (from, to), &mut names)?
        } else {
            Vec::new()
        };
        let from = steps.first().map_or(from, |(time, _)| from.min(time.minus(AROUND)));
        let to = steps.last().map_or(to, |(time, _)| to.max(time.plus(AROUND)));
        let mut joined = Joined {
            user: Arc::clone(user),
            item,
            lanes: Vec::new(),
            messages: Vec::new(),
            call_ids: names.call_ids.iter().cloned().collect(),
            steps,
            quality: Vec::new(),
            gaps: Vec::new(),
            is_cut: false,
            has_foreign_legs: false,
            at: self.now(),
        };
        let company = &user.key.company;
        let hash = RandomState::new();
        for id in &names.users {
            let (key, owner) = match &**id {
                "" => (UserKey::default(), None),
                id => {
                    let key = UserKey::new(company, id);
                    let Some(owner) = self.user(&key) else { continue };
                    (key, Some(owner))
                }
            };
            let records = self.0.store.read(&Range {
                user: &key,
                from,
                to,
                before: None,
                limit: MOST_RECORDS,
                kinds: Kinds { changes: false, ..Kinds::ALL },
            })?;
            joined.take(records, owner.as_ref(), &hash);
        }
        joined.settle();
        joined.judge();
        Ok(Some(joined))
    }

    /// The history around a record, and the item it belongs to.
    fn around(&self, user: &Arc<User>, at: Cursor) -> Result<Option<(History, Item)>> {
        for window in WINDOWS {
            let to = at.time.plus(window);
            let mut records = self.0.store.read(&Range {
                user: &user.key,
                from: at.time.minus(AROUND),
                to,
                before: None,
                limit: super::MOST,
                kinds: Kinds::ALL,
            })?;
            records.reverse();
            let Some(found) = self.pick(user, records, at) else { return Ok(None) };
            let goes_on = found.1.end.plus(AROUND) >= to && to < self.now();
            if !goes_on || window == WINDOWS.last().copied().unwrap_or_default() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn pick(&self, user: &Arc<User>, records: Vec<Record>, at: Cursor) -> Option<(History, Item)> {
        let state = self.0.state.user(&user.key);
        let running: Vec<Arc<str>> = state.legs.iter().map(|leg| Arc::clone(&leg.call_id)).collect();
        let by_extension =
            |number: &str| self.user(&*self.0.directory.by_extension(&user.key.company, number)?);
        let context = Context { user, by_extension: &by_extension, running: &running, now: self.now() };
        let history = History::new(records, &context, self.0.settings.dump_detail(&user.key.company));
        let item = history.item_of(at)?.clone();
        Some((history, item))
    }

    /// The steps of all legs that belong to what is named, and what they name.
    fn steps(
        &self,
        company: &str,
        (from, to): (Timestamp, Timestamp),
        names: &mut Names,
    ) -> Result<Vec<(Timestamp, Step)>> {
        let all = self.0.store.read_steps(company, from, to)?;
        let mut more = true;
        while more {
            more = false;
            for (_, _, step) in &all {
                if names.knows(step) {
                    more |= names.learn(step);
                }
            }
        }
        Ok(all
            .into_iter()
            .filter(|(_, _, step)| names.knows(step))
            .map(|(time, _, step)| (time, step))
            .collect())
    }
}

impl Joined {
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

    fn take(&mut self, records: Vec<Record>, owner: Option<&Arc<User>>, hash: &RandomState) {
        for record in records {
            let at = Cursor { time: record.time, seq: record.seq };
            match record.payload {
                Payload::Packet(packet) => {
                    let scan = scan(&packet.bytes);
                    let its = |id: &Arc<str>| id.as_bytes() == scan.call_id;
                    let Some(dialog) = self.call_ids.iter().position(its) else { continue };
                    let facts = Facts::of(&scan);
                    let message = Message::new(at, packet, &facts, dialog, hash);
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
    fn settle(&mut self) {
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
            .filter_map(|(n, lane)| Some((*order.get(&n)?, lane)))
            .collect();
        lanes.sort_by_key(|(n, _)| *n);
        self.lanes = lanes.into_iter().map(|(_, lane)| lane).collect();
        self.quality.sort_by_key(|(_, quality)| quality.time);
        self.gaps.sort_by_key(|(at, _)| *at);
        self.gaps.dedup();
        repeats::mark(self.messages.iter_mut().map(|placed| &mut placed.message));
    }
}
