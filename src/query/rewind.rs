//! The wall as it was at any moment of the two days, told again out of the ring: the last round before that moment, and
//! every change since then. Names and departments are those of the directory as it is now. Where the ring can't tell,
//! it says so: nothing is guessed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{EndpointKey, UserKey};
use crate::query::Query;
use crate::query::wall::{Wall, assemble};
use crate::state::{Contact, UserState};
use crate::store::board::Stored;
use crate::store::wall::{Line, Page, Terminals};

/// A company's pages are never further apart while the module runs.
pub(crate) const ALIVE: Duration = Duration::from_mins(1);
/// Further apart than this: the module, or its machine, was away.
const AWAY: Duration = Duration::from_secs(90);

/// What the ring tells of a moment.
#[derive(Debug, Clone)]
pub enum Then {
    /// The wall as it was, without a version. Calls are counted, but not who with; when a contact would have run out is
    /// not told.
    Told(Wall),
    /// It is not known.
    Unknown(Untold),
}

/// Why the ring can't tell of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// The module was not running, or the disk took nothing.
    Away,
    /// What was written before that moment is no longer kept, or there was nothing yet.
    Older,
    /// A part of the ring that is needed can't be read.
    Damaged,
}

/// A user as the pages read so far tell.
struct Told<'a> {
    line: Line<'a>,
    terminals: Option<Terminals<'a>>,
}

impl Query {
    /// A company's wall as it was at `at`; `None` where there is no such company. Reads about as much as the company has
    /// users and had changes in some minutes. Any thread; blocks for the disk.
    ///
    /// # Errors
    /// When the two-day ring can't be read.
    pub fn wall_at(&self, company: &str, at: Timestamp) -> Result<Option<Then>> {
        let Some(company) = self.company(company) else { return Ok(None) };
        let near = self.0.store.read_wall(&company.id, at.minus(AWAY), at.plus(AWAY))?;
        let (before, after) = near.split_at(near.partition_point(|page| page.time <= at));
        let (head, base) = match newest(before, after, at.plus(AWAY) > self.now()) {
            Ok(found) => found,
            Err(Untold::Away) if self.0.store.status().oldest.is_none_or(|oldest| oldest > at) => {
                return Ok(Some(Then::Unknown(Untold::Older)));
            }
            Err(why) => return Ok(Some(Then::Unknown(why))),
        };
        let earlier = match near.first() {
            Some(first) if first.time <= base => Vec::new(),
            _ => {
                let to = Timestamp(at.minus(AWAY).0.saturating_sub(1));
                self.0.store.read_wall(&company.id, base, to)?
            }
        };
        let users = match tell(earlier.iter().chain(before), head, base) {
            Ok(users) => users,
            Err(why) => return Ok(Some(Then::Unknown(why))),
        };
        let nobody = Arc::new(UserState::default());
        let listed: Vec<_> = self.0.directory.users(Some(&company.id)).iter().map(without_now).collect();
        Ok(Some(Then::Told(assemble((company, &listed), (String::new(), at), |key| {
            users.get(&*key.user).map_or_else(|| Arc::clone(&nobody), |told| Arc::new(told.state(key)))
        }))))
    }
}

/// A user without what the directory says of now.
fn without_now(user: &Arc<User>) -> Arc<User> {
    if user.terminals.iter().all(|terminal| terminal.active.is_none()) {
        return Arc::clone(user);
    }
    let mut user = User::clone(user);
    user.terminals.iter_mut().for_each(|terminal| terminal.active = None);
    Arc::new(user)
}

/// The run that the last page belongs to and its base; `is_now`: no page need have come after it. Where the clock was set
/// back, a moment was there twice: what was written last counts.
fn newest(before: &[Stored], after: &[Stored], is_now: bool) -> Result<(u32, Timestamp), Untold> {
    let read = |page: &Stored| Page::read(page.time, &page.bytes).map(|page| page.head);
    let last = before.iter().max_by_key(|page| page.seq).ok_or(Untold::Away)?;
    let seq = last.seq;
    let last = read(last).filter(|head| !head.stop).ok_or(Untold::Away)?;
    match after.iter().find(|page| page.seq > seq) {
        Some(next) => {
            let next = read(next).ok_or(Untold::Damaged)?;
            if next.epoch != last.epoch {
                return Err(Untold::Away);
            }
        }
        None if is_now => {}
        None => return Err(Untold::Away),
    }
    Ok((last.epoch, last.base.ok_or(Untold::Away)?))
}

/// Everybody who was heard of, from the pages since `base` that belong to the run.
fn tell<'a>(
    pages: impl Iterator<Item = &'a Stored>,
    epoch: u32,
    base: Timestamp,
) -> Result<HashMap<&'a str, Told<'a>>, Untold> {
    let mut users: HashMap<&str, Told<'a>> = HashMap::new();
    let mut number = None;
    for stored in pages {
        let page = Page::read(stored.time, &stored.bytes).ok_or(Untold::Damaged)?;
        let head = page.head;
        if head.epoch != epoch {
            continue;
        }
        match number {
            None if stored.time == base && (head.first || head.start) => {}
            // before the round began, if only in order
            None if stored.time <= base => continue,
            None => return Err(Untold::Older),
            Some(number) if head.number == number => {}
            Some(_) => return Err(Untold::Damaged),
        }
        number = Some(head.number.saturating_add(1));
        for line in page.lines() {
            let line = line.ok_or(Untold::Damaged)?;
            let told = users.entry(line.user).or_insert(Told { line, terminals: None });
            told.line = line;
            told.terminals = line.terminals.or(told.terminals);
        }
    }
    if number.is_none() { Err(Untold::Older) } else { Ok(users) }
}

impl Told<'_> {
    /// As the state would have it; without calls and what a page does not show.
    fn state(&self, key: &UserKey) -> UserState {
        let (contacts, active) = self.terminals.and_then(|terminals| terminals.read()).unwrap_or_default();
        let contacts = contacts.into_iter().map(|bound| Contact {
            endpoint: Arc::new(EndpointKey { company: Arc::clone(&key.company), endpoint: bound.endpoint }),
            contact: bound.contact,
            far: bound.far,
            transport: bound.transport,
            user_agent: bound.user_agent,
            path: Arc::default(),
            call_id: Arc::default(),
            since: bound.since,
            refreshed: bound.since,
            expires: None,
            round_trip: None,
            reachable: bound.reachable,
        });
        UserState {
            sticker: self.line.sticker,
            calls: self.line.calls,
            since: self.line.since,
            grey: self.line.grey,
            contacts: contacts.collect(),
            active,
            ..UserState::default()
        }
    }
}
