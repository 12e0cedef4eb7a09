//! Breaks when the two-day ring forgets, repeats, mixes up or shows what it must not, or lets in whom it must not.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::error::Error;
use usermon::event::{Change, Direction, DumpDetail, EndpointKey, Quality, Sticker, Transport, UserKey};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use usermon::store::{Kinds, Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

fn options() -> Options {
    Options { min_free_bytes: 0, ..Options::default() }
}

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

fn at(micros: i64) -> Timestamp {
    Timestamp(START + micros)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn packet(company: &str, user: &str, time: i64, text: &str) -> Record {
    let payload = Payload::Packet(Packet {
        direction: Direction::Out,
        transport: Transport::Tls,
        local: address("192.0.2.1:5061"),
        far: address("[2001:db8::7]:40000"),
        detail: DumpDetail::Full,
        attribution: Attribution::Claimed,
        cut: false,
        unsure: true,
        original_len: u32::try_from(text.len()).unwrap() + 7,
        endpoint: "101".into(),
        linked: "call-1".into(),
        bytes: text.as_bytes().into(),
    });
    Record { seq: 0, time: at(time), user: Arc::new(UserKey::new(company, user)), payload }
}

fn open(dir: &Path) -> (Store, Clock) {
    let clock = Clock::fixed(at(0));
    (Store::open(dir, options(), clock.clone()).unwrap(), clock)
}

fn put(store: &Store, mut records: Vec<Record>) -> Vec<Record> {
    store.append(&mut records).unwrap();
    records
}

fn all(store: &Store, company: &str, user: &str) -> Vec<Record> {
    store.read(&Query::newest(&UserKey::new(company, user), usize::MAX)).unwrap()
}

fn newest_first(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
    records
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn every_kind_comes_back_as_it_was_from_memory_segment_and_journal() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, _) = open(&ring);
    let user = Arc::new(UserKey::new("acme", "anna"));
    let record = |time, payload| Record { seq: 0, time: at(time), user: Arc::clone(&user), payload };
    let quality = Quality {
        time: at(4),
        key: EndpointKey::new("acme", "101"),
        leg: "leg".into(),
        linked: "linked".into(),
        call_id: "id".into(),
        direction: Direction::Out,
        packets: u64::MAX,
        lost: 3,
        jitter: 4,
        round_trip: 5,
    };
    let gap = Gap { from: at(1), to: at(2), packets: 9, cause: GapCause::QueueFull };
    let far = Some(address("[fe80::1%3]:5060"));
    let records = put(
        &store,
        vec![
            packet("acme", "anna", 1, "REGISTER sip:acme SIP/2.0\r\n\0\u{ff}"),
            record(2, Payload::Change(Change::Sticker { sticker: Sticker::Busy, calls: 2 })),
            record(
                3,
                Payload::Change(Change::Registered {
                    endpoint: "101".into(),
                    contact: "sip:a".into(),
                    far,
                    transport: Transport::Wss,
                    user_agent: "é".into(),
                }),
            ),
            record(4, Payload::Quality(quality)),
            record(5, Payload::Gap(gap)),
            packet("acme", "anna", 6, ""),
        ],
    );
    assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), vec![1, 2, 3, 4, 5, 6]);
    let expected = newest_first(records);
    assert_eq!(all(&store, "acme", "anna"), expected);
    store.flush().unwrap();
    copy(&ring, &dir.path().join("killed"));
    let (killed, _) = open(&dir.path().join("killed"));
    assert_eq!(all(&killed, "acme", "anna"), expected, "journal");
    killed.seal().unwrap();
    assert_eq!(all(&killed, "acme", "anna"), expected, "sealed after recovery");
    store.seal().unwrap();
    assert_eq!(store.status().segments, 1);
    assert_eq!(all(&store, "acme", "anna"), expected, "segment");
    for record in &expected {
        assert_eq!(store.get(&user, record.time, record.seq).unwrap().as_ref(), Some(record));
        assert_eq!(store.get(&UserKey::new("acme", "bert"), record.time, record.seq).unwrap(), None);
    }
}

#[test]
fn a_link_local_address_keeps_its_scope() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("ring"));
    let mut record = packet("", "a", 1, "x");
    let Payload::Packet(inner) = &mut record.payload else { unreachable!() };
    inner.local = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 5060, 7, 3));
    let records = put(&store, vec![record]);
    store.seal().unwrap();
    assert_eq!(all(&store, "", "a"), records);
}

#[test]
fn users_of_the_same_id_in_two_companies_are_two() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("ring"));
    let records = put(
        &store,
        vec![packet("a", "101", 1, "of a"), packet("b", "101", 1, "of b"), packet("a1", "01", 1, "of a1")],
    );
    for _ in 0..2 {
        assert_eq!(all(&store, "a", "101"), vec![records[0].clone()]);
        assert_eq!(all(&store, "b", "101"), vec![records[1].clone()]);
        assert_eq!(all(&store, "a1", "01"), vec![records[2].clone()]);
        assert_eq!(all(&store, "", "101"), vec![]);
        store.seal().unwrap();
    }
}

#[test]
fn a_kill_loses_only_what_was_not_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, _) = open(&ring);
    let sealed = put(&store, (0..50).map(|i| packet("a", "u", i, "sealed")).collect());
    store.seal().unwrap();
    let flushed = put(&store, (50..90).map(|i| packet("a", "u", i, "flushed")).collect());
    store.flush().unwrap();
    put(&store, vec![packet("a", "u", 99, "not flushed")]);
    drop(store);
    let expected = newest_first([sealed, flushed].concat());
    for round in 0..3 {
        let (store, _) = open(&ring);
        assert_eq!(all(&store, "a", "u"), expected, "round {round}");
        assert_eq!(store.status().damaged, 0);
        assert_eq!(store.status().records, 90 + round);
        let more = put(&store, vec![packet("b", "x", 100, "later")]);
        assert!(more[0].seq > 90, "seqs go on");
        store.flush().unwrap();
    }
    let (store, _) = open(&ring);
    store.maintain(&two_days).unwrap();
    assert_eq!(all(&store, "a", "u"), expected);
    assert_eq!(all(&store, "b", "x").len(), 3);
    let left: Vec<_> = std::fs::read_dir(&ring).unwrap().map(|e| e.unwrap().file_name()).collect();
    let journals = left.iter().filter(|n| n.to_str().unwrap().ends_with(".log")).count();
    assert_eq!(journals, 1, "{left:?}");
}

#[test]
fn a_kill_between_rename_and_removal_of_the_journal_shows_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (ring, before) = (dir.path().join("ring"), dir.path().join("before"));
    let (store, _) = open(&ring);
    let records = newest_first(put(&store, (0..20).map(|i| packet("a", "u", i, "once")).collect()));
    store.flush().unwrap();
    copy(&ring, &before);
    store.seal().unwrap();
    drop(store);
    for entry in std::fs::read_dir(&before).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), ring.join(entry.file_name())).unwrap();
    }
    let (store, _) = open(&ring);
    assert_eq!(all(&store, "a", "u"), records);
    assert_eq!(store.status().records, 20);
}

#[test]
fn the_same_records_in_two_journals_are_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, _) = open(&ring);
    let records = newest_first(put(&store, (0..20).map(|i| packet("a", "u", i, "once")).collect()));
    store.flush().unwrap();
    drop(store);
    let name = |n: u64| ring.join(format!("journal-{n:016x}.log"));
    std::fs::copy(name(1), name(2)).unwrap();
    let (store, _) = open(&ring);
    assert_eq!(all(&store, "a", "u"), records);
    assert_eq!(store.status().records, 20);
}

#[test]
fn paging_by_cursor_gives_each_record_once_even_at_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("ring"));
    let mut records = Vec::new();
    for part in 0..4 {
        let batch = (0..50).map(|i| packet("a", "u", (i * part) % 3, &format!("{part} {i}"))).collect();
        records.extend(put(&store, batch));
        if part < 3 {
            store.seal().unwrap();
        }
    }
    let expected = newest_first(records);
    let user = UserKey::new("a", "u");
    for limit in [1, 7, 64] {
        let (mut got, mut before) = (Vec::new(), None);
        loop {
            let page = store.read(&Query { before, ..Query::newest(&user, limit) }).unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            before = Some((last.time, last.seq));
            got.extend(page);
        }
        assert_eq!(got, expected, "pages of {limit}");
    }
    let query = Query { from: at(1), to: at(1), ..Query::newest(&user, usize::MAX) };
    let expected: Vec<_> = expected.into_iter().filter(|r| r.time == at(1)).collect();
    assert_eq!(store.read(&query).unwrap(), expected);
}

#[test]
fn gaps_for_everybody_are_in_each_reading_and_packets_of_nobody_in_none() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("ring"));
    let gap = Gap { from: at(1), to: at(5), packets: 3, cause: GapCause::QueueFull };
    let nobody = Arc::new(UserKey::default());
    let gap = Record { seq: 0, time: at(5), user: Arc::clone(&nobody), payload: Payload::Gap(gap) };
    let records = put(&store, vec![packet("a", "u", 1, "u"), packet("", "", 2, "stray"), gap]);
    for _ in 0..2 {
        assert_eq!(all(&store, "a", "u"), vec![records[2].clone(), records[0].clone()]);
        assert_eq!(all(&store, "c", "nothing"), vec![records[2].clone()]);
        assert_eq!(all(&store, "", ""), vec![records[2].clone(), records[1].clone()]);
        let user = UserKey::new("a", "u");
        let kinds = Kinds { gaps: false, ..Kinds::ALL };
        let got = store.read(&Query { kinds, ..Query::newest(&user, 9) }).unwrap();
        assert_eq!(got, vec![records[0].clone()]);
        store.seal().unwrap();
    }
}

#[test]
fn what_is_too_old_for_its_company_is_hidden_then_removed() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, clock) = open(&ring);
    let retention = |company: &str| Duration::from_hours(if company == "short" { 2 } else { 48 });
    for hour in 0..60 {
        clock.set(at(hour * HOUR));
        put(&store, vec![packet("short", "u", hour * HOUR, "s"), packet("long", "u", hour * HOUR, "l")]);
        store.maintain(&retention).unwrap();
    }
    let ages = |company| -> Vec<i64> {
        all(&store, company, "u").iter().map(|r| (at(59 * HOUR).0 - r.time.0) / HOUR).collect()
    };
    assert_eq!(ages("short"), vec![0, 1, 2]);
    assert_eq!(ages("long"), (0..=48).collect::<Vec<_>>());
    assert!(store.status().segments <= 50, "{:?}", store.status());
    drop(store);
    let files = std::fs::read_dir(&ring).unwrap().count();
    assert!(files <= 52, "{files} files");
}

#[test]
fn over_the_budget_the_oldest_segments_go() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(at(0));
    let options = Options { max_bytes: 200_000, ..options() };
    let store = Store::open(&dir.path().join("ring"), options, clock.clone()).unwrap();
    let mut noise = 1u64;
    for minute in 0..100 {
        let text: String = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + u8::try_from(noise >> 58).unwrap())
        })
        .take(8_000)
        .collect();
        clock.set(at(minute * 60_000_000));
        put(&store, vec![packet("a", "u", minute * 60_000_000, &text)]);
        store.seal().unwrap();
        store.maintain(&two_days).unwrap();
        assert!(store.status().bytes_on_disk <= 200_000);
    }
    let kept = all(&store, "a", "u");
    assert!(kept.len() > 15, "{}", kept.len());
    assert_eq!(kept[0].time, at(99 * 60_000_000));
    assert!(kept.windows(2).all(|w| w[0].time.0 - w[1].time.0 == 60_000_000), "no holes: oldest first");
}

#[test]
fn a_clock_that_jumps_deletes_nothing_early_and_keeps_nothing_for_ever() {
    for jump in [30 * 24 * HOUR, -30 * 24 * HOUR, HOUR, -HOUR] {
        let dir = tempfile::tempdir().unwrap();
        let (store, clock) = open(&dir.path().join("ring"));
        let pass = |hours: i64| {
            for _ in 0..hours {
                clock.set(Timestamp(clock.now().0 + HOUR));
                store.maintain(&two_days).unwrap();
            }
        };
        let mut before = packet("a", "u", 0, "before");
        before.time = clock.now();
        put(&store, vec![before]);
        pass(10);
        clock.jump(Timestamp(clock.now().0 + jump));
        store.maintain(&two_days).unwrap();
        let mut during = packet("a", "u", 0, "during");
        during.time = clock.now();
        put(&store, vec![during]);
        pass(10);
        assert_eq!(all(&store, "a", "u").len(), 2, "jump {jump}");
        clock.jump(Timestamp(clock.now().0 - jump));
        pass(27);
        assert_eq!(all(&store, "a", "u").len(), 2, "jump {jump} and back");
        pass(3);
        assert_eq!(all(&store, "a", "u").len(), 1, "jump {jump}: the first is over");
        pass(12);
        assert_eq!(all(&store, "a", "u").len(), 0, "jump {jump}: both are over");
        assert_eq!(store.status().segments, 0, "jump {jump}");
    }
}

#[test]
fn a_jump_found_at_start_is_doubted_for_an_hour() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let month = 30 * 24 * HOUR;
    let start = |time: i64| {
        let clock = Clock::fixed(at(time));
        (Store::open(&ring, options(), clock.clone()).unwrap(), clock)
    };
    let (store, _) = start(0);
    put(&store, vec![packet("a", "u", 0, "first")]);
    store.close().unwrap();
    // the clock is wrong for the length of one short run
    let (store, clock) = start(month);
    store.maintain(&two_days).unwrap();
    assert_eq!(all(&store, "a", "u").len(), 1);
    clock.set(at(month + HOUR / 2));
    store.maintain(&two_days).unwrap();
    clock.jump(at(HOUR / 2));
    for hour in 1..40 {
        clock.set(at(hour * HOUR));
        store.maintain(&two_days).unwrap();
    }
    assert_eq!(all(&store, "a", "u").len(), 1, "it was no month");
    store.close().unwrap();
    // the PBX really was off for a month
    let (store, clock) = start(2 * month);
    store.maintain(&two_days).unwrap();
    assert_eq!(all(&store, "a", "u").len(), 1);
    put(&store, vec![packet("a", "u", 2 * month, "second")]);
    clock.set(at(2 * month + HOUR + 1));
    store.maintain(&two_days).unwrap();
    assert_eq!(all(&store, "a", "u").len(), 1, "the month is believed now");
    assert_eq!(all(&store, "a", "u")[0].time, at(2 * month));
}

#[test]
fn a_second_opener_is_refused_with_the_folder_named() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, clock) = open(&ring);
    let error = Store::open(&ring, options(), clock.clone()).unwrap_err();
    assert!(matches!(error, Error::Busy(_)), "{error:?}");
    assert!(error.to_string().contains(ring.to_str().unwrap()), "{error}");
    store.close().unwrap();
    let error = store.append(&mut [packet("a", "u", 0, "late")]).unwrap_err();
    assert!(matches!(error, Error::Stopped(_)), "{error:?}");
    store.close().unwrap();
    Store::open(&ring, options(), clock).unwrap();
}

#[test]
fn files_are_private_and_a_folder_that_is_not_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, clock) = open(&ring);
    put(&store, vec![packet("a", "u", 0, "x")]);
    store.seal().unwrap();
    assert_eq!(std::fs::metadata(&ring).unwrap().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&ring).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
    drop(store);
    let link = dir.path().join("link");
    symlink(&ring, &link).unwrap();
    let error = Store::open(&link, options(), clock.clone()).unwrap_err().to_string();
    assert!(error.contains("symbolic link"), "{error}");
    for mode in [0o777, 0o770, 0o720, 0o702] {
        std::fs::set_permissions(&ring, PermissionsExt::from_mode(mode)).unwrap();
        let error = Store::open(&ring, options(), clock.clone()).unwrap_err().to_string();
        assert!(error.contains(&format!("mode {mode:04o}")) && error.contains("chmod 0700"), "{error}");
    }
    std::fs::set_permissions(&ring, PermissionsExt::from_mode(0o755)).unwrap();
    drop(Store::open(&ring, options(), clock.clone()).unwrap());
    assert_eq!(std::fs::metadata(&ring).unwrap().mode() & 0o777, 0o700);
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file, options(), clock).unwrap_err().to_string();
    assert!(error.contains("not a folder"), "{error}");
}

#[test]
fn below_the_free_space_floor_nothing_is_stored_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(at(0));
    let options = Options { min_free_bytes: u64::MAX, ..options() };
    let store = Store::open(&dir.path().join("ring"), options, clock).unwrap();
    put(&store, vec![packet("a", "u", 0, "before the first look")]);
    store.maintain(&two_days).unwrap();
    put(&store, vec![packet("a", "u", 1, "lost"), packet("a", "u", 2, "lost")]);
    let status = store.status();
    assert!(status.alarm.unwrap().contains("are free"), "the alarm says why");
    assert_eq!((status.stored_packets, status.lost_packets), (1, 2));
    assert_eq!(all(&store, "a", "u").len(), 1, "what was stored stays");
}

#[test]
fn a_folder_that_is_removed_is_made_again_and_nothing_in_memory_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let (store, clock) = open(&ring);
    let records = put(&store, vec![packet("a", "u", 0, "kept in memory")]);
    store.flush().unwrap();
    std::fs::remove_dir_all(&ring).unwrap();
    for second in 1..20 {
        clock.set(at(second * 1_000_000));
        store.maintain(&two_days).unwrap();
    }
    assert!(store.status().alarm.unwrap().contains("was removed"), "it is shown for an hour");
    let more = put(&store, vec![packet("a", "u", 20_000_000, "later")]);
    store.flush().unwrap();
    clock.set(at(HOUR + 20_000_000));
    store.maintain(&two_days).unwrap();
    assert_eq!(store.status().alarm, None);
    drop(store);
    let (store, _) = open(&ring);
    assert_eq!(all(&store, "a", "u"), newest_first([records, more].concat()));
}

#[test]
fn more_than_memory_may_hold_is_dropped_counted_and_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(at(0));
    let options = Options { seal_bytes: 64 * 1024, ..options() };
    let store = Store::open(&dir.path().join("ring"), options, clock).unwrap();
    let text = "x".repeat(1000);
    put(&store, (0..300).map(|i| packet("a", "u", i, &text)).collect());
    assert!(store.is_seal_due());
    let lost = store.status().lost_packets;
    assert!(lost > 100 && lost < 250, "{lost}");
    store.maintain(&two_days).unwrap();
    assert!(!store.is_seal_due());
    put(&store, vec![packet("a", "u", 1000, "again")]);
    let got = all(&store, "a", "u");
    assert_eq!(got.len() as u64, 300 - lost + 2);
    let gap = got.iter().find_map(|r| match &r.payload {
        Payload::Gap(gap) => Some(*gap),
        _ => None,
    });
    let gap = gap.unwrap();
    assert_eq!((gap.packets, gap.to, gap.cause), (lost, at(299), GapCause::Limit));
}

#[test]
fn a_packet_beyond_the_limit_is_cut_and_marked() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("ring"));
    put(&store, vec![packet("a", "u", 0, &"y".repeat(1_000_000))]);
    store.seal().unwrap();
    let got = all(&store, "a", "u");
    let Payload::Packet(packet) = &got[0].payload else { panic!("{got:?}") };
    assert!(packet.cut);
    assert_eq!(packet.original_len, 1_000_007);
    assert_eq!(packet.bytes.len(), usermon::store::record::MAX_BYTES);
}

#[test]
fn reads_see_each_record_once_while_others_append_and_seal() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("ring"), options(), Clock::System).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..3000 {
                put(&store, vec![packet("a", "u", i, "x")]);
                if i % 100 == 0 {
                    store.flush().unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                store.seal().unwrap();
            }
        });
        let mut before = 0;
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            let got = all(&store, "a", "u");
            assert!(got.len() >= before, "{} after {before}", got.len());
            before = got.len();
            assert!(got.iter().rev().map(|r| r.time.0 - START).eq(0..i64::try_from(before).unwrap()));
        }
    });
    assert_eq!(all(&store, "a", "u").len(), 3000);
}
