//! Breaks when retention by time or bytes, or the fair share, takes what it must not, or leaves what it must not.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Change, Direction, DumpDetail, Sticker, Transport, UserKey};
use usermon::store::record::{Attribution, GapCause, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

/// Bytes that do not compress, so that sizes can be reckoned.
fn noise(seed: usize, length: usize) -> Box<[u8]> {
    let mut state = (seed as u64 * 2 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[7]
    };
    (0..length).map(next).collect()
}

fn packet(company: &str, user: &str, time: i64, n: usize) -> Record {
    let payload = Payload::Packet(Packet {
        direction: Direction::In,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        far: "192.0.2.7:5060".parse().unwrap(),
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: 900,
        endpoint: user.into(),
        linked: "".into(),
        bytes: noise(n, 500),
    });
    Record { seq: 0, time: Timestamp(time), user: Arc::new(UserKey::new(company, user)), payload }
}

fn change(company: &str, user: &str, time: i64) -> Record {
    let payload = Payload::Change(Change::Sticker { sticker: Sticker::Busy, calls: 1 });
    Record { seq: 0, time: Timestamp(time), user: Arc::new(UserKey::new(company, user)), payload }
}

fn all(store: &Store, company: &str, user: &str) -> Vec<Record> {
    store.read(&Query::newest(&UserKey::new(company, user), usize::MAX)).unwrap()
}

fn packets(records: &[Record]) -> Vec<&Record> {
    records.iter().filter(|r| matches!(r.payload, Payload::Packet(_))).collect()
}

/// Packets that gaps of the fair share tell of.
fn told(records: &[Record]) -> u64 {
    let of = |r: &Record| match r.payload {
        Payload::Gap(gap) if gap.cause == GapCause::Share => gap.packets,
        _ => 0,
    };
    records.iter().map(of).sum()
}

fn size(ring: &Path) -> u64 {
    std::fs::read_dir(ring).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn one_loud_phone_does_not_use_up_the_others_two_days() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let options = Options { min_free_bytes: 0, max_bytes: 4 << 20, ..Options::default() };
    let store = Store::open(dir.path(), options.clone(), clock.clone()).unwrap();
    store.maintain(&two_days).unwrap();
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    for round in 0..94 {
        let now = clock.now().0;
        let mut records = Vec::new();
        for user in 0..5 {
            records.push(packet("acme", &format!("quiet-{user}"), now, round * 1000 + user));
        }
        // fifty times as much as all the others together
        records.extend((0..250).map(|n| packet("acme", "loud", now + n, round * 1000 + 10 + n as usize)));
        records.push(change("acme", "loud", now));
        store.append(&mut records).unwrap();
        let (his, theirs): (Vec<_>, Vec<_>) = records.into_iter().partition(|r| *r.user.user == *"loud");
        quiet.extend(theirs);
        loud.extend(his);
        store.seal().unwrap();
        store.maintain(&two_days).unwrap();
        assert!(size(dir.path()) <= options.max_bytes, "round {round}: {}", size(dir.path()));
        clock.set(Timestamp(now + HOUR / 2));
    }
    for user in 0..5 {
        let key = format!("quiet-{user}");
        let mut whole: Vec<Record> = quiet.iter().filter(|r| *r.user.user == *key).cloned().collect();
        whole.reverse();
        assert_eq!(all(&store, "acme", &key), whole, "their two days are whole");
    }
    let his = all(&store, "acme", "loud");
    let kept = packets(&his);
    assert!(kept.len() > 2000, "{} of his newest remain", kept.len());
    let mut newest = packets(&loud);
    newest.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
    assert_eq!(kept, newest[..kept.len()], "the newest, and no others");
    assert_eq!(told(&his) + kept.len() as u64, newest.len() as u64, "each that went is told of");
    let gaps = his.iter().filter(|r| matches!(r.payload, Payload::Gap(_))).count();
    assert!(gaps < 94, "{gaps} lines of gaps");
    let changes = his.iter().filter(|r| matches!(r.payload, Payload::Change(_))).count();
    assert_eq!(changes, 94, "what the wall showed is never taken");
    let status = store.status();
    assert_eq!((status.damaged, status.alarm), (0, None));
}

#[test]
fn when_nobody_is_loud_the_oldest_segments_go_whole() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let options = Options { min_free_bytes: 0, max_bytes: 1 << 20, ..Options::default() };
    let store = Store::open(dir.path(), options.clone(), clock.clone()).unwrap();
    store.maintain(&two_days).unwrap();
    let mut count = 0;
    for round in 0..40 {
        let now = clock.now().0;
        let one = |n: usize| packet("acme", &format!("user-{}", n % 8), now, round * 1000 + n);
        store.append(&mut (0..100).map(one).collect::<Vec<_>>()).unwrap();
        count += 100;
        store.seal().unwrap();
        store.maintain(&two_days).unwrap();
        assert!(size(dir.path()) <= options.max_bytes);
        clock.set(Timestamp(now + HOUR / 2));
    }
    let left: Vec<Record> = (0..8).flat_map(|n| all(&store, "acme", &format!("user-{n}"))).collect();
    assert_eq!(told(&left), 0);
    assert!(left.len() > 1000 && left.len() < count, "{}", left.len());
    let oldest = left.iter().map(|r| r.time).min().unwrap();
    let newest = clock.now();
    let span = usize::try_from((newest.0 - oldest.0) / (HOUR / 2)).unwrap();
    assert_eq!(left.len(), span * 100, "no holes");
}

#[test]
fn a_company_over_its_share_of_the_disk_loses_its_own_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let store = Store::open(dir.path(), options, clock.clone()).unwrap();
    store.limit(HashMap::from([("acme".into(), 300_000)]));
    store.maintain(&two_days).unwrap();
    let mut records = Vec::new();
    for round in 0..30 {
        let now = clock.now().0;
        let mut batch = Vec::new();
        for n in 0..20 {
            batch.push(packet("acme", "loud", now + n, round * 1000 + n as usize));
            batch.push(packet("bolt", "anna", now + n, round * 1000 + 100 + n as usize));
        }
        batch.push(packet("acme", "quiet", now, round * 1000 + 999));
        store.append(&mut batch).unwrap();
        records.extend(batch);
        store.seal().unwrap();
        clock.set(Timestamp(now + 10 * MINUTE));
        store.maintain(&two_days).unwrap();
    }
    let bolt = all(&store, "bolt", "anna");
    assert_eq!(packets(&bolt).len(), 600, "another company's are untouched");
    assert_eq!(packets(&all(&store, "acme", "quiet")).len(), 30, "so are its quiet users'");
    let his = all(&store, "acme", "loud");
    let kept = packets(&his).len();
    assert!((350..570).contains(&kept), "{kept} of about 550");
    assert_eq!(told(&his), 600 - kept as u64);
}

#[test]
fn a_company_with_a_shorter_retention_is_really_removed() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let store = Store::open(dir.path(), options, clock.clone()).unwrap();
    let retention =
        |company: &str| if company == "brief" { Duration::from_hours(2) } else { Duration::from_hours(48) };
    store.maintain(&retention).unwrap();
    for round in 0..12 {
        let now = clock.now().0;
        let mut batch: Vec<Record> = (0..50).map(|n| packet("acme", "anna", now, round * 100 + n)).collect();
        // of some segments it is the larger part, of others a small one
        let many = if round % 2 == 0 { 100 } else { 2 };
        batch.extend((0..many).map(|n| packet("brief", "bert", now, round * 100 + 50 + n)));
        store.append(&mut batch).unwrap();
        store.seal().unwrap();
        clock.set(Timestamp(now + 5 * MINUTE));
        store.maintain(&retention).unwrap();
    }
    let full = store.status();
    assert_eq!(packets(&all(&store, "brief", "bert")).len(), 6 * 102);
    clock.set(Timestamp(clock.now().0 + 2 * HOUR));
    store.maintain(&retention).unwrap();
    assert_eq!(all(&store, "brief", "bert"), vec![], "hidden at once");
    assert_eq!(store.status().packets, full.packets - 600, "where it is much, it goes at once");
    clock.set(Timestamp(clock.now().0 + HOUR + 1));
    store.maintain(&retention).unwrap();
    store.maintain(&retention).unwrap();
    assert_eq!(store.status().packets, 12 * 50, "what is little goes within the hour");
    assert_eq!(packets(&all(&store, "acme", "anna")).len(), 600);
    assert!(store.holders().iter().all(|holder| &*holder.user.company == "acme"));
}

#[test]
fn holders_are_told_by_name_and_size() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let store = Store::open(dir.path(), options, clock.clone()).unwrap();
    let mut batch: Vec<Record> = (0..90).map(|n| packet("acme", "anna", START, n)).collect();
    batch.extend((0..30).map(|n| packet("bolt", "anna", START, 100 + n)));
    batch.extend((0..10).map(|n| packet("", "", START, 200 + n)));
    store.append(&mut batch).unwrap();
    store.seal().unwrap();
    let holders = store.holders();
    let names: Vec<_> = holders.iter().map(|h| (&*h.user.company, &*h.user.user)).collect();
    assert_eq!(names, [("acme", "anna"), ("bolt", "anna"), ("", "")]);
    let sum: u64 = holders.iter().map(|h| h.bytes).sum();
    let segments = store.status().bytes_on_disk;
    assert!(sum <= segments && sum > segments * 9 / 10, "{sum} of {segments}");
    assert!(holders[0].bytes > holders[1].bytes * 2);
}
