//! Registrations: what a terminal's REGISTER and its answers come to, and equal ones in a row as one line. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Message, Method};
use super::{Context, History, Item, Kind, Party, why};
use crate::clock::Timestamp;
use crate::event::Change;

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
    pub told: Vec<(crate::query::diagnostics::Cursor, &'a Change)>,
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

    fn endpoint(&self) -> Arc<str> {
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
            });
            attempt.numbers.push(*number);
            attempt.messages.push(message);
        }
        all.extend(current);
    }
    all.sort_by_key(|attempt| attempt.messages.first().map(|m| m.at));
    tell(history, &mut all);
    all
}

/// Whether a message is no more part of the attempt.
fn begins_anew(attempt: &Attempt<'_>, message: &Message) -> bool {
    let Some(request) = attempt.request() else { return message.status.is_none() };
    if message.status.is_some() || message.cseq == request.cseq {
        return false;
    }
    let is_challenged = attempt.answer().is_some_and(|answer| {
        matches!(answer.status, Some(401 | 407)) && message.at.time.since(answer.at.time) < PATIENCE
    });
    let has_tried = request.authentication().is_some();
    !is_challenged || has_tried
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
    let mut open: HashMap<(Arc<str>, std::net::IpAddr), usize> = HashMap::new();
    let mut starts: HashMap<usize, Vec<Timestamp>> = HashMap::new();
    for attempt in attempts(history) {
        let Some((start, end)) = attempt.span() else { continue };
        let Some(first) = attempt.messages.first() else { continue };
        let verdict = why::registration(&attempt);
        let key = (attempt.endpoint(), first.far.ip());
        let folds = open.get(&key).copied().filter(|n| {
            items
                .get(*n)
                .is_some_and(|item| item.verdict.rule == verdict.rule && !has_break(history, item.end, start))
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

impl Attempt<'_> {
    /// Where a verdict points when nothing better shows it.
    pub(super) fn shown_by(&self) -> Option<crate::query::diagnostics::Cursor> {
        self.answer().or_else(|| self.request()).map(|m| m.at)
    }
}
