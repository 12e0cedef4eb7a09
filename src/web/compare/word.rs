//! The words of a header's value or of a body's line, and which of them differ between any two messages. Pure.

/// A word, or what is between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its text.
    pub text: &'a str,
    /// It differs between any two messages.
    pub ever: bool,
}

impl<'a> Word<'a> {
    /// What it is compared by.
    pub fn key(&self) -> &'a str {
        if self.ever { "\0" } else { self.text }
    }
}

/// Parameters whose value always differs.
const PARAMETERS: [&str; 14] = [
    "branch",
    "tag",
    "to-tag",
    "from-tag",
    "nonce",
    "cnonce",
    "nc",
    "response",
    "opaque",
    "rport",
    "rspauth",
    "nextnonce",
    "icid-value",
    "rinstance",
];
/// Headers whose value always differs.
const HEADERS: [&str; 8] = [
    "Call-ID",
    "Date",
    "Timestamp",
    "Session-ID",
    "Content-Length",
    "In-Reply-To",
    "SIP-ETag",
    "SIP-If-Match",
];
/// Headers whose numbers always differ.
const NUMBERED: [&str; 3] = ["CSeq", "RSeq", "RAck"];
/// Lines of a session description whose value always differs.
const LINES: [&str; 8] =
    ["a=ssrc", "a=ice-ufrag", "a=ice-pwd", "a=candidate", "a=fingerprint", "a=crypto", "a=msid", "a=rtcp:"];

/// The words of a header's value.
pub fn header_words<'a>(name: &str, value: &'a str) -> Vec<Word<'a>> {
    let mut words = split(value);
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let whole = HEADERS.into_iter().any(is);
    let numbers = NUMBERED.into_iter().any(is);
    for word in &mut words {
        word.ever |= whole || numbers && word.text.bytes().all(|b| b.is_ascii_digit());
    }
    words
}

/// The words of a body's line, as of a session description.
pub fn body_words(line: &str) -> Vec<Word<'_>> {
    let mut words = split(line);
    let mut fields = line.split(' ');
    // the session's id and version, and the port of the media, which is 0 where it is refused
    let ever: Vec<&str> = match line.get(..2) {
        Some("o=") => fields.skip(1).take(2).collect(),
        Some("m=") => fields.nth(1).into_iter().filter(|port| *port != "0").collect(),
        _ => Vec::new(),
    };
    let mut ever = ever.into_iter().peekable();
    let whole = LINES.iter().any(|start| line.starts_with(start));
    let key = line.find([':', ' ']).unwrap_or(0);
    let mut at = 0;
    for word in &mut words {
        if ever.peek() == Some(&word.text) {
            word.ever = true;
            ever.next();
        }
        word.ever |= whole && at > key;
        at += word.text.len();
    }
    words
}

/// Words and what is between them; what stands after `branch=` and its like is marked.
fn split(value: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let is_between = |c: char| c.is_whitespace() || ";,=<>\"@:()".contains(c);
    let (mut rest, mut name) = (value, "");
    let (mut ever, mut quoted) = (false, false);
    while let Some(first) = rest.chars().next() {
        let end =
            if is_between(first) { first.len_utf8() } else { rest.find(is_between).unwrap_or(rest.len()) };
        let (text, tail) = rest.split_at(end);
        let mut is_value = ever;
        match text {
            "\"" => (quoted, is_value) = (!quoted, false),
            "=" if !quoted && !ever => ever = PARAMETERS.iter().any(|p| p.eq_ignore_ascii_case(name)),
            ";" | "," | ">" if !quoted => (ever, is_value) = (false, false),
            _ if !quoted && text.trim().is_empty() => (ever, is_value) = (false, false),
            _ => name = text,
        }
        words.push(Word { text, ever: is_value });
        rest = tail;
    }
    words
}

/// A value without what always differs.
pub fn mask<'a>(words: &[Word<'a>]) -> Vec<&'a str> {
    let mut masked: Vec<&str> = Vec::with_capacity(words.len());
    for word in words {
        if !(word.ever && masked.last() == Some(&word.key())) {
            masked.push(word.key());
        }
    }
    masked
}
