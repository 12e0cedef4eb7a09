//! The order in which users changed last: a list threaded through numbers, the newest first. Pure. A change moves a
//! user to the front in constant time, whatever the number of users.

/// One number's neighbours.
#[derive(Clone, Copy, Default)]
struct Link {
    newer: Option<usize>,
    older: Option<usize>,
}

/// Numbers, each at most once, the one that came to the front last first.
#[derive(Default)]
pub(super) struct Order {
    links: Vec<Link>,
    newest: Option<usize>,
}

impl Order {
    /// Puts a number to the front, wherever it was.
    pub(super) fn push_front(&mut self, at: usize) {
        if self.newest == Some(at) {
            return;
        }
        self.remove(at);
        if self.links.len() <= at {
            self.links.resize(at + 1, Link::default());
        }
        self.set(at, Link { newer: None, older: self.newest });
        if let Some(link) = self.newest.and_then(|second| self.links.get_mut(second)) {
            link.newer = Some(at);
        }
        self.newest = Some(at);
    }

    /// Takes a number out, if it is in.
    pub(super) fn remove(&mut self, at: usize) {
        let Some(Link { newer, older }) = self.links.get(at).copied() else { return };
        if let Some(link) = newer.and_then(|newer| self.links.get_mut(newer)) {
            link.older = older;
        }
        if let Some(link) = older.and_then(|older| self.links.get_mut(older)) {
            link.newer = newer;
        }
        if self.newest == Some(at) {
            self.newest = older;
        }
        self.set(at, Link::default());
    }

    /// All numbers, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(self.newest, |at| self.links.get(*at)?.older)
    }

    fn set(&mut self, at: usize, to: Link) {
        if let Some(link) = self.links.get_mut(at) {
            *link = to;
        }
    }
}
