//! Turns: one setter at a time writes the file. Unlike a guard of the table's lock it may be held while the disk is
//! slow, because nobody who only reads waits for it.

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

/// A turn; ends when dropped.
pub(super) struct Taken<'t>(&'t Turn);

impl Turn {
    /// Waits until nobody has the turn, and takes it.
    pub(super) fn take(&self) -> Taken<'_> {
        let mut taken = self.taken.lock();
        while *taken {
            self.free.wait(&mut taken);
        }
        *taken = true;
        Taken(self)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock() = false;
        self.0.free.notify_one();
    }
}
