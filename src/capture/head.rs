//! The headers of a message one by one, as the tolerant stacks read them: for pages, which look for a few of them. It
//! allocates the line marks and nothing else, and never fails: what is no header line is skipped.

use memchr::memchr;

use super::line::{slice, trim};
use super::marks::Marks;

/// The headers of one message.
#[derive(Debug)]
pub struct Head<'a> {
    data: &'a [u8],
    marks: Marks,
}

impl<'a> Head<'a> {
    /// Looks at a message of any bytes. Cost: a pass over it.
    pub fn of(data: &'a [u8]) -> Self {
        Self { data, marks: Marks::of(data) }
    }

    /// Name and value of each header in their order, without the white space around them; a folded value with its line
    /// breaks.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut at = self.marks.first() + 1;
        std::iter::from_fn(move || {
            loop {
                let line = self.marks.line(at)?;
                let whole = self.marks.logical(self.data, at)?;
                if line.end == line.start {
                    return None;
                }
                at = whole.after;
                let text = slice(self.data, line.start, whole.end);
                if let Some(colon) = memchr(b':', text) {
                    return Some((trim(slice(text, 0, colon)), trim(slice(text, colon + 1, text.len()))));
                }
            }
        })
    }

    /// The values of a header, by its name or its compact one (empty: it has none), in any letter case.
    pub fn all(&self, name: &str, compact: &str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter_map(move |(found, value)| {
            let its = found.eq_ignore_ascii_case(name.as_bytes())
                || !compact.is_empty() && found.eq_ignore_ascii_case(compact.as_bytes());
            its.then_some(value)
        })
    }

    /// The first value of a header as text; empty: there is none.
    pub fn text(&self, name: &str, compact: &str) -> String {
        self.all(name, compact)
            .next()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .unwrap_or_default()
    }
}
