//! If a disk that hangs reached the PBX's threads, calls would stall with it; if it were not counted, a gap in
//! somebody's diagnostics would go unseen.

mod frozen;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frozen::{Disk, hangs};
use usermon::clock::Clock;
use usermon::config::Role;
use usermon::event::{
    Direction, EndpointKey, Event, Host, LogLevel, PacketRef, Registration, RegistrationStep, Sticker,
    Transport, UserKey,
};
use usermon::module::Module;
use usermon::query::Viewer;
use usermon::query::diagnostics::Entry;

struct Pbx;

impl Host for Pbx {
    fn name(&self) -> String {
        "test PBX 1".to_owned()
    }
    fn log(&self, _level: LogLevel, _line: &str) {}
    fn round_trip(&self, _endpoint: &EndpointKey, _contact: &str) -> Option<u32> {
        None
    }
}

fn far() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5070))
}

fn packet(data: &[u8]) -> PacketRef<'_> {
    PacketRef {
        time: Clock::System.now(),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        far: far(),
        company: "default",
        endpoint: "101",
        data,
    }
}

fn registered() -> Event {
    Event::Registration(Registration {
        step: RegistrationStep::Registered,
        time: Clock::System.now(),
        key: EndpointKey::new("default", "101"),
        contact: "sip:101@127.0.0.1:5070".into(),
        far: Some(far()),
        transport: Transport::Udp,
        user_agent: "".into(),
        path: "".into(),
        call_id: "".into(),
        expires: None,
        round_trip: None,
        detail: "".into(),
    })
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_disk_that_hangs_reaches_nobody_and_what_is_lost_is_told() {
    let Some(mut disk) = Disk::new(128, "the frozen disk") else { return };
    let config = disk.root().join("usermon.toml");
    let text = format!(
        "data_dir = {:?}\ndump_detail = \"full\"\n[store]\nmin_free_mib = 1\nseal_mib = 1\n\
         [[user]]\nextension = \"101\"\nname = \"Anna\"\n",
        disk.root().join("data")
    );
    std::fs::write(&config, text).unwrap();
    let module = Module::open(&config, Arc::new(Pbx)).unwrap();
    let query = module.query();
    let user = UserKey::new("default", "101");
    let mut number = 0_u64;
    let mut push = |packets: u64| {
        for _ in 0..packets {
            number += 1;
            let text = format!("OPTIONS sip:101@pbx SIP/2.0\r\nCall-ID: {number}\r\nX: {:500}\r\n\r\n", "");
            assert!(module.packet(packet(text.as_bytes())), "the tap is never full here");
        }
        number
    };
    push(1);
    wait("the first packet", || query.status().store.stored_packets == 1);

    disk.freeze();
    wait("the journal's thread hangs", || {
        push(1);
        hangs("usermon-journal")
    });
    assert_eq!(query.status().store.lost_packets, 0);
    // by the store at its limit, by the steps of overload before it
    let lost = || query.status().store.lost_packets + query.status().intake.counted;
    // in memory as far as the budget goes, then counted
    let pushed = push(200);
    wait("packets go to memory", || query.status().store.stored_packets == pushed);
    wait("memory is at its bound", || {
        push(20);
        lost() > 0
    });
    module.event(registered());
    let sticker =
        || query.wall("default").unwrap().rows.iter().find(|row| *row.user.key == user).unwrap().sticker;
    assert_eq!(sticker(), Sticker::Free);
    let status = query.status();
    assert!(hangs("usermon-journal"));
    assert_eq!(status.dropped, 0);
    assert!(status.store.stored_packets > 500, "{status:?}");

    disk.thaw();
    let before = status.store.stored_packets;
    wait("storing goes on", || {
        push(1);
        query.status().store.stored_packets > before
    });
    let pushed = push(0);
    let all = || {
        let lost = lost();
        (query.status().store.stored_packets + lost == pushed).then_some(lost)
    };
    wait("every packet is stored or counted", || all().is_some());
    let viewer =
        Viewer { person: "anna".into(), role: Role::SuperAdmin, company: None, from: "127.0.0.1".to_owned() };
    wait("the gaps on the page are what was lost", || {
        let page = query.diagnostics(&viewer, &user, None, 500).unwrap().unwrap();
        let missing = page.entries.iter().map(|entry| match entry {
            Entry::Gap { packets, .. } => *packets,
            _ => 0,
        });
        Some(missing.sum::<u64>()) == all()
    });
    module.close(Duration::from_secs(30)).unwrap();
}
