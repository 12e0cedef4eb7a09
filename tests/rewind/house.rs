//! A module without threads, and what may happen in it: the recorder is polled where the drain would.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use usermon::audit::Audit;
use usermon::capture::Tap;
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Call, CallDirection, CallPhase, EndpointKey, Event, Host, LogLevel, Registration, RegistrationStep,
    Transport,
};
use usermon::module::Recorder;
use usermon::query::rewind::Then;
use usermon::query::wall::{Row, Wall};
use usermon::query::{Parts, Query};
use usermon::settings::Settings;
use usermon::state::State;
use usermon::store::{Options, Store};

pub(crate) const START: Timestamp = Timestamp(1_795_435_200_000_000);

pub(crate) struct Pbx;

impl Host for Pbx {
    fn name(&self) -> String {
        "A PBX 1.0".into()
    }
    fn log(&self, _: LogLevel, _: &str) {}
    fn round_trip(&self, _: &EndpointKey, _: &str) -> Option<u32> {
        None
    }
}

pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) run: Option<Run>,
    users: usize,
    options: Options,
}

pub(crate) struct Run {
    pub(crate) directory: Arc<Directory>,
    pub(crate) state: Arc<State>,
    pub(crate) store: Arc<Store>,
    pub(crate) recorder: Recorder,
    pub(crate) query: Query,
}

impl House {
    /// `acme` has so many users, with two endpoints each; `beta` has one. In memory where there is such a folder.
    pub(crate) fn new(users: usize) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let options = Options { min_free_bytes: 0, seal_bytes: 1 << 20, ..Options::default() };
        Self::in_folder(folder.unwrap(), users, options)
    }

    pub(crate) fn in_folder(folder: tempfile::TempDir, users: usize, options: Options) -> Self {
        let mut house = Self { folder, clock: Clock::fixed(START), run: None, users, options };
        house.open();
        house
    }

    pub(crate) fn ring(&self) -> PathBuf {
        self.folder.path().join("ring")
    }

    pub(crate) fn open(&mut self) {
        let text = format!(
            "data_dir = {:?}\n[[company]]\nid = \"acme\"\n[[company]]\nid = \"beta\"\n\
             [[user]]\ncompany = \"beta\"\nextension = \"101\"\nname = \"Bea\"\nendpoints = [\"b1\"]\n{}",
            self.folder.path(),
            (0..self.users)
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
        let store = Store::open(&self.ring(), self.options.clone(), self.clock.clone()).unwrap();
        let store = Arc::new(store);
        let query = Query::new(Parts {
            directory: Arc::clone(&directory),
            state: Arc::clone(&state),
            store: Arc::clone(&store),
            settings: Arc::new(Settings::open(&config).unwrap()),
            audit: Arc::new(Audit::open(self.folder.path(), self.clock.clone()).unwrap()),
            gauge: Arc::default(),
            tap: Arc::new(Tap::new(16, 65_536, self.clock.clone())),
            clock: self.clock.clone(),
            host: Arc::new(Pbx),
            run: "run".into(),
        });
        self.run = Some(Run { directory, state, store, recorder: Recorder::new(), query });
        self.poll();
    }

    pub(crate) fn run(&mut self) -> &mut Run {
        self.run.as_mut().unwrap()
    }

    pub(crate) fn query(&self) -> &Query {
        &self.run.as_ref().unwrap().query
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn poll(&mut self) {
        let clock = self.clock.clone();
        let run = self.run();
        run.recorder.poll(&run.state, &run.directory, &run.store, &clock);
    }

    /// The recorder looks every 20 s.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now().plus(span);
        while self.now() < until {
            self.clock.set(self.now().plus(Duration::from_secs(20)).min(until));
            let now = self.now();
            self.run().state.expire(now);
            self.poll();
        }
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        let now = self.now();
        self.run().state.apply(event, now);
    }

    pub(crate) fn close(&mut self) {
        self.poll();
        let mut run = self.run.take().unwrap();
        run.recorder.stop(&run.store, &self.clock);
        run.store.close().unwrap();
    }

    pub(crate) fn wall(&self, company: &str) -> Wall {
        self.query().wall(company).unwrap()
    }

    pub(crate) fn at(&self, company: &str, at: Timestamp) -> Then {
        self.query().wall_at(company, at).unwrap().unwrap()
    }
}

/// What a rewound wall tells of a row: all but the calls' far parties, when contacts run out, and accounts that were
/// only tried.
pub(crate) fn told(row: &Row) -> String {
    let terminals: Vec<_> = row
        .terminals
        .iter()
        .filter(|t| t.online || !t.id.starts_with("e-"))
        .map(|t| (&t.id, t.kind, t.online, &t.address, t.transport, &t.user_agent, t.registered, t.contacts))
        .collect();
    let who = (&row.id, &row.user.key.user, row.sticker, row.calls, row.since, row.grey);
    format!("{who:?} {terminals:?}")
}

pub(crate) fn rows(wall: &Wall) -> Vec<String> {
    wall.rows.iter().map(told).collect()
}

#[track_caller]
pub(crate) fn told_wall(then: Then) -> Wall {
    match then {
        Then::Told(wall) => wall,
        Then::Unknown(why) => panic!("not known: {why:?}"),
    }
}

pub(crate) fn registration(
    step: RegistrationStep,
    n: usize,
    contact: usize,
    now: Timestamp,
    lasts: u64,
) -> Event {
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

pub(crate) fn endpoint(n: usize) -> String {
    format!("e{}{}", n / 2, if n.is_multiple_of(2) { "" } else { "b" })
}

pub(crate) fn call(phase: CallPhase, n: usize, leg: usize, now: Timestamp) -> Event {
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
