//! What the rules look at: the messages of one leg, attempt or dialog, what the PBX said of it, and what follows from them
//! that several rules ask. Pure.

use std::collections::HashSet;
use std::time::Duration;

use super::evidence::{self, Reason, brief};
use crate::clock::Timestamp;
use crate::event::{CallDirection, Change, Direction, DumpDetail, FailureCause};
use crate::query::diagnostics::Cursor;
use crate::query::history::calls::Leg;
use crate::query::history::message::{Message, Method, Repeat};
use crate::query::history::registrations::Attempt;
use crate::query::history::{History, Party};
use crate::query::words::{call_cause, cause_words, span};

/// What a rule found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What shows it.
    pub(super) at: Option<Cursor>,
    /// Words that only this rule knows, by the name that stands in its sentence.
    pub(super) words: Vec<(&'static str, String)>,
}

impl Found {
    pub(super) fn at(at: Option<Cursor>) -> Self {
        Self { at, words: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.words.push((name, text.into()));
        self
    }
}

impl From<&Message> for Found {
    fn from(message: &Message) -> Self {
        Self::at(Some(message.at))
    }
}

/// One thing that ended somehow.
pub(super) struct Case<'a> {
    /// Oldest first, repeats among them.
    pub(super) messages: &'a [&'a Message],
    /// Of a call.
    pub(super) leg: Option<&'a Leg<'a>>,
    /// The first request.
    pub(super) request: Option<&'a Message>,
    /// The final answer to it that counts.
    pub(super) answer: Option<&'a Message>,
    /// ITU-T Q.850 cause of the end: by the Reason header, else the PBX's word; 0: none.
    pub(super) cause: u16,
    /// Why a BYE, a CANCEL or an answer was sent.
    pub(super) reason: Reason,
    /// Packets may be missing within it, or where it goes on.
    pub(super) has_gap: bool,
    /// Of an attempt that was forbidden: how many other contacts the account had.
    pub(super) bound: usize,
    /// Of a registration: where the PBX said that it ran out.
    pub(super) over: Option<Cursor>,
    told: &'a [(Cursor, &'a Change)],
    is_from_phone: bool,
    far: String,
    number: String,
}

/// A cause that says more than that it is over.
fn is_telling(cause: u16) -> bool {
    !matches!(cause, 0 | 16 | 31 | 127) && !call_cause(cause).is_empty()
}

impl<'a> Case<'a> {
    pub(super) fn of_leg(leg: &'a Leg<'a>, far: &Party, has_gap: bool) -> Self {
        let ender = leg.bye.or(leg.cancel).or(leg.answer.filter(|m| m.status >= Some(300)));
        let reason = ender.map(Reason::of).unwrap_or_default();
        Self {
            messages: &leg.messages,
            leg: Some(leg),
            request: leg.invite,
            answer: leg.answer,
            cause: if reason.q850 == 0 { leg.cause } else { reason.q850 },
            reason,
            has_gap,
            bound: 0,
            over: None,
            told: &leg.told,
            is_from_phone: leg.direction == CallDirection::Outgoing,
            far: label(far),
            number: brief(&far.number),
        }
    }

    pub(super) fn of_attempt(history: &History, attempt: &'a Attempt<'a>) -> Self {
        let mut case = Self::of_messages(&attempt.messages);
        case.answer = attempt.answer();
        case.told = &attempt.told;
        case.over = attempt.over;
        if let Some((from, to)) = attempt.span() {
            case.has_gap = history.gaps.iter().any(|(_, gap)| gap.from <= to && gap.to >= from);
        }
        if case.status() == 403 {
            case.bound = bound(history, attempt);
        }
        case
    }

    pub(super) fn of_messages(messages: &'a [&'a Message]) -> Self {
        let request = messages.iter().copied().find(|m| m.status.is_none());
        let method = messages.first().map_or(Method::Other, |m| m.method);
        let answer = messages.iter().rev().copied().find(|m| m.answers(method).is_some());
        let is_from_phone = match (request, messages.first()) {
            (Some(request), _) => request.direction == Direction::In,
            (None, Some(response)) => response.direction == Direction::Out,
            (None, None) => true,
        };
        Self {
            messages,
            leg: None,
            request,
            answer,
            cause: 0,
            reason: Reason::default(),
            has_gap: false,
            bound: 0,
            over: None,
            told: &[],
            is_from_phone,
            far: String::new(),
            number: String::new(),
        }
    }

    /// Whether the request came from the user's side.
    pub(super) fn is_from_phone(&self) -> bool {
        self.is_from_phone
    }

    /// Which way the request went.
    pub(super) fn way(&self) -> Direction {
        if self.is_from_phone { Direction::In } else { Direction::Out }
    }

    /// Of the answer; 0: none.
    pub(super) fn status(&self) -> u16 {
        self.answer.and_then(|answer| answer.status).unwrap_or(0)
    }

    pub(super) fn method(&self) -> Method {
        self.messages.first().map_or(Method::Other, |m| m.method)
    }

    /// The answer, else the PBX's last word, else the last request: what shows how it ended.
    pub(super) fn end(&self) -> Found {
        let word = self.leg.and_then(|leg| leg.steps.last()).map(|step| step.at);
        let request = || self.messages.iter().rev().find(|m| m.status.is_none()).map(|m| m.at);
        Found::at(self.answer.map(|m| m.at).or(word).or_else(request))
    }

    /// The refusal with one of these statuses, or, where the PBX's word counts more, with one of these causes.
    pub(super) fn refused(&self, statuses: &[u16], causes: &[u16]) -> Option<Found> {
        let status = self.status();
        // to the phone that calls a PBX gives a status that stands for the cause; what a phone says is what it means
        let by_cause = self.is_from_phone || status < 300;
        let fits = match by_cause && is_telling(self.cause) {
            true => causes.contains(&self.cause),
            false => statuses.contains(&status),
        };
        fits.then(|| self.end())
    }

    /// The PBX's word that it refused for this cause.
    pub(super) fn told(&self, wanted: FailureCause) -> Option<Found> {
        let is_it = |change: &Change| matches!(change, Change::Failed { cause, .. } if *cause == wanted);
        let at = self.told.iter().find(|(_, change)| is_it(change))?.0;
        let shown = self.answer.filter(|m| m.status >= Some(300)).map_or(at, |m| m.at);
        Some(Found::at(Some(shown)).with("failure", cause_words(wanted)))
    }

    /// What was refused without a word of the PBX on it, by [`Self::credentials_refused`].
    pub(super) fn password_refused(&self) -> Option<Found> {
        let answer = self.credentials_refused().filter(|m| m.status != Some(403) && self.told.is_empty())?;
        Some(Found::from(answer).with("failure", cause_words(FailureCause::WrongPassword)))
    }

    /// The last answer asks for credentials, and the request had good ones: made of the PBX's own challenge, not stale.
    pub(super) fn credentials_refused(&self) -> Option<&'a Message> {
        let answer = self.answer.filter(|m| matches!(m.status, Some(401 | 403 | 407)))?;
        let before = |m: &&&Message| m.at < answer.at && m.method == answer.method;
        let request = self.messages.iter().rev().filter(before).find(|m| m.status.is_none())?;
        if !evidence::has_headers(request) {
            // a challenge, another try, and again a refusal; of a summary more is not known
            let mut cseqs: Vec<u32> =
                self.messages.iter().filter(before).filter(|m| m.status.is_none()).map(|m| m.cseq).collect();
            cseqs.dedup();
            return (cseqs.len() > 1 && answer.status != Some(403)).then_some(answer);
        }
        let nonce = evidence::credentials(request)?;
        let given: HashSet<String> = self
            .messages
            .iter()
            .filter(|m| m.at < request.at && m.authentication().is_some() && m.status.is_some())
            .filter_map(|m| evidence::challenge(m))
            .map(|(nonce, _)| nonce)
            .collect();
        let is_stale = evidence::challenge(answer).is_some_and(|(_, stale)| stale);
        (!is_stale && given.contains(&nonce)).then_some(answer)
    }

    /// The last answer is a challenge that nothing came after.
    pub(super) fn unanswered_challenge(&self) -> Option<&'a Message> {
        let answer = self.answer.filter(|m| matches!(m.status, Some(401 | 407)))?;
        let is_later = |m: &&&Message| {
            m.status.is_none() && m.method == answer.method && m.at > answer.at && m.cseq > answer.cseq
        };
        self.messages.iter().find(is_later).is_none().then_some(answer)
    }

    /// Nothing came from the other side of the request: how often it was sent, and for how long it was waited.
    pub(super) fn unheard(&self) -> Option<(usize, Duration)> {
        let request = self.request?;
        let is_heard = self.messages.iter().any(|m| m.direction != request.direction);
        let last =
            self.messages.iter().rev().find(|m| m.method == request.method).map_or(request.at, |m| m.at);
        let over = self.leg.and_then(|leg| leg.ended).map_or(last.time, |ended| ended.max(last.time));
        (!is_heard).then(|| (self.sent(request), over.since(request.at.time)))
    }

    /// How often a request was sent.
    pub(super) fn sent(&self, request: &Message) -> usize {
        let same =
            |m: &&&Message| m.status.is_none() && m.method == request.method && m.repeat != Repeat::Duplicate;
        self.messages.iter().filter(same).count()
    }

    /// What else is to be said of a call, each as a sentence after a space: that it came with a Diversion header (RFC 5806),
    /// and with whom it was connected before.
    pub(super) fn notes(&self) -> String {
        let mut notes = String::new();
        let invite = self.request.filter(|m| m.detail > DumpDetail::Summary && !self.is_from_phone);
        if let Some(by) = invite.and_then(|invite| evidence::party(invite, "Diversion", "")) {
            notes.push_str(&format!(" It had been forwarded by {by}."));
        }
        let steps = self.leg.map(|leg| &*leg.steps).unwrap_or_default();
        let mut up = steps.iter().filter(|step| step.is_up() && !step.far_number.is_empty());
        if let (Some(first), Some(last)) = (up.next(), up.next_back())
            && first.far_number != last.far_number
        {
            notes.push_str(&format!(" At first it was connected with {}.", brief(first.far_number)));
        }
        notes
    }

    /// A sentence with its words.
    pub(super) fn fill(&self, sentence: &str, found: &Found) -> String {
        let mut out = String::with_capacity(sentence.len() + 32);
        let mut rest = sentence;
        while let Some((before, name, after)) = slot(rest) {
            out.push_str(before);
            let own = found.words.iter().find(|(word, _)| *word == name).map(|(_, text)| text.clone());
            out.push_str(&own.unwrap_or_else(|| self.word(name)));
            rest = after;
        }
        out.push_str(rest);
        let mut letters = out.chars();
        match letters.next() {
            Some(first) if first.is_lowercase() => first.to_uppercase().chain(letters).collect(),
            _ => out,
        }
    }

    fn word(&self, name: &str) -> String {
        let now = self.messages.last().map_or(Timestamp::default(), |m| m.at.time);
        let time = |from: Option<Timestamp>| {
            let until = self.leg.map_or(now, |leg| leg.ended.unwrap_or(leg.span.1));
            from.map(|from| brief_span(until.since(from))).unwrap_or_default()
        };
        match name {
            "far" => self.far.clone(),
            "number" => self.number.clone(),
            "answer" => {
                self.answer.map(|m| brief(&m.title())).unwrap_or_else(|| format!("cause {}", self.cause))
            }
            "cause" => match call_cause(self.cause) {
                "" => format!("cause {}", self.cause),
                words => format!("{words} (cause {})", self.cause),
            },
            "ringing" => time(self.leg.and_then(|leg| leg.rang)),
            "talking" => time(self.leg.and_then(|leg| leg.answered)),
            "waiting" => time(self.request.map(|m| m.at.time).or(self.leg.map(|leg| leg.span.0))),
            "from" => {
                self.request.or(self.messages.first().copied()).map(|m| m.far.to_string()).unwrap_or_default()
            }
            "method" => self.method().name().to_owned(),
            "sent" => match self.request.map_or(0, |request| self.sent(request)) {
                1 => "once".to_owned(),
                n => format!("{n} times"),
            },
            _ => String::new(),
        }
    }
}

pub(in crate::query::history) fn brief_span(length: Duration) -> String {
    if length < Duration::from_secs(1) { "less than a second".to_owned() } else { span(length) }
}

/// What stands before `{name}`, the name, and the rest.
fn slot(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

pub(in crate::query::history) fn label(far: &Party) -> String {
    match (&far.user, &*far.name, &*far.number) {
        (Some(user), ..) => brief(&format!("{} ({})", user.full_name(), user.extension)),
        (None, "", "") => "the other side".to_owned(),
        (None, "", number) => brief(number),
        (None, name, "") => brief(name),
        (None, name, number) => brief(&format!("{name} ({number})")),
    }
}

/// How many contacts the attempt's account had when it was refused, as far as the history tells.
fn bound(history: &History, attempt: &Attempt<'_>) -> usize {
    let Some((start, _)) = attempt.span() else { return 0 };
    let endpoint = attempt.endpoint();
    let mut bound: HashSet<&str> = HashSet::new();
    for told in history.changes.iter().take_while(|told| told.at.time < start) {
        match &told.change {
            Change::Registered { endpoint: of, contact, .. } if *of == endpoint => {
                bound.insert(contact);
            }
            Change::Unregistered { endpoint: of, contact, .. } if *of == endpoint => {
                bound.remove(&**contact);
            }
            _ => {}
        }
    }
    bound.len()
}
