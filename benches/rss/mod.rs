//! The memory that the module adds to a PBX: a child process opens the whole module with default budgets, tells it
//! of 10,000 registered users and pushes 20,000 packets a second of the reference mix, until there were several
//! seals. What counts is the peak of the child's anonymous memory over what it had before; pages of files are not in it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use usermon::clock::{Clock, Timestamp};
use usermon::config::Role;
use usermon::event::{
    Direction, DumpDetail, EndpointKey, Event, Host, LogLevel, PacketRef, Presence, Registration,
    RegistrationStep, Transport, User, UserKey,
};
use usermon::module::Module;
use usermon::query::Viewer;

use crate::line;
use crate::mix::{Mix, USERS};

/// What the child's command line begins with.
pub(crate) const CHILD: &str = "--rss-child";
const RATE: u64 = 20_000;
/// The PBX's threads; each pushes the packets of its own 5,000 users.
const THREADS: usize = 2;
const TURN: Duration = Duration::from_millis(10);

struct Pbx;

impl Host for Pbx {
    fn name(&self) -> String {
        "bench".to_owned()
    }
    fn log(&self, level: LogLevel, line: &str) {
        if level == LogLevel::Error {
            eprintln!("{line}");
        }
    }
    fn round_trip(&self, _: &EndpointKey, _: &str) -> Option<u32> {
        None
    }
}

/// Measures in a process of its own, so that nothing else is in the figure.
pub(crate) fn run(root: &Path, seconds: u64) {
    let exe = std::env::current_exe().expect("Linux");
    let child = Command::new(exe).arg(CHILD).arg(root.join("rss")).arg(seconds.to_string()).status();
    assert!(child.expect("our own executable").success(), "the child failed");
}

/// Anonymous memory of this process, in bytes.
fn anonymous() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux 4.14");
    let field = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("a field of it");
    field.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// The child: `DIR SECONDS`.
pub(crate) fn child(mut arguments: impl Iterator<Item = String>) {
    let dir = std::path::PathBuf::from(arguments.next().expect("a folder"));
    let seconds = arguments.next().and_then(|n| n.parse().ok()).expect("seconds");
    std::fs::create_dir_all(&dir).expect("a folder");
    let config = dir.join("usermon.toml");
    std::fs::write(&config, format!("data_dir = {:?}\n", dir.join("data"))).expect("a file");
    let stop = Arc::new(AtomicBool::new(false));
    let (ready, go) = (Arc::new(Barrier::new(THREADS + 1)), Arc::new(Barrier::new(THREADS + 1)));
    let module: Arc<std::sync::OnceLock<Module>> = Arc::default();
    let pushers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (stop, ready, go) = (Arc::clone(&stop), Arc::clone(&ready), Arc::clone(&go));
            let module = Arc::clone(&module);
            std::thread::spawn(move || {
                let mut mix = Mix::new(thread as u64);
                // until the mix itself takes no more memory
                for _ in 0..20_000 {
                    mix.message();
                }
                ready.wait();
                go.wait();
                push(module.get().expect("opened"), &mut mix, thread, &stop)
            })
        })
        .collect();
    ready.wait();
    let before = anonymous();
    let open = Module::open(&config, Arc::new(Pbx)).expect("a fresh folder");
    assert!(module.set(open).is_ok(), "once");
    let open = module.get().expect("just set");
    let viewer =
        Viewer { person: "bench".into(), role: Role::SuperAdmin, company: None, from: String::new() };
    open.query().set_dump_detail(&viewer, "default", DumpDetail::Full).expect("may");
    register(open);
    line("rss_users", anonymous().saturating_sub(before) as f64 / f64::from(1 << 20), "MiB");
    go.wait();
    let began = Instant::now();
    let mut peak = 0;
    let mut asked = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(20));
        peak = peak.max(anonymous());
        // somebody looks at a user's diagnostics every second
        if began.elapsed().as_secs() > asked {
            asked += 1;
            let n = usize::try_from(asked).expect("small") * 7919 % (THREADS * USERS);
            let user = UserKey::new("default", &name(n));
            open.query().diagnostics(&viewer, &user, None, 100).expect("readable");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let pushed: u64 = pushers.into_iter().map(|pusher| pusher.join().expect("no panic")).sum();
    let status = open.query().status();
    line("rss_packets", pushed as f64, "packets");
    // a machine that is busy with something else can't take this rate
    line("rss_dropped", (status.dropped + status.store.lost_packets) as f64, "packets");
    line("rss_segments", status.store.segments as f64, "files");
    line("rss_added", peak.saturating_sub(before) as f64 / f64::from(1 << 20), "MiB");
    open.close(Duration::from_secs(20)).expect("closes");
}

fn name(user: usize) -> String {
    format!("{}", 1000 + user)
}

fn far(user: usize) -> SocketAddr {
    format!("10.{}.{}.{}:5060", 20 + user / 2500, user / 250 % 10, 2 + user % 250).parse().expect("valid")
}

fn register(module: &Module) {
    let now = Clock::System.now();
    for n in 0..THREADS * USERS {
        let id = name(n);
        module.event(Event::User(User {
            presence: Presence::Here,
            company: "".into(),
            user: id.as_str().into(),
            extension: id.as_str().into(),
            name: "Anna".into(),
            surname: format!("Rossi {id}").into(),
            department: format!("Department {}", n % 20).into(),
            mobile: "".into(),
        }));
        module.event(Event::Registration(Registration {
            step: RegistrationStep::Registered,
            time: now,
            key: EndpointKey::new("", &id),
            contact: format!("sip:{id}@{}", far(n)).into(),
            far: Some(far(n)),
            transport: Transport::Udp,
            user_agent: "Yealink SIP-T46U 108.86.0.20".into(),
            path: "".into(),
            call_id: format!("register-{id}").into(),
            expires: Some(now.plus(Duration::from_hours(1))),
            round_trip: None,
            detail: "".into(),
        }));
    }
}

fn push(module: &Module, mix: &mut Mix, thread: usize, stop: &AtomicBool) -> u64 {
    let local: SocketAddr = "10.0.0.1:5060".parse().expect("valid");
    let began = Instant::now();
    let mut pushed = 0;
    while !stop.load(Ordering::Relaxed) {
        let due =
            u64::try_from(began.elapsed().as_micros()).expect("short") * RATE / THREADS as u64 / 1_000_000;
        while pushed < due {
            let message = mix.message();
            let user = message.user + thread * USERS;
            let packet = PacketRef {
                time: Timestamp::default(),
                direction: if message.incoming { Direction::In } else { Direction::Out },
                transport: Transport::Udp,
                local,
                far: far(user),
                company: "",
                endpoint: &name(user),
                data: message.text.as_bytes(),
            };
            module.packet(packet);
            pushed += 1;
        }
        std::thread::sleep(TURN);
    }
    pushed
}
