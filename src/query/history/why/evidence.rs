//! What a message says besides its start line: Reason, Warning, digest nonces, Contact, codecs. Read by the rules only, and
//! only of the few messages they look at. Pure; texts may hold anything that a hostile peer sent, and come back short.

use crate::event::DumpDetail;
use crate::query::history::Message;

/// Longest text of a peer in a sentence, in characters.
const BRIEF: usize = 60;

/// The Reason header (RFC 3326): why a request was sent, or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reason {
    /// ITU-T Q.850 cause; 0: none.
    pub(super) q850: u16,
    /// A status of SIP; 0: none.
    pub(super) sip: u16,
    /// All of it, in lower case.
    pub(super) text: String,
}

impl Reason {
    pub(super) fn of(message: &Message) -> Self {
        let mut reason = Self::default();
        for value in message.head().all("Reason", "") {
            let value = String::from_utf8_lossy(value).to_ascii_lowercase();
            for part in value.split(',') {
                let cause = parameter(part, "cause").and_then(|number| number.parse().ok()).unwrap_or(0);
                match part.split(';').next().map(str::trim) {
                    Some("q.850") => reason.q850 = cause,
                    Some("sip") => reason.sip = cause,
                    _ => {}
                }
            }
            reason.text.push_str(&value);
        }
        reason
    }
}

/// The value of a parameter, without quotes: after `;`, `,` or white space, in any letter case of its name.
pub(in crate::query::history) fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('=') {
        let word = before.trim_end().rsplit([';', ',', ' ', '\t', '\r', '\n']).next().unwrap_or_default();
        let after = after.trim_start();
        let (found, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find([';', ',', ' ', '\r', '\n', '>']).unwrap_or(after.len())),
        };
        if word.eq_ignore_ascii_case(name) {
            return Some(found);
        }
        rest = tail;
    }
    None
}

/// The nonce of a challenge.
pub(in crate::query::history) fn challenge(message: &Message) -> Option<(String, bool)> {
    let head = message.head();
    let values = head.all("WWW-Authenticate", "").chain(head.all("Proxy-Authenticate", ""));
    for value in values {
        let value = String::from_utf8_lossy(value);
        let is_stale = parameter(&value, "stale").is_some_and(|word| word.eq_ignore_ascii_case("true"));
        if let Some(nonce) = parameter(&value, "nonce") {
            return Some((nonce.to_owned(), is_stale));
        }
    }
    None
}

/// The nonce that credentials were made with.
pub(in crate::query::history) fn credentials(message: &Message) -> Option<String> {
    let head = message.head();
    let values = head.all("Authorization", "").chain(head.all("Proxy-Authorization", ""));
    values.map(String::from_utf8_lossy).find_map(|value| parameter(&value, "nonce").map(str::to_owned))
}

/// Whether the headers of a message were kept, so that one that is not there was not sent.
pub(in crate::query::history) fn has_headers(message: &Message) -> bool {
    message.detail > DumpDetail::Summary && !message.unsure
}

/// The number of a header: `Min-Expires: 60`.
pub(super) fn number(message: &Message, name: &str, compact: &str) -> Option<u32> {
    let text = message.head().text(name, compact);
    let digits: String = text.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// How long a REGISTER, or its answer, wants or gives: of its first Contact, else its Expires header, in seconds.
pub(in crate::query::history) fn expires(message: &Message) -> Option<u32> {
    let contact = message.head().text("Contact", "m");
    parameter(&contact, "expires").and_then(|n| n.parse().ok()).or_else(|| number(message, "Expires", ""))
}

/// User part, or all, of the URI of a header: `Contact`, `Refer-To`, `Diversion`.
pub(in crate::query::history) fn party(message: &Message, name: &str, compact: &str) -> Option<String> {
    let value = message.head().text(name, compact);
    let inner = value.split_once('<').map_or(&*value, |(_, rest)| rest.split('>').next().unwrap_or_default());
    let uri = inner.split([';', '?']).next().unwrap_or_default().trim();
    let address = uri.split_once(':').map_or(uri, |(_, address)| address);
    let user = address.split_once('@').map_or(address, |(user, _)| user);
    Some(brief(user)).filter(|text| !text.is_empty())
}

/// The texts of Warning headers (RFC 3261 section 20.43), and whether one of them is about the media (300 to 307).
pub(super) fn warning(message: &Message) -> Option<(u16, String)> {
    let value = message.head().text("Warning", "");
    let code = value.split_whitespace().next()?.parse().ok()?;
    let text = value.split('"').nth(1).unwrap_or_default();
    Some((code, brief(text)))
}

/// Names of the static payload types that phones still use (RFC 3551 section 6).
const STATIC: [(&str, &str); 8] = [
    ("0", "PCMU"),
    ("3", "GSM"),
    ("4", "G723"),
    ("8", "PCMA"),
    ("9", "G722"),
    ("15", "G728"),
    ("18", "G729"),
    ("34", "H263"),
];

/// The codecs of a session description, each once, in the order of the offer.
pub(super) fn codecs(message: &Message) -> Vec<String> {
    let Some(body) = message.bytes.get(message.scan().body..) else { return Vec::new() };
    let body = String::from_utf8_lossy(body);
    let mapped = |payload: &str| {
        let line = body.lines().filter_map(|line| line.strip_prefix("a=rtpmap:"));
        let mut of_payload = line.filter_map(|line| line.split_once(' ')).filter(|(n, _)| *n == payload);
        of_payload.next().map(|(_, codec)| codec.split('/').next().unwrap_or_default().to_owned())
    };
    let known =
        |payload: &str| STATIC.iter().find(|(n, _)| *n == payload).map(|(_, name)| (*name).to_owned());
    let mut found: Vec<String> = Vec::new();
    for line in body.lines().filter(|line| line.starts_with("m=")) {
        for payload in line.split_whitespace().skip(3).take(32) {
            let Some(name) = mapped(payload).or_else(|| known(payload)) else { continue };
            if name != "telephone-event" && !found.contains(&name) && found.len() < 8 {
                found.push(brief(&name));
            }
        }
    }
    found
}

/// A peer's text, at most so long that a sentence stays one.
pub(super) fn brief(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(BRIEF) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.split_at(end).0),
    }
}
