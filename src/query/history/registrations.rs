//! Registrations: what a terminal's REGISTER and its answers come to, and equal ones in a row as one line. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Message, Method};
use super::why::evidence;
use super::{Context, History, Item, Kind, Party, why};
use crate::clock::Timestamp;
use crate::event::Change;
use crate::query::diagnostics::Cursor;

/// A challenge is answered within so long (64 * T1, RFC 3261 section 17.1.2.2), or it is a new attempt.
const PATIENCE: Duration = Duration::from_secs(32);

/// One attempt: a REGISTER, the challenge, the REGISTER with credentials, the answer.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Number of its dialog.
    pub dialog: usize,
    /// Numbers of its messages, oldest first.
    pub numbers: Vec<usize>,
    /// Those messages.
    pub messages: Vec<&'a Message>,
    /// The PBX's word on a failure near it: where it stands, and what.
    pub told: Vec<(Cursor, &'a Change)>,
    /// Where the PBX said that what it registered ran out.
    pub over: Option<Cursor>,
}

impl<'a> Attempt<'a> {
    /// The last final answer.
    pub fn answer(&self) -> Option<&'a Message> {
        self.messages.iter().rev().copied().find(|m| m.answers(Method::Register).is_some())
    }

    /// The last REGISTER.
    pub fn request(&self) -> Option<&'a Message> {
        self.messages.iter().rev().copied().find(|m| m.is_request(Method::Register))
    }

    /// First and last message.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.messages.first()?.at.time, self.messages.last()?.at.time))
    }

    /// The URI of the contact that it is about; `None`: not kept.
    pub fn contact(&self) -> Option<String> {
        let value = self.request()?.head().text("Contact", "m");
        let uri =
            value.split_once('<').map_or(&*value, |(_, rest)| rest.split('>').next().unwrap_or_default());
        Some(uri.trim().to_owned()).filter(|uri| !uri.is_empty())
    }

    /// Its terminal's endpoint; empty: not known.
    pub fn endpoint(&self) -> Arc<str> {
        self.messages.iter().map(|m| &m.endpoint).find(|e| !e.is_empty()).cloned().unwrap_or_default()
    }
}

/// The attempts of a history, oldest first.
pub fn attempts(history: &History) -> Vec<Attempt<'_>> {
    let mut all = Vec::new();
    let registers = history.dialogs.iter().enumerate().filter(|(_, d)| d.method == Method::Register);
    for (dialog, found) in registers {
        let mut current: Option<Attempt<'_>> = None;
        for number in &found.messages {
            let Some(message) = history.messages.get(*number) else { continue };
            if current.as_ref().is_some_and(|attempt| begins_anew(attempt, message)) {
                all.extend(current.take());
            }
            let attempt = current.get_or_insert_with(|| Attempt {
                dialog,
                numbers: Vec::new(),
                messages: Vec::new(),
                told: Vec::new(),
                over: None,
            });
            attempt.numbers.push(*number);
            attempt.messages.push(message);
        }
        all.extend(current);
    }
    all.sort_by_key(|attempt| attempt.messages.first().map(|m| m.at));
    tell(history, &mut all);
    run_out(history, &mut all);
    all
}

/// Whether a message is no more part of the attempt.
fn begins_anew(attempt: &Attempt<'_>, message: &Message) -> bool {
    let Some(request) = attempt.request() else { return message.status.is_none() };
    let is_late = message.at.time.since(request.at.time) > PATIENCE;
    if message.status.is_some() || message.cseq == request.cseq {
        return message.status.is_none() && is_late;
    }
    let challenge = attempt.answer().filter(|answer| matches!(answer.status, Some(401 | 407)));
    let is_challenged = challenge
        .is_some_and(|answer| message.at.time.since(answer.at.time) < PATIENCE && answer.at > request.at);
    !is_challenged || has_tried(attempt, request)
}

/// Whether a REGISTER answered a challenge of its attempt. Credentials made of an older one are no try: a phone keeps the
/// nonce until the PBX refuses it.
fn has_tried(attempt: &Attempt<'_>, request: &Message) -> bool {
    if !evidence::has_headers(request) {
        return attempt.messages.iter().any(|m| m.is_request(Method::Register) && m.cseq != request.cseq);
    }
    let Some(nonce) = evidence::credentials(request) else { return false };
    let before = attempt.messages.iter().filter(|m| m.at < request.at && matches!(m.status, Some(401 | 407)));
    before.filter_map(|m| evidence::challenge(m)).any(|(given, _)| given == nonce)
}

/// Tells the attempts whose registration ran out: of those of the endpoint before it the last with that contact, else the last.
fn run_out(history: &History, attempts: &mut [Attempt<'_>]) {
    for told in &history.changes {
        let Change::Unregistered { endpoint, contact, expired: true } = &told.change else { continue };
        let is_before = |attempt: &&mut Attempt<'_>| {
            let is_good = attempt.answer().is_some_and(|answer| matches!(answer.status, Some(200..300)));
            is_good
                && attempt.span().is_some_and(|(_, to)| to < told.at.time)
                && (endpoint.is_empty() || attempt.endpoint() == *endpoint)
        };
        let mut before: Vec<&mut Attempt<'_>> = attempts.iter_mut().filter(is_before).rev().take(8).collect();
        let same = before.iter().position(|attempt| attempt.contact().as_deref() == Some(contact));
        if let Some(attempt) = before.get_mut(same.unwrap_or(0)) {
            attempt.over = Some(told.at);
        }
    }
}

/// Gives each attempt what the PBX said of its Call-ID.
fn tell<'a>(history: &'a History, attempts: &mut [Attempt<'a>]) {
    let mut by_call_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, attempt) in attempts.iter().enumerate() {
        if let Some(dialog) = history.dialogs.get(attempt.dialog) {
            by_call_id.entry(&dialog.call_id).or_default().push(n);
        }
    }
    for told in &history.changes {
        let Change::Failed { call_id, .. } = &told.change else { continue };
        let its = by_call_id.get(&**call_id).into_iter().flatten();
        let nearest = its.copied().min_by_key(|n| {
            let span = attempts.get(*n).and_then(Attempt::span);
            span.map(|(from, to)| told.at.time.since(to).max(from.since(told.at.time)))
        });
        if let Some(attempt) = nearest.and_then(|n| attempts.get_mut(n)) {
            attempt.told.push((told.at, &told.change));
        }
    }
}

/// The registrations of a history: equal successful ones of a terminal in a row as one.
pub(super) fn items(history: &History, _context: &Context<'_>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut open: HashMap<(Arc<str>, Option<String>, std::net::IpAddr), usize> = HashMap::new();
    let mut starts: HashMap<usize, Vec<Timestamp>> = HashMap::new();
    for attempt in attempts(history) {
        let Some((start, end)) = attempt.span() else { continue };
        let Some(first) = attempt.messages.first() else { continue };
        let verdict = why::registration(history, &attempt);
        let key = (attempt.endpoint(), attempt.contact(), first.far.ip());
        // the last of a row that ran out
        let row = if verdict.rule == "expired" { "registered" } else { verdict.rule };
        let folds = open.get(&key).copied().filter(|n| {
            items.get(*n).is_some_and(|item| item.verdict.rule == row && !has_break(history, item.end, start))
        });
        match folds.and_then(|n| items.get_mut(n).map(|item| (n, item))) {
            Some((n, item)) => {
                item.times += 1;
                item.end = end;
                item.verdict = verdict;
                item.messages.extend(attempt.numbers);
                if !item.dialogs.contains(&attempt.dialog) {
                    item.dialogs.push(attempt.dialog);
                }
                starts.entry(n).or_default().push(start);
            }
            None => {
                starts.insert(items.len(), vec![start]);
                open.insert(key.clone(), items.len());
                items.push(Item {
                    id: first.at,
                    kind: Kind::Registration,
                    start,
                    end,
                    direction: None,
                    far: Party::default(),
                    endpoints: Some(key.0).filter(|e| !e.is_empty()).into_iter().collect(),
                    verdict,
                    ringing: None,
                    talking: None,
                    times: 1,
                    every: None,
                    dialogs: vec![attempt.dialog],
                    messages: attempt.numbers,
                    quality: Vec::new(),
                    has_gap: false,
                });
            }
        }
    }
    for (n, starts) in starts {
        if let Some(item) = items.get_mut(n) {
            item.every = median(&starts);
        }
    }
    items
}

/// Whether a registration ended between two moments.
fn has_break(history: &History, from: Timestamp, to: Timestamp) -> bool {
    let begin = history.changes.partition_point(|told| told.at.time < from);
    let within =
        history.changes.get(begin..).unwrap_or_default().iter().take_while(|told| told.at.time <= to);
    within.into_iter().any(|told| matches!(told.change, Change::Unregistered { .. }))
}

/// The median of the spans between moments; `None` where there is but one.
pub(super) fn median(moments: &[Timestamp]) -> Option<Duration> {
    let mut spans: Vec<Duration> =
        moments.iter().zip(moments.iter().skip(1)).map(|(before, after)| after.since(*before)).collect();
    spans.sort_unstable();
    spans.get(spans.len() / 2).copied()
}
