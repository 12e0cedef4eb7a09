//! The order in which users changed last: a list threaded through numbers, the newest first. Pure. A change moves a
//! user to the front in constant time, whatever the number of users; what each event touches of a user is here in few
//! bytes, so that those of all users stay near the processor.

/// No number.
const NONE: u32 = u32::MAX;

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
    version: u64,
}

impl Default for Order {
    fn default() -> Self {
        Self { links: Vec::new(), newest: NONE, version: 0 }
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Order {
    /// The version of the last change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The version of a number's last change; 0: none yet.
    pub(super) fn version_of(&self, at: usize) -> u64 {
        self.links.get(at).map_or(0, |link| link.version)
    }

    /// Counts a visible change and puts its number to the front, wherever it was.
    pub(super) fn push_front(&mut self, at: usize) {
        let Ok(number) = u32::try_from(at) else { return };
        self.version += 1;
        if self.newest != number {
            self.unlink(at);
            let (newest, second) = (number, std::mem::replace(&mut self.newest, number));
            if let Some(link) = self.links.get_mut(index(second)) {
                link.newer = newest;
            }
            if let Some(link) = self.reach(at) {
                (link.newer, link.older) = (NONE, second);
            }
        }
        let version = self.version;
        if let Some(link) = self.reach(at) {
            link.version = version;
        }
    }

    /// Takes a number out, if it is in.
    pub(super) fn remove(&mut self, at: usize) {
        self.unlink(at);
        if let Some(link) = self.links.get_mut(at) {
            *link = Link::default();
        }
    }

    /// Whether nothing has changed since a page asked.
    pub(super) fn is_seen(&self, at: usize) -> bool {
        self.links.get(at).is_some_and(|link| link.seen)
    }

    /// Sets that a page asked, or that something has changed.
    pub(super) fn set_seen(&mut self, at: usize, seen: bool) {
        if let Some(link) = self.reach(at) {
            link.seen = seen;
        }
    }

    /// Numbers whose last change is after `version`, the newest first.
    pub(super) fn newer_than(&self, version: u64) -> impl Iterator<Item = usize> {
        let link = |number: u32| self.links.get(index(number)).map(|link| (number, link));
        std::iter::successors(link(self.newest), move |(_, newer)| link(newer.older))
            .take_while(move |(_, link)| link.version > version)
            .map(|(number, _)| index(number))
    }

    /// Joins the neighbours of a number.
    fn unlink(&mut self, at: usize) {
        let Some(Link { newer, older, .. }) = self.links.get(at).copied() else { return };
        if let Some(link) = self.links.get_mut(index(newer)) {
            link.older = older;
        }
        if let Some(link) = self.links.get_mut(index(older)) {
            link.newer = newer;
        }
        if index(self.newest) == at {
            self.newest = older;
        }
    }

    fn reach(&mut self, at: usize) -> Option<&mut Link> {
        if self.links.len() <= at {
            self.links.resize(at.checked_add(1)?, Link::default());
        }
        self.links.get_mut(at)
    }
}
