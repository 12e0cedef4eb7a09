//! Breaks when merging segments loses, repeats or reorders a record, at any kill, for any reader, or merges too much.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Change, Direction, DumpDetail, Sticker, Transport, UserKey};
use usermon::store::record::{Attribution, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

fn options() -> Options {
    Options { min_free_bytes: 0, ..Options::default() }
}

fn record(user: &str, time: i64, n: usize) -> Record {
    let time = Timestamp(time);
    let payload = if n.is_multiple_of(7) {
        Payload::Change(Change::Sticker { sticker: Sticker::Busy, calls: u32::try_from(n).unwrap() })
    } else {
        Payload::Packet(Packet {
            direction: Direction::Out,
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            far: "192.0.2.7:5060".parse().unwrap(),
            detail: DumpDetail::Full,
            attribution: Attribution::Proven,
            cut: false,
            unsure: false,
            original_len: 900,
            endpoint: user.into(),
            linked: format!("call-{n}").into(),
            bytes: format!("INVITE sip:{user}-{n} SIP/2.0\r\n").into_bytes().into(),
        })
    };
    Record { seq: 0, time, user: Arc::new(UserKey::new("acme", user)), payload }
}

/// Seals `count` segments, five minutes apart, of a few users.
fn fill(store: &Store, clock: &Clock, count: usize) -> Vec<Record> {
    let mut all = Vec::new();
    for n in 0..count {
        let now = clock.now().0;
        let one = |i: usize| {
            let late = i64::try_from(i % 3).unwrap() * MINUTE;
            record(["anna", "bert", "carl", "dora"][i % 4], now - late, n * 50 + i)
        };
        let mut records: Vec<Record> = (0..50).map(one).collect();
        store.append(&mut records).unwrap();
        all.extend(records);
        store.seal().unwrap();
        clock.set(Timestamp(now + 5 * MINUTE));
    }
    all
}

fn check(store: &Store, all: &[Record]) {
    for user in ["anna", "bert", "carl", "dora"] {
        let key = UserKey::new("acme", user);
        let mut expected: Vec<Record> = all.iter().filter(|r| *r.user == key).cloned().collect();
        expected.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
        assert_eq!(store.read(&Query::newest(&key, usize::MAX)).unwrap(), expected, "{user}");
        let page = store.read(&Query::newest(&key, 10)).unwrap();
        assert_eq!(page, expected[..expected.len().min(10)], "{user}");
    }
    let status = store.status();
    assert_eq!((status.records, status.damaged, status.alarm), (all.len() as u64, 0, None));
}

fn files(ring: &Path, ending: &str) -> usize {
    let names = std::fs::read_dir(ring).unwrap().map(|e| e.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().ends_with(ending)).count()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn sixteen_neighbours_become_one_and_nothing_changes_for_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = Store::open(dir.path(), options(), clock.clone()).unwrap();
    store.maintain(&two_days).unwrap();
    let all = fill(&store, &clock, 15);
    store.maintain(&two_days).unwrap();
    assert_eq!(store.status().segments, 15, "fifteen stay");
    let all = [all, fill(&store, &clock, 20)].concat();
    for _ in 0..8 {
        store.maintain(&two_days).unwrap();
        check(&store, &all);
    }
    assert_eq!(store.status().segments, 2 + 3);
    assert_eq!((files(dir.path(), ".seg"), files(dir.path(), ".tmp")), (5, 0));
    store.close().unwrap();
    let store = Store::open(dir.path(), options(), clock).unwrap();
    store.maintain(&two_days).unwrap();
    check(&store, &all);
}

#[test]
fn a_merged_segment_spans_at_most_a_sixteenth_of_the_retention() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = Store::open(dir.path(), options(), clock.clone()).unwrap();
    let eight_hours = |_: &str| Duration::from_hours(8);
    store.maintain(&eight_hours).unwrap();
    let mut all = Vec::new();
    for _ in 0..20 {
        all.extend(fill(&store, &clock, 4));
        store.maintain(&eight_hours).unwrap();
    }
    check(&store, &all);
    // half an hour holds six of them
    let segments = store.status().segments;
    assert!((80 / 7..=80 / 5).contains(&segments), "{segments}");
}

#[test]
fn after_a_kill_between_the_new_segment_and_the_removal_of_the_old_ones_each_record_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let (ring, before) = (dir.path().join("ring"), dir.path().join("before"));
    let clock = Clock::fixed(Timestamp(START));
    let store = Store::open(&ring, options(), clock.clone()).unwrap();
    let all = fill(&store, &clock, 16);
    copy(&ring, &before);
    store.maintain(&two_days).unwrap();
    assert_eq!(store.status().segments, 1);
    drop(store);
    let old: Vec<_> = std::fs::read_dir(&before).unwrap().map(|e| e.unwrap().path()).collect();
    // any of the old files may still be there
    for left in 0..=old.len() {
        let killed = dir.path().join(format!("killed-{left}"));
        copy(&ring, &killed);
        for path in old.iter().take(left) {
            let is_segment = path.extension().is_some_and(|ending| ending == "seg");
            if is_segment {
                std::fs::copy(path, killed.join(path.file_name().unwrap())).unwrap();
            }
        }
        let store = Store::open(&killed, options(), Clock::fixed(clock.now())).unwrap();
        check(&store, &all);
        assert_eq!(files(&killed, ".seg"), 1, "{left}");
        store.maintain(&two_days).unwrap();
        check(&store, &all);
    }
    // killed before the new one had its name: the old ones count
    let killed = dir.path().join("unfinished");
    copy(&before, &killed);
    for entry in std::fs::read_dir(&ring).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "seg") {
            std::fs::copy(&path, killed.join(path.with_extension("tmp").file_name().unwrap())).unwrap();
        }
    }
    let store = Store::open(&killed, options(), Clock::fixed(clock.now())).unwrap();
    check(&store, &all);
    assert_eq!((files(&killed, ".seg"), files(&killed, ".tmp")), (16, 0));
}

#[test]
fn pages_that_read_during_merges_see_each_record_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = Store::open(dir.path(), options(), clock.clone()).unwrap();
    store.maintain(&two_days).unwrap();
    let all = fill(&store, &clock, 6);
    let oldest: Vec<(i64, u64)> =
        all.iter().filter(|r| *r.user.user == *"anna").map(|r| (r.time.0, r.seq)).collect();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let key = UserKey::new("acme", "anna");
                    let mut rounds = 0;
                    while !ended.load(Ordering::Relaxed) || rounds == 0 {
                        let got = store.read(&Query::newest(&key, usize::MAX)).unwrap();
                        let keys: Vec<_> = got.iter().rev().map(|r| (r.time.0, r.seq)).collect();
                        assert!(keys.is_sorted_by(|a, b| a < b), "twice or out of order");
                        assert!(oldest.iter().all(|key| keys.contains(key)), "one is missing");
                        assert!(got.iter().all(|r| !matches!(r.payload, Payload::Gap(_))));
                        rounds += 1;
                    }
                })
            })
            .collect();
        for _ in 0..25 {
            fill(&store, &clock, 4);
            store.maintain(&two_days).unwrap();
        }
        ended.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    store.maintain(&two_days).unwrap();
    assert!(store.status().segments < 22);
    assert_eq!(files(dir.path(), ".seg"), store.status().segments, "nothing is left behind");
}

#[test]
fn a_damaged_segment_is_not_merged() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = Store::open(dir.path(), options(), clock.clone()).unwrap();
    store.maintain(&two_days).unwrap();
    let all = fill(&store, &clock, 18);
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    names.sort();
    let mut bytes = std::fs::read(&names[1]).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&names[1], bytes).unwrap();
    for _ in 0..4 {
        store.maintain(&two_days).unwrap();
    }
    assert!(names[1].exists());
    assert_eq!(store.status().segments, 3, "the first, the damaged one, sixteen in one");
    let got = store.read(&Query::newest(&UserKey::new("acme", "anna"), usize::MAX)).unwrap();
    let gaps = got.iter().filter(|r| matches!(r.payload, Payload::Gap(_))).count();
    let of_anna = all.iter().filter(|r| *r.user.user == *"anna").count();
    assert_eq!((gaps, got.len()), (1, of_anna - 13 + 1));
}

/// Sixteen segments with more bytes than one turn rewrites.
fn fill_large(store: &Store, clock: &Clock) -> Vec<Record> {
    let mut all = Vec::new();
    for n in 0..16 {
        let now = clock.now().0;
        let large = |i: usize| {
            let mut record = record(["anna", "bert"][i % 2], now, n * 100 + i * 7 + 1);
            if let Payload::Packet(packet) = &mut record.payload {
                packet.bytes = vec![b'x'; 200 * 1024].into();
            }
            record
        };
        let mut records: Vec<Record> = (0..15).map(large).collect();
        store.append(&mut records).unwrap();
        all.extend(records);
        store.seal().unwrap();
        clock.set(Timestamp(now + MINUTE));
    }
    all
}

#[test]
fn a_large_merge_takes_several_turns_and_is_given_up_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = Store::open(dir.path(), options(), clock.clone()).unwrap();
    let all = fill_large(&store, &clock);
    store.maintain(&two_days).unwrap();
    assert_eq!((store.status().segments, files(dir.path(), ".tmp")), (16, 1), "half-way");
    check(&store, &all);
    store.close().unwrap();
    assert_eq!((files(dir.path(), ".seg"), files(dir.path(), ".tmp")), (16, 0));
    drop(store);
    let store = Store::open(dir.path(), options(), clock.clone()).unwrap();
    store.maintain(&two_days).unwrap();
    drop(store);
    assert_eq!(files(dir.path(), ".tmp"), 1, "killed half-way");
    let store = Store::open(dir.path(), options(), clock).unwrap();
    check(&store, &all);
    for _ in 0..3 {
        store.maintain(&two_days).unwrap();
        check(&store, &all);
    }
    assert_eq!((store.status().segments, files(dir.path(), ".tmp")), (1, 0));
}
