//! Rules that hold anywhere on a line: parameters whose values are secrets (`response`, `auts`, `rspauth`, the push
//! tokens of RFC 8599), the password in a URI's userinfo (RFC 3261 section 19.1.1), and headers carried inside a URI
//! (section 19.1.1, RFC 7433 section 4). Names may be written with escapes, white space and folds may stand around
//! `=`. Called by the walk once per line. Must stay linear: a scan that found nothing is not begun again.

use memchr::memchr3_iter;

use super::header::closing_quote;
use super::ink::Ink;
use crate::capture::line::{byte, is_white, skip_white, slice};

/// Parameters whose values are filled wherever they stand; beginnings of longer names do not matter.
const SECRET: [&[u8]; 5] = [b"response", b"auts", b"rspauth", b"pn-prid", b"pn-tok"];

/// Headers whose values are filled where a URI carries them.
const CARRIED: [&[u8]; 3] = [b"authorization", b"user-to-user", b"body"];

/// The last two bytes of each of these names: for the last one, in any letter case, a bit for each letter before it. All
/// bits for white space, behind which the name may end.
static ENDS: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut rest: &mut [u32] = &mut table;
    let mut b = 0_u8;
    while let Some((slot, more)) = rest.split_first_mut() {
        *slot = if is_white(b) { u32::MAX } else { before(&SECRET, b) | before(&CARRIED, b) };
        rest = more;
        b = b.wrapping_add(1);
    }
    table
};

/// The letters that stand before the letter `last` at the end of these names.
const fn before(mut names: &[&[u8]], last: u8) -> u32 {
    let mut letters = 0;
    while let [name, more @ ..] = names {
        if let [.., before, end] = name
            && *end == last | 0x20
        {
            letters |= letter(*before);
        }
        names = more;
    }
    letters
}

/// The bit of a letter in any case; the lowest for whatever is none.
const fn letter(b: u8) -> u32 {
    let place = (b | 0x20).wrapping_sub(b'a' - 1);
    if place <= 26 { 1 << place } else { 1 }
}

/// Whether the `=` at `equals` may be one behind the name of a secret, as far as the two bytes before it tell. Escapes
/// are not looked at.
pub(in crate::capture) fn may_be_secret(data: &[u8], equals: usize) -> bool {
    let Some(&[before, last]) = equals.checked_sub(2).and_then(|at| data.get(at..equals)) else {
        return true;
    };
    ENDS.get(usize::from(last)).is_some_and(|letters| letters & letter(before) != 0)
}

/// Applies the rules to the line `from..to`, which is the start line if `first`.
pub(super) fn sweep(ink: &mut Ink<'_>, from: usize, to: usize, first: bool) {
    let data = ink.data;
    // everything before these was dealt with
    let (mut values, mut uris) = (from, from);
    let mut colons = 0_u32;
    for n in memchr3_iter(b'=', b':', b'%', slice(data, from, to)) {
        let at = from + n;
        let escaped = byte(data, at) == b'%';
        let (b, after) = if escaped { (unescape(data, at), at + 3) } else { (byte(data, at), at + 1) };
        match b {
            b'=' if at >= values => values = parameter(ink, at, after, to, first).unwrap_or(values),
            b':' => {
                colons += u32::from(!escaped);
                if at >= uris {
                    uris = uri(ink, at, after, to, first && colons == 1).unwrap_or(uris);
                }
            }
            _ => {}
        }
    }
}

/// The byte that `%XX` at `at` stands for; zero if it is none.
fn unescape(data: &[u8], at: usize) -> u8 {
    let digit = |n: usize| char::from(byte(data, at + n)).to_digit(16);
    match (digit(1), digit(2)) {
        (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(0),
        _ => 0,
    }
}

/// Start of the name that ends before `end`, if it ends with `name` (lower case), escapes decoded.
fn name_before(data: &[u8], from: usize, end: usize, name: &[u8]) -> Option<usize> {
    let mut at = end;
    for wanted in name.iter().rev() {
        let escape = at.checked_sub(3).filter(|&p| p >= from && byte(data, p) == b'%');
        let (b, start) = match escape {
            Some(p) => (unescape(data, p), p),
            None => (byte(data, at.checked_sub(1)?), at - 1),
        };
        if start < from || b.to_ascii_lowercase() != *wanted {
            return None;
        }
        at = start;
    }
    Some(at)
}

/// Fills the value behind the `=` at `equals` if its name is one of a secret; where the value ended.
fn parameter(ink: &mut Ink<'_>, equals: usize, after: usize, to: usize, first: bool) -> Option<usize> {
    let data = ink.data;
    let mut end = equals;
    while end > 0 && is_white(byte(data, end - 1)) {
        end -= 1;
    }
    if !may_be_secret(data, end) && !slice(data, end.saturating_sub(4), end).contains(&b'%') {
        return None;
    }
    let secret = SECRET.iter().any(|name| name_before(data, 0, end, name).is_some());
    let carried = || {
        CARRIED.iter().any(|name| {
            // `?Authorization=`, `&Proxy-Authorization=`
            let start = name_before(data, 0, end, name).and_then(|n| n.checked_sub(1));
            start.is_some_and(|n| matches!(byte(data, n), b'?' | b'&' | b'-' | b'6' | b'F' | b'f'))
        })
    };
    if secret {
        // within a URI a comma ends nothing
        let push = matches!(byte(data, end - 1) | 0x20, b'd' | b'k');
        let stops: &[u8] = if push { b";><" } else { b",;><&" };
        return Some(fill_value(ink, after, to, first, stops));
    }
    carried().then(|| fill_value(ink, after, to, first, b"&><"))
}

/// Fills the value at `from`, quoted or not, and all that hangs on to it up to one of `stops`; where that is.
fn fill_value(ink: &mut Ink<'_>, from: usize, to: usize, first: bool, stops: &[u8]) -> usize {
    let data = ink.data;
    let mut at = skip_white(data, from, to);
    while at < to {
        match byte(data, at) {
            b'"' => {
                let Some(length) = closing_quote(slice(data, at, to)) else {
                    ink.fill(at, to);
                    return to;
                };
                ink.fill(at + 1, at + length);
                at += length + 1;
            }
            b if is_white(b) => {
                // white space ends a value only where the grammar goes on behind it
                let next = skip_white(data, at, to);
                let ended =
                    next >= to || first || stops.contains(&byte(data, next)) || byte(data, next) == b';';
                if ended {
                    return at;
                }
                at = next;
            }
            b if stops.contains(&b) => return at,
            _ => {
                ink.fill(at, at + 1);
                at += 1;
            }
        }
    }
    to
}

/// If the colon at `colon` ends a URI's scheme: fills the password of its userinfo; where the search ended.
fn uri(ink: &mut Ink<'_>, colon: usize, after: usize, to: usize, request: bool) -> Option<usize> {
    let data = ink.data;
    let mut end = colon;
    while end > 0 && is_white(byte(data, end - 1)) {
        end -= 1;
    }
    let scheme = (1..=16)
        .take_while(|&n| {
            let b = end.checked_sub(n).map_or(0, |at| byte(data, at));
            b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')
        })
        .count();
    let start = end - scheme;
    let name = slice(data, start, end);
    let ends = |word: &[u8]| {
        let tail = name.len().checked_sub(word.len()).map(|n| slice(name, n, name.len()));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
    };
    let sip = ends(b"sip") || ends(b"sips");
    if byte(data, colon) == b'%' {
        return sip.then(|| escaped_userinfo(ink, after, to));
    }
    let authority = slice(data, after, after + 2) == b"//";
    let mut before = start;
    while before > 0 && is_white(byte(data, before - 1)) {
        before -= 1;
    }
    let enclosed = before > 0 && byte(data, before - 1) == b'<';
    let blank = |b| matches!(b, b' ' | b'\t');
    if authority {
        Some(userinfo(ink, after + 2, to, |b| {
            blank(b) || matches!(b, b'/' | b'?' | b'#' | b'<' | b'>' | b'"')
        }))
    } else if sip && (enclosed || request) {
        Some(userinfo(ink, after, to, |b| matches!(b, b'<' | b'>')))
    } else if sip || ((enclosed || request) && scheme > 0) {
        Some(userinfo(ink, after, to, |b| blank(b) || matches!(b, b'<' | b'>' | b'"')))
    } else {
        None
    }
}

/// Fills from the first colon to the last `@` of the userinfo at `from`; where the search ended. A fold does not
/// end it: whoever unfolds first reads on.
fn userinfo(ink: &mut Ink<'_>, from: usize, to: usize, stop: impl Fn(u8) -> bool) -> usize {
    let data = ink.data;
    let (mut colon, mut host, mut filled) = (None, None, None);
    let mut at = from;
    while at < to {
        let b = byte(data, at);
        match b {
            b'\r' | b'\n' if !stop(b) => at = skip_white(data, at, to) - 1,
            _ if stop(b) => break,
            // an `@` further on still belongs to the userinfo unless the host has clearly ended before it
            b'?' | b';' | b',' | b'/' if host.is_some() => break,
            b' ' | b'\t' if host.is_some() => break,
            b':' if colon.is_none() && host.is_none() => colon = Some(at),
            b':' if colon.is_none() => colon = host,
            b'@' => {
                if let Some(colon) = colon {
                    // only what the `@` before has not filled: there may be thousands
                    ink.fill(filled.unwrap_or(colon + 1), at);
                    filled = Some(at);
                }
                host = Some(at);
            }
            _ => {}
        }
        at += 1;
    }
    // behind the host another URI may begin; without one, none can within what was searched
    host.map_or(at, |host| host + 1)
}

/// As [`userinfo`] for a URI that is written with escapes within another.
fn escaped_userinfo(ink: &mut Ink<'_>, from: usize, to: usize) -> usize {
    let data = ink.data;
    let mut colon = None;
    let mut at = from;
    while at < to {
        let b = byte(data, at);
        if is_white(b) || matches!(b, b'<' | b'>' | b'"' | b'&' | b'@') {
            break;
        }
        if b == b'%' {
            match unescape(data, at) {
                b':' if colon.is_none() => colon = Some(at + 3),
                b'@' => {
                    if let Some(colon) = colon {
                        ink.fill(colon, at);
                    }
                    return at + 3;
                }
                _ => {}
            }
        }
        at += 1;
    }
    at
}
