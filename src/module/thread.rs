//! The threads `usermon-drain` and `usermon-seal`: their loops, and joining them with a deadline. A panic in a round
//! is logged and ends that round only: the PBX and the other parts go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::capture::Dropped;
use crate::capture::attribute::Certainty;
use crate::capture::drain::{Caught, Drain};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::UserKey;
use crate::module::Core;
use crate::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};

/// How long the drain rests when the queue is empty: polling, because waking it would cost the PBX's thread.
const REST: Duration = Duration::from_millis(5);
/// How often what was appended is handed to the kernel.
const FLUSH: Duration = Duration::from_millis(200);
/// How often expiry, directory and the disk are looked after.
const TICK: Duration = Duration::from_secs(1);

/// A thread of ours.
pub(super) struct Worker {
    name: &'static str,
    handle: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Worker {
    fn spawn(name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<Self> {
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

pub(super) fn drain(core: &Arc<Core>) -> Result<Worker> {
    let core = Arc::clone(core);
    Worker::spawn("usermon-drain", move || {
        let mut drain =
            Drain::new(Arc::clone(&core.tap), Arc::clone(&core.attributor), Arc::clone(&core.settings));
        let mut batch = Vec::new();
        let mut flushed = Instant::now();
        let mut ticked = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            let taken = guarded("drain", || {
                core.assign();
                let taken = drain.round(core.clock.now(), &mut |caught| batch.push(record(caught)));
                append(&core, &mut batch);
                taken
            });
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                guarded("expiry", || core.note(core.state.expire(core.clock.now())));
            }
            if flushed.elapsed() >= FLUSH {
                flushed = Instant::now();
                guarded("flush", || drop(core.store.flush()));
            }
            if taken.unwrap_or(0) == 0 {
                std::thread::sleep(REST);
            }
        }
        guarded("last drain", || {
            drain.finish(core.clock.now(), &mut |caught| batch.push(record(caught)));
            append(&core, &mut batch);
        });
    })
}

pub(super) fn seal(core: &Arc<Core>) -> Result<Worker> {
    let core = Arc::clone(core);
    Worker::spawn("usermon-seal", move || {
        let mut last = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(50));
            if last.elapsed() >= TICK || core.store.is_seal_due() {
                last = Instant::now();
                guarded("seal", || drop(core.store.maintain(&|company| core.settings.retention(company))));
            }
        }
    })
}

/// The store counts and reports its own failures: an alarm on the page and a gap in the ring.
fn append(core: &Core, batch: &mut Vec<Record>) {
    if !batch.is_empty() {
        drop(core.store.append(batch));
        batch.clear();
    }
}

fn guarded<T>(what: &str, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    if done.is_err() {
        tracing::error!("a panic in {what} was caught; what it worked on is lost, the rest goes on");
    }
    done.ok()
}

fn record(caught: Caught<'_>) -> Record {
    let (user, time, payload) = match caught {
        Caught::Packet(captured) => {
            let packet = Packet {
                direction: captured.packet.direction,
                transport: captured.packet.transport,
                local: captured.packet.local,
                far: captured.packet.far,
                detail: captured.detail,
                attribution: match captured.certainty {
                    Certainty::Proven => Attribution::Proven,
                    Certainty::Claimed => Attribution::Claimed,
                    Certainty::Unknown => Attribution::Unknown,
                },
                cut: captured.cut,
                unsure: captured.unsure,
                original_len: captured.original_len,
                endpoint: captured.endpoint,
                linked: captured.linked,
                bytes: captured.bytes.into(),
            };
            (captured.user, captured.packet.time, Payload::Packet(packet))
        }
        Caught::Change { user, time, change } => (user, time, Payload::Change(change)),
        Caught::Quality { user, quality } => (user, quality.time, Payload::Quality(quality)),
        Caught::Dropped(Dropped { from, to, packets }) => {
            let gap = Gap { from, to, packets, cause: GapCause::QueueFull };
            (Arc::new(UserKey::default()), to, Payload::Gap(gap))
        }
    };
    Record { seq: 0, time: time.max(Timestamp(0)), user, payload }
}
