//! Breaks when today's build no longer reads a ring of an earlier format. `UPDATE_GOLDEN=1` makes the newest anew.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{
    CallDirection, CallPhase, Change, Direction, DumpDetail, EndpointKey, FailureCause, Quality, Sticker,
    Transport, UserKey,
};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;

fn truth() -> Vec<Record> {
    let far = Some("192.0.2.9:5060".parse().unwrap());
    let packet = |text: &str, detail, attribution, local: &str| {
        Payload::Packet(Packet {
            direction: Direction::Out,
            transport: Transport::Wss,
            local: local.parse().unwrap(),
            far: "[2001:db8::1]:443".parse().unwrap(),
            detail,
            attribution,
            cut: detail != DumpDetail::Full,
            unsure: detail == DumpDetail::Summary,
            original_len: 600,
            endpoint: "101".into(),
            linked: "linked".into(),
            bytes: text.as_bytes().into(),
        })
    };
    let change = Payload::Change;
    let payloads = vec![
        packet("REGISTER sip:a SIP/2.0\r\n\r\n", DumpDetail::Full, Attribution::Proven, "192.0.2.1:5061"),
        packet("OPTIONS sip:a SIP/2.0\r\n\r\n", DumpDetail::Headers, Attribution::Claimed, "[::1]:5061"),
        packet("ACK sip:a SIP/2.0\r\n\r\n", DumpDetail::Summary, Attribution::Unknown, "0.0.0.0:0"),
        change(Change::Sticker { sticker: Sticker::Ringing, calls: 1 }),
        change(Change::Registered {
            endpoint: "".into(),
            contact: "sip:101@192.0.2.9".into(),
            far,
            transport: Transport::Udp,
            user_agent: "Snom".into(),
        }),
        change(Change::Unregistered {
            endpoint: "".into(),
            contact: "sip:101@192.0.2.9".into(),
            expired: true,
        }),
        change(Change::Reachability {
            endpoint: "".into(),
            contact: "sip:101@192.0.2.9".into(),
            reachable: false,
        }),
        change(Change::Failed {
            endpoint: "".into(),
            cause: FailureCause::WrongPassword,
            far,
            call_id: "id".into(),
            detail: "x".into(),
        }),
        change(Change::Call {
            leg: "leg".into(),
            linked: "linked".into(),
            call_id: "id".into(),
            phase: CallPhase::Up,
            direction: CallDirection::Incoming,
            far_number: "+39055".into(),
            far_name: "Bert".into(),
            cause: 16,
        }),
        Payload::Quality(Quality {
            time: Timestamp(START),
            key: EndpointKey::new("acme", "101"),
            leg: "leg".into(),
            linked: "linked".into(),
            call_id: "id".into(),
            direction: Direction::In,
            packets: 1000,
            lost: 3,
            jitter: 700,
            round_trip: 20_000,
        }),
        Payload::Gap(Gap {
            from: Timestamp(START),
            to: Timestamp(START + 5),
            packets: 7,
            cause: GapCause::Limit,
        }),
    ];
    let user = Arc::new(UserKey::new("acme", "anna"));
    let record = |(i, payload)| Record {
        seq: 0,
        time: Timestamp(START + i64::try_from(i).unwrap()),
        user: Arc::clone(&user),
        payload,
    };
    payloads.into_iter().enumerate().map(record).collect()
}

fn open(dir: &Path) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(dir, options, Clock::fixed(Timestamp(START + 1_000))).unwrap()
}

/// The newest version is made anew by `UPDATE_GOLDEN=1`; an older one can't be.
const NEWEST: u32 = 3;

fn check(version: u32, segments: usize) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/store-v{version}"));
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    if version == NEWEST && std::env::var_os("UPDATE_GOLDEN").is_some() {
        let store = open(&ring);
        for _ in 1..TIMES {
            store.append(&mut truth()).unwrap();
            store.seal().unwrap();
        }
        // sixteen of them become one
        store.maintain(&|_| Duration::from_hours(48)).unwrap();
        store.append(&mut truth()).unwrap();
        store.flush().unwrap();
        drop(store);
        if golden.exists() {
            std::fs::remove_dir_all(&golden).unwrap();
        }
        std::fs::create_dir_all(&golden).unwrap();
        copy(&ring, &golden);
    } else {
        std::fs::create_dir(&ring).unwrap();
    }
    copy(&golden, &ring);
    let store = open(&ring);
    let got = store.read(&Query::newest(&UserKey::new("acme", "anna"), usize::MAX)).unwrap();
    let mut expected = Vec::new();
    let times = if version == 1 { 2 } else { TIMES };
    for n in 0..times {
        expected.extend(truth().into_iter().zip(n * 11 + 1..).map(|(record, seq)| Record { seq, ..record }));
    }
    expected.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
    assert_eq!(got, expected);
    let status = store.status();
    let packets = times * 3;
    assert_eq!((status.damaged, status.alarm, status.segments), (0, None, segments));
    assert_eq!(status.packets, packets);
}

/// How often the records stand in the ring of the newest version: merged, sealed, and in the journal.
const TIMES: u64 = 18;

#[test]
fn a_ring_of_version_1_is_read() {
    check(1, 1);
}

#[test]
fn a_ring_of_version_2_is_read() {
    check(2, 2);
}

#[test]
fn a_ring_of_version_3_is_read() {
    check(3, 2);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "lock" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
