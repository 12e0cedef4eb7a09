//! The terminal's page: registrations, failures, calls and history of one terminal of one user.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::Result;
use crate::event::{Change, FailureCause, Kind, Transport, UserKey};
use crate::query::Query;
use crate::query::terminal::lasted::{Flapping, Lasted};
use crate::query::terminals::{Matched, terminals};
use crate::query::wall::{CallView, TerminalView, call};
use crate::query::words::{cause_words, change_words};
use crate::state::{Contact, Failure};
use crate::store::record::Payload;
use crate::store::{Kinds, Query as Range};

pub mod lasted;
pub mod past;

/// All that the page shows but [`past::TerminalPast`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "product.md names the parts")]
pub struct TerminalPage {
    pub user: Arc<User>,
    pub terminal: TerminalView,
    pub contacts: Vec<ContactView>,
    /// Newest first.
    pub failures: Vec<FailureView>,
    pub calls: Vec<CallView>,
    /// Registration history, newest first.
    pub history: Vec<HistoryView>,
    /// The registrations of the two days, newest first.
    pub lasted: Vec<Lasted>,
    /// `None`: it does not come and go.
    pub flapping: Option<Flapping>,
    /// Where the phone's own web page is, without http or https (`192.0.2.7`, `[2001:db8::7]`); leads out of the PBX.
    pub web_address: Option<String>,
    pub at: Timestamp,
}

/// One contact.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are those of a registration")]
pub struct ContactView {
    pub contact: String,
    pub far: Option<SocketAddr>,
    pub transport: Transport,
    pub user_agent: String,
    pub path: String,
    pub since: Timestamp,
    pub refreshed: Timestamp,
    pub expires: Option<Timestamp>,
    /// Microseconds.
    pub round_trip: Option<u32>,
    pub reachable: Option<bool>,
}

/// One failed attempt, or several equal ones in a row.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are those of a failed registration")]
pub struct FailureView {
    pub time: Timestamp,
    /// The account that was tried.
    pub account: String,
    pub cause: FailureCause,
    /// A plain sentence.
    pub words: String,
    pub far: Option<SocketAddr>,
    pub user_agent: String,
    pub call_id: String,
    pub count: u32,
}

/// One line of the registration history.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "time and a plain sentence")]
pub struct HistoryView {
    pub time: Timestamp,
    pub words: String,
}

/// Lines of history on one page.
const HISTORY: usize = 200;
/// Changes read at once to find them, and how often at most.
const HISTORY_READ: usize = 1_000;
const HISTORY_READS: usize = 5;

impl Query {
    /// The page of one terminal; `None` where the user or terminal does not exist.
    ///
    /// # Errors
    /// When the two-day ring can't be read.
    pub fn terminal(&self, user: &UserKey, terminal: &str) -> Result<Option<TerminalPage>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        let state = self.0.state.user(&user.key);
        let all = terminals(&user, &state);
        let Some(mine) = all.iter().find(|m| m.view.id == terminal) else { return Ok(None) };
        let is_mine = |endpoint: &str| mine.endpoint.as_deref() == Some(endpoint);
        let changes = self.registration_changes(&user.key, &all, mine)?;
        let bound: Vec<&str> = mine.contacts.iter().map(|contact| &*contact.contact).collect();
        let line =
            |(time, change): &(Timestamp, Change)| HistoryView { time: *time, words: change_words(change) };
        let mut lasted = lasted::registrations(&changes, &bound);
        lasted.truncate(HISTORY);
        Ok(Some(TerminalPage {
            terminal: mine.view.clone(),
            contacts: mine.contacts.iter().map(|c| self.contact(c)).collect(),
            failures: state.failures.iter().filter(|f| is_mine(&f.endpoint.endpoint)).map(failure).collect(),
            calls: state.legs.iter().filter(|l| is_mine(&l.endpoint.endpoint)).map(call).collect(),
            history: changes.iter().rev().take(HISTORY).map(line).collect(),
            flapping: lasted::flapping(&changes),
            lasted,
            web_address: matches!(mine.view.kind, Kind::Sip | Kind::Dect)
                .then(|| mine.contacts.iter().find_map(|c| c.far))
                .flatten()
                .map(|far| match far.ip().to_canonical() {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                }),
            user,
            at: self.now(),
        }))
    }

    fn contact(&self, contact: &Contact) -> ContactView {
        ContactView {
            contact: contact.contact.to_string(),
            far: contact.far,
            transport: contact.transport,
            user_agent: contact.user_agent.to_string(),
            path: contact.path.to_string(),
            since: contact.since,
            refreshed: contact.refreshed,
            expires: contact.expires,
            round_trip: contact
                .round_trip
                .or_else(|| self.0.host.round_trip(&contact.endpoint, &contact.contact)),
            reachable: contact.reachable,
        }
    }

    /// The terminal's registration changes of the two days, oldest first; of very many the newest.
    fn registration_changes(
        &self,
        user: &UserKey,
        all: &[Matched<'_>],
        mine: &Matched<'_>,
    ) -> Result<Vec<(Timestamp, Change)>> {
        let others: Vec<(&str, &str)> = all
            .iter()
            .filter(|m| m.view.id != mine.view.id)
            .flat_map(|m| m.contacts.iter().map(|c| (&*c.endpoint.endpoint, &*c.contact)))
            .collect();
        let mut changes = Vec::new();
        let mut before = None;
        // calls and stickers are changes too, and of a busy user most of them
        for _ in 0..HISTORY_READS {
            let records = self.0.store.read(&Range {
                user,
                from: Timestamp::MIN,
                to: Timestamp::MAX,
                before,
                limit: HISTORY_READ,
                kinds: Kinds { packets: false, changes: true, gaps: false, quality: false },
            })?;
            before = records.last().map(|record| (record.time, record.seq));
            let is_last = records.len() < HISTORY_READ;
            changes.extend(records.into_iter().filter_map(|record| match record.payload {
                Payload::Change(change) if is_registration(&change, mine.endpoint.as_deref(), &others) => {
                    Some((record.time, change))
                }
                _ => None,
            }));
            if is_last {
                break;
            }
        }
        changes.reverse();
        Ok(changes)
    }
}

/// Whether a change is a line of this terminal's history: of its own endpoint, where the ring says which (an earlier
/// version did not), and not of a contact that another terminal has now.
fn is_registration(change: &Change, mine: Option<&str>, others: &[(&str, &str)]) -> bool {
    let is_mine = |endpoint: &str| endpoint.is_empty() || mine == Some(endpoint);
    match change {
        Change::Registered { endpoint, contact, .. }
        | Change::Unregistered { endpoint, contact, .. }
        | Change::Reachability { endpoint, contact, .. } => {
            let is_same = |of: &str| endpoint.is_empty() || of == &**endpoint;
            is_mine(endpoint) && !others.iter().any(|(of, other)| is_same(of) && *other == &**contact)
        }
        Change::Failed { endpoint, .. } => is_mine(endpoint),
        Change::Sticker { .. } | Change::Call { .. } => false,
    }
}

pub(super) fn failure(failure: &Failure) -> FailureView {
    FailureView {
        time: failure.time,
        account: failure.endpoint.endpoint.to_string(),
        cause: failure.cause,
        words: cause_words(failure.cause).to_owned(),
        far: failure.far,
        user_agent: failure.user_agent.to_string(),
        call_id: failure.call_id.to_string(),
        count: failure.count,
    }
}
