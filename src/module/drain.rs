//! The thread `usermon-drain`: takes from the tap what the PBX's threads left there, and gives it to the store. It does
//! no I/O until its last round, so that a disk that hangs does not fill the tap. A panic in a round ends that round
//! only: what it lost is logged and becomes a gap.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::capture::Dropped;
use crate::capture::attribute::Certainty;
use crate::capture::drain::{Captured, Caught, Drain, Why};
use crate::capture::gate::Limits;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::Result;
use crate::event::{Change, UserKey};
use crate::module::legs::Legs;
use crate::module::thread::{Faults, TICK, Worker};
use crate::module::{Core, Recorder};
use crate::store::record::{Attribution, Gap, GapCause, PacketParts, Payload, Record};

/// How long the drain rests when the queue is empty: polling, because waking it would cost the PBX's thread.
const REST: Duration = Duration::from_millis(5);
/// How many panics the last drain bears; each costs a packet.
const LAST_TRIES: u32 = 64;

/// Packets that nothing proves may take so much of the disk in two days: an eighth for users with few of them, an
/// eighth for the others. Never less than this an hour.
const LEAST_CLAIMS: u64 = 4 << 20;
const CLAIMS_PART: u64 = 8 * 48;

fn limits(config: &Config) -> Limits {
    Limits {
        unknown_packets: config.capture.unknown_packets,
        unknown_bytes: config.capture.unknown_bytes,
        claimed_packets: config.capture.claimed_packets,
        claimed_bytes: config.capture.claimed_bytes,
        claimed_hourly: (config.store.max_bytes / CLAIMS_PART).max(LEAST_CLAIMS),
    }
}

pub(super) fn start(core: &Arc<Core>, config: &Config) -> Result<Worker> {
    let core = Arc::clone(core);
    let limits = limits(config);
    Worker::spawn("usermon-drain", move || {
        let (tap, attributor) = (Arc::clone(&core.tap), Arc::clone(&core.attributor));
        let mut drain =
            Drain::new(tap, attributor, Arc::clone(&core.settings)).bounded(&limits, Arc::clone(&core.gauge));
        let mut users = core.directory.count();
        let mut owed = 0;
        let mut faults = Faults::default();
        let mut recorder = Recorder::new();
        let mut legs = Legs::default();
        let mut ticked = Instant::now();
        while !core.stop.load(Ordering::Acquire) {
            faults.guarded("the owners of endpoints", || core.assign());
            let now = core.clock.now();
            drain.press(core.store.pressure(), users);
            let taken = round(&core, &mut legs, &mut owed, &mut faults, |sink| drain.round(now, sink));
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                users = core.directory.count();
                faults.guarded("expiry", || core.keep(core.state.expire(core.clock.now())));
            }
            faults.guarded("the recorder", || {
                recorder.poll(&core.state, &core.directory, &core.store, &core.clock);
            });
            if taken.unwrap_or(0) == 0 {
                std::thread::sleep(REST);
            }
        }
        for _ in 0..LAST_TRIES {
            let now = core.clock.now();
            if round(&core, &mut legs, &mut owed, &mut faults, |sink| drain.finish(now, sink)).is_some() {
                break;
            }
        }
        faults.guarded("the recorder", || {
            recorder.poll(&core.state, &core.directory, &core.store, &core.clock);
            recorder.stop(&core.store, &core.clock);
        });
        // for a `close` that waits no longer
        faults.guarded("flush", || drop(core.store.flush()));
    })
}

/// What `work` catches goes into the store. A panic loses the packet at which it came; `owed` counts what no gap tells of
/// yet.
fn round(
    core: &Core,
    legs: &mut Legs,
    owed: &mut u64,
    faults: &mut Faults,
    work: impl FnOnce(&mut dyn FnMut(Caught<'_>)) -> usize,
) -> Option<usize> {
    let now = core.clock.now();
    let mut sink = |caught: Caught<'_>| {
        fault(core, &caught);
        keep(core, legs, caught);
    };
    let taken = faults.guarded("the capture", || work(&mut sink));
    *owed += u64::from(taken.is_none());
    if *owed > 0 {
        let gap = Gap { from: now, to: now, packets: *owed, cause: GapCause::Fault };
        if faults.guarded("the store", || append(core, Arc::default(), now, Payload::Gap(gap))).is_some() {
            *owed = 0;
        }
    }
    taken
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

/// Gives it to the store, which counts and reports its own failures: an alarm on the page and a gap in the ring.
fn keep(core: &Core, legs: &mut Legs, caught: Caught<'_>) {
    match caught {
        Caught::Packet(packet) => {
            let time = packet.packet.time.max(Timestamp(0));
            drop(core.store.append_packet(time, packet.user, parts(&packet)));
        }
        Caught::Missing { user, why, dropped: Dropped { from, to, packets } } => {
            let (cause, packets) = match why {
                Why::Overload => (GapCause::Overload, packets),
                Why::Unproven => (GapCause::Unproven, packets),
                Why::Queue => (GapCause::QueueFull, packets),
                Why::Lowered => (GapCause::Lowered, 0),
            };
            append(core, user, to, Payload::Gap(Gap { from, to, packets, cause }));
        }
        Caught::Call(call) => legs.keep(&call, &core.directory, &core.store, core.clock.now()),
        Caught::Change { user, time, change } => append(core, user, time, Payload::Change(change)),
        Caught::Quality { user, quality } => {
            legs.hear(&quality);
            append(core, user, quality.time, Payload::Quality(quality));
        }
        Caught::Dropped(Dropped { from, to, packets }) => {
            let gap = Gap { from, to, packets, cause: GapCause::QueueFull };
            append(core, Arc::default(), to, Payload::Gap(gap));
        }
    }
}

impl Core {
    /// Writes changes down without a way through the tap, which has not room for those of all users at once.
    pub(super) fn keep(&self, changes: Vec<(Arc<UserKey>, Timestamp, Change)>) {
        for (user, time, change) in changes {
            append(self, user, time, Payload::Change(change));
        }
    }
}

fn append(core: &Core, user: Arc<UserKey>, time: Timestamp, payload: Payload) {
    drop(core.store.append(&mut [Record { seq: 0, time: time.max(Timestamp(0)), user, payload }]));
}

fn parts<'a>(captured: &'a Captured<'_>) -> PacketParts<'a> {
    PacketParts {
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
        bytes: captured.bytes,
    }
}
