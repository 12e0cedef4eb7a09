//! One guard for every entry: liveness, re-entry, poison, panics; and telling the host what it does wrong.
//!
//! Nothing that happens inside leaves as a panic: it becomes a status, one line in the host's log with its place, and
//! the part where it happened is refused from then on. A wrong call is told once per entry and status. `on_packet`
//! never logs: its lines wait for the next other call. The guard must not touch what the entries work on.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::abi::host::{self, Link};
use crate::abi::types::{self, Handle};
use crate::abi::{Refused, log, slots};
use crate::event::{Host, LogLevel};
use crate::module::Module;

/// The functions of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Open,
    Close,
    OnUser,
    OnTerminal,
    OnRegistration,
    OnCall,
    OnQuality,
    OnPacket,
    Http,
    Reload,
    StatusText,
}

const ENTRIES: [(Entry, &str); 11] = [
    (Entry::Open, "open"),
    (Entry::Close, "close"),
    (Entry::OnUser, "on_user"),
    (Entry::OnTerminal, "on_terminal"),
    (Entry::OnRegistration, "on_registration"),
    (Entry::OnCall, "on_call"),
    (Entry::OnQuality, "on_quality"),
    (Entry::OnPacket, "on_packet"),
    (Entry::Http, "http"),
    (Entry::Reload, "reload"),
    (Entry::StatusText, "status_text"),
];

impl Entry {
    /// Its name in the table.
    pub(super) fn name(self) -> &'static str {
        ENTRIES.iter().find(|(entry, _)| *entry == self).map_or("?", |(_, name)| name)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// What a panic in it poisons: all that tell share the tables of users and calls, the rest stand alone.
    const fn part(self) -> u32 {
        match self {
            Self::OnUser | Self::OnTerminal | Self::OnRegistration | Self::OnCall | Self::OnQuality => {
                Self::OnUser.bit()
            }
            _ => self.bit(),
        }
    }

    const fn part_name(self) -> &'static str {
        match self {
            Self::OnPacket => "packets",
            Self::Http => "pages",
            Self::Reload => "reloads",
            Self::StatusText => "texts",
            _ => "events",
        }
    }

    /// Whether it may be called from a callback: those that may wait could wait for the caller.
    const fn tells(self) -> bool {
        self.part() == Self::OnUser.bit() || matches!(self, Self::OnPacket)
    }
}

/// An open module.
pub(super) struct Opened {
    pub(super) module: Module,
    pub(super) link: Arc<Link>,
    /// Bits of the parts that panicked.
    poisoned: AtomicU32,
    /// What was told already: one word per status, one bit per entry.
    told: [AtomicU32; STATUSES.len()],
}

/// What a call on an open module can be refused with.
const STATUSES: [i32; 6] = [
    types::ERR_NULL,
    types::ERR_SIZE,
    types::ERR_ARGUMENT,
    types::ERR_REENTRY,
    types::ERR_POISONED,
    types::ERR_PANIC,
];

impl Opened {
    pub(super) fn new(module: Module, link: Arc<Link>) -> Self {
        Self {
            module,
            link,
            poisoned: AtomicU32::new(0),
            told: [const { AtomicU32::new(0) }; STATUSES.len()],
        }
    }

    /// Tells the host about a refused call, once per entry and status, and gives the status to return.
    fn refuse(&self, entry: Entry, refused: Refused) -> i32 {
        let known = STATUSES.iter().zip(&self.told).find(|(status, _)| **status == refused.status);
        let first = known.is_none_or(|(_, told)| told.fetch_or(entry.bit(), Relaxed) & entry.bit() == 0);
        if first {
            let line = format!("{} is refused with {}: {}", entry.name(), refused.status, refused.advice);
            self.say(entry, LogLevel::Warning, line);
        }
        refused.status
    }

    fn say(&self, entry: Entry, level: LogLevel, line: String) {
        if entry == Entry::OnPacket { self.link.later(level, line) } else { self.link.log(level, &line) }
    }

    /// Poisons the part and tells the place.
    fn panicked(&self, entry: Entry, place: &str) -> i32 {
        self.poisoned.fetch_or(entry.part(), SeqCst);
        let (name, part) = (entry.name(), entry.part_name());
        let line = format!(
            "{name} panicked at {place}; {part} are refused until the module is closed and opened again"
        );
        self.say(entry, LogLevel::Error, line);
        types::ERR_PANIC
    }
}

/// Calls that came with a handle that is not open, and of which the host was told: one bit per entry. Without a module
/// there is no log, so the next open one tells.
static STRAY: AtomicU32 = AtomicU32::new(0);
static STRAY_TOLD: AtomicU32 = AtomicU32::new(0);

/// Notes a call with a handle that is not open.
pub(super) fn stray(entry: Entry) -> i32 {
    STRAY.fetch_or(entry.bit(), Relaxed);
    types::ERR_HANDLE
}

fn tell_strays(link: &Link) {
    if STRAY.load(Relaxed) != 0 {
        let bits = STRAY.swap(0, SeqCst);
        let fresh = bits & !STRAY_TOLD.fetch_or(bits, SeqCst);
        let names: Vec<&str> =
            ENTRIES.iter().filter(|(e, _)| e.bit() & fresh != 0).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            let line = format!("calls came with a handle that was not open: {}", names.join(", "));
            link.log(LogLevel::Warning, &line);
        }
    }
}

/// After an `open`: what stray calls there were is told by this module, and told again if it goes on.
pub(super) fn opened(link: &Link) {
    STRAY_TOLD.store(0, SeqCst);
    tell_strays(link);
}

/// The guard: runs `work` on the module of `handle` and gives the status to return. Lock-free for `on_packet`.
pub(super) fn call(entry: Entry, handle: Handle, work: impl FnOnce(&Opened) -> Result<i32, Refused>) -> i32 {
    let Some(inside) = slots::enter(handle) else { return stray(entry) };
    if !entry.tells() && host::in_callback() {
        return inside.refuse(entry, REENTRY);
    }
    if inside.poisoned.load(Relaxed) & entry.part() != 0 {
        let advice = "it panicked before; close the module and open it again";
        return inside.refuse(entry, Refused::new(types::ERR_POISONED, advice));
    }
    let _working = (entry != Entry::OnPacket).then(|| {
        tell_strays(&inside.link);
        inside.link.flush();
        inside.link.work()
    });
    let answer = catch(|| {
        fault(entry, &inside.link);
        work(&inside)
    });
    match answer {
        Ok(Ok(status)) => status,
        Ok(Err(refused)) => inside.refuse(entry, refused),
        Err(place) => inside.panicked(entry, &place),
    }
}

const REENTRY: Refused = Refused::new(
    types::ERR_REENTRY,
    "from a callback only on_... may be called; call it after the callback returned",
);

/// For `open` and `close`: refuses on a thread that is inside a callback, and tells the callback's host.
pub(super) fn refuse_reentry(entry: Entry) -> Option<i32> {
    host::in_callback().then(|| {
        if let Some(link) = host::current() {
            let line = format!("{} is refused with {}: {}", entry.name(), REENTRY.status, REENTRY.advice);
            link.log(LogLevel::Warning, &line);
        }
        REENTRY.status
    })
}

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `f`; a panic inside becomes its place, `file:line:column`. Its message is left out: it may quote a packet.
pub(super) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    let depth = GUARDED.try_with(|g| g.replace(g.get().saturating_add(1))).unwrap_or(0);
    let answer = catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let place =
            PLACE.try_with(|p| p.try_borrow_mut().map(|mut p| std::mem::take(&mut *p)).unwrap_or_default());
        // dropping a payload may panic again, and so on: the second one is left alone
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        place.unwrap_or_default()
    });
    GUARDED.try_with(|g| g.set(depth)).unwrap_or_default();
    answer
}

/// Prepares what is one for the whole library: the panic hook and the log layer. This library has a standard library
/// of its own, so neither reaches the host or another plugin.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::install();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !note(info) {
                before(info);
            }
        }));
    });
}

/// Keeps the place of a panic that a guard will catch, and leaves a line for one on a thread of ours, where locks may
/// be held and so the host must not be called now. False: neither.
fn note(info: &PanicHookInfo<'_>) -> bool {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    if GUARDED.try_with(Cell::get).unwrap_or(0) > 0 {
        let keep = |p: &RefCell<String>| p.try_borrow_mut().map(|mut p| *p = place).unwrap_or_default();
        PLACE.try_with(keep).unwrap_or_default();
        return true;
    }
    let thread = thread::current();
    let Some(name) = thread.name().filter(|name| name.starts_with("usermon-")) else { return false };
    if !is_news(&place) {
        return true;
    }
    for link in host::audience() {
        link.later(LogLevel::Error, format!("thread {name} panicked at {place}"));
    }
    true
}

/// Whether a panic at this place was not told in the last minute: a packet that causes one may come again and again.
fn is_news(place: &str) -> bool {
    static LAST: Mutex<Option<(String, Instant)>> = Mutex::new(None);
    // a hook must not wait
    let Some(mut last) = LAST.try_lock() else { return false };
    let is_known = |(known, at): &(String, Instant)| known == place && at.elapsed() < Duration::from_mins(1);
    let is_news = !last.as_ref().is_some_and(is_known);
    if is_news {
        *last = Some((place.to_owned(), Instant::now()));
    }
    is_news
}

/// Panics in a debug build in the entry that the host's own name asks for ("usermon-panic:on_call"), so that wrong
/// hosts can see every guard at work. A release build has nothing of it, and in no build can anything but the program
/// that opened the module cause it.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "this is what it is for")]
pub(super) fn fault(entry: Entry, link: &Link) {
    if link.name().strip_prefix("usermon-panic:") == Some(entry.name()) {
        panic!("asked for by the host's name");
    }
}

/// As above: nothing in a release build.
#[cfg(not(debug_assertions))]
pub(super) fn fault(_: Entry, _: &Link) {}
