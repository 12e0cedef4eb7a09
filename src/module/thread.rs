//! Threads of the module, and joining them with a deadline; the loops of `usermon-journal` and `usermon-seal`. A panic
//! in a round ends that round only and is logged; the PBX and the other parts go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::module::Core;
use crate::query::Query;

/// How often expiry, directory and the disk are looked after.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// How often what was appended is handed to the kernel.
const FLUSH: Duration = Duration::from_millis(200);
/// How often a thread looks whether it is to end.
const NAP: Duration = Duration::from_millis(50);
/// How often panics are told, so that a packet sent again and again does not fill the PBX's log.
const TOLD: Duration = Duration::from_mins(1);

/// A thread of ours.
pub(super) struct Worker {
    name: &'static str,
    handle: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Worker {
    pub(super) fn spawn(name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<Self> {
        let (end, ended) = channel();
        let handle = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _end = end;
                body();
            })
            .map_err(|e| Error::Invalid(format!("the system refuses the thread {name}: {e}")))?;
        Ok(Self { name, handle, ended })
    }

    /// Waits for the thread to end, not longer than `until`; then it is left to end by itself.
    pub(super) fn join(self, until: Instant) -> Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if self.ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            return Err(Error::Busy(format!("the thread {} did not end in time", self.name)));
        }
        self.handle.join().map_err(|_| Error::Stopped(self.name))
    }
}

/// Writes the journal: on a thread of its own, which alone waits when the disk hangs.
pub(super) fn journal(core: &Arc<Core>) -> Result<Worker> {
    let core = Arc::clone(core);
    Worker::spawn("usermon-journal", move || {
        let mut faults = Faults::default();
        let mut last = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            std::thread::sleep(NAP);
            if last.elapsed() >= FLUSH {
                last = Instant::now();
                faults.guarded("the journal", || drop(core.store.flush()));
            }
        }
    })
}

pub(super) fn seal(core: &Arc<Core>, query: Query) -> Result<Worker> {
    let core = Arc::clone(core);
    let mut purges = None;
    Worker::spawn("usermon-seal", move || {
        let mut faults = Faults::default();
        let mut last = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            std::thread::sleep(NAP);
            if last.elapsed() >= TICK || core.store.is_seal_due() {
                last = Instant::now();
                core.store.limit(core.settings.limits());
                let retention = |company: &str| core.settings.retention(company);
                faults.guarded("the seal", || {
                    drop(core.store.maintain(&retention));
                    if let Err(error) = query.audit_purges(&mut purges) {
                        tracing::error!("{error}");
                    }
                });
            }
        }
    })
}

/// The panics caught on one thread.
#[derive(Default)]
pub(super) struct Faults {
    told: Option<Instant>,
    untold: u64,
}

impl Faults {
    pub(super) fn guarded<T>(&mut self, what: &str, work: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(work));
        if done.is_err() {
            self.untold += 1;
            if self.told.is_none_or(|told| told.elapsed() >= TOLD) {
                let (number, thread) = (self.untold, std::thread::current());
                let name = thread.name().unwrap_or_default();
                tracing::error!(
                    "{number} panics on {name} were caught, the last in {what}; what it worked on is lost, the rest goes on"
                );
                (self.told, self.untold) = (Some(Instant::now()), 0);
            }
        }
        done.ok()
    }
}
