//! The walk through a message's lines. Heads, parts of a multipart body, a message within a message and SDP are
//! all the same to it: every rule looks at every line that is not filled as a whole. Only what fills whole bodies
//! (a MESSAGE's text, SMS, DTMF) needs to know where a head ends and, in a multipart, where a part ends; and there
//! the stricter reading wins. Must stay linear: nothing found at a line may cost more than that line.

use std::ops::Range;

use super::body::{self, Class};
use super::ink::Ink;
use super::sieve::Sieve;
use super::value;
use crate::capture::line::{Logical, byte, is_blank, physical, slice};
use crate::capture::marks::{Line, Marks};

/// How deep multiparts may nest before the rest is filled.
const DEPTH: usize = 8;

/// What the walk found.
pub(super) struct Walked {
    /// Length of the head with its empty line.
    pub(super) head: usize,
    /// Codec, `c=` and `m=` lines of SDP bodies, with their line breaks.
    pub(super) codecs: Vec<Range<usize>>,
    /// Something could not be scanned with certainty.
    pub(super) unsure: bool,
}

/// One walk.
pub(super) struct Walk<'a, 'b> {
    pub(super) ink: &'a mut Ink<'b>,
    /// Of what the ink reads.
    marks: &'a Marks,
    /// Class of the body we are in.
    class: Class,
    /// Class of the body that the head we are in announces; only ever made stricter.
    pub(super) pending: Class,
    /// Boundaries of the multiparts we are in, outermost first, as ranges of the message.
    boundaries: Vec<Range<usize>>,
    /// Boundaries that the head we are in announces.
    pub(super) offered: Vec<Range<usize>>,
    head: Option<usize>,
    codecs: Option<Vec<Range<usize>>>,
    torn: bool,
    pub(super) unsure: bool,
}

impl<'a, 'b> Walk<'a, 'b> {
    /// A walk over a whole message, or one whose end is missing (`torn`), with its marks.
    pub(super) fn over(ink: &'a mut Ink<'b>, marks: &'a Marks, torn: bool) -> Self {
        Self {
            ink,
            marks,
            class: Class::Plain,
            pending: Class::Plain,
            boundaries: Vec::new(),
            offered: Vec::new(),
            head: None,
            codecs: None,
            torn,
            unsure: false,
        }
    }

    /// Also notes which lines of SDP `headers` keeps.
    pub(super) fn keep_codecs(mut self) -> Self {
        self.codecs = Some(Vec::new());
        self
    }

    /// Walks to the end and fills what no level may keep.
    pub(super) fn run(mut self) -> Walked {
        let (data, marks) = (self.ink.data, self.marks);
        let start = marks.first();
        let mut at = start;
        while let Some(line) = marks.line(at) {
            let first = at == start;
            let is_folded = is_blank(byte(data, line.next));
            if line.is_quiet() && !is_folded && self.head.is_none() && !first && !self.torn {
                // most lines of a head
                at += 1;
                continue;
            }
            if self.class == Class::Secret {
                at = self.fill_part(at);
                continue;
            }
            if self.boundary(line) {
                at += 1;
                continue;
            }
            if line.end == line.start {
                self.empty_line(line.next);
                at += 1;
                continue;
            }
            let Some(whole) = marks.logical(data, at) else { break };
            let torn = self.torn && whole.next >= data.len();
            if torn {
                self.ink.fill(line.start, whole.end);
                break;
            }
            let folded = whole.after > at + 1;
            if self.class.fills() || folded || !(Sieve { data, line, first }).passes() {
                self.line(line.start, whole, first);
            }
            self.note_codec(line);
            match whole.hollow {
                Some(after) if self.pending.fills() => {
                    self.empty_line(marks.line(after).map_or(data.len(), |line| line.start));
                    at = after;
                }
                _ => at = whole.after,
            }
        }
        Walked {
            head: self.head.unwrap_or(data.len()),
            codecs: self.codecs.unwrap_or_default(),
            unsure: self.unsure,
        }
    }

    /// The head ends before `next`.
    fn empty_line(&mut self, next: usize) {
        self.head.get_or_insert(next);
        if self.class == Class::Signal {
            return;
        }
        self.class = std::mem::take(&mut self.pending);
        if self.boundaries.len() + self.offered.len() > DEPTH {
            self.class = Class::Secret;
            self.unsure = true;
        }
        // a body that is filled as a whole has no parts
        if !self.class.fills() {
            self.boundaries.append(&mut self.offered);
        }
        self.offered.clear();
    }

    /// If it is a boundary line of a multipart we are in: enters the part behind it.
    fn boundary(&mut self, line: &Line) -> bool {
        let data = self.ink.data;
        if self.boundaries.is_empty() {
            return false;
        }
        let Some(line) = slice(data, line.start, line.end).strip_prefix(b"--") else { return false };
        let found = self.boundaries.iter().enumerate().rev().find_map(|(level, range)| {
            let rest = line.strip_prefix(slice(data, range.start, range.end))?;
            let closing = rest.starts_with(b"--");
            let rest = rest.strip_prefix(b"--").unwrap_or(rest);
            rest.iter().all(|&b| is_blank(b)).then_some((level, closing))
        });
        let Some((level, closing)) = found else { return false };
        self.boundaries.truncate(if closing { level } else { level + 1 });
        (self.class, self.pending) = (Class::Plain, Class::Plain);
        self.offered.clear();
        true
    }

    /// Fills from the line `from` to the next boundary line or the end; the number of the line behind.
    fn fill_part(&mut self, from: usize) -> usize {
        let (data, marks) = (self.ink.data, self.marks);
        let start = marks.line(from).map_or(data.len(), |line| line.start);
        let mut at = from;
        let mut text_end = start;
        while !self.boundaries.is_empty()
            && let Some(line) = marks.line(at)
        {
            at += 1;
            if self.boundary(line) {
                self.ink.fill_all(start, text_end);
                return at;
            }
            text_end = line.end;
        }
        self.ink.fill_all(start, data.len());
        usize::MAX
    }

    fn line(&mut self, at: usize, line: Logical, first: bool) {
        if self.class == Class::Signal {
            body::signal(self.ink, at, line.end);
            return;
        }
        let data = self.ink.data;
        let mut done = self.header(at, line.end);
        let mut from = at;
        while from < line.end && !done {
            let (end, next) = physical(data, from);
            // what begins with nothing to be seen is read with the line that does; else each such line would look for it
            if slice(data, from, end).iter().all(|&b| b <= b' ') {
                from = next;
                continue;
            }
            if let Some(secret) = body::sdp_secret(slice(data, from, line.end)) {
                self.ink.fill(from + secret, line.end);
                done = true;
            } else if from > at {
                done = self.hidden_header(from, end, line.end);
            }
            from = next;
        }
        value::sweep(self.ink, at, line.end, first);
    }

    /// Notes the line if `headers` keeps it.
    fn note_codec(&mut self, line: &Line) {
        if self.class == Class::Sdp
            && let Some(codecs) = &mut self.codecs
            && body::is_codec_line(slice(self.ink.data, line.start, line.end))
        {
            codecs.push(line.start..line.next);
        }
    }
}
