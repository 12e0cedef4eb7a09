//! What the packets of the ring tell of a terminal: its failed attempts to register, each with the message that shows why, and
//! how long it took to answer the PBX's check (qualify). Read for each request, and audited as a reading of packets.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Change, Direction, DumpDetail, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::history::message::{Message, Method};
use crate::query::history::{History, Item, Kind, Outcome};
use crate::query::terminals::{Matched, terminals};
use crate::query::words::cause_words;
use crate::query::{Query, Viewer};

/// Attempts on one page.
const ATTEMPTS: usize = 100;
/// A check that has not been answered for so long is not answered.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the packets tell of a terminal.
#[derive(Debug, Clone, Default)]
pub struct TerminalPast {
    /// Newest first.
    pub attempts: Vec<AttemptView>,
    /// Oldest first.
    pub checks: Vec<Check>,
    /// What is kept of each new packet.
    pub detail: DumpDetail,
}

/// A failed attempt, or several equal ones in a row.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// How many.
    pub times: usize,
    /// Why, as a sentence; may hold text of a peer.
    pub words: String,
    /// What an administrator can do; may be empty.
    pub advice: String,
    /// Where it came from.
    pub far: Option<SocketAddr>,
    /// Of the REGISTER; may be empty.
    pub user_agent: String,
    /// Its line in the diagnostics; `None`: no packet of it was kept.
    pub item: Option<Cursor>,
    /// The message that shows it; `None`: only the PBX's word does.
    pub shown: Option<Cursor>,
}

/// The PBX asked a contact whether it is there (OPTIONS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// When it asked.
    pub at: Timestamp,
    /// How long the answer took; `None`: there was none.
    pub round_trip: Option<Duration>,
    /// It was asked again before the answer came, so the round trip may be one of a later question.
    pub again: bool,
}

impl Query {
    /// What the packets tell of a terminal; `None` where the user or terminal does not exist. Cost: a reading of the user's
    /// history.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn terminal_past(
        &self,
        viewer: &Viewer,
        user: &UserKey,
        terminal: &str,
    ) -> Result<Option<TerminalPast>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        let state = self.0.state.user(&user.key);
        let all = terminals(&user, &state);
        let Some(mine) = all.iter().find(|m| m.view.id == terminal) else { return Ok(None) };
        let Some(endpoint) = mine.endpoint.as_ref() else { return Ok(Some(TerminalPast::default())) };
        self.audit_reading(viewer, "read-packets", Some(&user), &format!("terminal {terminal}"))?;
        let history = self.history_of(&user, Timestamp::MIN, None)?;
        Ok(Some(TerminalPast {
            attempts: attempts(&history, endpoint),
            checks: checks(&history, endpoint, &others(&all, mine)),
            detail: history.detail,
        }))
    }
}

/// Far addresses of the user's other terminals.
fn others(all: &[Matched<'_>], mine: &Matched<'_>) -> HashSet<SocketAddr> {
    let other = all.iter().filter(|m| m.view.id != mine.view.id).flat_map(|m| &m.contacts);
    other.filter_map(|contact| contact.far).collect()
}

fn attempts(history: &History, endpoint: &Arc<str>) -> Vec<AttemptView> {
    let is_failed = |item: &&Item| {
        item.kind == Kind::Registration
            && item.verdict.outcome == Outcome::Failed
            && item.verdict.rule != "expired"
            && (item.endpoints.is_empty() || item.endpoints.contains(endpoint))
    };
    let mut all: Vec<AttemptView> =
        history.items.iter().filter(is_failed).map(|item| attempt(history, item)).collect();
    all.extend(untold(history, endpoint));
    all.sort_by_key(|attempt| std::cmp::Reverse(attempt.last));
    all.truncate(ATTEMPTS);
    all
}

fn attempt(history: &History, item: &Item) -> AttemptView {
    let request = history.messages_of(item).filter(|m| m.is_request(Method::Register)).last();
    let shown = item.verdict.at.filter(|at| history.messages_of(item).any(|m| m.at == *at));
    AttemptView {
        first: item.start,
        last: item.end,
        times: item.times,
        words: item.verdict.words.clone(),
        advice: item.verdict.advice.clone(),
        far: request.map(|m| m.far),
        user_agent: request.map(|m| m.head().text("User-Agent", "")).unwrap_or_default(),
        item: Some(item.id),
        shown,
    }
}

/// Failures that the PBX told of and of which no packet was kept, equal ones in a row as one.
fn untold(history: &History, endpoint: &Arc<str>) -> Vec<AttemptView> {
    let known: HashSet<&str> = history
        .dialogs
        .iter()
        .filter(|dialog| !dialog.messages.is_empty())
        .map(|dialog| &*dialog.call_id)
        .collect();
    let mut all: Vec<AttemptView> = Vec::new();
    for told in &history.changes {
        let Change::Failed { endpoint: of, cause, far, call_id, .. } = &told.change else { continue };
        if !(of.is_empty() || of == endpoint) || known.contains(&**call_id) {
            continue;
        }
        let (words, ip) = (cause_words(*cause), far.map(|far| far.ip()));
        match all.last_mut().filter(|last| last.words == words && last.far.map(|far| far.ip()) == ip) {
            Some(last) => {
                last.times += 1;
                last.last = told.at.time;
            }
            None => all.push(AttemptView {
                first: told.at.time,
                last: told.at.time,
                times: 1,
                words: words.to_owned(),
                advice: String::new(),
                far: *far,
                user_agent: String::new(),
                item: None,
                shown: None,
            }),
        }
    }
    all
}

fn checks(history: &History, endpoint: &Arc<str>, others: &HashSet<SocketAddr>) -> Vec<Check> {
    let is_its =
        |m: &&Message| m.method == Method::Options && m.endpoint == *endpoint && !others.contains(&m.far);
    let mut all: BTreeMap<Timestamp, Check> = BTreeMap::new();
    // by Call-ID and CSeq, the moment it was asked first
    let mut open: BTreeMap<(usize, u32), Timestamp> = BTreeMap::new();
    for message in history.messages.iter().filter(is_its) {
        let (key, now) = ((message.dialog, message.cseq), message.at.time);
        match (message.status, message.direction) {
            (None, Direction::Out) => match open.get(&key).and_then(|at| all.get_mut(at)) {
                Some(check) => check.again = true,
                None => {
                    open.insert(key, now);
                    all.insert(now, Check { at: now, round_trip: None, again: false });
                }
            },
            (Some(200..), Direction::In) => {
                if let Some(check) = open.remove(&key).and_then(|at| all.get_mut(&at)) {
                    check.round_trip = Some(now.since(check.at));
                }
            }
            _ => {}
        }
    }
    let mut checks: Vec<Check> = all.into_values().collect();
    // the answer to the last one may be on its way
    checks.retain(|check| check.round_trip.is_some() || check.at.plus(PATIENCE) <= history.at);
    checks
}
