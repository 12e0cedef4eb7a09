//! Rules for bodies: which media types are filled as a whole, the secrets of SDP (RFC 4568 `a=crypto`, RFC 4567
//! `a=key-mgmt`, RFC 8839 `a=ice-pwd`, RFC 4566 `k=`), the signal of DTMF, and which lines of SDP `headers` keeps.
//! Called by the walk line by line; must never decide by anything but the line in hand.

use super::ink::Ink;
use crate::capture::line::{byte, contains, is_blank, is_white, physical, slice, trim};

/// What is done with a body; a stricter one is greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The rules for lines, nothing else.
    #[default]
    Plain,
    /// The same; `headers` keeps codec lines.
    Sdp,
    /// Everything but the names of lines and a duration is filled.
    Signal,
    /// Everything is filled.
    Secret,
}

impl Class {
    /// Whether text in such a body is filled whatever it is.
    pub(super) fn fills(self) -> bool {
        self >= Self::Signal
    }

    /// Of a media type without parameters.
    pub(super) fn of(media: &[u8]) -> Self {
        if trim(media).eq_ignore_ascii_case(b"application/sdp") {
            return Self::Sdp;
        }
        let mut plain = [0_u8; 96];
        let mut used = 0;
        for (slot, &b) in plain.iter_mut().zip(media.iter().filter(|&&b| b > b' ')) {
            *slot = b;
            used += 1;
        }
        let media = slice(&plain, 0, used);
        let has = |word: &[u8]| contains(media, word);
        if has(b"cpim") || has(b"sms") || has(b"telephone-event") || has(b"kpml-response") {
            Self::Secret
        } else if has(b"dtmf") {
            if has(b"relay") { Self::Signal } else { Self::Secret }
        } else if has(b"sdp") {
            Self::Sdp
        } else {
            Self::Plain
        }
    }
}

/// Where the secret of an SDP line begins, if it has one. Letter case, white space and control bytes between the
/// characters do not matter.
pub(super) fn sdp_secret(line: &[u8]) -> Option<usize> {
    let first = line.iter().find(|&&b| b > b' ')? | 0x20;
    if first == b'k' {
        return after(line, b"k=");
    }
    if first != b'a' {
        return None;
    }
    if let Some(at) = after(line, b"a=crypto") {
        // the tag and the suite are no secret; without `inline:` nothing is certain
        let rest = slice(line, at, line.len());
        let inline = rest.windows(7).take(64).position(|w| w.eq_ignore_ascii_case(b"inline:"));
        return Some(at + inline.map_or(0, |n| n + 7));
    }
    after(line, b"a=key-mgmt").or_else(|| after(line, b"a=ice-pwd")).map(|at| {
        let colon = byte(line, at) == b':';
        at + usize::from(colon)
    })
}

/// The position behind `pattern` (lower case) at the beginning of `line`.
fn after(line: &[u8], pattern: &[u8]) -> Option<usize> {
    let mut wanted = pattern.iter();
    let mut next = wanted.next()?;
    for (at, &b) in line.iter().enumerate() {
        if b <= b' ' || b == 0x7f {
            continue;
        }
        if b.to_ascii_lowercase() != *next {
            return None;
        }
        match wanted.next() {
            Some(more) => next = more,
            None => return Some(at + 1),
        }
    }
    None
}

/// Whether `headers` keeps this line of SDP.
pub(super) fn is_codec_line(line: &[u8]) -> bool {
    [&b"c="[..], b"m=", b"a=rtpmap"].into_iter().any(|start| after(line, start).is_some())
}

/// A line of application/dtmf-relay: keeps `Duration=number` and the name of any other.
pub(super) fn signal(ink: &mut Ink<'_>, from: usize, to: usize) {
    let data = ink.data;
    let (end, _) = physical(data, from);
    let line = slice(data, from, end);
    let equals = line.iter().position(|&b| b == b'=');
    let name = trim(slice(line, 0, equals.unwrap_or(0)));
    let value = equals.map_or(&[][..], |n| slice(line, n + 1, line.len()));
    let number = value.iter().all(|&b| b.is_ascii_digit() || is_blank(b));
    if name.eq_ignore_ascii_case(b"duration") && number {
        ink.fill(end, to);
    } else if let Some(n) = equals
        && name.eq_ignore_ascii_case(b"signal")
    {
        ink.fill(from + n + 1, to);
    } else {
        ink.fill(from, to);
    }
}

/// The `boundary` of a multipart's Content-Type, as a range of `value`. `None` where there is not exactly one, or
/// not a readable one.
pub(super) fn boundary(value: &[u8]) -> Option<(usize, usize)> {
    const NAME: &[u8] = b"boundary";
    let mut found = None;
    let mut at = 0;
    while at < value.len() {
        let rest = slice(value, at, value.len());
        match byte(value, at) {
            // a quoted value of another parameter
            b'"' => at += 1 + rest.iter().skip(1).position(|&b| b == b'"')? + 1,
            _ if rest.len() > NAME.len()
                && slice(rest, 0, NAME.len()).eq_ignore_ascii_case(NAME)
                && (is_white(byte(rest, NAME.len())) || byte(rest, NAME.len()) == b'=') =>
            {
                let equals = at + NAME.len() + rest.iter().skip(NAME.len()).position(|&b| !is_white(b))?;
                if byte(value, equals) != b'=' || found.is_some() {
                    return None;
                }
                let text =
                    equals + 1 + slice(value, equals + 1, value.len()).iter().position(|&b| !is_white(b))?;
                let (start, end) = if byte(value, text) == b'"' {
                    let length = slice(value, text + 1, value.len()).iter().position(|&b| b == b'"')?;
                    (text + 1, text + 1 + length)
                } else {
                    let run = slice(value, text, value.len());
                    let stop = |&b: &u8| is_white(b) || matches!(b, b';' | b',');
                    (text, text + run.iter().position(stop).unwrap_or(run.len()))
                };
                let text = slice(value, start, end);
                if text.is_empty()
                    || text.len() > 256
                    || text.iter().any(|&b| matches!(b, b'\\' | b'\r' | b'\n'))
                {
                    return None;
                }
                found = Some((start, end));
                at = end + 1;
            }
            _ => at += 1,
        }
    }
    found
}
