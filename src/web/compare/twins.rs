//! A whole call, registration or dialog beside another one: message by message, with the first difference. Pure.

use super::diff::{Compared, aligned};
use crate::event::Direction;
use crate::query::history::joined::{Joined, Placed};
use crate::query::history::{Method, Repeat};

/// A line: a message, the one it is like, or both.
#[derive(Debug)]
pub struct Twin<'a> {
    /// Of the first.
    pub left: Option<&'a Placed>,
    /// Of the second.
    pub right: Option<&'a Placed>,
    /// They are of one kind: same way, method and status.
    pub is_same: bool,
    /// Of two of one kind: the names of the headers that differ, `body` among them.
    pub differ: Vec<String>,
}

/// All lines, and what was left out.
#[derive(Debug)]
pub struct Twins<'a> {
    /// From the first to the last message.
    pub lines: Vec<Twin<'a>>,
    /// The first line that is not the same on both sides.
    pub first: Option<usize>,
    /// Retransmissions and duplicates of each side, which are not compared.
    pub repeats: (usize, usize),
}

/// What makes two messages one kind. Lanes may be others each time: what counts is whether it is the user's own.
type Key = (bool, Direction, Method, Option<u16>);

impl<'a> Twins<'a> {
    /// Compares two items. Cost: linear where they are alike, at worst the square of the number of messages.
    pub fn of(left: &'a Joined, right: &'a Joined) -> Self {
        let (a, b) = (once(left), once(right));
        let (left_keys, right_keys) = (keys(left, &a), keys(right, &b));
        let line = |(x, y): (Option<usize>, Option<usize>)| {
            let key = |keys: &[Key], n: Option<usize>| n.and_then(|n| keys.get(n)).copied();
            let is_same = x.is_some() && y.is_some() && key(&left_keys, x) == key(&right_keys, y);
            let (left, right) = (x.and_then(|n| a.get(n)).copied(), y.and_then(|n| b.get(n)).copied());
            let differ = match (left, right) {
                (Some(x), Some(y)) if is_same => {
                    Compared::of(&x.message, &y.message).names().into_iter().map(str::to_owned).collect()
                }
                _ => Vec::new(),
            };
            Twin { left, right, is_same, differ }
        };
        let lines: Vec<Twin<'a>> = aligned(&left_keys, &right_keys).into_iter().map(line).collect();
        let first = lines.iter().position(|line| !line.is_same);
        let repeats = (left.messages.len() - a.len(), right.messages.len() - b.len());
        Self { lines, first, repeats }
    }
}

fn once(joined: &Joined) -> Vec<&Placed> {
    joined.messages.iter().filter(|placed| placed.message.repeat == Repeat::No).collect()
}

fn keys(joined: &Joined, all: &[&Placed]) -> Vec<Key> {
    let key = |placed: &&Placed| {
        let is_own = placed.owner.as_ref().is_some_and(|owner| owner.key == joined.user.key);
        let message = &placed.message;
        (is_own, message.direction, message.method, message.status)
    };
    all.iter().map(key).collect()
}
