//! The way back: the host's functions, and what must hold around every call of one.
//!
//! A thread that is inside a callback is marked, because `open` and `close` would wait for themselves there; a line
//! logged from within the log callback, or by a call that must not log, waits for the next chance. After
//! [`Link::cut`] no function of the host is called any more. No lock is held while the host is called.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::abi::log::Line;
use crate::abi::slots;
use crate::abi::types::{self, Bytes};
use crate::event::{self, EndpointKey, LogLevel};

/// Most lines that wait for a chance to be logged; more are left out.
const WAITING: usize = 32;

/// Links that are open, for lines of threads that work for no module in particular. Read-locked only to copy it.
static LINKS: RwLock<Vec<Arc<Link>>> = RwLock::new(Vec::new());

thread_local! {
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
    static LOGGING: Cell<bool> = const { Cell::new(false) };
    static CURRENT: RefCell<Option<Arc<Link>>> = const { RefCell::new(None) };
}

/// Whether this thread is inside a callback of a host.
pub(super) fn in_callback() -> bool {
    CALLBACKS.try_with(Cell::get).unwrap_or(0) > 0
}

/// Runs `f`, which calls the host, marked as a callback.
pub(super) fn callback<R>(f: impl FnOnce() -> R) -> R {
    let count = |up: bool| {
        let change =
            |c: &Cell<u32>| c.set(if up { c.get().saturating_add(1) } else { c.get().saturating_sub(1) });
        CALLBACKS.try_with(change).unwrap_or_default();
    };
    count(true);
    let answer = f();
    count(false);
    answer
}

/// The link whose work this thread does, if that is known.
pub(super) fn current() -> Option<Arc<Link>> {
    CURRENT.try_with(|c| c.try_borrow().ok()?.clone()).ok().flatten()
}

/// The links that a line of this thread goes to.
pub(super) fn audience() -> Vec<Arc<Link>> {
    match current() {
        Some(link) => vec![link],
        None => LINKS.read_recursive().clone(),
    }
}

/// While it lives, this thread works for one link; then again for the one before.
pub(super) struct Working(Option<Arc<Link>>);

impl Drop for Working {
    fn drop(&mut self) {
        swap_current(self.0.take());
    }
}

fn swap_current(link: Option<Arc<Link>>) -> Option<Arc<Link>> {
    CURRENT
        .try_with(|c| c.try_borrow_mut().ok().and_then(|mut c| std::mem::replace(&mut c, link)))
        .ok()
        .flatten()
}

/// One host, from `open` to the end of `close`.
pub struct Link {
    table: types::Host,
    name: String,
    live: AtomicBool,
    /// Calls of the host's functions under way.
    calls: AtomicUsize,
    has_waiting: AtomicBool,
    waiting: Mutex<VecDeque<(LogLevel, String)>>,
}

// SAFETY: `ctx` and the functions may be used from any thread (their tags in types.rs); the rest is Send.
unsafe impl Send for Link {}
// SAFETY: as above; `table` is only read.
unsafe impl Sync for Link {}

impl Link {
    /// A link over a copied table. `name` is copied, bounded and cleaned.
    pub(super) fn new(table: types::Host, name: &str) -> Arc<Self> {
        Arc::new(Self {
            table,
            name: Line::of(name).as_str().to_owned(),
            live: AtomicBool::new(true),
            calls: AtomicUsize::new(0),
            has_waiting: AtomicBool::new(false),
            waiting: Mutex::new(VecDeque::new()),
        })
    }

    /// From now on, lines of threads that work for no link in particular come here too.
    pub(super) fn join(self: &Arc<Self>) {
        LINKS.write().push(Arc::clone(self));
    }

    /// Marks this thread as working for this link.
    pub(super) fn work(self: &Arc<Self>) -> Working {
        Working(swap_current(Some(Arc::clone(self))))
    }

    /// Logs what waits, then ends: no function of the host is called any more. Waits for those under way, at most
    /// `span`; false if there still is one.
    pub(super) fn cut(self: &Arc<Self>, span: Duration) -> bool {
        LINKS.write().retain(|link| !Arc::ptr_eq(link, self));
        self.flush();
        self.live.store(false, SeqCst);
        slots::until(span, || self.calls.load(SeqCst) == 0)
    }

    /// Calls the host, unless it was cut off. The order of `calls` and `live` is that of `slots`.
    fn with<R>(&self, f: impl FnOnce(&types::Host) -> R) -> Option<R> {
        self.calls.fetch_add(1, SeqCst);
        let answer = self.live.load(SeqCst).then(|| callback(|| f(&self.table)));
        self.calls.fetch_sub(1, SeqCst);
        answer
    }

    fn write(&self, level: LogLevel, line: &str) {
        let number = match level {
            LogLevel::Debug => 1,
            LogLevel::Notice => 2,
            LogLevel::Warning => 3,
            LogLevel::Error => 4,
        };
        self.with(|host| {
            if let Some(log) = host.log {
                let line = Line::of(line);
                // SAFETY: the host vouches for the function until `close` has returned, and `with` for that time.
                unsafe { log(host.ctx, number, bytes(line.as_str().as_bytes())) }
            }
        });
    }

    /// A line for the next chance: from calls that must not log. Never blocks; leaves the line out when it would.
    pub(super) fn later(&self, level: LogLevel, line: String) {
        if let Some(mut waiting) = self.waiting.try_lock()
            && waiting.len() < WAITING
        {
            waiting.push_back((level, line));
            self.has_waiting.store(true, SeqCst);
        }
    }

    /// Logs what waits, unless this thread is inside the log callback. Takes as many lines as wait now, so that a host
    /// whose log callback causes a line each time comes to an end.
    pub(super) fn flush(&self) {
        if !self.has_waiting.load(Relaxed) || LOGGING.try_with(|l| l.replace(true)).unwrap_or(true) {
            return;
        }
        self.has_waiting.store(false, SeqCst);
        let lines = std::mem::take(&mut *self.waiting.lock());
        for (level, line) in lines {
            self.write(level, &line);
        }
        LOGGING.try_with(|l| l.set(false)).unwrap_or_default();
    }
}

impl event::Host for Link {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn log(&self, level: LogLevel, line: &str) {
        if LOGGING.try_with(|l| l.replace(true)).unwrap_or(true) {
            self.later(level, line.to_owned());
            return;
        }
        self.write(level, line);
        LOGGING.try_with(|l| l.set(false)).unwrap_or_default();
        self.flush();
    }

    fn round_trip(&self, endpoint: &EndpointKey, contact: &str) -> Option<u32> {
        let answer = self.with(|host| {
            let ask = host.round_trip?;
            // SAFETY: as in `write`.
            Some(unsafe { ask(host.ctx, bytes(endpoint.endpoint.as_bytes()), bytes(contact.as_bytes())) })
        });
        answer.flatten().and_then(|micros| u32::try_from(micros).ok()).filter(|micros| *micros > 0)
    }
}

/// Bytes of ours for the length of one callback.
pub(super) fn bytes(own: &[u8]) -> Bytes {
    Bytes { ptr: own.as_ptr(), len: own.len() }
}
