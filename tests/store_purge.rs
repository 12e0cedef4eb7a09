//! Breaks when a byte of a purged packet is left in a file, another's packet goes with it, or a kill ends a purge.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{
    CallDirection, CallPhase, Change, Direction, DumpDetail, EndpointKey, Quality, Transport, UserKey,
};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use usermon::store::{Options, Purge, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

fn open(ring: &Path, clock: &Clock) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(ring, options, clock.clone()).unwrap()
}

/// A text that stands in every record of a user, so that it can be looked for.
fn canary(company: &str, user: &str) -> String {
    format!("canary-{company}-{user}-")
}

fn packet(company: &str, user: &str, time: i64, n: usize, detail: DumpDetail) -> Record {
    let payload = Payload::Packet(Packet {
        direction: Direction::In,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        far: "192.0.2.7:5060".parse().unwrap(),
        detail,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: 900,
        endpoint: canary(company, user).into(),
        linked: "".into(),
        bytes: format!("INVITE sip:{}{n} SIP/2.0\r\n", canary(company, user)).into_bytes().into(),
    });
    Record { seq: 0, time: Timestamp(time), user: Arc::new(UserKey::new(company, user)), payload }
}

fn others(company: &str, user: &str, time: i64) -> Vec<Record> {
    let text = canary(company, user);
    let change = Payload::Change(Change::Call {
        leg: "leg".into(),
        linked: "linked".into(),
        call_id: "id".into(),
        phase: CallPhase::Up,
        direction: CallDirection::Incoming,
        far_number: text.as_str().into(),
        far_name: "".into(),
        cause: 0,
    });
    let quality = Payload::Quality(Quality {
        time: Timestamp(time),
        key: EndpointKey::new(company, &text),
        leg: "leg".into(),
        linked: "linked".into(),
        call_id: text.as_str().into(),
        direction: Direction::In,
        packets: 1,
        lost: 0,
        jitter: 0,
        round_trip: 0,
    });
    let key = Arc::new(UserKey::new(company, user));
    let make = |payload| Record { seq: 0, time: Timestamp(time), user: Arc::clone(&key), payload };
    vec![make(change), make(quality)]
}

const USERS: [(&str, &str); 4] = [("acme", "anna"), ("acme", "bert"), ("bolt", "anna"), ("", "")];

/// Some minutes of everybody's records, sealed or not.
fn fill(store: &Store, clock: &Clock, minutes: usize, detail: DumpDetail) -> Vec<Record> {
    let mut all = Vec::new();
    for minute in 0..minutes {
        let now = clock.now().0;
        let mut records = Vec::new();
        for (company, user) in USERS {
            records.extend((0..30).map(|n| packet(company, user, now, minute * 30 + n, detail)));
            records.extend(others(company, user, now));
        }
        store.append(&mut records).unwrap();
        all.extend(records);
        if minute % 2 == 0 {
            store.seal().unwrap();
        }
        clock.set(Timestamp(now + MINUTE));
    }
    store.flush().unwrap();
    all
}

fn finish(store: &Store) {
    for _ in 0..20 {
        store.maintain(&two_days).unwrap();
        if store.purges().iter().all(|order| order.ended.is_some()) {
            return;
        }
    }
    panic!("{:?}", store.purges());
}

/// Whether the text is in a file of the folder, as it stands there or in what is compressed there.
fn is_in_files(ring: &Path, text: &str) -> bool {
    let has = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    std::fs::read_dir(ring).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let frames = bytes.windows(4).enumerate().filter(|(_, w)| *w == [0x28, 0xb5, 0x2f, 0xfd]);
        let unpacked = frames.map(|(at, _)| {
            let rest = &bytes[at..];
            let length = zstd::zstd_safe::find_frame_compressed_size(rest).unwrap_or(rest.len());
            zstd::bulk::decompress(&rest[..length], 1 << 20).unwrap_or_default()
        });
        has(&bytes) || unpacked.collect::<Vec<_>>().iter().any(|raw| has(raw))
    })
}

fn all(store: &Store, company: &str, user: &str) -> Vec<Record> {
    store.read(&Query::newest(&UserKey::new(company, user), usize::MAX)).unwrap()
}

fn expected(records: &[Record], company: &str, user: &str) -> Vec<Record> {
    let key = UserKey::new(company, user);
    let mut its: Vec<Record> = records.iter().filter(|r| *r.user == key).cloned().collect();
    its.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
    its
}

fn of_user(company: &str, user: &str) -> Purge {
    Purge { company: company.into(), user: Some(user.into()), above: None, leaves_gap: false }
}

#[test]
fn nothing_of_a_purged_user_is_in_any_file_and_all_of_the_others_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = open(dir.path(), &clock);
    let records = fill(&store, &clock, 9, DumpDetail::Full);
    let set_aside = dir.path().join("journal-00000000000000ff.bad");
    std::fs::write(&set_aside, canary("acme", "anna")).unwrap();
    assert!(is_in_files(dir.path(), &canary("acme", "anna")));
    store.purge(of_user("acme", "anna")).unwrap();
    finish(&store);
    assert_eq!(all(&store, "acme", "anna"), vec![]);
    assert!(!is_in_files(dir.path(), &canary("acme", "anna")), "a byte is left");
    assert!(!set_aside.exists());
    for (company, user) in &USERS[1..] {
        assert_eq!(all(&store, company, user), expected(&records, company, user));
        assert!(is_in_files(dir.path(), &canary(company, user)));
    }
    let order = store.purges().pop().unwrap();
    assert_eq!((order.packets, order.bytes_left, order.waits), (9 * 30, 0, None));
    // what comes after the order is kept
    let later = fill(&store, &clock, 3, DumpDetail::Full);
    store.maintain(&two_days).unwrap();
    assert_eq!(all(&store, "acme", "anna"), expected(&later, "acme", "anna"));
    assert_eq!(store.status().damaged, 0);
}

#[test]
fn a_purged_company_is_gone_and_one_with_the_same_users_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = open(dir.path(), &clock);
    let records = fill(&store, &clock, 5, DumpDetail::Full);
    store.purge(Purge { company: "acme".into(), user: None, above: None, leaves_gap: false }).unwrap();
    finish(&store);
    assert!(!is_in_files(dir.path(), "canary-acme-"));
    assert_eq!(all(&store, "bolt", "anna"), expected(&records, "bolt", "anna"));
    assert_eq!(all(&store, "", ""), expected(&records, "", ""));
}

#[test]
fn what_was_kept_at_a_higher_detail_goes_and_a_gap_tells_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = open(dir.path(), &clock);
    let mut records = fill(&store, &clock, 2, DumpDetail::Summary);
    let first = clock.now();
    fill(&store, &clock, 3, DumpDetail::Full);
    let last = Timestamp(clock.now().0 - MINUTE);
    records.extend(fill(&store, &clock, 2, DumpDetail::Headers));
    store
        .purge(Purge {
            company: "acme".into(),
            user: None,
            above: Some(DumpDetail::Headers),
            leaves_gap: true,
        })
        .unwrap();
    finish(&store);
    for user in ["anna", "bert"] {
        let got = all(&store, "acme", user);
        let packets: Vec<_> =
            got.iter().filter(|r| matches!(r.payload, Payload::Packet(_))).cloned().collect();
        let mut kept = expected(&records, "acme", user);
        kept.retain(|r| matches!(r.payload, Payload::Packet(_)));
        assert_eq!(packets, kept);
        let gaps: Vec<Gap> = got
            .iter()
            .filter_map(|r| match r.payload {
                Payload::Gap(gap) => Some(gap),
                _ => None,
            })
            .collect();
        assert!(gaps.iter().all(|gap| gap.cause == GapCause::Removed));
        assert_eq!(gaps.iter().map(|gap| gap.packets).sum::<u64>(), 90);
        assert_eq!(gaps.iter().map(|gap| (gap.from, gap.to)).min().unwrap().0, first);
        assert_eq!(gaps.iter().map(|gap| gap.to).max().unwrap(), last);
        let changes = got.iter().filter(|r| matches!(r.payload, Payload::Change(_))).count();
        assert_eq!(changes, 7, "what the wall showed stays");
    }
    assert_eq!(all(&store, "bolt", "anna").len(), 7 * 32);
}

#[test]
fn a_purge_that_a_kill_interrupts_goes_on_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let clock = Clock::fixed(Timestamp(START));
    let store = open(&ring, &clock);
    let records = fill(&store, &clock, 7, DumpDetail::Full);
    let mut before = expected(&records, "bolt", "anna");
    store.purge(of_user("acme", "anna")).unwrap();
    drop(store);
    // ordered, nothing done yet
    for round in 0..4 {
        let killed = dir.path().join(format!("killed-{round}"));
        std::fs::create_dir(&killed).unwrap();
        for entry in std::fs::read_dir(&ring).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), killed.join(entry.file_name())).unwrap();
        }
        let store = open(&killed, &Clock::fixed(clock.now()));
        assert!(store.purges()[0].ended.is_none());
        if round == 3 {
            finish(&store);
            assert!(!is_in_files(&killed, &canary("acme", "anna")));
            assert_eq!(all(&store, "acme", "anna"), vec![]);
        }
        assert_eq!(all(&store, "bolt", "anna"), before);
    }
    // killed when it had begun: the old files are there again
    let store = open(&ring, &clock);
    let old: Vec<_> = std::fs::read_dir(&ring).unwrap().map(|e| e.unwrap().path()).collect();
    let old: Vec<_> = old
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .map(|path| (std::fs::read(&path).unwrap(), path))
        .collect();
    let order = std::fs::read(ring.join("purge.json")).unwrap();
    finish(&store);
    drop(store);
    for (bytes, path) in &old {
        std::fs::write(path, bytes).unwrap();
    }
    std::fs::write(ring.join("purge.json"), order).unwrap();
    let store = open(&ring, &clock);
    finish(&store);
    assert!(!is_in_files(&ring, &canary("acme", "anna")));
    assert_eq!(all(&store, "bolt", "anna"), std::mem::take(&mut before));
    store.close().unwrap();
    let store = open(&ring, &clock);
    assert!(store.purges()[0].ended.is_some(), "what was carried out is still told");
}

#[test]
fn a_purge_reaches_into_merged_and_damaged_segments() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = open(dir.path(), &clock);
    fill(&store, &clock, 32, DumpDetail::Full);
    store.maintain(&two_days).unwrap();
    fill(&store, &clock, 6, DumpDetail::Full);
    store.seal().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    names.sort();
    let damaged = names.last().unwrap();
    let mut bytes = std::fs::read(damaged).unwrap();
    bytes[300] ^= 1;
    std::fs::write(damaged, bytes).unwrap();
    drop(store);
    let store = open(dir.path(), &clock);
    store.purge(of_user("acme", "anna")).unwrap();
    finish(&store);
    assert!(!is_in_files(dir.path(), &canary("acme", "anna")));
    let others = all(&store, "acme", "bert");
    let gaps = others.iter().filter(|r| matches!(r.payload, Payload::Gap(_))).count();
    assert!(gaps <= 1 && others.len() > 32 * 32, "{gaps} {}", others.len());
}

#[test]
fn a_file_of_a_later_version_is_named_and_the_purge_waits() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(Timestamp(START));
    let store = open(dir.path(), &clock);
    fill(&store, &clock, 2, DumpDetail::Full);
    let later = dir.path().join("segment-0000000000000aaa.seg");
    std::fs::write(&later, "of a later version").unwrap();
    store.purge(of_user("acme", "anna")).unwrap();
    for _ in 0..5 {
        store.maintain(&two_days).unwrap();
    }
    let order = store.purges().pop().unwrap();
    assert!(order.ended.is_none() && order.waits.as_ref().unwrap().contains("0aaa.seg"), "{order:?}");
    assert!(later.exists());
    std::fs::remove_file(&later).unwrap();
    finish(&store);
}
