//! How a call that was answered ended: its table of rules.

use std::time::Duration;

use super::case::{Case, Found};
use super::evidence;
use super::{Outcome, Rule};
use crate::event::Direction;
use crate::query::history::message::{Message, Method};

/// A side whose partner did not refresh the session hangs up so long before its end, or at it (RFC 4028 section 10).
const EARLY: Duration = Duration::from_secs(33);
const LATE: Duration = Duration::from_secs(3);
/// Causes with which no call ends that people end.
const BROKEN: [u16; 9] = [18, 27, 38, 41, 42, 102, 111, 34, 47];

/// The rules; the first that fits says it.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "in-progress",
        looks_at: "the PBX says that the leg is in progress",
        outcome: Outcome::Running,
        out: "In progress.",
        into: "In progress.",
        advice: "",
        fits: |case| case.leg?.is_running.then(Found::default),
    },
    Rule {
        name: "beginning-not-kept",
        looks_at: "BYE, and neither an INVITE nor the PBX's word on an answer",
        outcome: Outcome::Good,
        out: "It ended with a BYE. Its beginning was not kept.",
        into: "It ended with a BYE. Its beginning was not kept.",
        advice: "",
        fits: |case| case.leg.filter(|leg| leg.answered.is_none())?.bye.map(Found::from),
    },
    Rule {
        name: "no-ack",
        looks_at: "the 2xx to the INVITE sent again, and no ACK of it",
        outcome: Outcome::Failed,
        out: "The phone never confirmed the PBX's answer: no ACK came for its 200.",
        into: "The phone's answer was never confirmed: no ACK for its 200.",
        advice: "Messages to the Contact address of one side do not arrive: look for NAT, and for SIP ALG in the router.",
        fits: |case| {
            let answer = case.answer?;
            let acked = case.messages.iter().any(|m| m.is_request(Method::Ack) && m.cseq == answer.cseq);
            let same = |m: &&&Message| {
                m.status == answer.status && m.cseq == answer.cseq && m.method == answer.method
            };
            let sent = case.messages.iter().filter(same).count();
            (!acked && !case.has_gap && sent > 2).then(|| Found::from(answer))
        },
    },
    Rule {
        name: "session-timer",
        looks_at: "BYE whose Reason tells of it (SIP;cause=408, cause 102, \"session\"), or at the end of Session-Expires without a refresh",
        outcome: Outcome::Failed,
        out: "The session timer ended the call after {talking}: it was not refreshed in time.",
        into: "The session timer ended the call after {talking}: it was not refreshed in time.",
        advice: "A re-INVITE or UPDATE got lost or was refused. Set the session timers of both sides alike, or turn them off.",
        fits: session_timer,
    },
    Rule {
        name: "no-media",
        looks_at: "an end by the PBX with cause 44, which it gives when no RTP comes",
        outcome: Outcome::Failed,
        out: "The PBX ended the call after {talking}: no sound (RTP) came.",
        into: "The PBX ended the call after {talking}: no sound (RTP) came.",
        advice: "Open the RTP ports in the firewall; look for NAT, and for a private address in the c= line of the session description.",
        fits: |case| (case.cause == 44 && is_by_pbx(case)).then(|| ended(case)),
    },
    Rule {
        name: "broken-off",
        looks_at: "cause 18, 27, 34, 38, 41, 42, 47, 102 or 111 at the end",
        outcome: Outcome::Failed,
        out: "The call broke off after {talking}: {cause}.",
        into: "The call broke off after {talking}: {cause}.",
        advice: "",
        fits: |case| BROKEN.contains(&case.cause).then(|| ended(case)),
    },
    Rule {
        name: "transfer-failed",
        looks_at: "REFER that was refused, or the NOTIFY that tells so (RFC 3515)",
        outcome: Outcome::Failed,
        out: "The transfer to {to} failed ({refusal}).",
        into: "The transfer to {to} failed ({refusal}).",
        advice: "Check that the number is right and that the account may transfer calls.",
        fits: |case| {
            let refer = refer(case)?;
            let (at, refusal) = refer_refused(case, refer)?;
            Some(target(refer, Found::from(at)).with("refusal", refusal))
        },
    },
    Rule {
        name: "transferred",
        looks_at: "REFER that was taken",
        outcome: Outcome::Good,
        out: "Answered; the user transferred the call to {to} after {talking}.",
        into: "Answered; the user transferred the call to {to} after {talking}.",
        advice: "",
        fits: |case| refer(case).map(|refer| target(refer, Found::from(refer))),
    },
    Rule {
        name: "joined",
        looks_at: "REFER in another call of the user whose Refer-To replaces this one (RFC 3891)",
        outcome: Outcome::Good,
        out: "Answered; then the user joined it with another call and was out.",
        into: "Answered; then the user joined it with another call and was out.",
        advice: "",
        fits: |case| Some(Found::at(Some(case.leg?.joined?))),
    },
    Rule {
        name: "user-hung-up",
        looks_at: "BYE from the phone",
        outcome: Outcome::Good,
        out: "Answered; the user hung up after {talking}.",
        into: "Answered; the user hung up after {talking}.",
        advice: "",
        fits: |case| case.leg?.bye.filter(|m| m.direction == Direction::In).map(Found::from),
    },
    Rule {
        name: "other-side-hung-up",
        looks_at: "BYE to the phone; from one leg alone a BYE of the PBX itself is not told from one that it passes on",
        outcome: Outcome::Good,
        out: "Answered; {far} or the PBX hung up after {talking}.",
        into: "Answered; {far} or the PBX hung up after {talking}.",
        advice: "",
        fits: |case| case.leg?.bye.map(Found::from),
    },
    Rule {
        name: "hung-up",
        looks_at: "the PBX's word that it is over, and no BYE",
        outcome: Outcome::Good,
        out: "Answered; it ended after {talking}. Who hung up was not kept.",
        into: "Answered; it ended after {talking}. Who hung up was not kept.",
        advice: "",
        fits: |case| case.leg?.ended.map(|_| ended(case)),
    },
    Rule {
        name: "end-not-seen",
        looks_at: "no BYE, and no word of the PBX",
        outcome: Outcome::Unknown,
        out: "Answered. How it ended is not known.",
        into: "Answered. How it ended is not known.",
        advice: "",
        fits: |case| Some(case.end()),
    },
];

/// The BYE, else the PBX's word.
fn ended(case: &Case<'_>) -> Found {
    let bye = case.leg.and_then(|leg| leg.bye).map(|m| m.at);
    let word = case.leg.and_then(|leg| leg.steps.last()).map(|step| step.at);
    Found::at(bye.or(word))
}

/// No phone sent a BYE.
fn is_by_pbx(case: &Case<'_>) -> bool {
    case.leg.is_some_and(|leg| leg.bye.is_none_or(|bye| bye.direction == Direction::Out))
}

fn session_timer(case: &Case<'_>) -> Option<Found> {
    let bye = case.leg?.bye?;
    if case.reason.sip == 408 || case.reason.q850 == 102 || case.reason.text.contains("session") {
        return Some(Found::from(bye));
    }
    let refreshes = |m: &&&Message| {
        m.at < bye.at
            && matches!(m.method, Method::Invite | Method::Update)
            && matches!(m.status, Some(200..300))
    };
    let last = case.messages.iter().rev().find(refreshes)?;
    let length = Duration::from_secs(evidence::number(last, "Session-Expires", "x")?.into());
    let passed = bye.at.time.since(last.at.time);
    // a hangup of a person carries cause 16, that of a timer does not
    let by_person = case.cause == 16;
    let is_due = passed >= length.saturating_sub(EARLY.max(length / 3)) && passed <= length + LATE;
    (is_due && !by_person && !length.is_zero()).then(|| Found::from(bye))
}

/// The REFER of the phone, the last one.
fn refer<'a>(case: &Case<'a>) -> Option<&'a Message> {
    let is_refer = |m: &&&'a Message| m.is_request(Method::Refer) && m.direction == Direction::In;
    case.messages.iter().rev().find(is_refer).copied()
}

fn target(refer: &Message, found: Found) -> Found {
    let to = evidence::party(refer, "Refer-To", "r");
    found.with("to", to.unwrap_or_else(|| "another number".to_owned()))
}

/// What says that a REFER failed: its answer, or the NOTIFY with the status of the call that it asked for.
fn refer_refused<'a>(case: &Case<'a>, refer: &Message) -> Option<(&'a Message, String)> {
    for message in case.messages.iter().copied().filter(|m| m.at > refer.at) {
        let is_answer = message.cseq == refer.cseq && message.direction != refer.direction;
        if is_answer && message.answers(Method::Refer).is_some_and(|status| status >= 300) {
            return Some((message, evidence::brief(&message.title())));
        }
        if message.is_request(Method::Notify) {
            let body = message.bytes.get(message.scan().body..).unwrap_or_default();
            let line = String::from_utf8_lossy(body.split(|b| *b == b'\r').next().unwrap_or_default());
            let told = line.strip_prefix("SIP/2.0 ").filter(|told| told.starts_with(['3', '4', '5', '6']));
            if let Some(told) = told {
                return Some((message, evidence::brief(told)));
            }
        }
    }
    None
}
