//! Why a call was not answered: its table of rules. Where the user calls, the PBX's word (the Q.850 cause in a Reason header,
//! or in what it told of the leg) counts more than the status of its answer, which often stands for several causes; where
//! the user is called, the phone's own status does.

use std::time::Duration;

use super::case::{Case, Found};
use super::evidence;
use super::{Outcome, Rule};
use crate::event::FailureCause;
use crate::query::history::message::Method;

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
    Rule {
        name: "forwarded",
        looks_at: "3xx",
        outcome: Outcome::Missed,
        out: "The PBX told the phone to call {to} instead.",
        into: "The phone forwarded the call to {to}.",
        advice: "",
        fits: |case| {
            let answer = case.answer.filter(|m| matches!(m.status, Some(300..400)))?;
            let to = evidence::party(answer, "Contact", "m").unwrap_or_else(|| "another number".to_owned());
            Some(Found::from(answer).with("to", to))
        },
    },
    Rule {
        name: "busy",
        looks_at: "486, 600, or cause 17",
        outcome: Outcome::Missed,
        out: "{far} was busy.",
        into: "The phone said that it is busy ({answer}).",
        advice: "",
        fits: |case| case.refused(&[486, 600], &[17]),
    },
    Rule {
        name: "declined",
        looks_at: "603, 607, 608; where the user calls also cause 21 after ringing",
        outcome: Outcome::Missed,
        out: "{far} declined the call ({answer}).",
        into: "Declined at the phone ({answer}).",
        advice: "",
        fits: |case| {
            let has_rung = case.leg?.rang.is_some();
            case.refused(&[603, 607, 608], if has_rung { &[21] } else { &[] })
        },
    },
    Rule {
        name: "rejected",
        looks_at: "cause 21 without ringing",
        outcome: Outcome::Missed,
        out: "{far}, or a rule of the PBX, rejected the call ({answer}).",
        into: "The PBX rejected the call.",
        advice: "",
        fits: |case| case.refused(&[], &[21]),
    },
    Rule {
        name: "not-registered",
        looks_at: "cause 20",
        outcome: Outcome::Failed,
        out: "{far} is not registered: no terminal of theirs is connected.",
        into: "No terminal of the user was registered.",
        advice: "Look at the registrations of the one who was called, at that time.",
        fits: |case| case.refused(&[], &[20]),
    },
    Rule {
        name: "unavailable",
        looks_at: "480 without ringing, or cause 19",
        outcome: Outcome::Missed,
        out: "{far} was not available ({answer}).",
        into: "The phone said that it takes no call now ({answer}).",
        advice: "Is do-not-disturb on at the phone that was called, or nobody logged in?",
        fits: |case| case.refused(&[480], &[19]),
    },
    Rule {
        name: "far-not-reached",
        looks_at: "408, or cause 18 or 102, without ringing",
        outcome: Outcome::Failed,
        out: "{far} did not respond: the PBX waited {waiting}.",
        into: "The phone took too long ({answer}).",
        advice: "Look at the one who was called: is the phone on and reachable?",
        fits: |case| case.refused(&[408], &[18, 102]),
    },
    Rule {
        name: "no-common-codec",
        looks_at: "488, 606, 415, Warning 304 or 305, or cause 58, 65, 79 or 88",
        outcome: Outcome::Failed,
        out: "No common codec ({answer}). Offered were: {codecs}.",
        into: "No common codec ({answer}). Offered were: {codecs}.",
        advice: "Allow on the PBX's endpoint a codec that the phone has; both have to encrypt the media (SRTP), or neither.",
        fits: codec,
    },
    Rule {
        name: "not-found",
        looks_at: "404, 410, 416, 604, or cause 1 or 22",
        outcome: Outcome::Failed,
        out: "No such number: the PBX does not know {number} ({answer}).",
        into: "The phone does not know whom it was called as ({answer}).",
        advice: "Where the user calls: check the number and the dial plan. Where the phone refuses: compare its account with the PBX's.",
        fits: |case| case.refused(&[404, 410, 416, 604], &[1, 22]),
    },
    Rule {
        name: "no-route",
        looks_at: "cause 2 or 3",
        outcome: Outcome::Failed,
        out: "The PBX found no way to {number}: no terminal of theirs is registered, or no trunk takes it ({answer}).",
        into: "The PBX found no way to the user: no terminal was registered.",
        advice: "Look at the registrations of the one who was called, at that time, or at the trunk.",
        fits: |case| case.refused(&[], &[2, 3]),
    },
    Rule {
        name: "number-incomplete",
        looks_at: "484, or cause 28",
        outcome: Outcome::Failed,
        out: "The number {number} is not complete ({answer}).",
        into: "The phone found the number not complete ({answer}).",
        advice: "Check the number, and how long the phone waits for more digits.",
        fits: |case| case.refused(&[484], &[28]),
    },
    Rule {
        name: "session-interval",
        looks_at: "422 (RFC 4028)",
        outcome: Outcome::Failed,
        out: "The session timer that the phone asked for is too short; at least {seconds} s are wanted.",
        into: "The session timer that the PBX asked for is too short; the phone wants at least {seconds} s.",
        advice: "Set the session timers of both sides alike.",
        fits: |case| {
            let answer = case.answer.filter(|m| m.status == Some(422))?;
            let least = evidence::number(answer, "Min-SE", "").map_or("more".to_owned(), |n| n.to_string());
            Some(Found::from(answer).with("seconds", least))
        },
    },
    Rule {
        name: "loop",
        looks_at: "482 or 483",
        outcome: Outcome::Failed,
        out: "The call went round in a circle ({answer}).",
        into: "The call went round in a circle ({answer}).",
        advice: "Look for forwardings that lead back to where they began.",
        fits: |case| case.refused(&[482, 483], &[25]),
    },
    Rule {
        name: "no-line",
        looks_at: "503, or cause 34, 38, 42 or 44",
        outcome: Outcome::Failed,
        out: "No line is free, or the trunk is down ({answer}).",
        into: "The phone can take no call now ({answer}).",
        advice: "Look at the registration and the channels of the trunk.",
        fits: |case| case.refused(&[503], &[34, 38, 42, 44]),
    },
    Rule {
        name: "too-large",
        looks_at: "413 or 513",
        outcome: Outcome::Failed,
        out: "The phone's message was too large for the PBX ({answer}).",
        into: "The PBX's message was too large for the phone ({answer}).",
        advice: "Offer fewer codecs, or use TCP.",
        fits: |case| case.refused(&[413, 513], &[]),
    },
    Rule {
        name: "malformed",
        looks_at: "400 and its Warning",
        outcome: Outcome::Failed,
        out: "The PBX could not read the phone's message ({answer}).{warning}",
        into: "The phone could not read the PBX's message ({answer}).{warning}",
        advice: "Compare it with one that worked; update the phone's firmware.",
        fits: |case| {
            let found = case.refused(&[400], &[])?;
            let warning =
                case.answer.and_then(evidence::warning).map(|(_, text)| format!(" It says: {text}."));
            Some(found.with("warning", warning.unwrap_or_default()))
        },
    },
    Rule {
        name: "not-supported",
        looks_at: "405, 420, 421, 501, 505, 580",
        outcome: Outcome::Failed,
        out: "The PBX can't do what the phone asked for ({answer}).",
        into: "The phone can't do what the PBX asked for ({answer}).",
        advice: "",
        fits: |case| case.refused(&[405, 420, 421, 494, 501, 505, 580], &[]),
    },
    Rule {
        name: "server-error",
        looks_at: "500, 502, 504 and other 5xx; cause 27 or 41",
        outcome: Outcome::Failed,
        out: "The PBX, or who is behind it, had an error ({answer}).",
        into: "The phone had an error ({answer}).",
        advice: "Look at the log of who answered so.",
        fits: |case| match case.status() {
            status @ 500..600 => case.refused(&[status], &[27, 41]),
            _ => case.refused(&[], &[27, 41]),
        },
    },
    Rule {
        name: "forbidden",
        looks_at: "403",
        outcome: Outcome::Failed,
        out: "The PBX forbids this call ({answer}).",
        into: "The phone forbids this call ({answer}).",
        advice: "Check what the user may dial, and whether an access list lets {from} in.",
        fits: |case| case.refused(&[403], &[]),
    },
    Rule {
        name: "ended-before-answer",
        looks_at: "487, or the PBX's word that it is over, or its refusal with cause 0, 16, 31 or 127",
        outcome: Outcome::Missed,
        out: "It ended after {waiting}, before anybody answered.",
        into: "It ended after {waiting}, before the user answered.",
        advice: "",
        fits: |case| {
            let is_quiet =
                case.status() < 300 && case.leg?.ended.is_some() && matches!(case.cause, 0 | 16 | 31 | 127);
            (case.status() == 487 || is_quiet).then(|| case.end())
        },
    },
    Rule {
        name: "refused",
        looks_at: "any other final status, or cause",
        outcome: Outcome::Failed,
        out: "The PBX refused the call: {refusal}.",
        into: "The phone refused the call: {refusal}.",
        advice: "",
        fits: |case| {
            let refusal =
                if case.status() >= 300 { case.fill("{answer}", &Found::default()) } else { String::new() };
            let told = || case.leg.is_some_and(|leg| leg.ended.is_some()) && case.cause != 0;
            let words = match refusal.is_empty() {
                false => refusal,
                true if told() => case.fill("{cause}", &Found::default()),
                true => return None,
            };
            Some(case.end().with("refusal", words))
        },
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

fn codec(case: &Case<'_>) -> Option<Found> {
    let warned = || {
        let answer = case.answer.filter(|m| m.status >= Some(400))?;
        matches!(evidence::warning(answer)?.0, 304 | 305).then(|| Found::from(answer))
    };
    let found = case.refused(&[415, 488, 606], &[58, 65, 79, 88]).or_else(warned)?;
    let way = case.way();
    let is_offer =
        |m: &&&crate::query::history::Message| m.is_request(Method::Invite) && m.sdp && m.direction == way;
    let codecs = case.messages.iter().find(is_offer).map(|m| evidence::codecs(m)).unwrap_or_default();
    let codecs = if codecs.is_empty() { "not kept".to_owned() } else { codecs.join(", ") };
    Some(found.with("codecs", codecs))
}
