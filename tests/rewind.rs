//! Breaks when the wall of a past moment is told otherwise than it was, or is told where nobody can know.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use usermon::audit::Audit;
use usermon::capture::Tap;
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Call, CallDirection, CallPhase, EndpointKey, Event, FailureCause, Grey, Host, LogLevel, Presence,
    Registration, RegistrationStep, Sticker, Transport, User, UserKey,
};
use usermon::module::Recorder;
use usermon::query::rewind::{Then, Untold};
use usermon::query::wall::{Row, Wall};
use usermon::query::{Parts, Query};
use usermon::settings::Settings;
use usermon::state::State;
use usermon::store::{Options, Store};

const START: Timestamp = Timestamp(1_795_435_200_000_000);
const USERS: usize = 5;

struct Pbx;

impl Host for Pbx {
    fn name(&self) -> String {
        "A PBX 1.0".into()
    }
    fn log(&self, _: LogLevel, _: &str) {}
    fn round_trip(&self, _: &EndpointKey, _: &str) -> Option<u32> {
        None
    }
}

/// A module without threads: the recorder is polled where the drain would.
struct House {
    folder: tempfile::TempDir,
    clock: Clock,
    run: Option<Run>,
}

struct Run {
    directory: Arc<Directory>,
    state: Arc<State>,
    store: Arc<Store>,
    recorder: Recorder,
    query: Query,
}

impl House {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let mut house = Self { folder: folder.unwrap(), clock: Clock::fixed(START), run: None };
        house.open();
        house
    }

    fn open(&mut self) {
        let text = format!(
            "data_dir = {:?}\n[[company]]\nid = \"acme\"\n[[company]]\nid = \"beta\"\n\
             [[user]]\ncompany = \"beta\"\nextension = \"101\"\nname = \"Bea\"\nendpoints = [\"b1\"]\n{}",
            self.folder.path(),
            (0..USERS)
                .map(|n| {
                    format!(
                        "[[user]]\ncompany = \"acme\"\nextension = \"10{n}\"\nname = \"U\"\ndepartment = \"D{}\"\n\
                         endpoints = [\"e{n}\", \"e{n}b\"]\n[[user.terminal]]\nkind = \"sip\"\n[[user.terminal]]\nkind = \"usb\"\n",
                        n % 2
                    )
                })
                .collect::<String>()
        );
        let config = Config::parse(&text, Path::new("usermon.toml")).unwrap();
        let directory = Arc::new(Directory::new(&config).unwrap());
        let state = Arc::new(State::new());
        state.assign(directory.assignment(), self.clock.now());
        let options = Options { min_free_bytes: 0, seal_bytes: 1 << 20, ..Options::default() };
        let ring = self.folder.path().join("ring");
        let store = Arc::new(Store::open(&ring, options, self.clock.clone()).unwrap());
        let query = Query::new(Parts {
            directory: Arc::clone(&directory),
            state: Arc::clone(&state),
            store: Arc::clone(&store),
            settings: Arc::new(Settings::open(&config).unwrap()),
            audit: Arc::new(Audit::open(self.folder.path(), self.clock.clone()).unwrap()),
            unattributed_dropped: Arc::default(),
            tap: Arc::new(Tap::new(16, 65_536, self.clock.clone())),
            clock: self.clock.clone(),
            host: Arc::new(Pbx),
            run: "run".into(),
        });
        self.run = Some(Run { directory, state, store, recorder: Recorder::new(), query });
        self.poll();
    }

    fn run(&mut self) -> &mut Run {
        self.run.as_mut().unwrap()
    }

    fn query(&self) -> &Query {
        &self.run.as_ref().unwrap().query
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn poll(&mut self) {
        let now = self.now();
        let run = self.run();
        run.recorder.poll(&run.state, &run.directory, &run.store, now);
    }

    /// The recorder looks every 20 s.
    fn pass(&mut self, span: Duration) {
        let until = self.now().plus(span);
        while self.now() < until {
            self.clock.set(self.now().plus(Duration::from_secs(20)).min(until));
            let now = self.now();
            self.run().state.expire(now);
            self.poll();
        }
    }

    /// The host tells of a user of beta: the directory has a new generation.
    fn another_user(&mut self) {
        let told = Event::User(User {
            presence: Presence::Here,
            company: "beta".into(),
            user: format!("u{}", self.run().directory.generation()).into(),
            extension: "".into(),
            name: "".into(),
            surname: "".into(),
            department: "".into(),
            mobile: "".into(),
        });
        let before = self.run().directory.generation();
        self.run().directory.apply(&told);
        assert!(self.run().directory.generation() > before);
    }

    fn apply(&mut self, event: &Event) {
        let now = self.now();
        self.run().state.apply(event, now);
    }

    fn close(&mut self) {
        self.poll();
        let mut run = self.run.take().unwrap();
        run.recorder.stop(&run.store);
        run.store.close().unwrap();
    }

    fn wall(&self, company: &str) -> Wall {
        self.query().wall(company).unwrap()
    }

    fn at(&self, company: &str, at: Timestamp) -> Then {
        self.query().wall_at(company, at).unwrap().unwrap()
    }
}

/// What a rewound wall tells of a row: all but the calls' far parties, when contacts run out, and accounts that were
/// only tried.
fn told(row: &Row) -> String {
    let terminals: Vec<_> = row
        .terminals
        .iter()
        .filter(|t| t.online || !t.id.starts_with("e-"))
        .map(|t| (&t.id, t.kind, t.online, &t.address, t.transport, &t.user_agent, t.registered, t.contacts))
        .collect();
    let who = (&row.id, &row.user.key.user, row.sticker, row.calls, row.since, row.grey);
    format!("{who:?} {terminals:?}")
}

fn rows(wall: &Wall) -> Vec<String> {
    wall.rows.iter().map(told).collect()
}

#[track_caller]
fn wall_of(then: Then) -> Wall {
    match then {
        Then::Told(wall) => wall,
        Then::Unknown(why) => panic!("not known: {why:?}"),
    }
}

fn registration(step: RegistrationStep, n: usize, contact: usize, now: Timestamp, lasts: u64) -> Event {
    Event::Registration(Registration {
        step,
        time: now,
        key: EndpointKey::new("acme", &endpoint(n)),
        contact: format!("sip:{n}@192.0.2.{contact}").into(),
        far: (contact != 1).then(|| ([192, 0, 2, 9], 5060).into()),
        transport: if contact == 0 { Transport::Tls } else { Transport::Udp },
        user_agent: ["Yealink SIP-T46U", "Linphone/5", ""][contact % 3].into(),
        path: "".into(),
        call_id: "".into(),
        expires: Some(now.plus(Duration::from_secs(lasts))),
        round_trip: None,
        detail: "".into(),
    })
}

fn endpoint(n: usize) -> String {
    if n < USERS { format!("e{n}") } else { format!("e{}b", n - USERS) }
}

fn call(phase: CallPhase, n: usize, leg: usize, now: Timestamp) -> Event {
    Event::Call(Call {
        phase,
        time: now,
        key: EndpointKey::new("acme", &endpoint(n)),
        leg: format!("l{leg}").into(),
        linked: format!("c{}", leg / 2).into(),
        call_id: "".into(),
        direction: CallDirection::Incoming,
        far_number: "600".into(),
        far_name: "".into(),
        cause: 0,
    })
}

#[derive(Debug, Clone)]
enum Act {
    Register(RegistrationStep, usize, usize, u64),
    Call(CallPhase, usize, usize),
    Activate(usize, bool),
    Own(usize, Option<usize>),
    /// An event that is older than what was told before.
    Late(usize, usize),
    Poll,
    Pass(u64),
    Look,
    Seal,
    Close(u64),
    Kill {
        flushed: bool,
        away: u64,
    },
    SetBack(u64),
}

fn act() -> impl Strategy<Value = Act> {
    use RegistrationStep::{Expired, Failed, Reachable, Registered, Unreachable, Unregistered};
    let step = prop_oneof![
        6 => Just(Registered), 3 => Just(Unregistered), 1 => Just(Expired), 1 => Just(Reachable),
        1 => Just(Unreachable), 1 => Just(Failed(FailureCause::WrongPassword)), 1 => Just(Failed(FailureCause::Forbidden)),
    ];
    let phase = prop_oneof![
        3 => Just(CallPhase::Ringing), 2 => Just(CallPhase::Up), 1 => Just(CallPhase::Held),
        3 => Just(CallPhase::Ended),
    ];
    let both = 2 * USERS;
    prop_oneof![
        12 => (step, 0..both, 0..3_usize, 5..4_000_u64).prop_map(|(s, n, c, l)| Act::Register(s, n, c, l)),
        12 => (phase, 0..both, 0..8_usize).prop_map(|(p, n, l)| Act::Call(p, n, l)),
        2 => (0..USERS, any::<bool>()).prop_map(|(n, is)| Act::Activate(n, is)),
        2 => (0..both, proptest::option::of(0..USERS)).prop_map(|(e, n)| Act::Own(e, n)),
        2 => (0..both, 0..3_usize).prop_map(|(n, c)| Act::Late(n, c)),
        6 => Just(Act::Poll),
        6 => prop_oneof![1..120_u64, 1_000..4_000_u64].prop_map(Act::Pass),
        10 => Just(Act::Look),
        2 => Just(Act::Seal),
        1 => (0..600_u64).prop_map(Act::Close),
        1 => (any::<bool>(), 0..600_u64).prop_map(|(flushed, away)| Act::Kill { flushed, away }),
        1 => (20..4_000_u64).prop_map(Act::SetBack),
    ]
}

/// Whether a moment must be told, may be, or must not.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
enum Known {
    Yes,
    /// A kill took the pages that told of it.
    Lost,
    /// The clock was set back behind it: another history of the same moment may be told instead.
    Twice,
}

struct Seen {
    at: Timestamp,
    rows: Vec<String>,
    known: Known,
}

fn check(house: &House, seen: &[Seen]) -> Result<(), TestCaseError> {
    for moment in seen.iter().filter(|moment| moment.known != Known::Twice) {
        match house.at("acme", moment.at) {
            Then::Told(wall) => {
                prop_assert_eq!(rows(&wall), moment.rows.clone(), "at {:?} ({:?})", moment.at, moment.known)
            }
            Then::Unknown(why) => prop_assert!(moment.known == Known::Lost, "{:?} at {:?}", why, moment.at),
        }
    }
    Ok(())
}

fn live(acts: Vec<Act>) -> Result<(), TestCaseError> {
    let mut house = House::new();
    let mut seen: Vec<Seen> = Vec::new();
    let mut away: Vec<Timestamp> = Vec::new();
    // what was written before is on the disk
    let mut safe = Timestamp::MIN;
    // how far the clock came before it was set back
    let mut furthest = Timestamp::MIN;
    for act in acts {
        let now = house.now();
        match act {
            Act::Register(step, n, contact, lasts) => {
                house.apply(&registration(step, n, contact, now, lasts))
            }
            Act::Late(n, contact) => {
                let before = now.minus(Duration::from_secs(3));
                house.apply(&registration(RegistrationStep::Registered, n, contact, before, 600));
            }
            Act::Call(phase, n, leg) => house.apply(&call(phase, n, leg, now)),
            Act::Activate(n, is) => {
                let user = Arc::new(UserKey::new("acme", &format!("10{n}")));
                house.run().state.activate(&user, "usb", is.then_some(true), now);
            }
            Act::Own(e, n) => {
                let user = n.map(|n| Arc::new(UserKey::new("acme", &format!("10{n}"))));
                let key = Arc::new(EndpointKey::new("acme", &endpoint(e)));
                house.run().state.own(&key, user.as_ref(), now);
                if user.is_none() {
                    // where the directory takes an endpoint away, it has a new generation
                    house.another_user();
                }
            }
            Act::Poll => house.poll(),
            Act::Pass(seconds) => {
                house.pass(Duration::from_secs(seconds));
                house.run().store.flush().unwrap();
                safe = house.now();
            }
            Act::Look => {
                house.poll();
                let rows = rows(&house.wall("acme"));
                seen.push(Seen { at: now, rows, known: Known::Yes });
                house.clock.set(now.plus(Duration::from_millis(20)));
            }
            Act::Seal => {
                house.run().store.seal().unwrap();
                safe = now;
            }
            Act::Close(seconds) => {
                house.close();
                safe = now;
                house.clock.set(now.plus(Duration::from_secs(seconds)));
                if seconds > 1 && now > furthest {
                    away.push(now.plus(Duration::from_secs(seconds / 2)));
                }
                house.open();
            }
            Act::Kill { flushed, away: seconds } => {
                house.poll();
                let run = house.run.take().unwrap();
                if flushed {
                    run.store.flush().unwrap();
                }
                drop(run);
                // from when on it was dead nobody can know: it is told up to the last page that has another after it
                let unsure = if flushed { now } else { safe }.minus(Duration::from_secs(90));
                for moment in seen.iter_mut().filter(|m| m.at > unsure) {
                    moment.known =
                        if moment.at <= furthest { Known::Twice } else { moment.known.max(Known::Lost) };
                }
                house.clock.set(now.plus(Duration::from_secs(seconds)));
                if seconds > 1 && now > furthest {
                    away.push(now.plus(Duration::from_secs(seconds / 2)));
                }
                house.open();
            }
            Act::SetBack(seconds) => {
                house.poll();
                let back = now.minus(Duration::from_secs(seconds));
                house.clock.jump(back);
                furthest = furthest.max(now);
                safe = Timestamp::MIN;
                let twice = back.minus(Duration::from_secs(120));
                seen.iter_mut().filter(|m| m.at >= twice).for_each(|m| m.known = Known::Twice);
                away.retain(|at| *at < twice);
                // everybody is written again before anything is known
                house.poll();
                house.clock.set(back.plus(Duration::from_millis(20)));
                house.poll();
                house.clock.set(back.plus(Duration::from_millis(40)));
                house.poll();
            }
        }
        check(&house, seen.last_chunk::<1>().map_or(&[], |last| last))?;
    }
    // what lies after a stop is known only up to the next page
    house.pass(Duration::from_secs(100));
    for _ in 0..2 {
        check(&house, &seen)?;
        for at in &away {
            let then = house.at("acme", *at);
            prop_assert!(matches!(then, Then::Unknown(_)), "told at {:?}: nobody was there", at);
        }
        let is_before = house.at("acme", START.minus(Duration::from_hours(100)));
        prop_assert!(matches!(is_before, Then::Unknown(_)));
        house.run().store.seal().unwrap();
        house.close();
        house.open();
        house.pass(Duration::from_secs(100));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_moment_is_told_as_it_was(acts in prop::collection::vec(act(), 1..60)) {
        live(acts)?;
    }
}
