//! Calls: the legs of a user, and which of them make one call of the list. Pure.
//!
//! Legs are one call where the PBX gave them the same linked id and they were there at the same time: a phone that a queue
//! rings three times has three calls. A leg that was only told of, because no packet was kept, is one too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Message, Method};
use super::{Context, Dialog, History, Item, Kind, Party, why};
use crate::clock::Timestamp;
use crate::event::{CallDirection, CallPhase, Change, Direction};
use crate::query::diagnostics::Cursor;

/// What the PBX told of one leg at one moment.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "fields are those of event::Call")]
pub struct StepView<'a> {
    pub at: Cursor,
    pub phase: CallPhase,
    pub direction: CallDirection,
    pub far_number: &'a str,
    pub far_name: &'a str,
    pub cause: u16,
}

impl StepView<'_> {
    /// Whether the leg was established then.
    pub fn is_up(&self) -> bool {
        matches!(self.phase, CallPhase::Up | CallPhase::Held)
    }
}

/// One leg of the user, looked through once: what lists and rules ask of it.
#[derive(Debug)]
pub struct Leg<'a> {
    /// Its dialog's number.
    pub dialog: usize,
    /// Its messages, oldest first, repeats among them.
    pub messages: Vec<&'a Message>,
    /// What the PBX told.
    pub steps: Vec<StepView<'a>>,
    /// Which way, seen from the user.
    pub direction: CallDirection,
    /// The first INVITE.
    pub invite: Option<&'a Message>,
    /// The final answer to it: the first 2xx, else the last one, so that a challenge that was answered is none.
    pub answer: Option<&'a Message>,
    /// The first CANCEL.
    pub cancel: Option<&'a Message>,
    /// The first BYE.
    pub bye: Option<&'a Message>,
    /// What the PBX said of a failed authentication of it.
    pub told: Vec<(Cursor, &'a Change)>,
    /// The REFER in another call of the user that replaced this one with it.
    pub joined: Option<Cursor>,
    /// First 180 or 183, or the PBX's word.
    pub rang: Option<Timestamp>,
    /// The 2xx to the first INVITE, or the PBX's word.
    pub answered: Option<Timestamp>,
    /// The end: BYE, CANCEL, a final failure, or the PBX's word; `None`: not seen.
    pub ended: Option<Timestamp>,
    /// ITU-T Q.850 cause that the PBX gave at the end; 0: none.
    pub cause: u16,
    /// First and last record.
    pub span: (Timestamp, Timestamp),
    /// The first record.
    pub id: Cursor,
    /// The PBX says that it is in progress now.
    pub is_running: bool,
}

impl<'a> Leg<'a> {
    pub(super) fn of(
        history: &'a History,
        number: usize,
        dialog: &'a Dialog,
        running: &[Arc<str>],
    ) -> Option<Self> {
        let messages: Vec<&Message> =
            dialog.messages.iter().filter_map(|n| history.messages.get(*n)).collect();
        let steps: Vec<StepView<'_>> = dialog.steps.iter().filter_map(|n| step(history, *n)).collect();
        let mut leg = Self::new(number, messages, steps)?;
        leg.is_running = leg.ended.is_none() && running.contains(&dialog.call_id);
        Some(leg)
    }

    /// Looks through messages and steps of one Call-ID, oldest first; `None`: there is nothing.
    pub(super) fn new(dialog: usize, messages: Vec<&'a Message>, steps: Vec<StepView<'a>>) -> Option<Self> {
        let times = || messages.iter().map(|m| m.at).chain(steps.iter().map(|s| s.at));
        let (id, last) = (times().min()?, times().max()?);
        let invite = messages.iter().find(|m| m.is_request(Method::Invite)).copied();
        let direction = match (invite, steps.first()) {
            (Some(invite), _) if invite.direction == Direction::Out => CallDirection::Incoming,
            (Some(_), _) => CallDirection::Outgoing,
            (None, Some(step)) => step.direction,
            (None, None) => CallDirection::Incoming,
        };
        let answer = answer(&messages, invite);
        let ringing = |m: &&&Message| m.method == Method::Invite && matches!(m.status, Some(180 | 183));
        let phase = |wanted: CallPhase| steps.iter().find(|s| s.phase == wanted).map(|s| s.at.time);
        let answered = answer.filter(|m| matches!(m.status, Some(200..300))).map(|m| m.at.time);
        let answered = answered.or_else(|| phase(CallPhase::Up)).or_else(|| phase(CallPhase::Held));
        let rang = messages.iter().find(ringing).map(|m| m.at.time);
        let rang = rang.or_else(|| phase(CallPhase::Ringing).filter(|_| messages.is_empty()));
        let over = steps.iter().find(|s| s.phase == CallPhase::Ended);
        let request = |method| messages.iter().copied().find(|m| m.is_request(method));
        let (bye, cancel) = (request(Method::Bye), request(Method::Cancel));
        let refused = answer.filter(|m| m.status >= Some(300) && !is_challenge(m));
        // a CANCEL that crossed the answer ends nothing
        let ender = bye.or(cancel.filter(|_| answered.is_none())).or(refused);
        let ended = ender.map(|m| m.at.time).or(over.map(|s| s.at.time));
        Some(Self {
            dialog,
            direction,
            invite,
            answer,
            cancel,
            bye,
            told: Vec::new(),
            joined: None,
            rang,
            answered,
            ended,
            cause: over.map_or(0, |s| s.cause),
            span: (id.time, last.time),
            id,
            is_running: false,
            messages,
            steps,
        })
    }

    fn talking(&self, now: Timestamp) -> Option<Duration> {
        let until = self.ended.unwrap_or(if self.is_running { now } else { self.span.1 });
        self.answered.map(|from| until.since(from))
    }
}

fn step(history: &History, number: usize) -> Option<StepView<'_>> {
    let told = history.changes.get(number)?;
    match &told.change {
        Change::Call { phase, direction, far_number, far_name, cause, .. } => {
            let (phase, direction, cause) = (*phase, *direction, *cause);
            Some(StepView { at: told.at, phase, direction, far_number, far_name, cause })
        }
        _ => None,
    }
}

/// The final answer to the INVITE that began the leg. Of those to an INVITE within the call (a hold, say) the first 2xx
/// tells them apart, in summaries too, which have no tags.
fn answer<'a>(messages: &[&'a Message], invite: Option<&Message>) -> Option<&'a Message> {
    let invite = invite?;
    let finals = || {
        messages.iter().copied().filter(|m| {
            m.answers(Method::Invite).is_some() && m.direction != invite.direction && m.at >= invite.at
        })
    };
    let good = finals().find(|m| matches!(m.status, Some(200..300)));
    let last = || finals().next_back();
    // the first of those that repeat it
    let first = |last: &'a Message| finals().find(|m| m.cseq == last.cseq && m.status == last.status);
    good.or_else(|| last().and_then(first))
}

fn is_challenge(message: &Message) -> bool {
    matches!(message.status, Some(401 | 407))
}

/// What the PBX said of failed authentications, by Call-ID.
fn failures(history: &History) -> HashMap<&str, Vec<(Cursor, &Change)>> {
    let mut failures: HashMap<&str, Vec<(Cursor, &Change)>> = HashMap::new();
    for told in &history.changes {
        if let Change::Failed { call_id, .. } = &told.change
            && !call_id.is_empty()
        {
            failures.entry(call_id).or_default().push((told.at, &told.change));
        }
    }
    failures
}

/// Call-IDs that a REFER of the user's phones names as the call to replace (RFC 3891), as it comes in a URI: escaped.
fn replaced(history: &History) -> HashMap<String, Cursor> {
    let refers =
        history.messages.iter().filter(|m| m.is_request(Method::Refer) && m.direction == Direction::In);
    let named = refers.filter_map(|refer| {
        let to = refer.head().text("Refer-To", "r");
        let (_, value) = to.split_once("Replaces=")?;
        let value = value.split(['&', '>']).next()?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        Some((value.split(';').next()?.to_owned(), refer.at))
    });
    named.collect()
}

/// The calls of a history, in no order.
pub(super) fn items(history: &History, context: &Context<'_>) -> Vec<Item> {
    let dialogs = history.dialogs.iter().enumerate();
    let legs = dialogs.filter(|(_, dialog)| dialog.method == Method::Invite || !dialog.steps.is_empty());
    let mut legs: Vec<Leg<'_>> =
        legs.filter_map(|(number, dialog)| Leg::of(history, number, dialog, context.running)).collect();
    let (mut failures, replaced) = (failures(history), replaced(history));
    for leg in &mut legs {
        let call_id = history.dialogs.get(leg.dialog).map(|dialog| &*dialog.call_id);
        leg.joined = call_id.and_then(|call_id| replaced.get(call_id).copied());
        leg.told = call_id.and_then(|call_id| failures.remove(call_id)).unwrap_or_default();
    }
    legs.sort_unstable_by_key(|leg| leg.id);
    let mut calls: Vec<Vec<Leg<'_>>> = Vec::new();
    for leg in legs {
        let linked = |leg: &Leg<'_>| history.dialogs.get(leg.dialog).and_then(|d| d.linked.first().cloned());
        let mine = linked(&leg);
        let same = |call: &&mut Vec<Leg<'_>>| {
            mine.is_some()
                && call.iter().any(|other| {
                    linked(other) == mine && other.direction == leg.direction && other.span.1 >= leg.span.0
                })
        };
        match calls.iter_mut().rev().take(64).find(same) {
            Some(call) => call.push(leg),
            None => calls.push(vec![leg]),
        }
    }
    calls.iter().filter_map(|legs| item(history, context, legs)).collect()
}

fn item(history: &History, context: &Context<'_>, legs: &[Leg<'_>]) -> Option<Item> {
    let first = legs.first()?;
    // of several terminals the one that answered tells how it went
    let chief = legs.iter().find(|leg| leg.answered.is_some()).unwrap_or(first);
    let far = far(chief, context);
    let mut messages: Vec<usize> = legs
        .iter()
        .filter_map(|leg| history.dialogs.get(leg.dialog))
        .flat_map(|d| d.messages.clone())
        .collect();
    messages.sort_unstable();
    let mut endpoints: Vec<Arc<str>> = Vec::new();
    for message in legs.iter().flat_map(|leg| &leg.messages) {
        if !message.endpoint.is_empty() && !endpoints.contains(&message.endpoint) {
            endpoints.push(Arc::clone(&message.endpoint));
        }
    }
    Some(Item {
        id: first.id,
        kind: Kind::Call,
        start: first.span.0,
        end: legs.iter().map(|leg| leg.span.1).max()?,
        direction: Some(first.direction),
        verdict: why::call(chief, &far, has_gap(history, chief)),
        far,
        endpoints,
        ringing: ringing(chief, legs, context.now),
        talking: chief.talking(context.now),
        times: 1,
        every: None,
        dialogs: legs.iter().map(|leg| leg.dialog).collect(),
        messages,
        quality: Vec::new(),
        has_gap: false,
    })
}

/// Whether packets are missing within a leg, or after it where no end of it was kept.
fn has_gap(history: &History, leg: &Leg<'_>) -> bool {
    let until = if leg.ended.is_some() { leg.span.1 } else { Timestamp::MAX };
    history.gaps.iter().any(|(_, gap)| gap.from <= until && gap.to >= leg.span.0)
}

/// From the first ringing of any leg to the answer, or to the end of the last.
fn ringing(chief: &Leg<'_>, legs: &[Leg<'_>], now: Timestamp) -> Option<Duration> {
    let from = legs.iter().filter_map(|leg| leg.rang).min()?;
    let end = |leg: &Leg<'_>| if leg.is_running { now } else { leg.ended.unwrap_or(leg.span.1) };
    let until = chief.answered.or_else(|| legs.iter().map(end).max())?;
    Some(until.since(from))
}

/// With whom: the PBX's word, else what the INVITE says. Of several it is who was connected last: who calls a queue talks
/// with an agent.
fn far(leg: &Leg<'_>, context: &Context<'_>) -> Party {
    let is_named = |step: &&StepView<'_>| !step.far_number.is_empty() || !step.far_name.is_empty();
    let named = || leg.steps.iter().filter(is_named);
    let step = named().rfind(|step| step.is_up()).or_else(|| match leg.direction {
        CallDirection::Outgoing => named().next_back(),
        CallDirection::Incoming => named().next(),
    });
    let (mut number, name) =
        step.map_or_else(Default::default, |step| (step.far_number.to_owned(), step.far_name.to_owned()));
    if number.is_empty()
        && let Some(invite) = leg.invite
    {
        let scan = invite.scan();
        let user = if leg.direction == CallDirection::Outgoing { scan.to_user } else { scan.from_user };
        number = String::from_utf8_lossy(user).into_owned();
    }
    let user = (context.by_extension)(&number);
    Party { number, name, user }
}
