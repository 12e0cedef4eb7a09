//! A vector with holes: rows that other tables name by a number instead of by hashing a key again.
//! Used by `endpoints`, `calls` and `sticker`; a number is reused after its row was removed, so whoever removes a row
//! first removes what names it.

/// The place of a number in a vector.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Rows by number.
pub(super) struct Slab<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a row in and says its number.
    pub(super) fn insert(&mut self, row: T) -> u32 {
        if let Some(at) = self.free.pop()
            && let Some(hole) = self.rows.get_mut(index(at))
        {
            *hole = Some(row);
            return at;
        }
        self.rows.push(Some(row));
        // four thousand million rows do not fit into any memory
        u32::try_from(self.rows.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let row = self.rows.get_mut(index(at))?.take()?;
        self.free.push(at);
        Some(row)
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.rows.get(index(at))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.rows.get_mut(index(at))?.as_mut()
    }

    /// All rows with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.rows).filter_map(|(at, row)| row.as_ref().map(|row| (at, row)))
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }
}
