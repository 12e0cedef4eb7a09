//! Breaks when a clock that is set, forwards or back, makes the ring delete too early or keep for ever.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use usermon::clock::{Clock, Timestamp};
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::store::record::{Attribution, Packet, Payload, Record};
use usermon::store::{Options, Purge, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const RETENTION: i64 = 48 * HOUR;

#[derive(Debug, Clone)]
enum Step {
    /// Some hours of packets, one each twenty minutes, with the seal thread at work.
    Run(i64),
    /// Somebody sets the clock by so much.
    Jump(i64),
    /// The process stops and starts again; no time passes.
    Restart,
    /// The same, by a kill.
    Kill,
    /// A user's packets are purged, so that everything is written again.
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let jump = prop_oneof![Just(30 * DAY), Just(-30 * DAY), Just(HOUR), Just(-HOUR), -3 * HOUR..3 * HOUR];
    prop_oneof![
        5 => (1i64..14).prop_map(Step::Run),
        2 => jump.prop_map(Step::Jump),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
        1 => Just(Step::Purge),
    ]
}

fn packet(user: &str, time: Timestamp, n: u64) -> Record {
    let payload = Payload::Packet(Packet {
        direction: Direction::In,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        far: "192.0.2.7:5060".parse().unwrap(),
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: 9,
        endpoint: "".into(),
        linked: "".into(),
        bytes: n.to_be_bytes().into(),
    });
    Record { seq: 0, time, user: Arc::new(UserKey::new("acme", user)), payload }
}

struct World {
    dir: tempfile::TempDir,
    clock: Clock,
    store: Store,
    /// Time that has really passed.
    passed: i64,
    /// When each packet of `anna` was stored, in time that has really passed.
    stored: Vec<i64>,
}

fn open(dir: &std::path::Path, clock: &Clock) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(dir, options, clock.clone()).unwrap()
}

impl World {
    fn new() -> Self {
        // in memory, where there is some: thousands of syncs
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let clock = Clock::fixed(Timestamp(START));
        let store = open(dir.path(), &clock);
        Self { dir, clock, store, passed: 0, stored: Vec::new() }
    }

    fn maintain(&self) {
        self.store.maintain(&|_| Duration::from_micros(RETENTION.unsigned_abs())).unwrap();
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        let n = self.stored.len() as u64;
        self.store.append(&mut [packet("anna", now, n), packet("bert", now, n)]).unwrap();
        self.stored.push(self.passed);
        self.maintain();
        self.clock.set(Timestamp(now.0 + 20 * MINUTE));
        self.passed += 20 * MINUTE;
        self.maintain();
    }

    /// A restart; the wall clock is what it was.
    fn restart(&mut self, kill: bool) {
        self.store.flush().unwrap();
        if !kill {
            self.store.close().unwrap();
        }
        self.clock = Clock::fixed(self.clock.now());
        let options = Options { min_free_bytes: 0, ..Options::default() };
        let empty = tempfile::tempdir().unwrap();
        let other = Store::open(empty.path(), options, self.clock.clone()).unwrap();
        // the old one lets go of the folder first
        drop(std::mem::replace(&mut self.store, other));
        self.store = open(self.dir.path(), &self.clock);
        self.maintain();
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let anna = UserKey::new("acme", "anna");
        let query = Query::newest(&anna, usize::MAX);
        let numbers: Vec<u64> = self
            .store
            .read(&query)
            .unwrap()
            .iter()
            .filter_map(|r| match &r.payload {
                Payload::Packet(packet) => Some(u64::from_be_bytes((*packet.bytes).try_into().unwrap())),
                _ => None,
            })
            .collect();
        for (n, stored) in self.stored.iter().enumerate() {
            let age = self.passed - stored;
            // a restart may cost what the last file does not tell: one seal interval
            if age < RETENTION - 25 * MINUTE {
                prop_assert!(numbers.contains(&(n as u64)), "deleted early: {n}, {} min old", age / MINUTE);
            }
        }
        // time that a restart can't know of is at most what lies between two files
        let slack = 3 * HOUR;
        for n in numbers {
            let age = self.passed - self.stored[usize::try_from(n).unwrap()];
            prop_assert!(age <= RETENTION + slack, "kept too long: {n}, {} h old", age / HOUR);
        }
        Ok(())
    }
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    world.maintain();
    for step in steps {
        match step {
            Step::Run(hours) => {
                for _ in 0..hours * 3 {
                    world.tick();
                }
            }
            Step::Jump(by) => {
                world.clock.jump(Timestamp(world.clock.now().0 + by));
                world.maintain();
            }
            Step::Restart => world.restart(false),
            Step::Kill => world.restart(true),
            Step::Purge => {
                let (company, user) = ("acme".into(), Some("bert".into()));
                world.store.purge(Purge { company, user, above: None, leaves_gap: false }).unwrap();
                world.maintain();
            }
        }
        world.check()?;
    }
    // and in the end everything goes
    let until = world.stored.len();
    for _ in 0..3 * 53 {
        world.tick();
    }
    let anna = UserKey::new("acme", "anna");
    let query = Query::newest(&anna, usize::MAX);
    let oldest = world.store.read(&query).unwrap().last().cloned();
    let Some(Payload::Packet(packet)) = oldest.map(|r| r.payload) else { panic!("nothing is kept") };
    let oldest = u64::from_be_bytes((*packet.bytes).try_into().unwrap());
    prop_assert!(usize::try_from(oldest).unwrap() >= until, "{oldest} of {until} is kept for ever");
    prop_assert_eq!((world.store.status().damaged, world.store.status().alarm), (0, None));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_deleted_early_and_nothing_is_kept_for_ever(steps in prop::collection::vec(step(), 1..16)) {
        run(&steps)?;
    }
}

#[test]
fn a_month_forwards_and_back_and_an_hour() {
    let day = || Step::Run(24);
    for jumps in [[30 * DAY, -30 * DAY], [-30 * DAY, 30 * DAY], [HOUR, -HOUR], [-HOUR, HOUR]] {
        for restart in [None, Some(Step::Restart), Some(Step::Kill)] {
            let mut steps = vec![day(), Step::Jump(jumps[0]), Step::Run(3)];
            steps.extend(restart.clone());
            steps.extend([Step::Purge, Step::Run(20), Step::Jump(jumps[1])]);
            steps.extend(restart);
            steps.push(day());
            run(&steps).unwrap();
        }
    }
}
