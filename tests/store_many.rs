//! Breaks when a reading over more segments than are asked for at once leaves one out, reads one twice, ends too early,
//! or lets one damaged file take the others with it.

use std::path::Path;
use std::sync::Arc;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::store::record::{Attribution, GapCause, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;
/// More than 2 + 4 + 8 + 16 + 32 + 32.
const SEGMENTS: i64 = 100;

fn record(user: &str, time: i64) -> Record {
    let payload = Payload::Packet(Packet {
        direction: Direction::In,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        far: "192.0.2.9:5060".parse().unwrap(),
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: 600,
        endpoint: user.into(),
        linked: "".into(),
        bytes: format!("OPTIONS sip:{user}-{time} SIP/2.0\r\n\r\n").into_bytes().into(),
    });
    Record { seq: 0, time: Timestamp(time), user: Arc::new(UserKey::new("acme", user)), payload }
}

fn open(dir: &Path) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(dir, options, Clock::fixed(Timestamp(START))).unwrap()
}

/// A ring of many segments; `anna` has three records in each, `bert` one in every tenth.
fn ring(dir: &Path) -> (Vec<Record>, Vec<Record>) {
    let store = open(dir);
    let (mut anna, mut bert) = (Vec::new(), Vec::new());
    for n in 0..SEGMENTS {
        let time = START + n * 1_000;
        // the second comes late: neighbouring segments overlap
        let mut records = vec![record("anna", time), record("anna", time - 1_500), record("anna", time + 1)];
        if n % 10 == 0 {
            records.push(record("bert", time + 2));
        }
        store.append(&mut records).unwrap();
        bert.extend(records.split_off(3));
        anna.extend(records);
        store.seal().unwrap();
    }
    anna.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
    bert.reverse();
    (anna, bert)
}

#[test]
fn every_record_of_a_hundred_segments_is_read_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (anna, bert) = ring(dir.path());
    // first with the indexes on disk, then with those in memory
    let store = open(dir.path());
    for _ in 0..2 {
        for (user, expected) in [("anna", &anna), ("bert", &bert)] {
            let key = UserKey::new("acme", user);
            for limit in [1, 2, 7, 50, 299, 300, usize::MAX] {
                let got = store.read(&Query::newest(&key, limit)).unwrap();
                assert_eq!(got, expected[..expected.len().min(limit)], "{user}, {limit}");
            }
            let middle = &expected[expected.len() / 2];
            let before = Some((middle.time, middle.seq));
            let got = store.read(&Query { before, ..Query::newest(&key, usize::MAX) }).unwrap();
            assert_eq!(got, expected[expected.len() / 2 + 1..], "{user}");
        }
    }
}

#[test]
fn a_lost_and_a_damaged_segment_are_gaps_among_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (anna, _) = ring(dir.path());
    let store = open(dir.path());
    let mut files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .collect();
    files.sort();
    std::fs::remove_file(&files[40]).unwrap();
    let mut bytes = std::fs::read(&files[60]).unwrap();
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    std::fs::write(&files[60], bytes).unwrap();
    let key = UserKey::new("acme", "anna");
    let got = store.read(&Query::newest(&key, usize::MAX)).unwrap();
    let (gaps, packets): (Vec<_>, Vec<_>) = got
        .into_iter()
        .partition(|record| matches!(&record.payload, Payload::Gap(gap) if gap.cause == GapCause::Damage));
    assert_eq!(gaps.len(), 2);
    let expected: Vec<_> = anna.into_iter().filter(|record| !is_lost(record)).collect();
    assert_eq!(packets, expected);
}

/// Of the 41st or the 61st segment.
fn is_lost(record: &Record) -> bool {
    let seq = record.seq;
    let (mut first, mut lost) = (1, false);
    for n in 0..SEGMENTS {
        let count = if n % 10 == 0 { 4 } else { 3 };
        lost |= (n == 40 || n == 60) && (first..first + count).contains(&seq);
        first += count;
    }
    lost
}
