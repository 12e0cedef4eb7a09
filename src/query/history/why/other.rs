//! How a request that is neither call nor registration ended: its table of rules.

use super::case::{Case, Found};
use super::evidence;
use super::{Outcome, Rule};
use crate::query::history::message::Method;

/// The rules; the first that fits says it.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "reachable",
        looks_at: "OPTIONS to the phone, and any final answer",
        outcome: Outcome::Good,
        out: "",
        into: "The phone answers the PBX's check.",
        advice: "",
        fits: |case| is_check(case).then(|| case.answer.map(Found::from)).flatten(),
    },
    Rule {
        name: "unreachable",
        looks_at: "OPTIONS to the phone, and no answer",
        outcome: Outcome::Failed,
        out: "",
        into: "The phone does not answer the PBX's check: OPTIONS was sent {sent}.",
        advice: "Is the phone on and in the network? A firewall or NAT between may have closed the way to it.",
        fits: |case| (is_check(case) && case.unheard().is_some()).then(|| case.end()),
    },
    Rule {
        name: "wrong-password",
        looks_at: "401 or 407 again after credentials that were made for its own challenge and not stale",
        outcome: Outcome::Failed,
        out: "{failure} It came from {from}.",
        into: "Wrong password: the phone refused the PBX's credentials.",
        advice: "Compare the user name and the password on the phone with those of the account on the PBX.",
        fits: |case| case.password_refused(),
    },
    Rule {
        name: "challenge-unanswered",
        looks_at: "401 or 407, and no request with credentials after it",
        outcome: Outcome::Failed,
        out: "The PBX asked for the password, and the phone did not send one.",
        into: "The phone asked the PBX for a password, and the PBX has none for it.",
        advice: "",
        fits: |case| case.unanswered_challenge().map(Found::from),
    },
    Rule {
        name: "unsubscribed",
        looks_at: "2xx to a SUBSCRIBE with Expires 0, the last one",
        outcome: Outcome::Good,
        out: "The phone ended the subscription.",
        into: "The PBX ended the subscription.",
        advice: "",
        fits: |case| {
            let last = case.messages.iter().rev().find(|m| m.is_request(Method::Subscribe))?;
            (is_good(case) && evidence::expires(last) == Some(0)).then(|| case.end())
        },
    },
    Rule {
        name: "answered",
        looks_at: "2xx",
        outcome: Outcome::Good,
        out: "Taken ({answer}).",
        into: "Taken ({answer}).",
        advice: "",
        fits: |case| is_good(case).then(|| case.end()),
    },
    Rule {
        name: "bad-event",
        looks_at: "489 (RFC 6665)",
        outcome: Outcome::Failed,
        out: "The PBX has no such event to subscribe to ({answer}): {event}.",
        into: "The phone does not know this event ({answer}): {event}.",
        advice: "Turn off on the phone what the PBX can't do; of Asterisk, load the module for this event.",
        fits: |case| {
            let found = case.refused(&[489], &[])?;
            let event = case.request.map(|m| m.head().text("Event", "o")).filter(|event| !event.is_empty());
            Some(found.with("event", event.map_or("not kept".to_owned(), |event| evidence::brief(&event))))
        },
    },
    Rule {
        name: "no-dialog",
        looks_at: "481",
        outcome: Outcome::Failed,
        out: "The PBX knows no such subscription or call any more ({answer}).",
        into: "The phone knows no such subscription or call any more ({answer}).",
        advice: "One side was restarted; it ends when the other begins anew.",
        fits: |case| case.refused(&[481], &[]),
    },
    Rule {
        name: "interval-too-brief",
        looks_at: "423 and its Min-Expires",
        outcome: Outcome::Failed,
        out: "The phone asked for too short a time; the PBX takes {seconds} s at least.",
        into: "The PBX asked for too short a time; the phone takes {seconds} s at least.",
        advice: "",
        fits: |case| {
            let answer = case.answer.filter(|m| m.status == Some(423))?;
            let least =
                evidence::number(answer, "Min-Expires", "").map_or("more".to_owned(), |n| n.to_string());
            Some(Found::from(answer).with("seconds", least))
        },
    },
    Rule {
        name: "not-found",
        looks_at: "404, 410 or 604",
        outcome: Outcome::Failed,
        out: "The PBX does not know what was asked for ({answer}).",
        into: "The phone does not know whom it was asked for ({answer}).",
        advice: "For a lamp (SUBSCRIBE) the PBX needs a hint of that number; for a text message, where to send it.",
        fits: |case| case.refused(&[404, 410, 604], &[]),
    },
    Rule {
        name: "forbidden",
        looks_at: "403",
        outcome: Outcome::Failed,
        out: "The PBX forbids it ({answer}).",
        into: "The phone forbids it ({answer}).",
        advice: "",
        fits: |case| case.refused(&[403], &[]),
    },
    Rule {
        name: "not-supported",
        looks_at: "405, 406, 415, 420, 488, 501 or 505",
        outcome: Outcome::Failed,
        out: "The PBX can't do this ({answer}): {method}.",
        into: "The phone can't do this ({answer}): {method}.",
        advice: "",
        fits: |case| case.refused(&[405, 406, 415, 420, 421, 488, 501, 505], &[]),
    },
    Rule {
        name: "server-error",
        looks_at: "5xx, 408",
        outcome: Outcome::Failed,
        out: "The PBX had an error ({answer}).",
        into: "The phone had an error ({answer}).",
        advice: "",
        fits: |case| matches!(case.status(), 408 | 500..600).then(|| case.end()),
    },
    Rule {
        name: "refused",
        looks_at: "any other final status",
        outcome: Outcome::Failed,
        out: "The PBX refused ({answer}).",
        into: "The phone refused ({answer}).",
        advice: "",
        fits: |case| (case.status() >= 300).then(|| case.end()),
    },
    Rule {
        name: "no-response",
        looks_at: "a request, and nothing from the other side",
        outcome: Outcome::Failed,
        out: "The PBX did not answer: the {method} came {sent}.",
        into: "The phone did not answer: the {method} was sent {sent}.",
        advice: "",
        fits: |case| case.unheard().map(|_| case.end()),
    },
];

/// Qualify: the PBX asks whether the phone is there.
fn is_check(case: &Case<'_>) -> bool {
    case.method() == Method::Options && !case.is_from_phone()
}

fn is_good(case: &Case<'_>) -> bool {
    matches!(case.status(), 200..300)
}
