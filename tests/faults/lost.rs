//! What is lost inside the ring becomes a gap: removed files, files without a readable header, a tier that cannot be
//! sealed; and no line of the log is written under a lock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Metadata, Subscriber};
use usermon::clock::{Clock, Timestamp};
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::store::record::{Attribution, Gap, GapCause, PacketParts, Payload};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;

fn two_days(_: &str) -> Duration {
    Duration::from_hours(48)
}

fn at(second: i64) -> Timestamp {
    Timestamp(START + second * 1_000_000)
}

fn open(ring: &Path, clock: &Clock) -> Store {
    Store::open(ring, Options { min_free_bytes: 0, ..Options::default() }, clock.clone()).unwrap()
}

fn put(store: &Store, company: &str, second: i64) {
    let parts = PacketParts {
        direction: Direction::In,
        transport: Transport::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        far: "127.0.0.1:40000".parse().unwrap(),
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: 7,
        endpoint: "",
        linked: "",
        bytes: b"OPTIONS",
    };
    store.append_packet(at(second), &UserKey::new(company, "u"), parts).unwrap();
}

/// Seconds of a user's packets, and the gaps of everybody, oldest first.
fn read(store: &Store, company: &str) -> (Vec<i64>, Vec<Gap>) {
    let mut records = store.read(&Query::newest(&UserKey::new(company, "u"), usize::MAX)).unwrap();
    records.reverse();
    let gap = |payload: &Payload| if let Payload::Gap(gap) = payload { Some(*gap) } else { None };
    let seconds = |time: Timestamp| (time.0 - START) / 1_000_000;
    let packets = records.iter().filter(|record| gap(&record.payload).is_none());
    let packets = packets.map(|record| seconds(record.time)).collect();
    let mut gaps: Vec<Gap> = records.iter().filter_map(|record| gap(&record.payload)).collect();
    gaps.sort_by_key(|gap| gap.from);
    (packets, gaps)
}

fn damage(from: i64, to: i64, packets: u64) -> Gap {
    Gap { from: at(from), to: at(to), packets, cause: GapCause::Damage }
}

fn files(ring: &Path, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(ring).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}

/// Sealed files of two packets each, at 0 and 9, 10 and 19, and so on.
fn sealed(ring: &Path, count: i64) -> (Store, Clock) {
    let clock = Clock::fixed(at(0));
    let store = open(ring, &clock);
    for n in 0..count {
        put(&store, "a", 10 * n);
        put(&store, "a", 10 * n + 9);
        store.seal().unwrap();
    }
    clock.set(at(10 * count));
    (store, clock)
}

#[test]
fn sealed_files_that_somebody_removes_become_gaps_and_one_notice() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let (store, clock) = sealed(&ring, 5);
    store.maintain(&two_days).unwrap();
    let segments = files(&ring, "seg");
    for gone in [1, 3] {
        std::fs::remove_file(&segments[gone]).unwrap();
    }
    let (packets, gaps) = read(&store, "a");
    assert_eq!(packets, [0, 9, 20, 29, 40, 49], "before anybody noticed");
    assert_eq!(gaps, [damage(10, 19, 0), damage(30, 39, 0)]);
    clock.set(at(200));
    store.maintain(&two_days).unwrap();
    let alarm = store.status().alarm.unwrap();
    assert!(alarm.contains("2 packet files were removed by somebody; their 4 packets"), "{alarm}");
    let expected = (vec![0, 9, 20, 29, 40, 49], vec![damage(10, 19, 2), damage(30, 39, 2)]);
    assert_eq!(read(&store, "a"), expected);
    assert_eq!(read(&store, "b").1, expected.1, "they may have been anybody's");
    clock.set(at(4_000));
    store.maintain(&two_days).unwrap();
    assert_eq!(store.status().alarm, None, "an hour later");
    drop(store);
    assert_eq!(read(&open(&ring, &clock), "a"), expected, "after a kill");
}

#[test]
fn files_without_a_readable_header_are_gaps_between_their_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let (store, clock) = sealed(&ring, 4);
    put(&store, "a", 41);
    store.flush().unwrap();
    drop(store);
    let ruin = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let end = bytes.len();
        bytes[..130].fill(0xff);
        bytes[end - 130..].fill(0xff);
        std::fs::write(path, bytes).unwrap();
    };
    ruin(&files(&ring, "seg")[1]);
    let journal = files(&ring, "log").pop().unwrap();
    ruin(&journal);
    let changed = std::fs::File::open(&journal).unwrap();
    changed
        .set_modified(std::time::UNIX_EPOCH + Duration::from_micros(u64::try_from(at(45).0).unwrap()))
        .unwrap();
    for round in 0..3 {
        let store = open(&ring, &clock);
        let (packets, gaps) = read(&store, "a");
        assert_eq!(packets, [0, 9, 20, 29, 30, 39], "start {round}");
        assert_eq!(gaps, [damage(9, 20, 0), damage(39, 45, 0)], "start {round}");
        assert_eq!(read(&store, "b").1, gaps, "they may have been anybody's");
        let alarm = store.status().alarm;
        assert_eq!(alarm.is_some_and(|text| text.contains("ending .bad")), round == 0, "start {round}");
        assert_eq!(files(&ring, "bad").len(), 2, "start {round}");
        if round == 1 {
            store.close().unwrap();
        }
    }
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only a debug build of the library panics when asked to")]
fn a_seal_that_panics_is_an_alarm_then_a_gap_and_holds_nobody_else_up() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let clock = Clock::fixed(at(0));
    let store = open(&ring, &clock);
    put(&store, "a", 1);
    put(&store, "usermon-panic:seal", 2);
    store.seal().unwrap();
    let alarm = store.status().alarm.unwrap();
    assert!(alarm.contains("a fault of usermon's own") && alarm.contains("tried once more"), "{alarm}");
    assert_eq!(read(&store, "a").0, [1], "it is still in memory");
    put(&store, "a", 10);
    clock.set(at(100));
    store.maintain(&two_days).unwrap();
    let alarm = store.status().alarm.unwrap();
    assert!(alarm.contains("its 2 packets are shown as a gap") && alarm.contains("report it"), "{alarm}");
    store.seal().unwrap();
    put(&store, "a", 20);
    store.flush().unwrap();
    let expected = (vec![10, 20], vec![Gap { cause: GapCause::Fault, ..damage(1, 2, 2) }]);
    assert_eq!(read(&store, "a"), expected);
    assert_eq!((store.status().segments, files(&ring, "bad").len()), (1, 1));
    drop(store);
    let store = open(&ring, &clock);
    assert_eq!(read(&store, "a"), expected, "after a kill");
    assert_eq!(store.status().alarm, None);
}

/// Calls the store from each line of the log, as a host's log callback may.
struct Caller(Arc<Store>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{value:?}");
    }
}

impl Subscriber for Caller {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Values<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        put(&self.0, &text.0, 1);
        self.0.seal().unwrap();
        self.0.maintain(&two_days).unwrap();
        self.0.status();
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_log_callback_that_calls_the_store_does_not_wait_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let (store, clock) = sealed(&ring, 3);
    let told = Arc::new(store);
    let (done, is_done) = channel();
    let thread = std::thread::spawn(move || {
        tracing::subscriber::with_default(Caller(Arc::clone(&told)), || {
            // the journal, the lock and sealed files are gone, then a seal panics, then retention is over
            std::fs::remove_dir_all(&ring).unwrap();
            told.maintain(&two_days).unwrap();
            put(&told, "usermon-panic:seal", 50);
            for second in [100, 200, 300] {
                clock.set(at(second));
                told.seal().unwrap();
                told.maintain(&two_days).unwrap();
            }
            std::fs::remove_dir_all(&ring).unwrap();
            std::fs::write(&ring, "in its place").unwrap();
            told.flush().unwrap();
            told.maintain(&two_days).unwrap();
            told.close().unwrap();
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("a line of the log was written under a lock");
    thread.join().unwrap();
}
