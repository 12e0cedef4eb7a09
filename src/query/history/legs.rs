//! All legs of a call, from any of them: joined by what the PBX said (leg, linked id, Call-ID), never guessed. For the
//! ladder and for exports of a call. Legs of another company are not looked for.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;

pub use super::joined::{Hole, Joined, Lane, MOST_MESSAGES, Placed};
use super::{Context, History, Item, Kind, Method, registrations};
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{Step, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::{Query, Viewer};
use crate::store::record::Record;
use crate::store::{Kinds, Query as Range};

/// Other companies that are looked through for a leg of the same call.
const MOST_COMPANIES: usize = 256;
/// Records of one user that are looked through for a call.
const MOST_RECORDS: usize = 20_000;
/// A dialog is looked for so long before and after a record of it, and longer while it goes on at the ends of that.
const WINDOWS: [Duration; 3] =
    [Duration::from_mins(10), Duration::from_hours(3), Duration::from_hours(24 * 31)];
/// What belongs to a call may come so long before or after what is known of it.
const AROUND: Duration = Duration::from_secs(40);

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

    /// As [`Self::joined`], for a picture to take away: audited as an export.
    ///
    /// # Errors
    /// As [`Self::joined`].
    pub fn joined_export(&self, viewer: &Viewer, user: &UserKey, at: Cursor) -> Result<Option<Joined>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_reading(viewer, "export-packets", Some(&user), &format!("ladder: item {at}"))?;
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
            has_foreign_legs: self.has_foreign_legs(&user.key.company, (from, to), &names)?,
            at: self.now(),
        };
        let company = &user.key.company;
        let hash = RandomState::default();
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
        let named = |id: &str| self.user(&UserKey::new(company, id));
        joined.add_silent(&named);
        joined.settle();
        joined.judge();
        Ok(Some(joined))
    }

    /// Whether the PBX joined a leg of another company with these; which company's is not told.
    fn has_foreign_legs(
        &self,
        company: &str,
        (from, to): (Timestamp, Timestamp),
        names: &Names,
    ) -> Result<bool> {
        if names.linked.is_empty() {
            return Ok(false);
        }
        for other in self.companies().iter().filter(|other| *other.id != *company).take(MOST_COMPANIES) {
            let steps = self.0.store.read_steps(&other.id, from, to)?;
            if steps.iter().any(|(_, _, step)| names.linked.contains(&step.linked)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The history around a record, and the item it belongs to: of several equal ones in a row only that one.
    fn around(&self, user: &Arc<User>, at: Cursor) -> Result<Option<(History, Item)>> {
        let (mut before, mut windows) = (AROUND, WINDOWS.into_iter());
        let mut after = windows.next().unwrap_or_default();
        loop {
            let (from, to) = (at.time.minus(before), at.time.plus(after));
            let mut records = self.0.store.read(&Range {
                user: &user.key,
                from,
                to,
                before: None,
                limit: super::MOST,
                kinds: Kinds::ALL,
            })?;
            records.reverse();
            let Some(found) = self.pick(user, records, at) else { return Ok(None) };
            let is_call = found.1.kind == Kind::Call;
            let goes_on = is_call && found.1.end.plus(AROUND) >= to && to < self.now();
            let began_before = is_call && found.0.begins_within(&found.1);
            if !goes_on && !began_before {
                return Ok(Some(found));
            }
            let Some(window) = windows.next() else { return Ok(Some(found)) };
            after = if goes_on { window } else { after };
            before = if began_before { window } else { before };
        }
    }

    fn pick(&self, user: &Arc<User>, records: Vec<Record>, at: Cursor) -> Option<(History, Item)> {
        let state = self.0.state.user(&user.key);
        let running: Vec<Arc<str>> = state.legs.iter().map(|leg| Arc::clone(&leg.call_id)).collect();
        let by_extension =
            |number: &str| self.user(&*self.0.directory.by_extension(&user.key.company, number)?);
        let context = Context { user, by_extension: &by_extension, running: &running, now: self.now() };
        let history = History::new(records, &context, self.0.settings.dump_detail(&user.key.company));
        let mut item = history.item_of(at)?.clone();
        history.narrow(&mut item, at);
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

impl History {
    /// Whether an item's first message belongs to a dialog that began before it.
    fn begins_within(&self, item: &Item) -> bool {
        let first = self.messages_of(item).next();
        first.is_some_and(|message| {
            let to = message.head().text("To", "t");
            !message.is_request(Method::Invite) || to.split(';').skip(1).any(|p| p.trim().starts_with("tag="))
        })
    }

    /// Of several equal ones in a row leaves the one that has the record: one attempt to register, one dialog.
    fn narrow(&self, item: &mut Item, at: Cursor) {
        let has = |numbers: &[usize]| {
            numbers.iter().any(|n| self.messages.get(*n).is_some_and(|message| message.at == at))
        };
        let only = match item.kind {
            Kind::Call => None,
            Kind::Registration => registrations::attempts(self)
                .into_iter()
                .find(|attempt| has(&attempt.numbers))
                .map(|attempt| (attempt.dialog, attempt.numbers)),
            Kind::Other(_) => item.dialogs.iter().find_map(|number| {
                let dialog = self.dialogs.get(*number)?;
                has(&dialog.messages).then(|| (*number, dialog.messages.clone()))
            }),
        };
        let Some((dialog, messages)) = only else { return };
        (item.dialogs, item.messages) = (vec![dialog], messages);
        let times = || item.messages.iter().filter_map(|n| self.messages.get(*n));
        if let (Some(first), Some(last)) = (times().next(), times().next_back()) {
            (item.id, item.start, item.end) = (first.at, first.at.time, last.at.time);
        }
        (item.times, item.every) = (1, None);
    }
}
