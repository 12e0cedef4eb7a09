//! Somebody's hand in the folder while the host runs: removed, moved, unlocked, made read-only.

use std::path::Path;
use std::time::Duration;

use usermon::abi::types::ERR_BUSY;

use crate::child::{self, part, wait};
use crate::full::{all_accounted_for, push_at, push_until};
use crate::mount::{Disk, can, run};
use crate::pbx::Pbx;
use crate::ring;

/// Opens a ring that has sealed files, and gives the number of the next packet.
fn with_sealed(folder: &Path, data: &Path) -> (Pbx, u64) {
    ring::make(data, 1_500);
    let pbx = Pbx::open(folder, data, "min_free_mib = 0").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mut next = 1_500;
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") >= 100);
    assert_eq!((pbx.alarm(), pbx.faults()), (String::new(), vec![]));
    assert!(pbx.count("segments") > 1);
    (pbx, next)
}

/// Takes the whole folder away with `take`: what was sealed is a gap of the right count, what was in memory is all there.
fn taken_away(folder: &Path, take: impl Fn(&Path)) {
    let data = folder.join("data");
    let (pbx, mut next) = with_sealed(folder, &data);
    take(&data.join("ring"));
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.alarm().contains("was removed by somebody"));
    let before = pbx.count("packets stored");
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") > before + 100);
    pbx.register(0, 1);
    let wall = pbx.wall();
    assert!(
        wall.contains("Storing packets:") && wall.contains("1,500 sealed") || wall.contains("1500 sealed")
    );
    assert!(wall.contains(">free<"), "the state goes on");
    assert_eq!(pbx.logged(1).len(), 1, "one line: {:?}", pbx.faults());
    assert!(pbx.faults()[0].contains("let nothing but usermon remove files there"), "{:?}", pbx.faults());
    assert_eq!((pbx.count("packets dropped"), pbx.count("packets lost")), (0, 0));
    drop(pbx);
    let found = ring::look(&data);
    assert_eq!(found.missing(), 1_500, "{:?}", found.gaps);
    assert!(found.packets.keys().copied().eq(1_500..next), "all that was not sealed is there");
}

#[test]
fn a_folder_that_is_removed_is_made_again_and_only_what_was_sealed_is_lost() {
    match part() {
        Some(folder) => taken_away(&folder, |ring| std::fs::remove_dir_all(ring).unwrap()),
        None => scenario("folder::a_folder_that_is_removed_is_made_again_and_only_what_was_sealed_is_lost"),
    }
}

#[test]
fn a_folder_that_is_moved_away_is_as_one_that_is_removed() {
    match part() {
        Some(folder) => {
            taken_away(&folder, |ring| std::fs::rename(ring, ring.with_extension("moved")).unwrap())
        }
        None => scenario("folder::a_folder_that_is_moved_away_is_as_one_that_is_removed"),
    }
}

fn scenario(name: &str) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    child::run(name, folder.path(), &[]);
}

#[test]
fn a_journal_that_is_removed_is_written_again() {
    let Some(folder) = part() else {
        return scenario("folder::a_journal_that_is_removed_is_written_again");
    };
    let data = folder.join("data");
    let (pbx, mut next) = with_sealed(&folder, &data);
    for entry in std::fs::read_dir(data.join("ring")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "log") {
            std::fs::remove_file(path).unwrap();
        }
    }
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.alarm().contains("journal was removed by somebody"));
    assert_eq!(pbx.logged(1).len(), 1, "one line: {:?}", pbx.faults());
    assert_eq!(pbx.count("packets lost"), 0);
    assert_eq!(all_accounted_for(pbx, &data, next), 0);
}

#[test]
fn a_lock_that_is_removed_lets_nobody_else_in() {
    let Some(folder) = part() else {
        return scenario("folder::a_lock_that_is_removed_lets_nobody_else_in");
    };
    let data = folder.join("data");
    let (pbx, _) = with_sealed(&folder, &data);
    let lock = data.join("ring/lock");
    std::fs::remove_file(&lock).unwrap();
    wait("a lock again", || lock.exists() && !pbx.alarm().is_empty());
    let (status, faults) = Pbx::open(&folder, &data, "").err().expect("a second one");
    assert_eq!(status, ERR_BUSY);
    assert!(faults[0].contains("another process keeps its packets there"), "{faults:?}");
    assert!(faults[0].contains(data.to_str().unwrap()), "{faults:?}");
}

#[test]
fn a_folder_that_is_made_read_only_costs_no_packet() {
    let Some(folder) = part() else {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        if can("a read-only folder", &["mkfs.ext4", "mount", "chattr"]) {
            let _disk = Disk::ext4(&folder.path().join("disk"), &folder.path().join("image"), 64);
            child::run("folder::a_folder_that_is_made_read_only_costs_no_packet", folder.path(), &[]);
        }
        return;
    };
    let data = folder.join("disk/data");
    let pbx = Pbx::open(&folder, &data, "min_free_mib = 0\nseal_mib = 4")
        .unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mut next = 0;
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") >= 100);
    let ring = data.join("ring");
    run("chattr", &["+i", ring.to_str().unwrap()]);
    push_until(&pbx, &mut next, Duration::ZERO, || !pbx.alarm().is_empty());
    let slow = Duration::from_millis(20);
    push_at(slow, &pbx, &mut next, Duration::from_secs(6), || true);
    let alarm = pbx.alarm();
    assert!(alarm.contains(ring.to_str().unwrap()) && alarm.contains("chattr -i"), "{alarm}");
    assert!(pbx.wall().contains("Storing packets:"));
    assert_eq!(pbx.logged(1).len(), 1, "one line: {:?}", pbx.faults());
    run("chattr", &["-i", ring.to_str().unwrap()]);
    push_at(slow, &pbx, &mut next, Duration::ZERO, || pbx.alarm().is_empty());
    assert_eq!(all_accounted_for(pbx, &data, next), 0);
}
