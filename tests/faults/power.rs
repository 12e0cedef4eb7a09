//! A power cut at any moment: nothing older than five seconds is lost.

use std::time::Duration;

use crate::child::wait;
use crate::kill::{BUSY, Dice, start};
use crate::mount::{Disk, can};
use crate::pbx::now;
use crate::ring::{self, History};

/// Chains of rounds that run at once, each on a disk of its own.
const CHAINS: u64 = 4;
const ROUNDS: u64 = 3;

fn chain(chain: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mount = folder.path().join("disk");
    let disk = Disk::ext4(&mount, &folder.path().join("image"), 128);
    let (told, data) = (folder.path().join("told"), mount.join("data"));
    let mut dice = Dice(chain + 100);
    // with seals all the time, and with none
    let store = if chain.is_multiple_of(2) { BUSY } else { "min_free_mib = 0" };
    ring::make(&data, 100);
    let mut history = History::of(ring::look(&data));
    let (mut worst, mut told_of) = (Duration::ZERO, Vec::new());
    for round in 0..ROUNDS {
        let before = ring::told_lines(&told);
        let mut victim = start(folder.path(), &data, store, history.next);
        wait("the first packet", || ring::told_lines(&told) > before);
        let until = now() + i64::try_from(5_200_000 + dice.throw(2_500_000)).unwrap();
        while now() < until {
            std::thread::sleep(Duration::from_micros(dice.throw(3_000)));
        }
        let fault = now();
        disk.cut_power((chain / 2 + round).is_multiple_of(2));
        victim.kill();
        disk.mount_again();
        let found = ring::look(&data);
        let lost = history.hold(&found, &told, fault, Duration::from_secs(5));
        // what was on its way to the disk may have holes: they lie within the five seconds too
        for gap in found.damage() {
            let is_new = gap.from.0 > fault - 5_000_000;
            assert!(is_new || told_of.contains(&gap.from), "round {round}: {gap:?}");
            told_of.push(gap.from);
        }
        worst = worst.max(lost);
    }
    println!("chain {chain}: {ROUNDS} power cuts, the oldest loss {worst:?}");
}

#[test]
fn after_a_power_cut_nothing_older_than_five_seconds_is_lost() {
    if !can("a power cut", &["mkfs.ext4", "xfs_io", "mount"]) {
        return;
    }
    std::thread::scope(|scope| {
        let chains: Vec<_> = (0..CHAINS).map(|n| scope.spawn(move || chain(n))).collect();
        chains.into_iter().for_each(|chain| chain.join().unwrap());
    });
}
