//! Writes into the ring what the wall shows, so that it can be told again: on `usermon-drain`, between its rounds. Asks the
//! state who changed instead of listening to events: nothing is lost when a queue is full, and the order is the state's
//! own. What the ring did not take, or what went on while the clock was set back, is told as not known.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::directory::Directory;
use crate::event::{Grey, Shown, Sticker, UserKey};
use crate::query::rewind::ALIVE;
use crate::state::State;
use crate::store::Store;
use crate::store::wall::{Head, LONG_PAGE, Writer, epoch};

/// How often companies are looked through for what is due.
const TEND: Duration = Duration::from_secs(1);
/// All users of a company are written again after so long, or when so many lines were written since: that many times
/// its users, and at least so many. The first bounds what a reader misses of a ring whose beginning is gone, the second
/// how much it has to read.
const ROUND: Duration = Duration::from_mins(30);
const LINES: usize = 4;
const FEW_LINES: usize = 4_096;
/// Users of a slice, so that a round is no burst.
const SLICE: usize = 256;
/// A clock that goes back by more was set.
const SET_BACK: Duration = Duration::from_secs(10);

/// What was written last of a user.
#[derive(Debug, PartialEq, Eq)]
struct Last {
    sticker: Sticker,
    calls: u32,
    since: Timestamp,
    grey: Grey,
    terminals: u64,
}

/// The pages of one company.
#[derive(Debug, Default)]
struct Track {
    number: u64,
    base: Option<Timestamp>,
    /// When the last whole round, or the run, began.
    since: Timestamp,
    /// Lines written since then.
    lines: usize,
    wrote: Timestamp,
}

/// A round that is under way.
#[derive(Debug)]
struct Round {
    company: Arc<str>,
    left: VecDeque<Arc<UserKey>>,
    began: Option<Timestamp>,
}

/// The recorder of one run of the module. Used by one thread.
#[derive(Debug)]
pub struct Recorder {
    epoch: u32,
    /// The state's version that is written.
    seen: u64,
    generation: Option<u64>,
    forgotten: u64,
    now: Timestamp,
    tended: Timestamp,
    /// The ring does not take pages.
    refused: bool,
    tracks: BTreeMap<Arc<str>, Track>,
    known: HashMap<Arc<UserKey>, Last>,
    due: VecDeque<Arc<str>>,
    round: Option<Round>,
    writer: Writer,
    hash: RandomState,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// A recorder that knows of nobody, as the state at the module's start.
    pub fn new() -> Self {
        Self {
            epoch: epoch(),
            seen: 0,
            generation: None,
            forgotten: 0,
            now: Timestamp::MIN,
            tended: Timestamp::MIN,
            refused: false,
            tracks: BTreeMap::new(),
            known: HashMap::new(),
            due: VecDeque::new(),
            round: None,
            writer: Writer::default(),
            hash: RandomState::new(),
        }
    }

    /// Writes what changed since the last time, and what is due. Costs three atomic reads when there is nothing; else some
    /// microseconds a user who changed, and at most 256 users of a round. Memory only: the store's lock and the state's,
    /// never both.
    pub fn poll(&mut self, state: &State, directory: &Directory, store: &Store, clock: &Clock) {
        let now = clock.now();
        if now < self.now.minus(SET_BACK) {
            self.resume();
            self.now = now;
            self.tended = Timestamp::MIN;
        }
        self.now = self.now.max(now);
        let tend = self.now.since(self.tended) >= TEND;
        if self.refused {
            if !tend {
                return;
            }
            self.resume();
        }
        let generation = directory.generation();
        if self.generation != Some(generation) {
            self.generation = Some(generation);
            for company in directory.companies() {
                self.start(&company.id, store);
            }
        }
        let forgotten = state.forgotten();
        if self.forgotten != forgotten {
            self.forgotten = forgotten;
            let known: Vec<_> = self.known.keys().cloned().collect();
            self.write(known, state, store, clock);
        }
        let version = state.version();
        if version > self.seen {
            let changed = state.changed_since(self.seen);
            self.write(changed, state, store, clock);
            self.seen = version;
        }
        if tend {
            self.tended = self.now;
            self.tend(store);
        }
        self.slice(state, store, clock);
    }

    /// Writes that the module stops here.
    pub fn stop(&mut self, store: &Store, clock: &Clock) {
        self.now = self.now.max(clock.now());
        let companies: Vec<_> = self.tracks.keys().cloned().collect();
        for company in companies {
            self.page(&company, Head { stop: true, ..Head::default() }, store, &[]);
        }
    }

    /// Begins anew, not knowing what was shown meanwhile: everybody is written again.
    fn resume(&mut self) {
        self.epoch = epoch();
        self.refused = false;
        self.round = None;
        self.due = self.tracks.keys().cloned().collect();
        for track in self.tracks.values_mut() {
            *track = Track { wrote: Timestamp::MIN, since: self.now, ..Track::default() };
        }
    }

    fn start(&mut self, company: &Arc<str>, store: &Store) {
        if !self.tracks.contains_key(company) {
            let track = Track { base: Some(self.now), since: self.now, ..Track::default() };
            self.tracks.insert(Arc::clone(company), track);
            self.page(company, Head { start: true, ..Head::default() }, store, &[]);
        }
    }

    /// Writes those of the users that are shown in another way than was written.
    fn write(&mut self, users: Vec<Arc<UserKey>>, state: &State, store: &Store, clock: &Clock) {
        let mut by_company: BTreeMap<Arc<str>, Vec<Arc<UserKey>>> = BTreeMap::new();
        for user in users {
            by_company.entry(Arc::clone(&user.company)).or_default().push(user);
        }
        for (company, users) in by_company {
            self.start(&company, store);
            let mut users = users.into_iter();
            loop {
                let lines = self.lines(&mut users, (state, clock), false);
                if lines.is_empty() {
                    break;
                }
                self.page(&company, Head::default(), store, &lines);
            }
        }
    }

    /// The next lines of a page, as long as a page may be; of `all` users, or of those that changed.
    fn lines(
        &mut self,
        users: &mut dyn Iterator<Item = Arc<UserKey>>,
        (state, clock): (&State, &Clock),
        all: bool,
    ) -> Vec<(Arc<UserKey>, Shown, bool)> {
        let (mut lines, mut long) = (Vec::new(), 0);
        while long < LONG_PAGE
            && lines.len() < SLICE
            && let Some(user) = users.next()
        {
            let shown = state.shown(&user);
            let terminals = self.hash.hash_one((&shown.contacts, &shown.active));
            let (sticker, calls, since, grey) = (shown.sticker, shown.calls, shown.since, shown.grey);
            let last = Last { sticker, calls, since, grey, terminals };
            let before = self.known.get(&user);
            if !all && before == Some(&last) {
                continue;
            }
            let with_terminals = all || before.is_none_or(|before| before.terminals != terminals);
            if shown == Shown::default() {
                if self.known.remove(&user).is_none() {
                    continue;
                }
            } else {
                self.known.insert(Arc::clone(&user), last);
            }
            let texts =
                shown.contacts.iter().map(|c| c.contact.len() + c.user_agent.len() + c.endpoint.len());
            long += user.user.len() + 16 + if with_terminals { texts.sum::<usize>() } else { 0 };
            lines.push((user, shown, with_terminals));
        }
        // after the state was asked: nothing is told before it happened
        self.now = self.now.max(clock.now());
        lines
    }

    fn page(&mut self, company: &Arc<str>, head: Head, store: &Store, lines: &[(Arc<UserKey>, Shown, bool)]) {
        let Some(track) = self.tracks.get_mut(company) else { return };
        let head = Head { epoch: self.epoch, base: track.base, number: track.number, ..head };
        self.writer.begin(self.now, &head);
        for (user, shown, with_terminals) in lines {
            self.writer.push(&user.user, shown, *with_terminals);
        }
        track.number += 1;
        track.lines += lines.len();
        track.wrote = self.now;
        self.refused |= !store.append_wall(self.now, company, self.writer.bytes()).unwrap_or(false);
    }

    /// Says of silent companies that they are looked after, and finds those whose round is due.
    fn tend(&mut self, store: &Store) {
        let mut members: HashMap<&Arc<str>, usize> = HashMap::new();
        if self.tracks.values().any(|track| track.lines >= FEW_LINES) {
            for user in self.known.keys() {
                *members.entry(&user.company).or_default() += 1;
            }
        }
        let mut silent = Vec::new();
        for (company, track) in &self.tracks {
            let many = members.get(company).copied().unwrap_or(0).saturating_mul(LINES).max(FEW_LINES);
            let is_due = self.now.since(track.since) >= ROUND || track.lines >= many;
            let is_under_way = self.round.as_ref().is_some_and(|round| round.company == *company);
            if is_due && !is_under_way && !self.due.contains(company) {
                self.due.push_back(Arc::clone(company));
            }
            if self.now.since(track.wrote) >= ALIVE {
                silent.push(Arc::clone(company));
            }
        }
        for company in silent {
            self.page(&company, Head::default(), store, &[]);
        }
    }

    /// Writes one slice of the round that is under way, or of the next.
    fn slice(&mut self, state: &State, store: &Store, clock: &Clock) {
        let mut round = match self.round.take() {
            Some(round) => round,
            None => {
                let Some(company) = self.due.pop_front() else { return };
                let left = self.known.keys().filter(|user| user.company == company).cloned().collect();
                Round { company, left, began: None }
            }
        };
        let mut users = std::iter::from_fn(|| round.left.pop_front());
        let lines = self.lines(&mut users, (state, clock), true);
        let head = Head { first: round.began.is_none(), last: round.left.is_empty(), ..Head::default() };
        let began = *round.began.get_or_insert(self.now);
        if head.last
            && let Some(track) = self.tracks.get_mut(&round.company)
        {
            (track.base, track.since, track.lines) = (Some(began), began, 0);
        }
        self.page(&round.company, head, store, &lines);
        if !head.last {
            self.round = Some(round);
        }
    }
}
