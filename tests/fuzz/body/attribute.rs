//! Attribution and drain: of any packets among any events each one comes out once, and under whom it may stand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use usermon::capture::drain::Why;
use usermon::capture::{Attributor, Caught, Certainty, Drain, Tap};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Call, CallDirection, CallPhase, Direction, EndpointKey, Event, PacketRef, Registration, RegistrationStep,
    Transport,
};
use usermon::settings::Settings;

use super::ring::scratch;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

const USERS: &str = "dump_detail = \"full\"\n\
    [[company]]\nid = \"acme\"\nname = \"Acme\"\ndomains = [\"acme.example\"]\n\
    [[company]]\nid = \"beta\"\nname = \"Beta\"\ndomains = [\"beta.example\"]\n\
    [[user]]\ncompany = \"acme\"\nextension = \"101\"\nendpoints = [\"101\", \"101b\"]\n\
    [[user]]\ncompany = \"acme\"\nextension = \"102\"\n\
    [[user]]\ncompany = \"beta\"\nextension = \"101\"\n";

fn far(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n % 4], 5060 + u16::from(n / 4 % 4)))
}

fn endpoint(n: u8) -> &'static str {
    ["", "101", "101b", "102", "999"][usize::from(n) % 5]
}

fn company(n: u8) -> &'static str {
    ["", "acme", "beta", "gone"][usize::from(n) % 4]
}

fn registration(step: RegistrationStep, key: EndpointKey, n: u8, call_id: Arc<str>) -> Event {
    Event::Registration(Registration {
        step,
        time: NOW,
        key,
        contact: format!("sip:{n}@h").into(),
        far: Some(far(n)),
        transport: Transport::Udp,
        user_agent: "".into(),
        path: "".into(),
        call_id,
        expires: None,
        round_trip: None,
        detail: "".into(),
    })
}

fn call(phase: CallPhase, key: EndpointKey, n: u8, call_id: Arc<str>) -> Event {
    Event::Call(Call {
        phase,
        time: NOW,
        key,
        leg: format!("{n}").into(),
        linked: format!("{}", n / 2).into(),
        call_id,
        direction: CallDirection::Incoming,
        far_number: "".into(),
        far_name: "".into(),
        cause: 0,
    })
}

/// Each step: four bytes that choose, two of length, and so many of a message or a Call-ID.
pub fn attribute(data: &[u8]) {
    let dir = scratch();
    let text = format!("data_dir = {:?}\n{USERS}", dir.path());
    let config = Config::parse(&text, &dir.path().join("usermon.toml")).unwrap();
    let directory = Arc::new(Directory::new(&config).unwrap());
    let settings = Arc::new(Settings::open(&config).unwrap());
    let clock = Clock::fixed(NOW);
    let tap = Arc::new(Tap::new(64, 1 << 20, clock.clone()));
    let attributor = Arc::new(Attributor::new(Arc::clone(&directory)));
    let mut drain = Drain::new(Arc::clone(&tap), Arc::clone(&attributor), settings);
    let mut out = Out::default();
    let mut rest = data;
    let mut pushed = 0u64;
    while let Some((&[what, who, place, from, low, high], tail)) = rest.split_first_chunk::<6>() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(tail.len());
        let (bytes, tail) = tail.split_at(length);
        rest = tail;
        let key = directory.resolve(&EndpointKey::new(company(place), endpoint(who)));
        let call_id: Arc<str> = String::from_utf8_lossy(bytes).into();
        match what % 8 {
            0 => attributor.observe(&registration(RegistrationStep::Registered, key, from, call_id)),
            1 => attributor.observe(&registration(RegistrationStep::Unregistered, key, from, call_id)),
            2 => attributor.observe(&call(CallPhase::Ringing, key, from, call_id)),
            3 => attributor.observe(&call(CallPhase::Ended, key, from, call_id)),
            4 => {
                clock.set(clock.now().plus(Duration::from_millis(u64::from(from) * 8)));
                drain.round(clock.now(), &mut |caught| out.take(&directory, caught));
            }
            _ => {
                let taken = tap.push(PacketRef {
                    time: clock.now(),
                    direction: if what & 8 == 0 { Direction::In } else { Direction::Out },
                    transport: Transport::Udp,
                    local: SocketAddr::from(([192, 0, 2, 200], 5060)),
                    far: far(from),
                    company: company(place),
                    endpoint: endpoint(who),
                    data: bytes,
                });
                pushed += 1;
                if !taken {
                    drain.round(clock.now(), &mut |caught| out.take(&directory, caught));
                }
            }
        }
    }
    drain.finish(clock.now(), &mut |caught| out.take(&directory, caught));
    assert_eq!(out.packets + out.dropped, pushed, "each packet comes out once, or is counted as dropped");
}

#[derive(Default)]
struct Out {
    packets: u64,
    dropped: u64,
}

impl Out {
    fn take(&mut self, directory: &Directory, caught: Caught<'_>) {
        match caught {
            Caught::Packet(packet) => {
                self.packets += 1;
                assert_eq!(packet.user.is_nobody(), packet.certainty == Certainty::Unknown);
                assert!(packet.user.is_nobody() || directory.user(packet.user).is_some());
                assert!(packet.bytes.len() <= packet.packet.data().len(), "a redacted packet does not grow");
                if packet.bytes.len() < packet.packet.data().len() {
                    assert!(packet.cut, "what is shorter is marked as cut");
                }
            }
            Caught::Dropped(dropped) => self.dropped += dropped.packets,
            Caught::Missing { why: Why::Lowered, .. } => {}
            Caught::Missing { dropped, .. } => self.dropped += dropped.packets,
            Caught::Change { .. } | Caught::Call(_) | Caught::Quality { .. } => panic!("none was put in"),
        }
    }
}
