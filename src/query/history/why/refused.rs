//! Why a call was refused: its table of rules. Where the user calls, the PBX's word (the Q.850 cause in a Reason header, or in
//! what it told of the leg) counts more than the status of its answer, which often stands for several causes; where the user is
//! called, the phone's own status does.

use super::case::{Case, Found};
use super::evidence;
use super::{Outcome, Rule};
use crate::query::history::message::{Message, Method};

/// The rules; the first that fits says it.
pub(super) const RULES: &[Rule] = &[
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

fn codec(case: &Case<'_>) -> Option<Found> {
    let warned = || {
        let answer = case.answer.filter(|m| m.status >= Some(400))?;
        matches!(evidence::warning(answer)?.0, 304 | 305).then(|| Found::from(answer))
    };
    let found = case.refused(&[415, 488, 606], &[58, 65, 79, 88]).or_else(warned)?;
    let way = case.way();
    let is_offer = |m: &&&Message| m.is_request(Method::Invite) && m.sdp && m.direction == way;
    let codecs = case.messages.iter().find(is_offer).map(|m| evidence::codecs(m)).unwrap_or_default();
    let codecs = if codecs.is_empty() { "not kept".to_owned() } else { codecs.join(", ") };
    Some(found.with("codecs", codecs))
}
