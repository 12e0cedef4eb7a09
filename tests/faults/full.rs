//! A disk that is full, and has room again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use usermon::store::record::{Gap, GapCause};

use crate::child::{self, part};
use crate::mount::{Disk, can};
use crate::pbx::Pbx;
use crate::ring;

/// Runs a test of this file in a process of its own, with `disk` in its folder.
fn scenario(name: &str, what: &str) {
    if can(what, &["mount"]) {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let _disk = Disk::in_memory(&folder.path().join("disk"), 24);
        child::run(name, folder.path(), &[]);
    }
}

/// Fills the disk, but for `left` bytes.
fn fill(disk: &Path, left: u64) {
    let mut file = File::create(disk.join("other")).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
    let size = file.metadata().unwrap().len();
    file.set_len(size - left).unwrap();
}

/// Pushes packets until `done` holds, at least `span` long.
pub(crate) fn push_until(pbx: &Pbx, next: &mut u64, span: Duration, done: impl Fn() -> bool) {
    push_at(Duration::from_millis(1), pbx, next, span, done);
}

/// The same, with `pace` between two packets.
pub(crate) fn push_at(pace: Duration, pbx: &Pbx, next: &mut u64, span: Duration, done: impl Fn() -> bool) {
    let began = Instant::now();
    while began.elapsed() < span || !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?} {:?}", pbx.alarm(), pbx.faults());
        pbx.push(*next);
        *next += 1;
        std::thread::sleep(pace);
    }
}

/// Ends the host: each of the `pushed` packets is in the ring, or counted in a gap. Gives how many are in gaps that
/// are not of overload.
pub(crate) fn all_accounted_for(pbx: Pbx, data: &Path, pushed: u64) -> u64 {
    let lost = pbx.count("packets lost");
    drop(pbx);
    let found = ring::look(data);
    let missing = found.missing();
    assert_eq!(found.packets.len() as u64 + missing, pushed, "{:?}", found.gaps);
    assert!(missing >= lost, "{missing} in gaps, {lost} lost");
    let is_overload = |gap: &&Gap| matches!(gap.cause, GapCause::Overload | GapCause::QueueFull);
    missing - found.gaps.iter().filter(is_overload).map(|gap| gap.packets).sum::<u64>()
}

/// Full in the middle of the work: said once in the log and on the page, the state goes on, storing resumes by itself,
/// and the gap has the right count.
fn full_and_back(folder: &Path, store: &str, left: u64, says: &str) {
    let disk = folder.join("disk");
    let data = disk.join("data");
    let pbx = Pbx::open(folder, &data, store).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let mut next = 0;
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") > 100);
    assert_eq!((pbx.alarm(), pbx.faults()), (String::new(), vec![]));
    fill(&disk, left);
    push_until(&pbx, &mut next, Duration::ZERO, || !pbx.alarm().is_empty());
    // longer than it waits before it tries again
    push_until(&pbx, &mut next, Duration::from_secs(6), || pbx.count("packets lost") > 0);
    let alarm = pbx.alarm();
    assert!(alarm.contains(disk.to_str().unwrap()) && alarm.contains(says), "{alarm}");
    assert!(alarm.contains("not stored") && alarm.contains("free some of the disk"), "{alarm}");
    assert_eq!(pbx.logged(1).len(), 1, "one line: {:?}", pbx.faults());
    assert!(pbx.faults()[0].contains("free some of the disk"), "{:?}", pbx.faults());
    pbx.register(0, 1);
    let wall = pbx.wall();
    assert!(wall.contains("Storing packets:") && wall.contains("free some of the disk"), "the page says so");
    assert!(wall.contains(">free<"), "the state goes on");
    std::fs::remove_file(disk.join("other")).unwrap();
    // the page says where packets are missing; looked at before so many others come that it is on the next one
    push_at(Duration::from_millis(20), &pbx, &mut next, Duration::ZERO, || {
        pbx.diagnostics(0).contains(">Gap<")
    });
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.alarm().is_empty());
    let before = pbx.count("packets stored");
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") > before + 100);
    assert!(!pbx.wall().contains("Storing packets:"), "the alarm is gone");
    assert_eq!(pbx.logged(1).len(), 1, "one line: {:?}", pbx.faults());
    let over = pbx.lines().iter().filter(|line| line.contains("stored again")).count();
    assert_eq!(over, 1, "{:?}", pbx.lines());
    all_accounted_for(pbx, &data, next);
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_and_back() {
    match part() {
        Some(folder) => full_and_back(&folder, "min_free_mib = 0", 0, "No space left"),
        None => scenario("full::a_disk_that_is_full_to_the_last_byte_and_back", "a full disk"),
    }
}

#[test]
fn a_disk_below_the_floor_and_back() {
    match part() {
        Some(folder) => full_and_back(&folder, "min_free_mib = 4", 2 << 20, "less than 4 MiB"),
        None => scenario("full::a_disk_below_the_floor_and_back", "a disk below the floor"),
    }
}

#[test]
fn a_start_on_a_full_disk_has_a_wall_and_stores_when_there_is_room() {
    let Some(folder) = part() else {
        let name = "full::a_start_on_a_full_disk_has_a_wall_and_stores_when_there_is_room";
        return scenario(name, "a start on a full disk");
    };
    let disk = folder.join("disk");
    let data = disk.join("data");
    let open = || Pbx::open(&folder, &data, "min_free_mib = 0").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let pbx = open();
    let mut next = 0;
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") > 100);
    drop(pbx);
    fill(&disk, 0);
    let pbx = open();
    // what the last run left and this one does not need makes a little room
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.alarm().contains("free some of the disk"));
    assert!(pbx.wall().contains("Storing packets:"));
    push_until(&pbx, &mut next, Duration::from_secs(6), || pbx.count("packets lost") > 10);
    let over = || pbx.lines().iter().filter(|line| line.contains("stored again")).count();
    assert_eq!(pbx.logged(over() + 1).len(), over() + 1, "one line each time: {:?}", pbx.lines());
    std::fs::remove_file(disk.join("other")).unwrap();
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.alarm().is_empty());
    let before = pbx.count("packets stored");
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") > before + 100);
    all_accounted_for(pbx, &data, next);
}
