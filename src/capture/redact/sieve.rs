//! The sieve: says of a line that no rule can touch it, so that most lines of usual messages cost a few looks at their
//! marks. Each look stands for a rule of `header`, `value` or `body`; in doubt the answer is no, and the walk applies
//! the rules themselves. Must never answer yes for a line in which they would fill, or learn of the body, anything.

use super::header::rule;
use super::value;
use crate::capture::line::{byte, is_token, is_white, slice};
use crate::capture::marks::{Marks, offset};

/// Tokens before a colon that `header` joins to a name, at most.
const JOINED: usize = 32;

/// A line, not folded, in a head or in a body that is not filled as a whole.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) data: &'a [u8],
    pub(super) from: usize,
    pub(super) to: usize,
    /// It is the start line.
    pub(super) first: bool,
}

/// What stands in a line.
#[derive(Default)]
struct Seen {
    /// Where the first colon is.
    colon: Option<usize>,
    /// Colons before the first `@`.
    colons: usize,
    ats: usize,
}

impl Line<'_> {
    /// Whether no rule applies to the line.
    pub(super) fn is_harmless(self, marks: &Marks) -> bool {
        let Some(seen) = self.look(marks) else { return false };
        // a password needs an `@`, a colon before it, and the colon of a scheme before that
        let userinfo = match (seen.ats, seen.colons) {
            (0, _) | (1, 0 | 1) => false,
            (1, 2) => !self.is_header_with_one_uri(&seen),
            _ => true,
        };
        !userinfo
            && match seen.colon {
                _ if self.first => self.is_plain_start(&seen),
                Some(colon) => self.is_plain_header(colon) || self.is_plain_attribute(colon),
                None => self.is_plain_description(),
            }
    }

    /// Goes through the marks; nothing if there is an escape, or a `=` that may be one behind a secret's name.
    fn look(self, marks: &Marks) -> Option<Seen> {
        let mut seen = Seen::default();
        let mut at = self.from;
        while at < self.to {
            let left = self.to - at;
            let within = if left < 64 { (1 << left) - 1 } else { u64::MAX };
            let marks = marks.windows(at);
            if marks.escapes & within != 0 {
                return None;
            }
            let (mut colons, mut ats, mut equals) =
                (marks.colons & within, marks.ats & within, marks.equals & within);
            if seen.colon.is_none() && colons != 0 {
                seen.colon = Some(at + offset(colons));
            }
            if seen.ats == 0 {
                // those below the lowest `@`
                colons &= ats.wrapping_sub(1) & !ats;
                while colons != 0 {
                    seen.colons += 1;
                    colons &= colons - 1;
                }
            }
            while ats != 0 {
                seen.ats += 1;
                ats &= ats - 1;
            }
            while equals != 0 {
                if value::may_be_secret(self.data, at + offset(equals)) {
                    return None;
                }
                equals &= equals - 1;
            }
            at += 64;
        }
        Some(seen)
    }

    /// Whether the first of the two colons is a header's, which nobody can take for that of a URI's scheme.
    fn is_header_with_one_uri(self, seen: &Seen) -> bool {
        let Some(colon) = seen.colon else { return false };
        let scheme = matches!(byte(self.data, colon.wrapping_sub(1)) | 0x20, b'p' | b's');
        let authority = byte(self.data, colon + 1) == b'/';
        // `uri` looks for a `<` before the scheme, over line breaks too
        let before = slice(self.data, 0, self.from).iter().rev().find(|&&b| !is_white(b));
        !self.first && self.is_plain_header(colon) && !scheme && !authority && before != Some(&b'<')
    }

    /// A start line of which `header` makes no header and `body` no SDP.
    fn is_plain_start(self, seen: &Seen) -> bool {
        let line = slice(self.data, self.from, self.to);
        let name = slice(line, 0, line.iter().position(|&b| !is_token(b)).unwrap_or(line.len()));
        let sip = |colon| {
            let before = slice(self.data, self.from, colon);
            [&b"sip"[..], b"sips"].iter().any(|scheme| {
                let tail = before.len().checked_sub(scheme.len()).and_then(|n| before.get(n..));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme))
            })
        };
        name.len() > 1
            && rule(name).is_none()
            && !name.eq_ignore_ascii_case(b"message")
            && seen.colon.is_none_or(|colon| colon > self.from + name.len() && sip(colon))
    }

    /// `Name: value` where neither the name nor what it says of the body matters.
    fn is_plain_header(self, colon: usize) -> bool {
        let name = slice(self.data, self.from, colon);
        if name.is_empty() || !name.iter().all(|&b| is_token(b)) || rule(name).is_some() {
            return false;
        }
        match (name.len(), byte(name, 0) | 0x20) {
            (4, b'c') => !slice(self.data, colon, self.to).iter().any(|&b| b | 0x20 == b'm'),
            (1 | 12 | 16 | 25, b'c') | (1 | 5, b'e') | (1, b'o') => false,
            _ => true,
        }
    }

    /// `a=name:value` of SDP that is no secret and no header.
    fn is_plain_attribute(self, colon: usize) -> bool {
        let last = byte(self.data, colon.wrapping_sub(1));
        byte(self.data, self.from) == b'a'
            && self.is_plain_description()
            && colon - self.from <= JOINED
            && is_token(last)
            && !matches!(last | 0x20, b'n' | b'o' | b'r')
    }

    /// `x=value` of SDP that is no secret.
    fn is_plain_description(self) -> bool {
        let (kind, next) = (byte(self.data, self.from), byte(self.data, self.from + 2));
        let attribute = matches!(kind, b'a' | b'A');
        kind.is_ascii_alphabetic()
            && !matches!(kind, b'k' | b'K')
            && byte(self.data, self.from + 1) == b'='
            // `a=crypto`, `a=key-mgmt`, `a=ice-pwd`; white and control bytes don't count there
            && (!attribute || (next.is_ascii_graphic() && !matches!(next | 0x20, b'c' | b'k' | b'i')))
    }
}
