//! If the tap loses count, blocks or mixes threads up, a gap in somebody's diagnostics goes unseen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use usermon::capture::gate::Limits;
use usermon::capture::pressure::Gauge;
use usermon::capture::{Attributor, Captured, Caught, Counters, Drain, Owned, Tap};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Change, Direction, EndpointKey, Event, PacketRef, Quality, Registration, RegistrationStep, Sticker,
    Transport, UserKey,
};
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
        Caught::Call(_) => {}
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

#[test]
fn every_field_comes_out_as_it_went_in() {
    let tap = Arc::new(Tap::new(1_024, 1 << 20, Clock::fixed(NOW)));
    let addresses: Vec<SocketAddr> =
        ["192.0.2.1:5060", "0.0.0.0:0", "[2001:db8::1%7]:5061", "[::ffff:192.0.2.1]:5060", "[::]:65535"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
    let text = message("7");
    let transports =
        [Transport::Unknown, Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
    let mut wanted = Vec::new();
    for (n, transport) in (1_i64..).zip(transports) {
        let direction = if n % 2 == 0 { Direction::In } else { Direction::Out };
        for (local, far) in addresses.iter().zip(addresses.iter().rev()) {
            let sent =
                PacketRef { direction, transport, local: *local, far: *far, ..packet(-n, text.as_bytes()) };
            assert!(tap.push(sent));
            wanted.push((Timestamp(-n), direction, transport, *local, *far));
        }
    }
    let (mut drain, _folder) = drain(&tap);
    let mut seen = Vec::new();
    drain.round(NOW, &mut |caught| {
        let Caught::Packet(Captured { packet, bytes, .. }) = caught else { panic!("{caught:?}") };
        assert_eq!((bytes, packet.company(), packet.endpoint()), (text.as_bytes(), "default", "101"));
        seen.push((packet.time, packet.direction, packet.transport, packet.local, packet.far));
    });
    assert_eq!(seen, wanted);
}

#[test]
fn more_threads_than_lanes_keep_the_order_of_packets_and_changes() {
    const THREADS: i64 = 40;
    const EACH: i64 = 1_500;
    let tap = Arc::new(Tap::new(400_000, 512 << 20, Clock::fixed(NOW)));
    let (mut drain, _folder) = drain(&tap);
    let running = AtomicBool::new(true);
    let mut last = [0; 40];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let tap = tap.clone();
                scope.spawn(move || {
                    let text = message("7");
                    let user = Arc::new(UserKey::new("default", "101"));
                    for n in 1..=EACH {
                        let time = n * THREADS + thread;
                        if n % 5 == 0 {
                            let change = Change::Sticker { sticker: Sticker::Busy, calls: 1 };
                            assert!(tap.note(vec![(user.clone(), Timestamp(time), change)]));
                        } else {
                            assert!(tap.push(packet(time, text.as_bytes())));
                        }
                    }
                })
            })
            .collect();
        let taker = scope.spawn(|| {
            let mut sink = |caught: Caught<'_>| {
                let (Caught::Packet(Captured { packet: Owned { time, .. }, .. })
                | Caught::Change { time, .. }) = &caught
                else {
                    panic!("{caught:?}")
                };
                let (n, thread) = (time.0 / THREADS, usize::try_from(time.0 % THREADS).unwrap());
                assert_eq!(n, last[thread] + 1, "thread {thread} lost or out of order");
                last[thread] = n;
            };
            while running.load(Ordering::Acquire) {
                drain.round(NOW, &mut sink);
            }
            drain.finish(NOW, &mut sink);
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        running.store(false, Ordering::Release);
        taker.join().unwrap();
    });
    assert_eq!(last, [EACH; 40]);
    let counters = tap.counters();
    assert_eq!((counters.dropped, counters.queued, counters.bytes), (0, 0, 0));
}

#[test]
fn what_one_thread_hands_to_another_keeps_its_order_too() {
    const ROUNDS: i64 = 5_000;
    let tap = Arc::new(Tap::new(65_536, 32 << 20, Clock::fixed(NOW)));
    let (mut drain, _folder) = drain(&tap);
    let turn = AtomicI64::new(1);
    let mut last = 0;
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (tap, turn) = (tap.clone(), &turn);
            scope.spawn(move || {
                let text = message("7");
                while let now @ ..=ROUNDS = turn.load(Ordering::Acquire) {
                    if now % 2 == thread {
                        assert!(tap.push(packet(now, text.as_bytes())));
                        turn.store(now + 1, Ordering::Release);
                    }
                    std::thread::yield_now();
                }
            });
        }
        while last < ROUNDS {
            drain.round(NOW, &mut |caught| {
                let Caught::Packet(captured) = caught else { panic!("{caught:?}") };
                assert_eq!(captured.packet.time.0, last + 1);
                last += 1;
            });
        }
    });
}

#[test]
fn threads_at_once_take_no_more_room_than_there_is() {
    const PACKETS: u64 = 500;
    const BYTES: u64 = 200_000;
    for size in [100_usize, 700] {
        let tap = Tap::new(500, 200_000, Clock::fixed(NOW));
        let data = vec![b'y'; size];
        let taken: usize = std::thread::scope(|scope| {
            let push = || (1..=400).filter(|&time| tap.push(packet(time, &data))).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(push)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let rest = (1..=400).filter(|&time| tap.push(packet(time, &data))).count();
        let Counters { queued, bytes, dropped, .. } = tap.counters();
        let one = u64::try_from(size + "default101".len()).unwrap();
        assert_eq!(queued, u64::try_from(taken + rest).unwrap());
        assert_eq!(queued, PACKETS.min(BYTES / one), "full to the last place");
        assert_eq!((bytes, dropped), (queued * one, 2_000 - queued));
    }
}

#[test]
fn a_flood_leaves_the_tap_as_it_was() {
    let tap = Arc::new(Tap::new(65_536, 32 << 20, Clock::fixed(NOW)));
    let (drain, _folder) = drain(&tap);
    let gauge: Arc<Gauge> = Arc::default();
    let mut drain = drain.bounded(&Limits::NONE, gauge.clone());
    let text = message(&"7".repeat(900));
    for _ in 0..3 {
        let taken = (1..=40_000).filter(|&time| tap.push(packet(time, text.as_bytes()))).count();
        assert!(taken > 32_000, "{taken}");
        // so full is an overload: the first packets of the nobody they belong to are counted instead of kept
        let (mut last, counted) = (0, gauge.read().unattributed);
        let mut kept = 0;
        drain.finish(NOW, &mut |caught| {
            if let Caught::Packet(captured) = caught {
                assert!(captured.packet.time.0 > last, "out of order");
                last = captured.packet.time.0;
                kept += 1;
            }
        });
        let counted = gauge.read().unattributed - counted;
        assert_eq!(kept + usize::try_from(counted).unwrap(), taken);
        let counters = tap.counters();
        assert_eq!((counters.queued, counters.bytes), (0, 0));
    }
}

#[test]
fn packets_behind_an_event_are_attributed_by_it() {
    let tap = Arc::new(Tap::new(16, 1 << 20, Clock::fixed(NOW)));
    let text = message("7");
    let unnamed = PacketRef { endpoint: "", company: "", ..packet(1, text.as_bytes()) };
    let registration = Registration {
        step: RegistrationStep::Registered,
        time: NOW,
        key: EndpointKey::new("default", "101"),
        contact: "sip:101@127.0.0.1:5070".into(),
        far: Some(unnamed.far),
        transport: Transport::Udp,
        user_agent: "".into(),
        path: "".into(),
        call_id: "".into(),
        expires: None,
        round_trip: None,
        detail: "".into(),
    };
    let user = Arc::new(UserKey::new("default", "101"));
    let change = Change::Sticker { sticker: Sticker::Free, calls: 0 };
    assert!(tap.happened(Event::Registration(registration), vec![(user, Timestamp(1), change)]));
    assert!(tap.push(unnamed));
    let (mut drain, _folder) = drain(&tap);
    let mut order = Vec::new();
    drain.round(NOW, &mut |caught| match caught {
        Caught::Packet(captured) => order.push(format!("{} {:?}", captured.endpoint, captured.certainty)),
        Caught::Change { change, .. } => order.push(format!("{change:?}")),
        _ => panic!("{caught:?}"),
    });
    // nobody owns the endpoint here; that the address is the endpoint's is known at once
    assert_eq!(order, ["Sticker { sticker: Free, calls: 0 }", "101 Unknown"]);
}
