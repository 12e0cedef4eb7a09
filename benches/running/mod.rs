//! The running module with 10,000 users, as the PBX's threads see it: the price of an event, alone and while the
//! directory is read again, and of a packet while the disk hangs.

use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use usermon::clock::Clock;
use usermon::event::{
    Call, CallDirection, CallPhase, EndpointKey, Event, Host, LogLevel, Registration, RegistrationStep,
    Transport, UserKey,
};
use usermon::module::Module;
use usermon::state::State;

use crate::frozen::{Disk, hangs};
use crate::{Pace, Source, quantiles};

pub(crate) struct Sizes {
    pub(crate) users: usize,
    pub(crate) events: usize,
    pub(crate) reloads: usize,
    /// How long the disk hangs while packets are measured.
    pub(crate) frozen: Duration,
}

struct Pbx;

impl Host for Pbx {
    fn name(&self) -> String {
        "bench".to_owned()
    }
    fn log(&self, level: LogLevel, line: &str) {
        if level > LogLevel::Notice {
            eprintln!("{line}");
        }
    }
    fn round_trip(&self, _endpoint: &EndpointKey, _contact: &str) -> Option<u32> {
        None
    }
}

fn open(folder: &Path, users: usize) -> Module {
    let mut text = format!("data_dir = {:?}\n[store]\nmin_free_mib = 1\n", folder.join("data"));
    for n in 0..users {
        text += &format!("[[user]]\nextension = \"{}\"\nname = \"User {n}\"\n", 1_000 + n);
    }
    let config = folder.join("usermon.toml");
    std::fs::write(&config, text).unwrap();
    Module::open(&config, Arc::new(Pbx)).unwrap()
}

fn far(user: usize) -> SocketAddr {
    let [_, high, low, _] = u32::try_from(user << 8).unwrap().to_be_bytes();
    SocketAddr::from(([10, 20, high, low], 5060))
}

/// As the PBX tells it: without the company, each text its own.
fn registered(user: usize, round: usize) -> Event {
    let (name, now) = (1_000 + user, Clock::System.now());
    Event::Registration(Registration {
        step: RegistrationStep::Registered,
        time: now,
        key: EndpointKey::new("", &name.to_string()),
        contact: format!("sip:{name}@{}", far(user)).into(),
        far: Some(far(user)),
        transport: Transport::Udp,
        user_agent: "Yealink SIP-T46U 108.86.0.20".into(),
        path: "".into(),
        call_id: format!("{name}-{}@{}", round / 1_000, far(user)).into(),
        expires: Some(now.plus(Duration::from_mins(2))),
        round_trip: None,
        detail: "".into(),
    })
}

fn call(user: usize, number: usize, phase: CallPhase) -> Event {
    Event::Call(Call {
        phase,
        time: Clock::System.now(),
        key: EndpointKey::new("", &(1_000 + user).to_string()),
        leg: format!("1700000000.{number}").into(),
        linked: format!("1700000000.{number}").into(),
        call_id: format!("{number:020x}@{}", far(user)).into(),
        direction: CallDirection::Outgoing,
        far_number: "0612345678".into(),
        far_name: "Somebody".into(),
        cause: if phase == CallPhase::Ended { 16 } else { 0 },
    })
}

/// Users one after the other without an order; half of the events refresh a registration, half make calls.
struct Day {
    users: usize,
    number: usize,
    calls: std::collections::VecDeque<(usize, usize, CallPhase)>,
}

impl Day {
    fn event(&mut self) -> Event {
        self.number += 1;
        let user = self.number * 7_919 % self.users;
        if self.number.is_multiple_of(2) {
            return registered(user, self.number);
        }
        // 64 calls at once
        if self.calls.len() < 64 {
            self.calls.push_back((user, self.number, CallPhase::Ringing));
        }
        let (user, number, phase) = self.calls.pop_front().unwrap();
        match phase {
            CallPhase::Ringing => self.calls.push_back((user, number, CallPhase::Up)),
            CallPhase::Up | CallPhase::Held => self.calls.push_back((user, number, CallPhase::Ended)),
            CallPhase::Ended => {}
        }
        call(user, number, phase)
    }

    /// Makes so many and has them applied, 64 at once and then a pause, and says how long each took.
    fn apply(&mut self, events: usize, stop: &AtomicBool, apply: &dyn Fn(Event)) -> Vec<u64> {
        let mut samples = Vec::new();
        while samples.len() < events && !stop.load(Ordering::Relaxed) {
            let batch: Vec<Event> = (0..64).map(|_| self.event()).collect();
            for event in batch {
                let start = Instant::now();
                apply(black_box(event));
                samples.push(u64::try_from(start.elapsed().as_nanos()).unwrap());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        samples
    }
}

/// Events applied to the state of so many users, all registered: `event_apply`. The caller keeps the event, as the
/// module does, which hands it on to the drain.
fn applied(sizes: &Sizes, overhead: u64) {
    let state = State::new();
    let key = |user: usize| EndpointKey::new("default", &(1_000 + user).to_string());
    let owner =
        |user: usize| (Arc::new(key(user)), Arc::new(UserKey::new("default", &(1_000 + user).to_string())));
    state.assign((0..sizes.users).map(owner).collect(), Clock::System.now());
    let resolved = |mut event: Event| {
        if let Event::Registration(Registration { key, .. }) | Event::Call(Call { key, .. }) = &mut event {
            key.company = "default".into();
        }
        event
    };
    for user in 0..sizes.users {
        state.apply(&resolved(registered(user, 0)), Clock::System.now());
    }
    let mut day = Day { users: sizes.users, number: 0, calls: std::collections::VecDeque::new() };
    let mut samples = Vec::new();
    while samples.len() < sizes.events {
        let batch: Vec<Event> = (0..64).map(|_| resolved(day.event())).collect();
        let now = Clock::System.now();
        for event in &batch {
            let start = Instant::now();
            let changes = state.apply(black_box(event), now);
            samples.push(u64::try_from(start.elapsed().as_nanos()).unwrap());
            drop(changes);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    quantiles("event_apply", samples, overhead);
}

/// Events at so many users, all registered, through the module as the PBX's thread has them; then the same while the
/// directory is read again and again.
pub(crate) fn events(sizes: &Sizes, overhead: u64) {
    applied(sizes, overhead);
    let folder = tempfile::tempdir().unwrap();
    let module = open(folder.path(), sizes.users);
    for user in 0..sizes.users {
        module.event(registered(user, 0));
    }
    let mut day = Day { users: sizes.users, number: 0, calls: std::collections::VecDeque::new() };
    let stop = AtomicBool::new(false);
    quantiles("event_entry", day.apply(sizes.events, &stop, &|event| module.event(event)), overhead);
    let samples = std::thread::scope(|scope| {
        let applied = scope.spawn(|| day.apply(usize::MAX, &stop, &|event| module.event(event)));
        for _ in 0..sizes.reloads {
            module.reload().unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        applied.join().unwrap()
    });
    quantiles("event_reload", samples, overhead);
    println!("event_dropped {} events", module.query().status().dropped);
}

/// Packets while the disk hangs.
pub(crate) fn frozen(sizes: &Sizes, source: &Source, overhead: u64) {
    let Some(mut disk) = Disk::new(512, "push_frozen_disk") else { return };
    let module = open(disk.root(), sizes.users);
    disk.freeze();
    let began = Instant::now();
    // until the journal's thread is in a write that does not return
    while !hangs("usermon-journal") {
        assert!(began.elapsed() < Duration::from_secs(20), "the disk does not hang");
        module.packet(source.packet(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    let until = Instant::now() + sizes.frozen;
    let samples = source.push(&Pace::Until(until), &|packet| module.packet(packet));
    let status = module.query().status();
    assert!(hangs("usermon-journal"));
    println!("push_frozen_disk_seconds {:.1} s", began.elapsed().as_secs_f64());
    disk.thaw();
    println!("push_frozen_disk_packets {} packets", samples.pushed.len());
    println!("push_frozen_disk_dropped {} packets", status.dropped);
    println!("push_frozen_disk_counted {} packets", status.store.lost_packets);
    quantiles("push_frozen_disk", samples.pushed, overhead);
    module.close(Duration::from_secs(60)).unwrap();
}
