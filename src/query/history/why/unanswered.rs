//! Why a call was not answered: the table of rules that come before those of [`super::refused`], which read the final answer.

use std::time::Duration;

use super::case::{Case, Found};
use super::{Outcome, Rule};
use crate::event::FailureCause;

/// An INVITE over UDP is sent again after 0.5 s, 1 s, 2 s (RFC 3261 section 17.1.1.2).
const DEAF: Duration = Duration::from_secs(2);

/// The rules; the first that fits says it.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "ringing",
        looks_at: "the PBX says that the leg is in progress",
        outcome: Outcome::Running,
        out: "It rings at {far}.",
        into: "It rings.",
        advice: "",
        fits: |case| case.leg?.is_running.then(Found::default),
    },
    Rule {
        name: "wrong-password",
        looks_at: "the PBX's word; or 401, 403, 407 after credentials that were made for its own challenge",
        outcome: Outcome::Failed,
        out: "{failure}",
        into: "Wrong password: the phone refused the PBX's credentials.",
        advice: "Compare the user name and the password on the phone with those of the account on the PBX.",
        fits: |case| case.told(FailureCause::WrongPassword).or_else(|| case.password_refused()),
    },
    Rule {
        name: "unknown-user",
        looks_at: "the PBX's word",
        outcome: Outcome::Failed,
        out: "{failure}",
        into: "{failure}",
        advice: "Compare the user name on the phone with the account on the PBX.",
        fits: |case| case.told(FailureCause::UnknownUser),
    },
    Rule {
        name: "forbidden-by-acl",
        looks_at: "the PBX's word",
        outcome: Outcome::Failed,
        out: "{failure}",
        into: "{failure}",
        advice: "Add {from} to the access list of the account, if the phone may call from there.",
        fits: |case| case.told(FailureCause::Forbidden),
    },
    Rule {
        name: "tls-failed",
        looks_at: "the PBX's word",
        outcome: Outcome::Failed,
        out: "{failure}",
        into: "{failure}",
        advice: "Check the certificates, the TLS versions and the clock of the phone.",
        fits: |case| case.told(FailureCause::Tls),
    },
    Rule {
        name: "challenge-unanswered",
        looks_at: "401 or 407, and no INVITE after it",
        outcome: Outcome::Failed,
        out: "The PBX asked for the password, and the phone did not send one.",
        into: "The phone asked the PBX for a password, and the PBX has none for it.",
        advice: "Where the phone calls: set its password. Where it is called: turn off on the phone that it asks for one.",
        fits: |case| case.unanswered_challenge().map(Found::from),
    },
    Rule {
        name: "answered-elsewhere",
        looks_at: "CANCEL with Reason SIP;cause=200 or Q.850;cause=26, or the PBX's cause 26",
        outcome: Outcome::Missed,
        out: "Answered elsewhere: another phone took the call.",
        into: "Answered elsewhere: another phone took the call.",
        advice: "",
        fits: |case| (case.cause == 26 || case.reason.sip == 200).then(|| cancelled(case)),
    },
    Rule {
        name: "no-response",
        looks_at: "an INVITE to the phone, sent again or for 2 s, and nothing at all from the phone",
        outcome: Outcome::Failed,
        out: "The PBX did not answer the phone: its INVITE was sent {sent}.",
        into: "The phone did not respond at all: the INVITE was sent {sent}, and nothing came back.",
        advice: "Is the phone on and in the network? A firewall or NAT between may have closed the way to it: let the phone register \
                 more often, or turn on the PBX's qualify.",
        fits: |case| {
            let (sent, waited) = case.unheard()?;
            case.request.filter(|_| !case.has_gap && (sent > 2 || waited >= DEAF)).map(Found::from)
        },
    },
    Rule {
        name: "transport-failed",
        looks_at: "an INVITE to the phone, nothing back, no CANCEL, and the PBX's cause of an end at once",
        outcome: Outcome::Failed,
        out: "The PBX could not go on: {cause}.",
        into: "The PBX could not reach the phone: {cause}.",
        advice: "The address of the phone may be out of date, or its connection (TCP, TLS, WebSocket) closed: let it register again.",
        fits: |case| {
            case.unheard()?;
            let leg = case.leg.filter(|leg| leg.cancel.is_none())?;
            matches!(leg.cause, 18 | 20 | 27 | 34 | 38 | 41 | 44).then(|| case.end())
        },
    },
    Rule {
        name: "cancelled",
        looks_at: "CANCEL from the caller; to the phone with cause 127 or SIP;cause=487, which the PBX gives for a caller's",
        outcome: Outcome::Missed,
        out: "The user hung up after {waiting}, before {far} answered.",
        into: "The caller hung up after {waiting}, before the user answered.",
        advice: "",
        fits: |case| {
            let cancel = case.leg?.cancel?;
            let is_callers = case.is_from_phone() || case.cause == 127 || case.reason.sip == 487;
            is_callers.then(|| Found::from(cancel))
        },
    },
    Rule {
        name: "did-not-ring",
        looks_at: "CANCEL to a phone that took the INVITE (100) and never said that it rings",
        outcome: Outcome::Failed,
        out: "{far} did not ring.",
        into: "The phone took the call and did not ring within {waiting}.",
        advice: "Is the phone busy with an update or a menu? Restart it, and look at its own log.",
        fits: |case| {
            let leg = case.leg.filter(|leg| leg.rang.is_none() && !case.is_from_phone())?;
            leg.cancel.map(Found::from)
        },
    },
    Rule {
        name: "no-answer",
        looks_at: "CANCEL to the phone; or after ringing 408, 480, or cause 18, 19 or 102, or an end by the PBX (cause 16)",
        outcome: Outcome::Missed,
        out: "Nobody answered at {far} in {waiting}.",
        into: "Nobody answered in {ringing} of ringing.",
        advice: "",
        fits: no_answer,
    },
];

/// The CANCEL, else what ended it.
fn cancelled(case: &Case<'_>) -> Found {
    case.leg.and_then(|leg| leg.cancel).map_or_else(|| case.end(), Found::from)
}

fn no_answer(case: &Case<'_>) -> Option<Found> {
    let leg = case.leg?;
    if !case.is_from_phone() {
        let timed_out = || case.refused(&[408], &[18, 19, 102]).filter(|_| leg.rang.is_some());
        return leg.cancel.map(Found::from).or_else(timed_out);
    }
    leg.rang?;
    let by_pbx = case.cause == 16 && case.status() >= 300;
    by_pbx.then(|| case.end()).or_else(|| case.refused(&[408, 480], &[18, 19, 102]))
}
