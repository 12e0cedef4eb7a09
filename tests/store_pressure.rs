//! If a store that can't seal fast enough drops state changes, or a gap with them, the two days can't be told again.

use std::sync::Arc;
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Change, Direction, DumpDetail, Sticker, Transport, UserKey};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

const SEAL: u64 = 64 << 10;
const START: i64 = 1_795_435_200_000_000;

fn open(dir: &std::path::Path) -> Store {
    let options = Options { seal_bytes: SEAL, min_free_bytes: 0, ..Options::default() };
    Store::open(&dir.join("ring"), options, Clock::fixed(Timestamp(START))).unwrap()
}

fn record(time: i64, payload: Payload) -> Record {
    Record { seq: 0, time: Timestamp(START + time), user: Arc::new(UserKey::new("a", "u")), payload }
}

fn packet(time: i64) -> Record {
    let address = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    let bytes: Box<[u8]> = vec![b'x'; 1_000].into();
    let packet = Packet {
        direction: Direction::In,
        transport: Transport::Udp,
        local: address,
        far: address,
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: 1_000,
        endpoint: "".into(),
        linked: "".into(),
        bytes,
    };
    record(time, Payload::Packet(packet))
}

fn change(time: i64) -> Record {
    record(time, Payload::Change(Change::Sticker { sticker: Sticker::Busy, calls: 1 }))
}

fn all(store: &Store) -> Vec<Record> {
    store.read(&Query::newest(&UserKey::new("a", "u"), usize::MAX)).unwrap()
}

fn gaps(records: &[Record]) -> Vec<Gap> {
    let gap = |record: &Record| if let Payload::Gap(gap) = &record.payload { Some(*gap) } else { None };
    records.iter().filter_map(gap).collect()
}

#[test]
fn the_pressure_grows_while_a_seal_is_awaited_and_changes_find_room_beyond_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut pressures = vec![store.pressure()];
    for n in 0..300 {
        store.append(&mut [packet(2 * n), change(2 * n + 1)]).unwrap();
        pressures.push(store.pressure());
    }
    assert!(pressures.is_sorted());
    assert_eq!(pressures[..50], [0; 50], "up to the size at which it is sealed there is none");
    assert_eq!(pressures.last(), Some(&1_000));
    let lost = store.status().lost_packets;
    assert!(lost > 100, "{lost}");
    let got = all(&store);
    let changes = got.iter().filter(|r| matches!(r.payload, Payload::Change(_))).count();
    assert_eq!(changes, 300, "no change is refused because of packets");
    assert_eq!(gaps(&got), [], "one gap for the stretch, when it is over");
    store.seal().unwrap();
    assert_eq!(store.pressure(), 0);
    store.append(&mut [change(1_000)]).unwrap();
    let got = all(&store);
    let told = gaps(&got);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].packets, told[0].cause), (lost, GapCause::Limit));
    assert_eq!(got.len() as u64, 300 - lost + 301 + 1);
}

#[test]
fn even_what_is_no_packet_is_bounded_and_what_it_counted_is_not_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let gap = |time: i64| {
        let at = Timestamp(START + time);
        record(time, Payload::Gap(Gap { from: at, to: at, packets: 3, cause: GapCause::Overload }))
    };
    for n in 0..100_000 {
        store.append(&mut [gap(n)]).unwrap();
    }
    let bytes = store.status().bytes_on_disk;
    assert!(bytes < 2 * SEAL + SEAL / 4 + 4_096, "{bytes}");
    store.seal().unwrap();
    store.append(&mut [packet(100_000)]).unwrap();
    let told = gaps(&all(&store));
    assert_eq!(told.iter().map(|gap| gap.packets).sum::<u64>(), 300_000);
    let span = told.iter().map(|gap| gap.from).min().zip(told.iter().map(|gap| gap.to).max());
    assert_eq!(span, Some((Timestamp(START), Timestamp(START + 99_999))));
}

#[test]
fn the_causes_of_overload_survive_a_seal_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let causes = [GapCause::Overload, GapCause::Unproven, GapCause::Lowered, GapCause::Other];
    let store = open(dir.path());
    for (n, cause) in (0..).zip(causes) {
        let at = Timestamp(START + n);
        store.append(&mut [record(n, Payload::Gap(Gap { from: at, to: at, packets: 1, cause }))]).unwrap();
    }
    store.maintain(&|_| Duration::from_secs(172_800)).unwrap();
    store.close().unwrap();
    drop(store);
    let told: Vec<GapCause> = gaps(&all(&open(dir.path()))).iter().rev().map(|gap| gap.cause).collect();
    assert_eq!(told, causes);
}
