//! Why: a plain sentence for each call, registration and other dialog, and the message that shows it. One table of rules a
//! kind; the first that fits says it. What no rule explains is "not known". Pure.

use crate::clock::Timestamp;
use crate::event::CallDirection;
use crate::query::diagnostics::Cursor;

use super::calls::Leg;
use super::message::{Message, Method};
use super::registrations::Attempt;

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// As it should.
    Good,
    /// Not by a fault: busy, declined, cancelled, nobody answered.
    Missed,
    /// By a fault.
    Failed,
    /// It goes on.
    Running,
    /// Not known.
    Unknown,
}

/// How something ended, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// In short.
    pub outcome: Outcome,
    /// The rule's name, for filters and tests: `busy`, `wrong-password`.
    pub rule: &'static str,
    /// A sentence.
    pub words: String,
    /// The message, or the PBX's word, that shows it.
    pub at: Option<Cursor>,
}

impl Verdict {
    pub(super) fn new(
        outcome: Outcome,
        rule: &'static str,
        words: impl Into<String>,
        at: Option<Cursor>,
    ) -> Self {
        Self { outcome, rule, words: words.into(), at }
    }

    /// Nothing explains it.
    pub(super) fn unknown() -> Self {
        Self::new(Outcome::Unknown, "not-known", "Not known: what was kept does not show how it ended.", None)
    }
}

/// A rule of calls: says how one ended, if it can.
type CallRule = for<'a> fn(&Case<'a>) -> Option<Verdict>;

/// What the rules of a call look at.
pub(super) struct Case<'a> {
    leg: &'a Leg<'a>,
}

const CALL: &[CallRule] = &[running, answered, refused, cancelled];

/// How a call ended.
pub(super) fn call(chief: &Leg<'_>, _legs: &[Leg<'_>], _now: Timestamp) -> Verdict {
    let case = Case { leg: chief };
    CALL.iter().find_map(|rule| rule(&case)).unwrap_or_else(Verdict::unknown)
}

fn running(case: &Case<'_>) -> Option<Verdict> {
    let words = if case.leg.answered.is_some() { "In progress." } else { "Ringing." };
    case.leg.is_running.then(|| Verdict::new(Outcome::Running, "running", words, None))
}

fn answered(case: &Case<'_>) -> Option<Verdict> {
    case.leg.answered?;
    let bye: Option<&&Message> = case.leg.messages.iter().find(|m| m.is_request(Method::Bye));
    let words = match bye.map(|m| m.direction) {
        Some(crate::event::Direction::In) => "Answered; the user's side hung up.",
        Some(crate::event::Direction::Out) => "Answered; the far side hung up.",
        None => "Answered.",
    };
    Some(Verdict::new(Outcome::Good, "answered", words, bye.map(|m| m.at)))
}

fn refused(case: &Case<'_>) -> Option<Verdict> {
    let answer = case.leg.answer.filter(|m| m.status >= Some(300))?;
    let who = match case.leg.direction {
        CallDirection::Outgoing => "The PBX",
        CallDirection::Incoming => "The phone",
    };
    Some(Verdict::new(
        Outcome::Missed,
        "refused",
        format!("{who} refused: {}.", answer.title()),
        Some(answer.at),
    ))
}

fn cancelled(case: &Case<'_>) -> Option<Verdict> {
    let cancel = case.leg.messages.iter().find(|m| m.is_request(Method::Cancel))?;
    Some(Verdict::new(
        Outcome::Missed,
        "cancelled",
        "The caller hung up before anybody answered.",
        Some(cancel.at),
    ))
}

/// How an attempt to register ended.
pub(super) fn registration(attempt: &Attempt<'_>) -> Verdict {
    let at = attempt.shown_by();
    match attempt.answer().and_then(|answer| answer.status) {
        Some(200..300) => Verdict::new(Outcome::Good, "registered", "Registered.", at),
        Some(status) => {
            Verdict::new(Outcome::Failed, "refused", format!("The PBX refused with {status}."), at)
        }
        None => Verdict::new(Outcome::Failed, "no-answer", "No answer was seen.", at),
    }
}

/// How a request of another method, or a dialog of it, ended.
pub(super) fn other(messages: &[&Message]) -> Verdict {
    let answer = messages.iter().rev().find(|m| m.status.is_some_and(|status| status >= 200));
    match answer.map(|m| (m.status, m.at)) {
        Some((Some(200..300), at)) => Verdict::new(Outcome::Good, "answered", "Answered.", Some(at)),
        Some((_, at)) => Verdict::new(Outcome::Failed, "refused", "Refused.", Some(at)),
        None => {
            let at = messages.last().map(|m| m.at);
            Verdict::new(Outcome::Failed, "no-answer", "No answer was seen.", at)
        }
    }
}
