//! The threads `usermon-drain` and `usermon-seal`: their loops, and joining them with a deadline. A panic in a round
//! ends that round only: what it lost is logged and becomes a gap, the PBX and the other parts go on.

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
/// How often panics are told, so that a packet sent again and again does not fill the PBX's log.
const TOLD: Duration = Duration::from_mins(1);
/// How many panics the last drain bears; each costs a packet.
const LAST_TRIES: u32 = 64;

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
        let mut faults = Faults::default();
        let mut flushed = Instant::now();
        let mut ticked = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            faults.guarded("the owners of endpoints", || core.assign());
            let now = core.clock.now();
            let taken = round(&core, &mut batch, &mut faults, |sink| drain.round(now, sink));
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                faults.guarded("expiry", || core.note(core.state.expire(core.clock.now())));
            }
            if flushed.elapsed() >= FLUSH {
                flushed = Instant::now();
                faults.guarded("flush", || drop(core.store.flush()));
            }
            if taken.unwrap_or(0) == 0 {
                std::thread::sleep(REST);
            }
        }
        for _ in 0..LAST_TRIES {
            let now = core.clock.now();
            if round(&core, &mut batch, &mut faults, |sink| drain.finish(now, sink)).is_some() {
                break;
            }
        }
        // for a `close` that waits no longer
        faults.guarded("flush", || drop(core.store.flush()));
    })
}

/// What `work` catches goes into the store. A panic loses the packet at which it came, or all that the store was
/// given; both become a gap, with this round or the next.
fn round(
    core: &Core,
    batch: &mut Vec<Record>,
    faults: &mut Faults,
    work: impl FnOnce(&mut dyn FnMut(Caught<'_>)) -> usize,
) -> Option<usize> {
    let mut sink = |caught: Caught<'_>| {
        fault(core, &caught);
        batch.push(record(caught));
    };
    let taken = faults.guarded("the capture", || work(&mut sink));
    if taken.is_none() {
        batch.push(lost(core.clock.now(), 1));
    }
    let kept = faults.guarded("the store", || append(core, batch));
    if kept.is_none() {
        let packets = batch.iter().filter(|record| matches!(record.payload, Payload::Packet(_))).count();
        batch.clear();
        batch.push(lost(core.clock.now(), u64::try_from(packets).unwrap_or(u64::MAX)));
    }
    taken
}

/// A gap for everybody.
fn lost(now: Timestamp, packets: u64) -> Record {
    let gap = Gap { from: now, to: now, packets, cause: GapCause::Fault };
    Record { seq: 0, time: now, user: Arc::default(), payload: Payload::Gap(gap) }
}

/// Panics in a debug build at a packet that begins with `PANIC`, if the host's own name asks for it, so that a test can
/// see what follows. A release build has nothing of it.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "this is what it is for")]
fn fault(core: &Core, caught: &Caught<'_>) {
    if let Caught::Packet(captured) = caught
        && captured.packet.data().starts_with(b"PANIC ")
        && core.host.name() == "usermon-panic:drain"
    {
        panic!("asked for by the host's name");
    }
}

/// As above: nothing in a release build.
#[cfg(not(debug_assertions))]
fn fault(_: &Core, _: &Caught<'_>) {}

pub(super) fn seal(core: &Arc<Core>) -> Result<Worker> {
    let core = Arc::clone(core);
    Worker::spawn("usermon-seal", move || {
        let mut faults = Faults::default();
        let mut last = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(50));
            if last.elapsed() >= TICK || core.store.is_seal_due() {
                last = Instant::now();
                let retention = |company: &str| core.settings.retention(company);
                faults.guarded("the seal", || drop(core.store.maintain(&retention)));
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

/// The panics caught on one thread.
#[derive(Default)]
struct Faults {
    told: Option<Instant>,
    untold: u64,
}

impl Faults {
    fn guarded<T>(&mut self, what: &str, work: impl FnOnce() -> T) -> Option<T> {
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
