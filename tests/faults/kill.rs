//! `kill -9` at any moment: nothing older than a second is lost.

use std::path::Path;
use std::time::Duration;

use crate::child::{Victim, part, wait};
use crate::pbx::{Pbx, now};
use crate::ring::{self, History};

/// Small, so that sealing and retention by bytes go on all the time.
pub(crate) const BUSY: &str = "min_free_mib = 0\nmax_mib = 16\nseal_mib = 1";
/// Chains of rounds that run at once, each in a folder of its own.
const CHAINS: u64 = 4;
const ROUNDS: u64 = 25;

/// A sequence that looks random.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `below`.
    pub(crate) fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// The host process of this file and of `power`: pushes until it is ended. Does nothing in a run of all tests.
#[test]
fn writer() {
    let Some(folder) = part() else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let data = variable("USERMON_FAULT_DATA");
    let store = variable("USERMON_FAULT_STORE");
    let first = variable("USERMON_FAULT_FIRST").parse().unwrap();
    let pbx = Pbx::open(&folder, Path::new(&data), &store).unwrap_or_else(|wrong| panic!("open: {wrong:?}"));
    ring::write(&pbx, &folder.join("told"), first);
}

/// Starts the host process.
pub(crate) fn start(folder: &Path, data: &Path, store: &str, first: u64) -> Victim {
    let environment = [
        ("USERMON_FAULT_DATA", data.to_str().unwrap().to_owned()),
        ("USERMON_FAULT_STORE", store.to_owned()),
        ("USERMON_FAULT_FIRST", first.to_string()),
    ];
    Victim::start("kill::writer", folder, &environment)
}

fn chain(chain: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (told, data) = (folder.path().join("told"), folder.path().join("data"));
    let mut dice = Dice(chain);
    // so many that the budget is soon used up
    ring::make(&data, 8_000);
    let mut history = History::of(ring::look(&data));
    let (mut worst, mut slowest, mut sealed) = (Duration::ZERO, Duration::ZERO, 0);
    for round in 0..ROUNDS {
        let before = ring::told_lines(&told);
        let mut victim = start(folder.path(), &data, BUSY, history.next);
        if dice.throw(5) == 0 {
            // while it opens and recovers, or just after
            std::thread::sleep(Duration::from_millis(dice.throw(400)));
        } else {
            wait("the first packet", || ring::told_lines(&told) > before);
            let until = now() + i64::try_from(1_020_000 + dice.throw(400_000)).unwrap();
            while now() < until {
                std::thread::sleep(Duration::from_micros(dice.throw(3_000)));
            }
        }
        let fault = now();
        victim.kill();
        let found = ring::look(&data);
        let lost = history.hold(&found, &told, fault, Duration::from_secs(1));
        assert_eq!(found.damage().next(), None, "round {round}");
        assert_eq!((found.status.damaged, found.status.alarm), (0, None), "round {round}");
        worst = worst.max(lost);
        slowest = slowest.max(found.opening);
        sealed = sealed.max(found.status.segments);
    }
    assert!(history.removed[0] > 0 && sealed > 2, "sealing and retention went on: {sealed}");
    println!("chain {chain}: {ROUNDS} kills, the oldest loss {worst:?}, the slowest recovery {slowest:?}");
}

#[test]
fn after_a_hundred_kills_nothing_older_than_a_second_is_lost() {
    std::thread::scope(|scope| {
        let chains: Vec<_> = (0..CHAINS).map(|n| scope.spawn(move || chain(n))).collect();
        chains.into_iter().for_each(|chain| chain.join().unwrap());
    });
}
