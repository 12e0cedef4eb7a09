//! Why: a plain sentence for each call, registration and other dialog, and the message that shows it. One table of rules a
//! kind, each rule a line: its name, what it looks at, its sentences; the first that fits says it. What none explains is
//! "not known". Pure.

use super::calls::Leg;
use super::message::Message;
use super::registrations::Attempt;
use super::{History, Party};
use crate::query::diagnostics::Cursor;

mod answered;
mod case;
pub(super) mod evidence;
mod other;
mod refused;
mod registration;
mod unanswered;

use case::{Case, Found};
pub(super) use case::{brief_span, label};

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
    /// A sentence. It may hold text of a peer.
    pub words: String,
    /// What an administrator can do, as a sentence; empty: nothing.
    pub advice: String,
    /// The message, or the PBX's word, that shows it.
    pub at: Option<Cursor>,
}

/// A line of a table of rules. In its sentences `{far}` and the like stand for what the case knows.
#[derive(Debug)]
pub struct Rule {
    /// Names it in addresses and tests; of one table no two are the same.
    pub name: &'static str,
    /// What it looks at, for who reads the table.
    pub looks_at: &'static str,
    /// What it means.
    pub outcome: Outcome,
    /// The sentence where the user calls, or the phone asks.
    pub out: &'static str,
    /// The sentence where the user is called, or the PBX asks.
    pub into: &'static str,
    /// What an administrator can do; empty: nothing.
    pub advice: &'static str,
    fits: for<'a> fn(&Case<'a>) -> Option<Found>,
}

/// Nothing explains it.
const NOT_KNOWN: &str = "Not known: what was kept does not show how it ended.";
/// The same, where a gap may hold the reason.
const MISSING: &str = "Not known: packets are missing here.";

impl Rule {
    fn verdict(&self, case: &Case<'_>, found: &Found) -> Verdict {
        let words = if case.is_from_phone() { self.out } else { self.into };
        Verdict {
            outcome: self.outcome,
            rule: self.name,
            words: case.fill(words, found),
            advice: case.fill(self.advice, found),
            at: found.at,
        }
    }
}

/// All rules, by what they are of, each table in its order.
pub const TABLES: [(&str, &[Rule]); 5] = [
    ("answered call", answered::RULES),
    ("call", unanswered::RULES),
    ("call", refused::RULES),
    ("registration", registration::RULES),
    ("request", other::RULES),
];

fn judge(tables: &[&'static [Rule]], case: &Case<'_>) -> Verdict {
    let mut rules = tables.iter().copied().flatten();
    let fitting = rules.find_map(|rule| (rule.fits)(case).map(|found| rule.verdict(case, &found)));
    fitting.unwrap_or_else(|| Verdict {
        outcome: Outcome::Unknown,
        rule: "not-known",
        words: if case.has_gap { MISSING } else { NOT_KNOWN }.to_owned(),
        advice: String::new(),
        at: None,
    })
}

/// How a call ended, by the leg that tells it.
pub(super) fn call(chief: &Leg<'_>, far: &Party, has_gap: bool) -> Verdict {
    let case = Case::of_leg(chief, far, has_gap);
    let is_answered = chief.answered.is_some() || (chief.invite.is_none() && chief.bye.is_some());
    let mut verdict = match is_answered {
        true => judge(&[answered::RULES], &case),
        false => judge(&[unanswered::RULES, refused::RULES], &case),
    };
    verdict.words.push_str(&case.notes());
    verdict
}

/// How an attempt to register ended.
pub(super) fn registration(history: &History, attempt: &Attempt<'_>) -> Verdict {
    judge(&[registration::RULES], &Case::of_attempt(history, attempt))
}

/// How a request of another method, or a dialog of it, ended.
pub(super) fn other(messages: &[&Message]) -> Verdict {
    judge(&[other::RULES], &Case::of_messages(messages))
}
