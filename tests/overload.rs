//! If overload takes the wrong packets, or one without counting it, a calm user's diagnostics has a hole that nobody
//! made, or a gap that the page does not show.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use usermon::capture::attribute::Certainty;
use usermon::capture::drain::Why;
use usermon::capture::gate::Limits;
use usermon::capture::pressure::{Gauge, Reading, Step};
use usermon::capture::{Attributor, Caught, Drain, Tap};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{Change, Direction, DumpDetail, PacketRef, Sticker, Transport, UserKey};
use usermon::settings::Settings;

const NOW: Timestamp = Timestamp(1_795_435_200_000_000);
const USERS: u16 = 40;

/// What became of a user's packets.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Fate {
    /// Kept at full, headers, summary.
    kept: [u64; 3],
    /// Counted because of overload, because unproven, because the queue was full of them.
    counted: [u64; 3],
    /// Stretches that say that less is kept.
    lowered: u64,
}

impl Fate {
    fn kept(&self) -> u64 {
        self.kept.iter().sum()
    }

    fn all(&self) -> u64 {
        self.kept() + self.counted.iter().sum::<u64>()
    }
}

/// What the drain handed on.
#[derive(Debug, Default)]
struct Fates {
    users: HashMap<String, Fate>,
    /// Of everybody: the queue was full.
    dropped: u64,
    changes: Vec<u32>,
}

impl Fates {
    fn take(&mut self, caught: &Caught<'_>) {
        match caught {
            Caught::Packet(packet) => {
                let place = match packet.detail {
                    DumpDetail::Full => 0,
                    DumpDetail::Headers => 1,
                    DumpDetail::Summary => 2,
                    DumpDetail::Off => panic!("nothing is handed on at off"),
                };
                assert_eq!(packet.cut, place > 0, "this message has a body: less than full is cut");
                self.users.entry(packet.user.user.to_string()).or_default().kept[place] += 1;
            }
            Caught::Missing { user, why, dropped } => {
                assert!(dropped.packets > 0 && dropped.from <= dropped.to, "{caught:?}");
                let fate = self.users.entry(user.user.to_string()).or_default();
                match why {
                    Why::Overload => fate.counted[0] += dropped.packets,
                    Why::Unproven => fate.counted[1] += dropped.packets,
                    Why::Queue => fate.counted[2] += dropped.packets,
                    Why::Lowered => fate.lowered += 1,
                }
            }
            Caught::Dropped(dropped) => self.dropped += dropped.packets,
            Caught::Change { change: Change::Sticker { calls, .. }, .. } => self.changes.push(*calls),
            Caught::Change { .. } | Caught::Quality { .. } | Caught::Call(_) => panic!("{caught:?}"),
        }
    }

    fn user(&self, user: u16) -> Fate {
        self.users.get(&user.to_string()).cloned().unwrap_or_default()
    }
}

/// What each thread logged.
static LOG: LazyLock<Mutex<HashMap<ThreadId, Vec<String>>>> = LazyLock::new(Mutex::default);

struct Log;

impl<S: tracing::Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Words(String);
        impl tracing::field::Visit for Words {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{value:?}");
            }
        }
        let mut words = Words(String::new());
        event.record(&mut words);
        LOG.lock().unwrap().entry(std::thread::current().id()).or_default().push(words.0);
    }
}

/// Ends a flood, also when the test fails.
struct Off<'a>(&'a AtomicBool);

impl Drop for Off<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Bench {
    tap: Arc<Tap>,
    drain: Drain,
    gauge: Arc<Gauge>,
    _folder: tempfile::TempDir,
}

/// Users 0 to 39 of one company, at dump detail full.
fn bench(places: usize, limits: &Limits) -> Bench {
    // fails where another test was first
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Log)));
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!("data_dir = {:?}\ndump_detail = \"full\"\n", folder.path());
    for user in 0..USERS {
        text += &format!("[[user]]\nextension = \"{user}\"\n");
    }
    let config = Config::parse(&text, &folder.path().join("usermon.toml")).unwrap();
    let tap = Arc::new(Tap::new(places, 1 << 30, Clock::System));
    let attributor = Attributor::new(Arc::new(Directory::new(&config).unwrap()));
    let settings = Settings::open(&config).unwrap();
    let gauge: Arc<Gauge> = Arc::default();
    let drain = Drain::new(tap.clone(), Arc::new(attributor), Arc::new(settings));
    let mut drain = drain.bounded(limits, gauge.clone());
    drain.press(0, USERS.into());
    Bench { tap, drain, gauge, _folder: folder }
}

/// A MESSAGE-like request of a user with a body; `endpoint` is what the PBX says of it.
fn push(tap: &Tap, user: u16, far: SocketAddr, is_named: bool) -> bool {
    let user = user.to_string();
    let data = format!(
        "INFO sip:a@pbx SIP/2.0\r\nFrom: <sip:{user}@192.0.2.1>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\nCSeq: 1 INFO\r\n\
         X-Long: {}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody",
        "y".repeat(300)
    );
    tap.push(PacketRef {
        time: Timestamp::default(),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        far,
        company: "",
        endpoint: if is_named { &user } else { "" },
        data: data.as_bytes(),
    })
}

fn far(user: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 10], 10_000 + user))
}

fn note(tap: &Tap, number: u32) -> bool {
    let user = Arc::new(UserKey::new("default", "1"));
    tap.note(vec![(user, NOW, Change::Sticker { sticker: Sticker::Busy, calls: number })])
}

/// A drain that is slower than what comes: it takes a round, then rests while the floods fill the queue.
fn slow(drain: &mut Drain, fates: &mut Fates, stop: &AtomicBool, before: impl Fn(&mut Drain)) {
    let mut sink = |caught: Caught<'_>| fates.take(&caught);
    while !stop.load(Ordering::Acquire) {
        before(drain);
        drain.round(Clock::System.now(), &mut sink);
        std::thread::sleep(Duration::from_millis(3));
    }
    drain.finish(Clock::System.now(), &mut sink);
}

#[test]
fn a_flood_of_one_user_costs_the_others_nothing_and_each_packet_is_kept_or_counted() {
    let Bench { tap, mut drain, gauge, _folder } = bench(8_192, &Limits::NONE);
    let (stop, mut fates) = (AtomicBool::new(false), Fates::default());
    let over = AtomicBool::new(false);
    let pushed = AtomicU64::new(0);
    let mut calm = vec![0_u64; USERS.into()];
    std::thread::scope(|scope| {
        let _stop = Off(&stop);
        let off = Off(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    push(&tap, 0, far(0), true);
                    pushed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let drainer = scope.spawn(|| slow(&mut drain, &mut fates, &stop, |_| ()));
        // the others call only once the flood is under way, and then at their leisure
        while gauge.read().ladder.loud() < Step::Counters {
            std::thread::yield_now();
        }
        for n in 0..1_500_u16 {
            let user = 1 + n % (USERS - 1);
            assert!(push(&tap, user, far(user), true), "a calm user finds no place");
            calm[usize::from(user)] += 1;
            assert!(n % 10 > 0 || note(&tap, n.into()), "a change finds no place");
            std::thread::sleep(Duration::from_micros(300));
        }
        drop(off);
        while gauge.read().ladder.rung() > 0 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Release);
        drainer.join().unwrap();
    });
    for user in 1..USERS {
        let fate = Fate { kept: [calm[usize::from(user)], 0, 0], ..Fate::default() };
        assert_eq!(fates.user(user), fate, "user {user}");
    }
    let loud = fates.user(0);
    assert_eq!(
        (loud.all(), fates.dropped),
        (pushed.into_inner(), 0),
        "each is his, kept or counted: {loud:?}"
    );
    assert!(loud.kept[0] > 0 && loud.kept[1] > 0 && loud.kept[2] > 0, "full, headers, summary: {loud:?}");
    assert!(loud.counted[0] > 0 && loud.counted[2] > 0, "counters, and the queue: {loud:?}");
    assert!(loud.lowered > 0);
    assert_eq!(fates.changes, (0..1_500).step_by(10).collect::<Vec<_>>(), "changes are all there, in order");
    let reading = gauge.read();
    assert_eq!(reading.counted, loud.counted[0]);
    assert_eq!(reading.lowered, loud.kept[1] + loud.kept[2]);
}

#[test]
fn overload_of_all_goes_step_by_step_and_ends_by_itself() {
    let reading = overload_of_all();
    let mut lines = LOG.lock().unwrap().remove(&std::thread::current().id()).unwrap_or_default();
    let step = |percent: u32, whose: &str, step: &str| {
        format!(
            "overload: the memory of the packet ring is {percent} % full; of {whose} users' packets is kept: {step}"
        )
    };
    let Reading { lowered, counted, .. } = reading;
    let want = [
        step(40, "the loudest", "headers"),
        step(50, "the loudest", "summary"),
        step(60, "the loudest", "counters"),
        step(80, "all", "headers"),
        step(88, "all", "summary"),
        step(95, "all", "counters"),
        format!(
            "the overload is over: {lowered} packets were kept at a lower detail, {counted} were only counted"
        ),
    ];
    lines.retain(|line| line.contains("overload"));
    assert_eq!(lines, want, "one line for each step, and one when it is over");
}

fn overload_of_all() -> Reading {
    let Bench { tap, mut drain, gauge, _folder } = bench(1 << 16, &Limits::NONE);
    let mut fates = Fates::default();
    let mut pushed = 0_u64;
    let mut turns = Vec::new();
    // a store whose seal is held up by its disk, and then goes on
    let memory = (0..=1_000).step_by(10).chain((0..1_000).rev().step_by(10));
    for (turn, full) in (0_u32..).zip(memory) {
        for user in 0..USERS {
            assert!(push(&tap, user, far(user), true));
            pushed += 1;
        }
        assert!(note(&tap, turn));
        drain.press(full, USERS.into());
        drain.round(NOW, &mut |caught| fates.take(&caught));
        let ladder = gauge.read().ladder;
        if turns.last() != Some(&ladder.rung()) {
            turns.push(ladder.rung());
        }
    }
    assert_eq!(turns, [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0]);
    for second in 1..10 {
        drain.round(NOW.plus(Duration::from_secs(second)), &mut |caught| fates.take(&caught));
    }
    drain.finish(NOW, &mut |caught| fates.take(&caught));
    assert_eq!(fates.changes.len(), 201, "state never");
    assert_eq!(fates.dropped, 0);
    assert_eq!((0..USERS).map(|user| fates.user(user).all()).sum::<u64>(), pushed);
    for user in 0..USERS {
        let fate = fates.user(user);
        assert_eq!(fate, fates.user(0), "all are alike");
        assert!(fate.kept.iter().all(|kept| *kept > 0) && fate.counted[0] > 0, "{fate:?}");
        assert_eq!((fate.counted[1], fate.counted[2]), (0, 0));
        assert!(fate.lowered > 0, "the page is told");
    }
    gauge.read()
}

#[test]
fn what_claims_to_be_a_users_is_bounded_counted_and_leaves_the_proven_whole() {
    let limits = Limits { claimed_packets: 100, claimed_bytes: 1 << 20, ..Limits::NONE };
    let Bench { tap, mut drain, gauge, _folder } = bench(1 << 16, &limits);
    let mut fates = Fates::default();
    let mut proven = 0;
    let mut sink = |caught: Caught<'_>| {
        if let Caught::Packet(packet) = &caught {
            proven += u64::from(packet.certainty == Certainty::Proven);
        }
        fates.take(&caught);
    };
    for _ in 0..20 {
        for n in 0..500 {
            assert!(push(&tap, 7, far(30_000 + n), false));
        }
        assert!(push(&tap, 7, far(7), true));
        assert!(push(&tap, 8, far(8), false));
        drain.round(NOW, &mut sink);
    }
    drain.finish(NOW, &mut sink);
    let (seven, eight) = (fates.user(7), fates.user(8));
    assert_eq!((seven.kept[0], seven.counted), (120, [0, 9_900, 0]));
    assert_eq!((eight.kept[0], eight.all()), (20, 20), "another user's claims");
    assert_eq!(proven, 20, "the proven ones are whole");
    assert_eq!((gauge.read().unproven, gauge.read().lowered), (9_900, 0));
}

#[test]
fn under_overload_what_nothing_proves_goes_first() {
    let Bench { tap, mut drain, gauge, _folder } = bench(1 << 16, &Limits::NONE);
    let mut fates = Fates::default();
    for _ in 0..30 {
        for user in 0..USERS {
            assert!(push(&tap, user, far(user), user % 2 == 0));
        }
        drain.press(700, USERS.into());
        drain.round(NOW, &mut |caught| fates.take(&caught));
    }
    assert_eq!((gauge.read().ladder.loud(), gauge.read().ladder.all()), (Step::Counters, Step::Full));
    drain.finish(NOW, &mut |caught| fates.take(&caught));
    for user in 0..USERS {
        let fate = fates.user(user);
        assert_eq!(fate.all(), 30);
        assert_eq!(fate.kept[0] == 30, user % 2 == 0, "user {user}: {fate:?}");
    }
}
