//! The order in which users changed last: a list threaded through numbers, the newest first. Pure. A change moves a
//! user to the front in constant time, whatever the number of users; what each event touches of a user is here in few
//! bytes, so that those of all users stay near the processor.

use super::slab::index;

/// No number.
const NONE: u32 = u32::MAX;
/// How many changes wait for their place in the list. Most of the price of one is memory that is not near; many at
/// once wait for theirs together.
const LATER: usize = 256;

/// One number's version and neighbours.
#[derive(Clone, Copy)]
struct Link {
    /// Of its last visible change; 0: none yet.
    version: u64,
    newer: u32,
    older: u32,
    /// Nothing has changed since a page asked.
    seen: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self { version: 0, newer: NONE, older: NONE, seen: false }
    }
}

/// Numbers, each at most once, the one that came to the front last first.
pub(super) struct Order {
    links: Vec<Link>,
    newest: u32,
    /// Of the newest.
    listed: u64,
    /// What is not in the list yet, the oldest first.
    later: Vec<Later>,
    /// How many of those are visible.
    visible: u64,
}

/// A change that is not in the list yet.
#[derive(Clone, Copy)]
struct Later {
    number: u32,
    visible: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { links: Vec::new(), newest: NONE, listed: 0, later: Vec::new(), visible: 0 }
    }
}

impl Order {
    /// The version of the last change.
    pub(super) fn version(&self) -> u64 {
        self.listed + self.visible
    }

    /// The version of a number's last change; 0: none yet.
    pub(super) fn version_of(&mut self, at: u32) -> u64 {
        self.list();
        self.links.get(index(at)).map_or(0, |link| link.version)
    }

    /// Takes note of a change; a visible one counts, and puts its number to the front, wherever it was.
    pub(super) fn change(&mut self, at: u32, visible: bool) {
        self.later.push(Later { number: at, visible });
        self.visible += u64::from(visible);
        if self.later.len() >= LATER {
            self.list();
        }
    }

    /// Brings the list up to date.
    fn list(&mut self) {
        let mut later = std::mem::take(&mut self.later);
        for Later { number, visible } in later.drain(..) {
            if visible {
                self.listed += 1;
                self.push_front(number);
            }
            let version = self.listed;
            if let Some(link) = self.reach(number) {
                link.seen = false;
                if visible {
                    link.version = version;
                }
            }
        }
        self.later = later;
        self.visible = 0;
    }

    fn push_front(&mut self, number: u32) {
        if self.newest == number {
            return;
        }
        self.unlink(number);
        let second = std::mem::replace(&mut self.newest, number);
        if let Some(link) = self.links.get_mut(index(second)) {
            link.newer = number;
        }
        if let Some(link) = self.reach(number) {
            (link.newer, link.older) = (NONE, second);
        }
    }

    /// Takes a number out, if it is in.
    pub(super) fn remove(&mut self, at: u32) {
        self.list();
        self.unlink(at);
        if let Some(link) = self.links.get_mut(index(at)) {
            *link = Link::default();
        }
    }

    /// Whether nothing has changed since a page asked.
    pub(super) fn is_seen(&mut self, at: u32) -> bool {
        self.list();
        self.links.get(index(at)).is_some_and(|link| link.seen)
    }

    /// Takes note that a page asked.
    pub(super) fn see(&mut self, at: u32) {
        self.list();
        if let Some(link) = self.reach(at) {
            link.seen = true;
        }
    }

    /// Numbers whose last change is after `version`, the newest first.
    pub(super) fn newer_than(&mut self, version: u64) -> impl Iterator<Item = u32> {
        self.list();
        let link = |number: u32| self.links.get(index(number)).map(|link| (number, link));
        std::iter::successors(link(self.newest), move |(_, newer)| link(newer.older))
            .take_while(move |(_, link)| link.version > version)
            .map(|(number, _)| number)
    }

    /// Joins the neighbours of a number.
    fn unlink(&mut self, at: u32) {
        let Some(Link { newer, older, .. }) = self.links.get(index(at)).copied() else { return };
        if let Some(link) = self.links.get_mut(index(newer)) {
            link.older = older;
        }
        if let Some(link) = self.links.get_mut(index(older)) {
            link.newer = newer;
        }
        if self.newest == at {
            self.newest = older;
        }
    }

    fn reach(&mut self, at: u32) -> Option<&mut Link> {
        if self.links.len() <= index(at) {
            self.links.resize(index(at).checked_add(1)?, Link::default());
        }
        self.links.get_mut(index(at))
    }
}
