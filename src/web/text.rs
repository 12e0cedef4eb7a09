//! Data as words of a page: one line of hostile text, times, spans, sizes, percent-encoded path segments.
//! Called by every view. Pure; never asks the time: what a span is counted from is an argument.

use std::borrow::Cow;
use std::fmt::Write as _;

use maud::{Markup, PreEscaped, Render, html};

use crate::clock::Timestamp;
use crate::query::legible::{Piece, misleads, pieces};
pub use crate::query::words::span;

/// Longest one-line text that a list shows, in characters; the rest becomes an ellipsis.
const LINE_MAX: usize = 240;
/// Longest text of an attribute of a list, in characters.
const BRIEF_MAX: usize = 1_000;

/// One line of text that anybody may have sent: escaped, and what would hide or turn other text around
/// (control, bidirectional and invisible characters) shown as a small box with its code point.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a>(pub &'a str);

impl Render for Line<'_> {
    fn render_to(&self, out: &mut String) {
        match self.0.char_indices().nth(LINE_MAX) {
            None => Marked(self.0).render_to(out),
            Some((end, _)) => {
                Marked(self.0.split_at(end).0).render_to(out);
                out.push('…');
            }
        }
    }
}

/// As [`Line`], of any length.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a>(pub &'a str);

impl Render for Marked<'_> {
    fn render_to(&self, out: &mut String) {
        let mut rest = self.0;
        while let Some((at, bad)) = rest.char_indices().find(|(_, c)| misleads(*c)) {
            let (clean, tail) = rest.split_at(at);
            clean.render_to(out);
            let code = u32::from(bad);
            html! { span.ctl title={ "U+" (format!("{code:04X}")) } { (format!("{code:02X}")) } }
                .render_to(out);
            rest = tail.get(bad.len_utf8()..).unwrap_or_default();
        }
        rest.render_to(out);
    }
}

/// For attributes and file names: the same characters replaced instead of marked.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(misleads) {
        Cow::Owned(text.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// As [`plain`], but of a hostile length only the beginning: for what stands once in each line of a list.
pub fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(BRIEF_MAX) {
        None => plain(text),
        Some((end, _)) => Cow::Owned(format!("{}…", plain(text.split_at(end).0))),
    }
}

/// How much of a moment is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `2026-11-23 12:00:00`
    Full,
    /// `12:00:00`
    Clock,
    /// `12:00:00.123`, for packets.
    Fine,
    /// `2026-11-23`
    Day,
}

/// A moment; UTC as rendered, local time once the page's script has run.
#[derive(Debug, Clone, Copy)]
pub struct At(pub Timestamp, pub Shape);

impl Render for At {
    fn render_to(&self, out: &mut String) {
        let Ok(moment) = jiff::Timestamp::from_microsecond(self.0.micros()) else {
            out.push('?');
            return;
        };
        let (word, format, zone) = match self.1 {
            Shape::Full => ("full", "%Y-%m-%d %H:%M:%S", " UTC"),
            Shape::Clock => ("clock", "%H:%M:%S", " UTC"),
            Shape::Fine => ("fine", "%H:%M:%S.%3f", ""),
            Shape::Day => ("day", "%Y-%m-%d", " UTC"),
        };
        let text = moment.strftime(format);
        let exact = format!("{moment:.6}");
        html! { time datetime=(exact) data-t=(word) { (text.to_string()) (zone) } }.render_to(out);
    }
}

/// The day of a moment in UTC, for separators: `2026-11-23`.
pub fn day(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros())
        .map(|m| m.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// A moment for file names: `20261123T120000Z`.
pub fn stamp(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros())
        .map(|m| m.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_else(|_| "time".into())
}

/// When something ends, counted from `now`: `in 52 s`, or `3 s ago`. The script counts on from its moment.
pub fn until(end: Timestamp, now: Timestamp) -> Markup {
    let words = if end >= now {
        format!("in {}", span(end.since(now)))
    } else {
        format!("{} ago", span(now.since(end)))
    };
    let exact = jiff::Timestamp::from_microsecond(end.micros()).map(|m| m.to_string()).unwrap_or_default();
    html! { time datetime=(exact) data-t="until" { (words) } }
}

/// A round trip: `12.3 ms`.
pub fn milliseconds(micros: u32) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

/// A count with thin spaces between thousands.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 8);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

/// Bytes of a disk: `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count(bytes / unit), bytes % unit * 10 / unit);
    match bytes {
        0..1_048_576 => format!("{} KiB", tenths(1 << 10)),
        1_048_576..1_073_741_824 => format!("{} MiB", tenths(1 << 20)),
        _ => format!("{} GiB", tenths(1 << 30)),
    }
}

/// A path segment: percent-encoded, and safe from browsers that resolve `.` and `..` even when encoded.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    if text.is_empty() || text == "." || text == ".." || text.starts_with('~') {
        out.push('~');
    }
    encode(text, &mut out);
    out
}

/// A link with fields of a query string after it.
pub fn link(path: &str, fields: &[(&str, String)]) -> String {
    let mut out = path.to_owned();
    for (n, (name, value)) in fields.iter().enumerate() {
        out.push(if n == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Undoes the mark of [`segment`]; percent-encoding is already undone by the router.
pub fn unsegment(text: &str) -> &str {
    text.strip_prefix('~').unwrap_or(text)
}

/// Bytes as text for a raw view: line ends as they are, every other byte that is no printable character as
/// `\x00`, marked.
pub fn raw(bytes: &[u8]) -> Markup {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 4);
    pieces(bytes, |piece| match piece {
        Piece::Plain(text) => text.render_to(&mut out),
        Piece::Odd(bytes) => escaped(bytes, &mut out),
    });
    PreEscaped(out)
}

fn escaped(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let _ = write!(out, "<span class=\"ctl\">\\x{byte:02X}</span>");
    }
}
