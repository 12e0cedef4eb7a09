//! The cost of a packet: on the PBX's thread (push), and on the drain thread (scan, attribute, redact).
//! And the cost of an event, and of a packet while the disk hangs, for which it needs root. Prints lines
//! `name value unit`; `--test` runs a tiny round.

#[path = "../tests/frozen/mod.rs"]
mod frozen;
#[expect(dead_code, reason = "the bench of the store uses the rest")]
mod mix;
mod running;

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mix::{Message, Mix};
use running::Sizes;
use usermon::capture::redact::redact;
use usermon::capture::{Attributor, Caught, Drain, Owned, Tap, message};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Direction, DumpDetail, EndpointKey, Event, PacketRef, Registration, RegistrationStep, Transport,
};
use usermon::settings::Settings;

const REGISTER: &[u8] = b"REGISTER sip:pbx.example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1f9a7c3e5d;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Anna Rossi\" <sip:101@pbx.example.com>;tag=a73kszlfl\r\n\
To: \"Anna Rossi\" <sip:101@pbx.example.com>\r\n\
Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.10\r\n\
CSeq: 2 REGISTER\r\n\
Contact: <sip:101@192.0.2.10:5060;transport=udp>;expires=3600\r\n\
User-Agent: Yealink SIP-T54W 96.86.0.100\r\n\
Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER\r\n\
Authorization: Digest username=\"101\", realm=\"asterisk\", nonce=\"1700000000/0a1b2c3d4e5f\", uri=\"sip:pbx.example.com\", \
response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, cnonce=\"deadbeef\", qop=auth, nc=00000001\r\n\
Content-Length: 0\r\n\r\n";

const INVITE: &[u8] = b"INVITE sip:102@pbx.example.com SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds\r\n\
From: <sip:101@pbx.example.com>;tag=1928301774\r\n\
To: <sip:102@pbx.example.com>\r\n\
Call-ID: a84b4c76e66710@192.0.2.10\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:101@192.0.2.10:5060>\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 211\r\n\r\n\
v=0\r\no=101 20518 0 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 54732 RTP/SAVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";

fn packet<'a>(data: &'a [u8], endpoint: &'a str) -> PacketRef<'a> {
    PacketRef {
        time: Timestamp(1_700_000_000_000_000),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        far: SocketAddr::from(([192, 0, 2, 10], 5060)),
        company: "default",
        endpoint,
        data,
    }
}

pub(crate) fn quantiles(name: &str, mut samples: Vec<u64>, overhead: u64) {
    samples.sort_unstable();
    for (suffix, per_mille) in [("p50", 500), ("p99", 990), ("p999", 999)] {
        let at = (samples.len() * per_mille / 1000).min(samples.len() - 1);
        println!("{name}_{suffix} {} ns", samples[at].saturating_sub(overhead));
    }
}

/// What two calls of the clock cost by themselves.
fn clock_overhead() -> u64 {
    let mut samples: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = Instant::now();
            u64::try_from(start.elapsed().as_nanos()).unwrap_or(0)
        })
        .collect();
    samples.sort_unstable();
    samples[5_000]
}

/// How many packets each thread pushes.
pub(crate) enum Pace {
    Packets(usize),
    Until(Instant),
}

/// How long each took: a push, and to allocate and copy the same message.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) pushed: Vec<u64>,
    pub(crate) copied: Vec<u64>,
}

/// Messages of the reference mix.
pub(crate) struct Source(Vec<(String, SocketAddr, String)>);

impl Source {
    fn new() -> Self {
        let mut mix = Mix::new(7);
        let message = |_| {
            let Message { user, text, .. } = mix.message();
            let far = SocketAddr::from(([10, 20, u8::try_from(user / 250).unwrap(), 2], 5060));
            ((1_000 + user).to_string(), far, text)
        };
        Self((0..512).map(message).collect())
    }

    pub(crate) fn packet(&self, n: usize) -> PacketRef<'_> {
        let (endpoint, far, text) = &self.0[n % self.0.len()];
        PacketRef { far: *far, ..packet(text.as_bytes(), endpoint) }
    }

    /// A packet that the PBX has just read, so that it is in the caches.
    fn parsed(&self, n: usize) -> PacketRef<'_> {
        let packet = self.packet(n);
        black_box(packet.data.iter().fold(0_u8, |sum, byte| sum ^ byte));
        packet
    }

    /// Two PBX threads that push about 100,000 packets a second in bursts of 64. After each burst the same thread only
    /// allocates and copies as many messages, and frees the one a thousand before: what is compared has the same
    /// caches and the same noise.
    pub(crate) fn push(&self, pace: &Pace, push: &(dyn Fn(PacketRef<'_>) -> bool + Sync)) -> Samples {
        let thread = || {
            let mut samples = Samples::default();
            let mut held = VecDeque::with_capacity(1_024);
            let time = |start: Instant| u64::try_from(start.elapsed().as_nanos()).unwrap();
            loop {
                let first = samples.pushed.len();
                for n in first..first + 64 {
                    let packet = black_box(self.parsed(n));
                    let start = Instant::now();
                    black_box(push(packet));
                    samples.pushed.push(time(start));
                }
                for n in first..first + 64 {
                    let packet = black_box(self.parsed(n));
                    let start = Instant::now();
                    held.push_back(Box::<[u8]>::from(packet.data));
                    if held.len() > 1_000 {
                        held.pop_front();
                    }
                    samples.copied.push(time(start));
                }
                let done = match pace {
                    Pace::Packets(packets) => samples.pushed.len() >= *packets,
                    Pace::Until(end) => Instant::now() >= *end,
                };
                if done {
                    return samples;
                }
                std::thread::sleep(Duration::from_micros(1_200));
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).fold(
                Samples::default(),
                |mut all, one| {
                    all.pushed.extend(one.pushed);
                    all.copied.extend(one.copied);
                    all
                },
            )
        })
    }
}

/// Packets into the tap, while a drain takes them.
fn push(packets: usize, source: &Source, overhead: u64, drain: &mut Drain, tap: &Arc<Tap>) {
    let stop = AtomicBool::new(false);
    let mut kept = 0_u64;
    let samples = std::thread::scope(|scope| {
        let taker = scope.spawn(|| {
            let mut sink = |caught: Caught<'_>| kept += u64::from(matches!(caught, Caught::Packet(_)));
            while !stop.load(Ordering::Relaxed) {
                if drain.round(Timestamp(1), &mut sink) == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            drain.finish(Timestamp(1), &mut sink);
        });
        let samples = source.push(&Pace::Packets(packets), &|packet| tap.push(packet));
        stop.store(true, Ordering::Relaxed);
        taker.join().unwrap();
        samples
    });
    quantiles("copy_floor", samples.copied, overhead);
    quantiles("push", samples.pushed, overhead);
    println!("push_dropped {} packets", tap.counters().dropped);
    println!("push_kept {kept} packets");
}

fn mean(name: &str, rounds: u32, mut work: impl FnMut()) {
    for _ in 0..rounds / 10 {
        work();
    }
    let start = Instant::now();
    for _ in 0..rounds {
        work();
    }
    println!("{name}_mean {} ns", start.elapsed().as_nanos() / u128::from(rounds));
}

fn main() {
    let tiny = std::env::args().any(|argument| argument == "--test");
    let (packets, rounds) = if tiny { (256, 100) } else { (200_000, 500_000) };
    let sizes = if tiny {
        Sizes { users: 100, events: 320, reloads: 2, frozen: Duration::from_millis(300) }
    } else {
        Sizes { users: 10_000, events: 200_000, reloads: 50, frozen: Duration::from_secs(6) }
    };
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "data_dir = {:?}\n[[user]]\nextension = \"101\"\nname = \"Anna\"\nsurname = \"Rossi\"\n[[user]]\nextension = \"102\"\nname = \"Ugo\"\nsurname = \"Neri\"\n",
        folder.path().display().to_string()
    );
    let config = Config::parse(&text, &folder.path().join("usermon.toml")).unwrap();
    let directory = Arc::new(Directory::new(&config).unwrap());
    let settings = Arc::new(Settings::open(&config).unwrap());
    let attributor = Arc::new(Attributor::new(directory));
    let tap = Arc::new(Tap::new(65_536, 32 << 20, Clock::System));
    let mut drain = Drain::new(tap.clone(), attributor.clone(), settings);

    let overhead = clock_overhead();
    println!("clock_overhead {overhead} ns");
    let source = Source::new();
    push(packets, &source, overhead, &mut drain, &tap);
    drop(drain);
    running::events(&sizes, overhead);
    running::frozen(&sizes, &source, overhead);

    mean("scan", rounds, || {
        black_box(message::scan(black_box(REGISTER)));
    });
    let mut out = Vec::new();
    for (name, data) in [("register", REGISTER), ("invite", INVITE)] {
        for detail in [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full] {
            mean(&format!("redact_{}_{name}", detail.word()), rounds, || {
                black_box(redact(detail, black_box(data), &mut out));
            });
        }
    }
    let named = Owned::copy(&packet(REGISTER, "101"));
    let scan = message::scan(REGISTER);
    mean("attribute_named", rounds, || {
        black_box(attributor.attribute(black_box(&named), &scan));
    });
    attributor.observe(&Event::Registration(Registration {
        step: RegistrationStep::Registered,
        time: Timestamp(1),
        key: EndpointKey::new("default", "101"),
        contact: "sip:101@192.0.2.10:5060".into(),
        far: Some(SocketAddr::from(([192, 0, 2, 10], 5060))),
        transport: Transport::Udp,
        user_agent: "".into(),
        path: "".into(),
        call_id: "".into(),
        expires: None,
        round_trip: None,
        detail: "".into(),
    }));
    let unnamed = Owned::copy(&packet(INVITE, ""));
    let scan = message::scan(INVITE);
    mean("attribute_address", rounds, || {
        black_box(attributor.attribute(black_box(&unnamed), &scan));
    });
    mean("copy", rounds, || {
        black_box(Owned::copy(black_box(&packet(REGISTER, "101"))));
    });
}
