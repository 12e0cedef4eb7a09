//! The sieve: says of a line that no rule can touch it, so that most lines of usual messages cost a few looks at their
//! marks. Each look stands for a rule of `header`, `value` or `body`; in doubt the answer is no, and the walk applies
//! the rules themselves. Must never answer yes for a line in which they would fill, or learn of the body, anything.

use wide::u8x16;

use super::header::rule;
use crate::capture::line::{byte, is_token, is_white, slice};
use crate::capture::marks::Line;
use crate::capture::name::Name;

/// Tokens before a colon that `header` joins to a name, at most.
const JOINED: usize = 32;

/// A line, not folded, in a head or in a body that is not filled as a whole.
#[derive(Clone, Copy)]
pub(super) struct Sieve<'a> {
    pub(super) data: &'a [u8],
    pub(super) line: &'a Line,
    /// It is the start line.
    pub(super) first: bool,
}

impl Sieve<'_> {
    /// Whether no rule applies to the line.
    pub(super) fn passes(self) -> bool {
        let line = self.line;
        if line.suspect {
            return false;
        }
        if line.ats {
            return false;
        }
        if line.at < line.end {
            // a password takes an `@`, a colon before it, and the colon of a scheme before that
            let between = slice(self.data, line.colon.saturating_add(1), line.at);
            match between.iter().filter(|&&b| b == b':').count() {
                0 => {}
                1 => return self.is_header_with_one_uri(),
                _ => return false,
            }
        }
        if self.first {
            self.is_plain_start()
        } else if line.colon == line.end {
            self.is_plain_description()
        } else {
            self.is_plain_header() || self.is_plain_attribute()
        }
    }

    /// Whether it is a plain header, and the first of the two colons its own, which nobody can take for that of a URI's
    /// scheme.
    fn is_header_with_one_uri(self) -> bool {
        let colon = self.line.colon;
        let scheme = matches!(byte(self.data, colon.wrapping_sub(1)) | 0x20, b'p' | b's');
        let authority = byte(self.data, colon + 1) == b'/';
        // `uri` looks for a `<` before the scheme, over line breaks too
        let before = slice(self.data, 0, self.line.start).iter().rev().find(|&&b| !is_white(b));
        !self.first && self.is_plain_header() && !scheme && !authority && before != Some(&b'<')
    }

    /// A start line of which `header` makes no header and `body` no SDP.
    fn is_plain_start(self) -> bool {
        let line = slice(self.data, self.line.start, self.line.end);
        let name = slice(line, 0, line.iter().position(|&b| !is_token(b)).unwrap_or(line.len()));
        let sip = |colon| {
            let before = slice(self.data, self.line.start, colon);
            [&b"sip"[..], b"sips"].iter().any(|scheme| {
                let tail = before.len().checked_sub(scheme.len()).and_then(|n| before.get(n..));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme))
            })
        };
        name.len() > 1
            && rule(name).is_none()
            && !name.eq_ignore_ascii_case(b"message")
            && (self.line.colon == self.line.end || sip(self.line.colon))
    }

    /// `Name: value` where neither the name nor what it says of the body matters.
    fn is_plain_header(self) -> bool {
        match self.line.name {
            Name::Plain | Name::Via | Name::From | Name::To | Name::CallId | Name::ContentLength => true,
            Name::CSeq => !self.may_be_message(),
            Name::ContentType => false,
            Name::Other => self.is_plain_other(),
        }
    }

    /// As [`Self::is_plain_header`], for a name that has to be looked at.
    fn is_plain_other(self) -> bool {
        let name = slice(self.data, self.line.start, self.line.colon);
        if !self.is_name(name) || rule(name).is_some() {
            return false;
        }
        match (name.len(), byte(name, 0) | 0x20) {
            (4, b'c') => !self.may_be_message(),
            (1 | 12 | 16 | 25, b'c') | (1 | 5, b'e') | (1, b'o') => false,
            _ => true,
        }
    }

    /// Whether its value may name the method MESSAGE.
    fn may_be_message(self) -> bool {
        slice(self.data, self.line.colon, self.line.end).iter().any(|&b| b | 0x20 == b'm')
    }

    /// Whether `name`, with which the line begins, is a token and nothing else.
    fn is_name(self, name: &[u8]) -> bool {
        // of letters and hyphens, as all usual ones: 16 bytes in one go
        let start = self.line.start;
        let usual = || {
            let part = u8x16::new(*self.data.get(start..)?.first_chunk()?);
            let letter = (part | u8x16::splat(0x20)) - u8x16::splat(b'a');
            let letters = letter.min(u8x16::splat(25)).simd_eq(letter);
            let hyphens = part.simd_eq(u8x16::splat(b'-'));
            usize::try_from((letters | hyphens).to_bitmask().trailing_ones()).ok()
        };
        !name.is_empty()
            && (usual().is_some_and(|usual| usual >= name.len()) || name.iter().all(|&b| is_token(b)))
    }

    /// `a=name:value` of SDP that is no secret and no header.
    fn is_plain_attribute(self) -> bool {
        let colon = self.line.colon;
        let last = byte(self.data, colon.wrapping_sub(1));
        byte(self.data, self.line.start) == b'a'
            && self.is_plain_description()
            && colon - self.line.start <= JOINED
            && is_token(last)
            && !matches!(last | 0x20, b'n' | b'o' | b'r')
    }

    /// `x=value` of SDP that is no secret.
    fn is_plain_description(self) -> bool {
        let (kind, next) = (byte(self.data, self.line.start), byte(self.data, self.line.start + 2));
        let attribute = matches!(kind, b'a' | b'A');
        kind.is_ascii_alphabetic()
            && !matches!(kind, b'k' | b'K')
            && byte(self.data, self.line.start + 1) == b'='
            // `a=crypto`, `a=key-mgmt`, `a=ice-pwd`; white and control bytes don't count there
            && (!attribute || (next.is_ascii_graphic() && !matches!(next | 0x20, b'c' | b'k' | b'i')))
    }
}
