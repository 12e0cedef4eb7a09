//! How an attempt to register ended: its table of rules.

use super::case::{Case, Found};
use super::evidence;
use super::{Outcome, Rule};
use crate::event::FailureCause;
use crate::query::history::message::Method;
use crate::query::words::cause_words;

/// The rules; the first that fits says it.
pub(super) const RULES: &[Rule] = &[
    rule(
        "wrong-password",
        "the PBX's word; or 401 or 407 again after credentials that were made for its own challenge and not stale",
        Outcome::Failed,
        "{failure} It came from {from}.",
        "Compare the user name and the password on the phone with those of the account on the PBX. If {from} is not one of yours, \
         somebody is guessing passwords.",
        |case| case.told(FailureCause::WrongPassword).or_else(|| case.password_refused()),
    ),
    rule(
        "unknown-user",
        "the PBX's word, or 404",
        Outcome::Failed,
        "{failure} It came from {from}.",
        "Compare the user name on the phone with the account on the PBX.",
        |case| {
            let is_not_found = case.answer.filter(|m| m.status == Some(404)).map(Found::from);
            let told = case.told(FailureCause::UnknownUser).or(is_not_found)?;
            Some(told.with("failure", cause_words(FailureCause::UnknownUser)))
        },
    ),
    rule(
        "forbidden-by-acl",
        "the PBX's word",
        Outcome::Failed,
        "{failure} It came from {from}.",
        "Add {from} to the access list of the account, if the phone may register from there.",
        |case| case.told(FailureCause::Forbidden),
    ),
    rule(
        "tls-failed",
        "the PBX's word",
        Outcome::Failed,
        "{failure}",
        "Check the certificates, the TLS versions and the clock of the phone.",
        |case| case.told(FailureCause::Tls),
    ),
    rule(
        "challenge-unanswered",
        "401 or 407, and no REGISTER with credentials after it",
        Outcome::Failed,
        "The PBX asked for the password, and the phone did not send one, or only one for an old challenge.",
        "Enter the password on the phone. If it is there, look whether the PBX's answer reaches the phone: a firewall may keep it back.",
        |case| case.unanswered_challenge().map(Found::from),
    ),
    rule(
        "too-many-contacts",
        "403 after good credentials, while the account has other contacts",
        Outcome::Failed,
        "Refused, while the account has {bound} registered already: likely more than the PBX allows for it.",
        "Remove a terminal that is no longer there, or allow more contacts for the account (Asterisk: max_contacts).",
        |case| {
            let answer = case.credentials_refused().filter(|m| m.status == Some(403) && case.bound > 0)?;
            let bound =
                if case.bound == 1 { "1 contact".to_owned() } else { format!("{} contacts", case.bound) };
            Some(Found::from(answer).with("bound", bound))
        },
    ),
    rule(
        "forbidden-after-password",
        "403 after good credentials",
        Outcome::Failed,
        "The PBX forbids it ({answer}) after it saw the password: that is wrong, or the account may not register.",
        "Compare the password on the phone with the PBX's; then look whether the account may register, and from {from}.",
        |case| case.credentials_refused().filter(|m| m.status == Some(403)).map(Found::from),
    ),
    rule(
        "forbidden",
        "403",
        Outcome::Failed,
        "The PBX forbids the registration ({answer}), before it saw a password.",
        "Look whether an access list keeps {from} out, and whether the account may register.",
        |case| case.refused(&[403], &[]),
    ),
    rule(
        "unregistered",
        "2xx to a REGISTER with Expires 0",
        Outcome::Good,
        "The phone unregistered.",
        "",
        |case| {
            let request = case.messages.iter().rev().find(|m| m.is_request(Method::Register))?;
            (is_good(case) && evidence::expires(request) == Some(0)).then(|| case.end())
        },
    ),
    rule(
        "expired",
        "2xx, and later the PBX's word that the registration ran out",
        Outcome::Failed,
        "It ran out: the phone registered and did not refresh it in time.",
        "Was the phone switched off, or cut off from the network? Look at what it sends before that time.",
        |case| case.over.filter(|_| is_good(case)).map(|at| Found::at(Some(at))),
    ),
    rule("registered", "2xx", Outcome::Good, "Registered.", "", |case| is_good(case).then(|| case.end())),
    rule(
        "interval-too-brief",
        "423 and its Min-Expires",
        Outcome::Failed,
        "The phone asked for too short a time; the PBX takes {seconds} s at least.",
        "Set the registration time of the phone to {seconds} s or more.",
        |case| {
            let answer = case.answer.filter(|m| m.status == Some(423))?;
            let least =
                evidence::number(answer, "Min-Expires", "").map_or("more".to_owned(), |n| n.to_string());
            Some(Found::from(answer).with("seconds", least))
        },
    ),
    rule("redirected", "3xx", Outcome::Failed, "The PBX told the phone to register at {to}.", "", |case| {
        let answer = case.answer.filter(|m| matches!(m.status, Some(300..400)))?;
        let to = evidence::party(answer, "Contact", "m").unwrap_or_else(|| "another place".to_owned());
        Some(Found::from(answer).with("to", to))
    }),
    rule(
        "not-supported",
        "405, 420, 421, 501 or 505",
        Outcome::Failed,
        "The PBX can't do what the phone asked for ({answer}).",
        "Turn off extensions on the phone that the PBX does not know.",
        |case| case.refused(&[405, 416, 420, 421, 494, 501, 505], &[]),
    ),
    rule(
        "malformed",
        "400, 413 or 513, and its Warning",
        Outcome::Failed,
        "The PBX could not read the phone's message ({answer}).{warning}",
        "Compare it with one that worked; update the phone's firmware.",
        |case| {
            let found = case.refused(&[400, 413, 513], &[])?;
            let warning =
                case.answer.and_then(evidence::warning).map(|(_, text)| format!(" It says: {text}."));
            Some(found.with("warning", warning.unwrap_or_default()))
        },
    ),
    rule(
        "server-error",
        "5xx, 408",
        Outcome::Failed,
        "The PBX had an error ({answer}).",
        "Look at the PBX's log; it may be overloaded, or its database not there.",
        |case| matches!(case.status(), 408 | 500..600).then(|| case.end()),
    ),
    rule(
        "refused-by-pbx",
        "the PBX's word",
        Outcome::Failed,
        "{failure}",
        "Look at the PBX's log for the reason.",
        |case| case.told(FailureCause::Refused),
    ),
    rule(
        "refused",
        "any other final status, or the PBX's word",
        Outcome::Failed,
        "The PBX refused ({answer}).",
        "",
        |case| (case.status() >= 300).then(|| case.end()).or_else(|| case.told(FailureCause::Other)),
    ),
    rule(
        "no-response",
        "REGISTER, and nothing from the PBX",
        Outcome::Failed,
        "The PBX did not answer: the REGISTER came {sent}.",
        "Look at the PBX's log; it may be overloaded, or an access list may drop the phone's address.",
        |case| case.unheard().filter(|_| !case.has_gap).map(|_| case.end()),
    ),
];

const fn rule(
    name: &'static str,
    looks_at: &'static str,
    outcome: Outcome,
    words: &'static str,
    advice: &'static str,
    fits: for<'a> fn(&Case<'a>) -> Option<Found>,
) -> Rule {
    Rule { name, looks_at, outcome, out: words, into: words, advice, fits }
}

fn is_good(case: &Case<'_>) -> bool {
    matches!(case.status(), 200..300)
}
