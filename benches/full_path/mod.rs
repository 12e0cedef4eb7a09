//! `full_path_rate`: what the threads `usermon-drain` and `usermon-seal` spend on a packet, from the tap to the sealed
//! segment, at dump detail `full`. Real messages of the mix, digests and all; the PBX named no endpoint, so each is
//! attributed by its Call-ID or the contact registered at its address. Only the CPU time of their work counts: not
//! the making of messages, nor the push.

use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use usermon::capture::message::scan;
use usermon::capture::redact::redact;
use usermon::capture::{Attributor, Captured, Caught, Certainty, Drain, Owned, Tap};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Direction, DumpDetail, EndpointKey, Event, PacketRef, Registration, RegistrationStep, Transport,
};
use usermon::settings::Settings;
use usermon::store::record::{Attribution, PacketParts};
use usermon::store::{Options, Store};

use crate::mix::{Message, Mix, USERS};

const START: i64 = 1_700_000_000_000_000;
/// Packets between two flushes: 200 ms at 10,000 a second.
const FLUSH: usize = 2_000;
/// Packets of a round of the drain: its rest of 5 ms at 50,000 a second.
const ROUND: usize = 250;

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).expect("below a second"))
}

fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let before = cpu();
    let out = work();
    *spent += cpu() - before;
    out
}

fn far(user: usize) -> SocketAddr {
    let [a, b, c] =
        [user / 2500 + 20, user / 250 % 10, user % 250 + 2].map(|n| u8::try_from(n).expect("small"));
    SocketAddr::from(([10, a, b, c], 5060))
}

fn reference(message: &Message) -> PacketRef<'_> {
    PacketRef {
        time: Timestamp(START + message.time),
        direction: if message.incoming { Direction::In } else { Direction::Out },
        transport: Transport::Udp,
        local: SocketAddr::from(([10, 0, 0, 1], 5060)),
        far: far(message.user),
        company: "",
        endpoint: "",
        data: message.text.as_bytes(),
    }
}

/// A PBX whose 5,000 users are all registered.
struct Pbx {
    attributor: Arc<Attributor>,
    settings: Arc<Settings>,
}

impl Pbx {
    fn new(root: &Path) -> Self {
        let mut text = format!(
            "data_dir = {:?}\ndump_detail = \"full\"\n[[company]]\nid = \"default\"\nname = \"Default\"\n\
             domains = [\"pbx.example\"]\n",
            root.join("pbx").display().to_string()
        );
        for n in 0..USERS {
            let extension = 1000 + n;
            text += &format!(
                "[[user]]\nextension = \"{extension}\"\nname = \"User\"\nsurname = \"{extension}\"\n"
            );
        }
        let config = Config::parse(&text, &root.join("usermon.toml")).expect("written for it");
        let attributor = Attributor::new(Arc::new(Directory::new(&config).expect("no files")));
        for n in 0..USERS {
            let extension = (1000 + n).to_string();
            attributor.observe(&Event::Registration(Registration {
                step: RegistrationStep::Registered,
                time: Timestamp(START),
                key: EndpointKey::new("default", &extension),
                contact: format!("sip:{extension}@{}", far(n)).into(),
                far: Some(far(n)),
                transport: Transport::Udp,
                user_agent: "".into(),
                path: "".into(),
                call_id: "".into(),
                expires: None,
                round_trip: None,
                detail: "".into(),
            }));
        }
        let settings = Settings::open(&config).expect("a fresh folder");
        Self { attributor: Arc::new(attributor), settings: Arc::new(settings) }
    }
}

fn parts<'a>(captured: &'a Captured<'_>) -> PacketParts<'a> {
    PacketParts {
        direction: captured.packet.direction,
        transport: captured.packet.transport,
        local: captured.packet.local,
        far: captured.packet.far,
        detail: captured.detail,
        attribution: match captured.certainty {
            Certainty::Proven => Attribution::Proven,
            Certainty::Claimed => Attribution::Claimed,
            Certainty::Unknown => Attribution::Unknown,
        },
        cut: captured.cut,
        unsure: captured.unsure,
        original_len: captured.original_len,
        endpoint: captured.endpoint,
        linked: captured.linked,
        bytes: captured.bytes,
    }
}

/// CPU time by thread and work.
#[derive(Default)]
struct Spent {
    drain: Duration,
    flush: Duration,
    seal: Duration,
    scan: Duration,
    attribute: Duration,
    redact: Duration,
    append: Duration,
}

/// Prints `full_path_rate` of `packets` packets, and the mean costs of its parts.
pub(crate) fn run(root: &Path, packets: usize) {
    let root = root.join("full_path");
    std::fs::create_dir(&root).expect("a fresh folder");
    let pbx = Pbx::new(&root);
    let clock = Clock::fixed(Timestamp(START));
    let options = || Options { min_free_bytes: 0, max_bytes: 100 << 30, ..Options::default() };
    let store = Store::open(&root.join("ring"), options(), clock.clone()).expect("a fresh folder");
    // so large that a full batch is no overload
    let tap = Arc::new(Tap::new(16 * FLUSH, 64 << 20, clock.clone()));
    let mut drain = Drain::new(tap.clone(), pbx.attributor.clone(), pbx.settings.clone());
    let mut mix = Mix::new(4);
    let mut spent = Spent::default();
    let mut kept = 0;
    let retention = |_: &str| Duration::from_hours(48);
    for _ in 0..packets / FLUSH {
        let messages: Vec<Message> = (0..FLUSH).map(|_| mix.message()).collect();
        for part in messages.chunks(ROUND) {
            for message in part {
                assert!(tap.push(reference(message)), "there is room for all of them");
            }
            let now = Timestamp(START + part.last().map_or(0, |last| last.time));
            clock.set(now);
            timed(&mut spent.drain, || {
                let mut sink = |caught: Caught<'_>| {
                    if let Caught::Packet(captured) = caught {
                        assert_eq!(captured.certainty, Certainty::Proven);
                        kept += 1;
                        let time = captured.packet.time;
                        store.append_packet(time, captured.user, parts(&captured)).expect("open");
                    }
                };
                while drain.round(now, &mut sink) > 0 {}
            });
        }
        timed(&mut spent.flush, || store.flush().expect("never fails"));
        if store.is_seal_due() {
            timed(&mut spent.seal, || store.maintain(&retention).expect("never fails"));
        }
    }
    timed(&mut spent.seal, || store.close().expect("never fails"));
    assert_eq!(kept, packets / FLUSH * FLUSH, "every packet is somebody's");
    let store = Store::open(&root.join("parts"), options(), clock).expect("a fresh folder");
    let sampled = (packets / 10 / FLUSH).max(1) * FLUSH;
    for _ in 0..sampled / FLUSH {
        sample(&pbx, &store, &mut mix, &mut spent);
    }
    let mean = |name: &str, spent: Duration, packets: usize| {
        println!("full_path_{name}_mean {:.0} ns", spent.as_secs_f64() * 1e9 / packets as f64);
    };
    let total = spent.drain + spent.flush + spent.seal;
    println!("full_path_rate {:.0} packets/s", kept as f64 / total.as_secs_f64().max(1e-9));
    for (name, spent) in [("drain", spent.drain), ("flush", spent.flush), ("seal", spent.seal)] {
        mean(name, spent, kept);
    }
    let works = [
        ("scan", spent.scan),
        ("attribute", spent.attribute),
        ("redact", spent.redact),
        ("append", spent.append),
    ];
    for (name, spent) in works {
        mean(name, spent, sampled);
    }
}

/// The same works, one at a time.
fn sample(pbx: &Pbx, store: &Store, mix: &mut Mix, spent: &mut Spent) {
    let messages: Vec<Message> = (0..FLUSH).map(|_| mix.message()).collect();
    let owned: Vec<Owned> = messages.iter().map(|message| Owned::copy(&reference(message))).collect();
    let scans: Vec<_> = timed(&mut spent.scan, || owned.iter().map(|packet| scan(packet.data())).collect());
    let attributed: Vec<_> = timed(&mut spent.attribute, || {
        owned.iter().zip(&scans).map(|(packet, scan)| pbx.attributor.attribute(packet, scan)).collect()
    });
    let mut outs: Vec<_> = messages.iter().map(|message| Vec::with_capacity(message.text.len())).collect();
    let redacted: Vec<_> = timed(&mut spent.redact, || {
        owned
            .iter()
            .zip(&mut outs)
            .map(|(packet, out)| redact(DumpDetail::Full, packet.data(), out))
            .collect()
    });
    let captured: Vec<Captured<'_>> = owned
        .iter()
        .zip(&attributed)
        .zip(redacted.iter().zip(&outs))
        .map(|((packet, attributed), (redacted, bytes))| Captured {
            user: attributed.user.as_ref().expect("proven"),
            endpoint: &attributed.endpoint,
            linked: &attributed.linked,
            certainty: attributed.certainty,
            detail: DumpDetail::Full,
            cut: redacted.cut,
            unsure: redacted.unsure,
            original_len: packet.original_len,
            packet,
            bytes,
        })
        .collect();
    timed(&mut spent.append, || {
        for captured in &captured {
            let seq = store.append_packet(captured.packet.time, captured.user, parts(captured));
            black_box(seq.expect("open"));
        }
    });
    store.flush().expect("never fails");
    if store.is_seal_due() {
        store.maintain(&|_: &str| Duration::from_hours(48)).expect("never fails");
    }
}
