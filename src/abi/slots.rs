//! Which handles are open. Every call passes here, so it takes no lock: two atomic additions and a comparison.
//!
//! A call adds itself to its slot's `inside`, and only then looks whether the slot still has its handle; `close`
//! takes the handle out, and only then looks at `inside`. In the one order of all SeqCst operations at least one of
//! them sees the other: either the call finds no handle, or `close` finds the call. What calls use is freed by
//! `close`, or, when its patience ran out, by the last call that leaves. It knows nothing of what a slot holds.

use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64};
use std::thread;
use std::time::Duration;

use crate::abi::guard::{self, Opened};
use crate::abi::types::Handle;

/// Most modules open at once.
const SLOTS: u64 = 16;

const FREE: u8 = 0;
const TAKEN: u8 = 1;
/// Closed while calls were under way: the last one frees it.
const LEFT: u8 = 2;

/// On cache lines of its own: modules do not slow each other down.
#[repr(align(128))]
struct Slot {
    state: AtomicU8,
    /// The open handle, or 0.
    handle: AtomicU64,
    /// Calls under way.
    inside: AtomicU64,
    opened: AtomicPtr<Opened>,
}

static TABLE: [Slot; SLOTS as usize] = [const {
    Slot {
        state: AtomicU8::new(FREE),
        handle: AtomicU64::new(0),
        inside: AtomicU64::new(0),
        opened: AtomicPtr::new(null_mut()),
    }
}; SLOTS as usize];

/// Of the next handle; a handle is this times [`SLOTS`] plus the slot's place, so none is ever given twice.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Slot {
    /// Frees what calls used, if `close` left that to us and nobody is inside.
    fn sweep(&self) {
        if self.inside.load(SeqCst) == 0 && self.state.compare_exchange(LEFT, TAKEN, SeqCst, SeqCst).is_ok() {
            let opened = self.opened.swap(null_mut(), SeqCst);
            // SAFETY: from Box::into_raw in `Reserved::fill`; only the winner of the exchange gets here, the handle
            // was taken out before LEFT was set, and nobody who had found it is inside any more.
            let opened = unsafe { Box::from_raw(opened) };
            // a panic while dropping has no part left that it could poison, and no host that could be told
            drop(guard::catch(move || drop(opened)));
            self.state.store(FREE, SeqCst);
        }
    }

    fn leave(&self) {
        if self.inside.fetch_sub(1, SeqCst) == 1 && self.state.load(SeqCst) == LEFT {
            self.sweep();
        }
    }
}

/// A slot that is about to be filled; given back when dropped.
pub(super) struct Reserved {
    index: u64,
    slot: &'static Slot,
}

/// A free slot, or `None` if too many modules are open.
pub(super) fn reserve() -> Option<Reserved> {
    (0..).zip(&TABLE).find_map(|(index, slot)| {
        let taken = slot.state.compare_exchange(FREE, TAKEN, SeqCst, SeqCst).is_ok();
        taken.then(|| Reserved { index, slot })
    })
}

impl Reserved {
    /// Makes the handle of `opened`; calls with it succeed from now on.
    pub(super) fn fill(self, opened: Box<Opened>) -> Handle {
        let handle = NEXT.fetch_add(1, SeqCst) * SLOTS + self.index;
        self.slot.opened.store(Box::into_raw(opened), SeqCst);
        self.slot.handle.store(handle, SeqCst);
        std::mem::forget(self);
        handle
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.slot.state.store(FREE, SeqCst);
    }
}

fn slot_of(handle: Handle) -> Option<&'static Slot> {
    if handle == 0 { None } else { TABLE.get(usize::try_from(handle % SLOTS).ok()?) }
}

/// A call under way: what it uses stays until this is dropped.
pub(super) struct Inside {
    slot: &'static Slot,
    opened: NonNull<Opened>,
}

/// Begins a call; `None` if `handle` is not open. Lock-free, two atomic operations.
pub(super) fn enter(handle: Handle) -> Option<Inside> {
    let slot = slot_of(handle)?;
    slot.inside.fetch_add(1, SeqCst);
    if slot.handle.load(SeqCst) == handle
        && let Some(opened) = NonNull::new(slot.opened.load(SeqCst))
    {
        return Some(Inside { slot, opened });
    }
    slot.leave();
    None
}

impl Deref for Inside {
    type Target = Opened;
    fn deref(&self) -> &Opened {
        // SAFETY: freed only with nobody inside (see the head of this file), and this is inside.
        unsafe { self.opened.as_ref() }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.slot.leave();
    }
}

/// A slot whose handle was taken out by this one caller; freed when dropped, or by the last call under way.
pub(super) struct Closing {
    slot: &'static Slot,
    opened: NonNull<Opened>,
}

/// Takes the handle out: calls that begin from now on find none. `None` if it is not open.
pub(super) fn close(handle: Handle) -> Option<Closing> {
    let slot = slot_of(handle)?;
    slot.handle.compare_exchange(handle, 0, SeqCst, SeqCst).ok()?;
    Some(Closing { slot, opened: NonNull::new(slot.opened.load(SeqCst))? })
}

impl Closing {
    /// Waits until no call is under way, at most `span`; false if there still is one.
    pub(super) fn wait(&self, span: Duration) -> bool {
        until(span, || self.slot.inside.load(SeqCst) == 0)
    }
}

impl Deref for Closing {
    type Target = Opened;
    fn deref(&self) -> &Opened {
        // SAFETY: freed by `sweep` only after LEFT is set, which is in this one's drop.
        unsafe { self.opened.as_ref() }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.slot.state.store(LEFT, SeqCst);
        self.slot.sweep();
    }
}

/// Polls once a millisecond until `done`, at most about `span`; whether it was.
pub(super) fn until(span: Duration, done: impl Fn() -> bool) -> bool {
    for _ in 0..span.as_millis() {
        if done() {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    done()
}
