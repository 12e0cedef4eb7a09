//! Numbers of rows by the hash of their key: who looks one up says which row is the wanted one. Pure. A look-up reads one
//! place of memory before the row, which a table with keys in it, or with their hashes elsewhere, does not; a removal
//! leaves no trace, so that a table in which much comes and goes is never put in order as a whole.

use super::slab::index;

/// No number.
const NONE: u32 = u32::MAX;
const EMPTY: Entry = Entry { tag: 0, number: NONE };
/// Places of the smallest table; a power of two, as all sizes.
const LEAST: usize = 64;

#[derive(Clone, Copy)]
struct Entry {
    /// Half of the key's hash.
    tag: u32,
    number: u32,
}

/// The table: each number stands at the place its hash asks for, or behind it before the next empty one.
#[derive(Default)]
pub(super) struct Numbers {
    entries: Vec<Entry>,
    len: usize,
}

fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

impl Numbers {
    /// The number with this hash that is the wanted one.
    pub(super) fn find(&self, hash: u64, is_wanted: impl FnMut(u32) -> bool) -> Option<u32> {
        let (_, entry) = self.position(tag(hash), is_wanted)?;
        Some(entry.number)
    }

    /// Reads the place of a hash, so that the processor fetches it while it does something else.
    pub(super) fn fetch(&self, hash: u64) {
        std::hint::black_box(self.entries.get(index(tag(hash)) & self.mask()).map(|entry| entry.number));
    }

    /// Adds a number that is not there.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        if self.len >= self.entries.len() / 4 * 3 {
            let larger = vec![EMPTY; (self.entries.len() * 2).max(LEAST)];
            for entry in std::mem::replace(&mut self.entries, larger) {
                if entry.number != NONE {
                    self.put(entry);
                }
            }
        }
        self.put(Entry { tag: tag(hash), number });
        self.len += 1;
    }

    /// Removes a number.
    pub(super) fn remove(&mut self, hash: u64, number: u32) {
        let Some((mut hole, _)) = self.position(tag(hash), |other| other == number) else { return };
        self.len -= 1;
        let mut at = hole;
        // who stands behind comes nearer to the place its hash asks for
        loop {
            at = self.after(at);
            let Some(entry) = self.entries.get(at).copied().filter(|entry| entry.number != NONE) else {
                break;
            };
            let from_home = at.wrapping_sub(index(entry.tag)) & self.mask();
            let from_hole = at.wrapping_sub(hole) & self.mask();
            if from_home >= from_hole {
                self.set(hole, entry);
                hole = at;
            }
        }
        self.set(hole, EMPTY);
    }

    fn position(&self, tag: u32, mut is_wanted: impl FnMut(u32) -> bool) -> Option<(usize, Entry)> {
        let mut at = index(tag) & self.mask();
        loop {
            let entry = *self.entries.get(at)?;
            if entry.number == NONE {
                return None;
            }
            if entry.tag == tag && is_wanted(entry.number) {
                return Some((at, entry));
            }
            at = self.after(at);
        }
    }

    fn put(&mut self, entry: Entry) {
        let mut at = index(entry.tag) & self.mask();
        while self.entries.get(at).is_some_and(|entry| entry.number != NONE) {
            at = self.after(at);
        }
        self.set(at, entry);
    }

    fn set(&mut self, at: usize, to: Entry) {
        if let Some(entry) = self.entries.get_mut(at) {
            *entry = to;
        }
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }

    fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }
}
