//! What stands on an arrow of the ladder, and texts that must fit a width: an SVG has no ellipsis of its own. Texts of peers
//! lose what hides or turns other text, and what XML can't hold. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::Direction;
use crate::query::history::{Authentication, Message, Method, Repeat};
use crate::web::text::{plain, span};

/// A letter's width in pixels at the size of the arrows' texts, generously.
const LETTER: u32 = 7;

/// What an arrow says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Method and target, or status and reason.
    pub title: String,
    /// Of a response, what it answers.
    pub answers: String,
    /// A session description, credentials, a challenge, and what is wrong with the record; each with its class.
    pub marks: Vec<(&'static str, String)>,
    /// The class of the arrow: what its status means.
    pub class: &'static str,
}

impl Label {
    /// The label of a message that came `again` times more.
    pub fn of(message: &Message, again: usize) -> Self {
        let mut marks = Vec::new();
        if message.sdp {
            let hold = if is_hold(message) { "SDP hold" } else { "SDP" };
            marks.push(("sdp", hold.to_owned()));
        }
        match message.authentication() {
            Some(Authentication::Challenge) => marks.push(("auth", "challenge".to_owned())),
            Some(Authentication::Credentials) => marks.push(("auth", "auth".to_owned())),
            None => {}
        }
        if message.unsure {
            marks.push(("odd", "stump".to_owned()));
        } else if message.cut {
            marks.push(("odd", "cut".to_owned()));
        }
        let times = if again == 0 { String::new() } else { format!(" ×{}", again + 1) };
        match message.repeat {
            Repeat::No => {}
            Repeat::Retransmission => marks.push(("rep", format!("sent again{times}"))),
            Repeat::Duplicate => marks.push(("rep", format!("came twice{times}"))),
        }
        Self { title: title(message), answers: answers(message), marks, class: class(message) }
    }

    /// All of it in one line.
    pub fn line(&self) -> String {
        let mut line = self.title.clone();
        if !self.answers.is_empty() {
            line = format!("{line} to {}", self.answers);
        }
        for (_, mark) in &self.marks {
            line = format!("{line}, {mark}");
        }
        line
    }

    /// Shortens the title so that all fits `width` pixels.
    pub fn fit(mut self, width: u32) -> Self {
        let marks: usize = self.marks.iter().map(|(_, mark)| mark.len() + 1).sum();
        let rest = usize::try_from(width / LETTER).unwrap_or(0).saturating_sub(marks);
        if self.title.chars().count() + self.answers.len() > rest {
            self.answers.clear();
        }
        self.title = clip(&self.title, rest.max(11));
        self
    }
}

fn title(message: &Message) -> String {
    if let Some(status) = message.status {
        return clip(&format!("{status} {}", reason(message)), 200);
    }
    let scan = message.scan();
    if !scan.is_sip() {
        return "not SIP".to_owned();
    }
    let method = match message.method {
        Method::Invite if in_dialog(message) => "re-INVITE".into(),
        _ => message.title(),
    };
    let names_target =
        matches!(message.method, Method::Invite | Method::Subscribe | Method::Message | Method::Refer);
    let target = match message.method {
        Method::Refer => message.head().text("Refer-To", "r"),
        _ if names_target => String::from_utf8_lossy(scan.start_line).into_owned(),
        _ => String::new(),
    };
    let user = user_of(&target);
    clip(&if user.is_empty() { method.into_owned() } else { format!("{method} {user}") }, 200)
}

/// The user part of the first SIP or tel URI in a text.
pub(crate) fn user_of(text: &str) -> &str {
    let uri = ["sip:", "sips:", "tel:"].iter().find_map(|scheme| text.split_once(scheme));
    let rest = uri.map_or("", |(_, rest)| rest);
    let end = rest.find([' ', '>', ';', '?']).unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or_default();
    match rest.split_once('@') {
        Some((user, _)) => user.split(':').next().unwrap_or_default(),
        None if text.contains("tel:") => rest,
        None => "",
    }
}

/// The reason phrase.
fn reason(message: &Message) -> String {
    let line = String::from_utf8_lossy(message.scan().start_line);
    line.splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

fn answers(message: &Message) -> String {
    let method = message.status.map(|_| message.method).filter(|method| *method != Method::Other);
    method.map(|method| method.name().to_owned()).unwrap_or_default()
}

/// Whether its To has a tag (RFC 3261 section 12.2).
pub(crate) fn in_dialog(message: &Message) -> bool {
    message.head().text("To", "t").split(';').skip(1).any(|part| part.trim_start().starts_with("tag="))
}

/// Whether its session description puts the other side on hold (RFC 3264 section 8.4).
fn is_hold(message: &Message) -> bool {
    let body = message.bytes.get(message.scan().body..).unwrap_or_default();
    let mut lines = body.split(|b| *b == b'\n').map(|line| line.trim_ascii_end());
    lines.any(|line| matches!(line, b"a=sendonly" | b"a=inactive" | b"c=IN IP4 0.0.0.0"))
}

/// The class of a message: what it means.
pub fn class(message: &Message) -> &'static str {
    match message.status {
        None => "rq",
        Some(100..200) => "s1",
        Some(200..300) => "s2",
        Some(300..400 | 401 | 407) => "s3",
        Some(400..500) => "s4",
        Some(_) => "s5",
    }
}

/// A text of at most so many letters of usual width, without what hides or turns other text.
pub fn clip(text: &str, letters: usize) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len().min(letters * 4));
    let mut used = 0;
    for c in text.chars() {
        used += if c.is_ascii() { 1 } else { 2 };
        if used > letters {
            out.push('…');
            break;
        }
        // no XML can hold these two
        out.push(if matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c });
    }
    out
}

/// As [`clip`], for so many pixels of the arrows' texts.
pub fn fit(text: &str, width: u32) -> String {
    clip(text, usize::try_from(width / LETTER).unwrap_or(0).max(4))
}

/// A sentence in two lines of at most so many pixels.
pub fn two_lines(text: &str, width: u32) -> [String; 2] {
    let letters = usize::try_from(width / LETTER).unwrap_or(0).max(10);
    let text = plain(text);
    let Some((end, _)) = text.char_indices().nth(letters) else {
        return [clip(&text, letters), String::new()];
    };
    let (head, _) = text.split_at(end);
    let at = head.rfind(' ').filter(|at| *at > 0).unwrap_or(end);
    let (first, second) = text.split_at(at);
    [clip(first, letters), clip(second.trim_start(), letters)]
}

/// The clock in UTC to the millisecond: `12:00:00.123`.
pub fn clock(at: Timestamp) -> String {
    let day = at.micros().rem_euclid(86_400_000_000) / 1_000;
    let (s, ms) = (day / 1_000, day % 1_000);
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3_600, s / 60 % 60, s % 60)
}

/// A span between two messages: `0.4 ms`, `312 ms`, `12.4 s`, `2 min 5 s`.
pub fn delta(gap: Duration) -> String {
    match gap.as_micros() {
        micros @ 0..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        micros @ 10_000..1_000_000 => format!("{} ms", micros / 1_000),
        micros @ 1_000_000..60_000_000 => {
            format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000)
        }
        _ => span(gap),
    }
}

/// From whom to whom, of a message between a lane and the PBX.
pub fn way(direction: Direction, lane: &str) -> String {
    match direction {
        Direction::In => format!("{lane} to PBX"),
        Direction::Out => format!("PBX to {lane}"),
    }
}
