//! Two messages side by side: which headers and which words of them differ, and which always do (branch, tag, Call-ID,
//! nonce and their like), so that nobody looks at those. Pure; the cost is bounded whatever the messages hold.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::word::{Word, body_words, header_words, mask};
use crate::query::history::Message;
use crate::web::ladder::meaning::long_name;
use crate::web::ladder::pane::{body_of, pairs};

/// More words of a value are not compared one by one.
const MOST_WORDS: usize = 1_500;
/// More lines of a body are not compared one by one.
const MOST_LINES: usize = 1_000;

/// How two values are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Equal.
    Same,
    /// Only what always differs does.
    Ever,
    /// They differ.
    Differs,
}

/// A part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// How it is to the other side's.
    pub likeness: Likeness,
}

/// A header, or a line of a body, on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The header's long name; empty for a line of a body.
    pub name: String,
    /// `None`: it is only on the other side.
    pub left: Option<Vec<Piece>>,
    /// As `left`.
    pub right: Option<Vec<Piece>>,
    /// Both together.
    pub likeness: Likeness,
}

/// All of two messages.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// The start line, then the headers.
    pub head: Vec<Pair>,
    /// The bodies, line by line.
    pub body: Vec<Pair>,
}

impl Compared {
    /// Compares two messages.
    pub fn of(left: &Message, right: &Message) -> Self {
        let start = |message: &Message| String::from_utf8_lossy(message.scan().start_line).into_owned();
        let mut head = vec![pair("Start line", Some(&start(left)), Some(&start(right)))];
        let (a, mut b) = (named(left), named(right));
        for (name, value) in a {
            let other =
                b.iter().position(|(other, _)| other.eq_ignore_ascii_case(&name)).map(|at| b.remove(at));
            head.push(pair(&name, Some(&value), other.as_ref().map(|(_, value)| &**value)));
        }
        head.extend(b.iter().map(|(name, value)| pair(name, None, Some(value))));
        Self { head, body: bodies(left, right) }
    }

    /// The names of what differs, the body's as `body`.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for pair in self.head.iter().filter(|pair| pair.likeness == Likeness::Differs) {
            if !names.contains(&&*pair.name) {
                names.push(&pair.name);
            }
        }
        if self.body.iter().any(|pair| pair.likeness == Likeness::Differs) {
            names.push("body");
        }
        names
    }
}

fn named(message: &Message) -> Vec<(String, String)> {
    pairs(message).iter().map(|(name, value)| (long_name(name).to_owned(), value.to_string())).collect()
}

fn bodies(left: &Message, right: &Message) -> Vec<Pair> {
    let (a, b) = (String::from_utf8_lossy(body_of(left)), String::from_utf8_lossy(body_of(right)));
    let (a, b): (Vec<&str>, Vec<&str>) = (a.lines().collect(), b.lines().collect());
    if a.len().max(b.len()) > MOST_LINES {
        let likeness = if a == b { Likeness::Same } else { Likeness::Differs };
        let words = |lines: &[&str]| {
            Some(vec![Piece { text: format!("{} lines, too many to compare", lines.len()), likeness }])
        };
        return vec![Pair { name: String::new(), left: words(&a), right: words(&b), likeness }];
    }
    let (a, b): (Vec<_>, Vec<_>) =
        (a.into_iter().map(body_words).collect(), b.into_iter().map(body_words).collect());
    let masked = |lines: &[Vec<Word<'_>>]| -> Vec<Vec<String>> {
        lines.iter().map(|line| mask(line).into_iter().map(str::to_owned).collect()).collect()
    };
    aligned(&masked(&a), &masked(&b))
        .into_iter()
        .map(|(x, y)| {
            side_by_side(
                "",
                x.and_then(|n| a.get(n)).map(Vec::as_slice),
                y.and_then(|n| b.get(n)).map(Vec::as_slice),
            )
        })
        .collect()
}

/// Which of one list stands beside which of the other: equal ones, then those in their place.
pub fn aligned<T: Eq + std::hash::Hash>(left: &[T], right: &[T]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut pairs = Vec::with_capacity(left.len().max(right.len()));
    for op in capture_diff_slices(Algorithm::Myers, left, right) {
        let (old, new) = (op.old_range(), op.new_range());
        let at = |range: &std::ops::Range<usize>, n: usize| range.clone().nth(n);
        pairs.extend((0..old.len().max(new.len())).map(|n| (at(&old, n), at(&new, n))));
    }
    pairs
}

fn pair(name: &str, left: Option<&str>, right: Option<&str>) -> Pair {
    let (a, b) = (left.map(|v| header_words(name, v)), right.map(|v| header_words(name, v)));
    side_by_side(name, a.as_deref(), b.as_deref())
}

fn side_by_side(name: &str, left: Option<&[Word<'_>]>, right: Option<&[Word<'_>]>) -> Pair {
    let name = name.to_owned();
    let (Some(a), Some(b)) = (left, right) else {
        let all = |words: &[Word<'_>]| gathered(words.iter().map(|word| (word.text, Likeness::Differs)));
        return Pair { name, left: left.map(all), right: right.map(all), likeness: Likeness::Differs };
    };
    let likeness = match () {
        () if a.iter().map(|word| word.text).eq(b.iter().map(|word| word.text)) => Likeness::Same,
        () if mask(a) == mask(b) => Likeness::Ever,
        () => Likeness::Differs,
    };
    if likeness != Likeness::Differs || a.len().max(b.len()) > MOST_WORDS {
        let whole = |words: &[Word<'_>]| {
            gathered(words.iter().map(|word| match likeness {
                Likeness::Ever if !word.ever => (word.text, Likeness::Same),
                likeness => (word.text, likeness),
            }))
        };
        return Pair { name, left: Some(whole(a)), right: Some(whole(b)), likeness };
    }
    let keys =
        |words: &[Word<'_>]| -> Vec<String> { words.iter().map(|word| word.key().to_owned()).collect() };
    let ops = capture_diff_slices(Algorithm::Myers, &keys(a), &keys(b));
    let side = |words: &[Word<'_>], range: fn(&DiffOp) -> std::ops::Range<usize>| {
        gathered(ops.iter().flat_map(|op| {
            let is_equal = matches!(op, DiffOp::Equal { .. });
            words.get(range(op)).unwrap_or_default().iter().map(move |word| match (is_equal, word.ever) {
                (true, false) => (word.text, Likeness::Same),
                (true, true) => (word.text, Likeness::Ever),
                (false, _) => (word.text, Likeness::Differs),
            })
        }))
    };
    let (left, right) = (side(a, DiffOp::old_range), side(b, DiffOp::new_range));
    Pair { name, left: Some(left), right: Some(right), likeness }
}

/// Neighbours of one likeness as one piece.
fn gathered<'a>(words: impl Iterator<Item = (&'a str, Likeness)>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (text, likeness) in words {
        match pieces.last_mut() {
            Some(last) if last.likeness == likeness => last.text.push_str(text),
            _ => pieces.push(Piece { text: text.to_owned(), likeness }),
        }
    }
    pieces
}
