//! If the tap loses count, blocks or mixes threads up, a gap in somebody's diagnostics goes unseen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use usermon::capture::gate::Limits;
use usermon::capture::pressure::Gauge;
use usermon::capture::{Attributor, Caught, Drain, Tap};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{Change, Direction, EndpointKey, PacketRef, Quality, Sticker, Transport, UserKey};
use usermon::settings::Settings;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn packet(time: i64, data: &[u8]) -> PacketRef<'_> {
    PacketRef {
        time: Timestamp(time),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        far: SocketAddr::from(([127, 0, 0, 1], 5070)),
        company: "default",
        endpoint: "101",
        data,
    }
}

fn drain(tap: &Arc<Tap>) -> (Drain, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("data_dir = \"{}\"\ndump_detail = \"full\"\n", folder.path().display());
    let config = Config::parse(&text, &folder.path().join("usermon.toml")).unwrap();
    let attributor = Attributor::new(Arc::new(Directory::new(&config).unwrap()));
    let settings = Settings::open(&config).unwrap();
    (Drain::new(tap.clone(), Arc::new(attributor), Arc::new(settings)), folder)
}

fn message(call_id: &str) -> String {
    format!("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n")
}

#[test]
fn packets_come_out_as_they_went_in() {
    let tap = Arc::new(Tap::new(16, 1 << 20, Clock::fixed(NOW)));
    let text = message("7");
    assert!(tap.push(packet(42, text.as_bytes())));
    assert!(tap.push(packet(0, text.as_bytes())));
    let (mut drain, _folder) = drain(&tap);
    let mut seen = Vec::new();
    drain.round(NOW, &mut |caught| {
        let Caught::Packet(captured) = caught else { panic!("{caught:?}") };
        assert_eq!(captured.bytes, text.as_bytes());
        assert_eq!((captured.packet.company(), captured.packet.endpoint()), ("default", "101"));
        assert_eq!(captured.packet.far.port(), 5070);
        assert_eq!(usize::try_from(captured.original_len).unwrap(), text.len());
        seen.push(captured.packet.time);
    });
    // one that comes without a time gets the clock's
    assert_eq!(seen, [Timestamp(42), NOW]);
    let counters = tap.counters();
    assert_eq!((counters.pushed, counters.dropped, counters.bytes, counters.queued), (2, 0, 0, 0));
}

#[test]
fn a_full_queue_drops_and_tells_when() {
    let tap = Arc::new(Tap::new(3, 1 << 20, Clock::fixed(NOW)));
    let text = message("7");
    let taken: Vec<bool> = (1..=8).map(|time| tap.push(packet(time, text.as_bytes()))).collect();
    assert_eq!(taken, [true, true, true, false, false, false, false, false]);
    let (mut drain, _folder) = drain(&tap);
    let mut drops = Vec::new();
    let mut packets = 0;
    for _ in 0..3 {
        drain.round(NOW, &mut |caught| match caught {
            Caught::Packet(_) => packets += 1,
            _ => panic!("it is not known yet whose they were"),
        });
    }
    drain.finish(NOW, &mut |caught| {
        let Caught::Missing { user, dropped, .. } = caught else { panic!("{caught:?}") };
        drops.push((user.is_nobody(), dropped.from.0, dropped.to.0, dropped.packets));
    });
    assert_eq!((packets, drops), (3, vec![(true, 4, 8, 5)]));
    assert!(tap.push(packet(9, text.as_bytes())), "there is room again");
}

#[test]
fn bytes_are_bounded_too() {
    let tap = Arc::new(Tap::new(1_000, 10_000, Clock::fixed(NOW)));
    let data = vec![b'y'; 900];
    let taken = (1..=20).filter(|&time| tap.push(packet(time, &data))).count();
    assert_eq!(taken, 10_000 / (900 + "default101".len()));
    let counters = tap.counters();
    assert!(counters.bytes <= 10_000 && counters.bytes > 9_000, "{counters:?}");
    assert_eq!(counters.dropped, 20 - u64::try_from(taken).unwrap());
    let (mut drain, _folder) = drain(&tap);
    drain.finish(NOW, &mut |_| ());
    assert_eq!(tap.counters().bytes, 0);
}

#[test]
fn a_giant_message_is_cut_not_kept() {
    let tap = Arc::new(Tap::new(4, 1 << 20, Clock::fixed(NOW)));
    let giant = [message("7").as_bytes(), &vec![b'y'; 200_000]].concat();
    assert!(tap.push(packet(1, &giant)));
    assert!(tap.counters().bytes < 70_000);
    let (mut drain, _folder) = drain(&tap);
    let mut seen = 0;
    drain.round(NOW, &mut |caught| {
        let Caught::Packet(captured) = caught else { return };
        assert!(captured.cut);
        assert_eq!(usize::try_from(captured.original_len).unwrap(), giant.len());
        assert_eq!(captured.bytes.len(), 64 * 1024);
        seen += 1;
    });
    assert_eq!(seen, 1);
}

#[test]
fn changes_keep_their_place_and_get_through_a_flood() {
    let tap = Arc::new(Tap::new(2, 1 << 20, Clock::fixed(NOW)));
    let user = Arc::new(UserKey::new("default", "101"));
    let change = |calls| Change::Sticker { sticker: Sticker::Busy, calls };
    let text = message("7");
    assert!(tap.note(vec![(user.clone(), Timestamp(1), change(1))]));
    assert!(tap.push(packet(2, text.as_bytes())));
    assert!(tap.note(vec![(user.clone(), Timestamp(3), change(2))]));
    assert!(tap.push(packet(4, text.as_bytes())));
    assert!(!tap.push(packet(5, text.as_bytes())));
    assert!(
        tap.note(vec![(user.clone(), Timestamp(6), change(3))]),
        "a flood of packets does not keep changes out"
    );
    let quality = Quality {
        time: Timestamp(7),
        key: EndpointKey::new("default", "101"),
        leg: "l".into(),
        linked: "".into(),
        call_id: "".into(),
        direction: Direction::In,
        packets: 1,
        lost: 0,
        jitter: 0,
        round_trip: 0,
    };
    assert!(tap.quality(user.clone(), quality));
    let (mut drain, _folder) = drain(&tap);
    let mut order = Vec::new();
    drain.round(NOW, &mut |caught| match caught {
        Caught::Packet(captured) => order.push(captured.packet.time.0),
        Caught::Change { user: whose, time, change } => {
            assert_eq!(whose, user);
            assert!(matches!(change, Change::Sticker { .. }));
            order.push(time.0);
        }
        Caught::Quality { quality, .. } => order.push(quality.time.0),
        Caught::Dropped(_) => panic!("{caught:?}"),
        Caught::Missing { dropped, .. } => assert_eq!(dropped.packets, 1),
    });
    assert_eq!(order, [1, 2, 3, 4, 6, 7]);
}

#[test]
fn threads_keep_their_order_and_every_drop_is_counted() {
    const EACH: i64 = 20_000;
    let tap = Arc::new(Tap::new(64, 1 << 20, Clock::fixed(NOW)));
    let (drain, _folder) = drain(&tap);
    let gauge: Arc<Gauge> = Arc::default();
    let mut drain = drain.bounded(&Limits::NONE, gauge.clone());
    let stop = AtomicBool::new(false);
    let (mut kept, mut reported) = (0_u64, 0_u64);
    let mut last = [0_i64; 3];
    let refused: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=2)
            .map(|thread: i64| {
                let tap = tap.clone();
                scope.spawn(move || {
                    let text = message("7");
                    let push = |n: &i64| !tap.push(packet(*n * 10 + thread, text.as_bytes()));
                    u64::try_from((1..=EACH).filter(push).count()).unwrap()
                })
            })
            .collect();
        let taker = scope.spawn(|| {
            let mut sink = |caught: Caught<'_>| match caught {
                Caught::Packet(captured) => {
                    let time = captured.packet.time.0;
                    let thread = usize::try_from(time % 10).unwrap();
                    assert!(time > last[thread], "thread {thread} out of order");
                    last[thread] = time;
                    kept += 1;
                }
                Caught::Dropped(dropped) | Caught::Missing { dropped, .. } => {
                    assert!(dropped.from <= dropped.to);
                    reported += dropped.packets;
                }
                _ => panic!("nothing else was pushed"),
            };
            while !stop.load(Ordering::Acquire) {
                drain.round(NOW, &mut sink);
            }
            drain.finish(NOW, &mut sink);
        });
        let refused = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        stop.store(true, Ordering::Release);
        taker.join().unwrap();
        refused
    });
    // the tap is so small that this is an overload; what belongs to nobody is then counted here
    let taken = kept + gauge.read().unattributed;
    assert_eq!(taken + refused, 2 * u64::try_from(EACH).unwrap());
    assert_eq!(reported, refused);
    let counters = tap.counters();
    assert_eq!((counters.pushed, counters.dropped, counters.queued, counters.bytes), (taken, refused, 0, 0));
}
