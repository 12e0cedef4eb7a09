//! A whole site without a socket: two companies, three accounts, and a browser that keeps its cookie.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use tempfile::TempDir;
use usermon::audit::Audit;
use usermon::capture::Tap;
use usermon::clock::{Clock, Timestamp};
use usermon::config::{Config, Role};
use usermon::directory::Directory;
use usermon::event::{
    Change, Direction, DumpDetail, EndpointKey, Event, Host, LogLevel, Registration, RegistrationStep,
    Transport, UserKey,
};
use usermon::query::diagnostics::Cursor;
use usermon::query::{Parts, Query};
use usermon::settings::Settings;
use usermon::state::State;
use usermon::store::record::{Attribution, Packet, Payload, Record};
use usermon::store::{Options, Store};
use usermon::web::{self, Far, HostLogin, Mount, Secure, serve};

pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// 2026-11-23T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_435_200_000_000);

/// Hashed once for all tests of a process.
fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| usermon::password::hash(PASSWORD).unwrap())
}

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

pub(crate) struct Site {
    pub(crate) app: Router,
    pub(crate) query: Query,
    pub(crate) state: Arc<State>,
    pub(crate) store: Arc<Store>,
    audit: Arc<Audit>,
    clock: Clock,
    /// Removed with everything in it when the test ends.
    _folder: TempDir,
}

/// Two companies, each with a user 101, and three accounts.
pub(crate) fn site() -> Site {
    site_with_users(&["101", "102"])
}

/// `acme` has a user of each id, `beta` only a 101.
pub(crate) fn site_with_users(ids: &[&str]) -> Site {
    let mut text = String::new();
    for (id, name) in [("acme", "Acme S.p.A."), ("beta", "Beta GmbH")] {
        writeln!(text, "[[company]]\nid = {id:?}\nname = {name:?}").unwrap();
    }
    let users = ids.iter().map(|id| ("acme", *id)).chain([("beta", "101")]);
    for (n, (company, id)) in users.enumerate() {
        let id = serde_json::to_string(id).unwrap();
        writeln!(text, "[[user]]\ncompany = {company:?}\nid = {id}\nextension = \"{}\"", 101 + n).unwrap();
        writeln!(text, "name = \"Anna\"\nsurname = \"Rossi\"\nendpoints = [\"e{n}\"]").unwrap();
    }
    site_of(&text)
}

/// What these lines of `usermon.toml` say, and three accounts.
pub(crate) fn site_of(lines: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("data_dir = {:?}\n{lines}", folder.path());
    let config = Config::parse(&text, Path::new("usermon.toml")).unwrap();
    let clock = Clock::fixed(NOW);
    let settings = Settings::open(&config).unwrap();
    for (name, role, company) in [
        ("root", Role::SuperAdmin, None),
        ("anna", Role::Administrator, Some("acme")),
        ("berta", Role::Administrator, Some("beta")),
    ] {
        settings.add_administrator(name, role, company, hash()).unwrap();
    }
    let directory = Arc::new(Directory::new(&config).unwrap());
    let state = Arc::new(State::new());
    state.assign(directory.assignment(), NOW);
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let store = Arc::new(Store::open(&folder.path().join("ring"), options, clock.clone()).unwrap());
    let audit = Arc::new(Audit::open(folder.path(), clock.clone()).unwrap());
    let query = Query::new(Parts {
        directory,
        state: Arc::clone(&state),
        store: Arc::clone(&store),
        settings: Arc::new(settings),
        audit: Arc::clone(&audit),
        gauge: Arc::default(),
        tap: Arc::new(Tap::new(16, 65_536, clock.clone())),
        clock: clock.clone(),
        host: Arc::new(Pbx),
        run: "run-1".into(),
    });
    Site { app: web::app(query.clone()), query, state, store, audit, clock, _folder: folder }
}

impl Site {
    pub(crate) fn later(&self, span: Duration) {
        self.clock.set(self.clock.now().plus(span));
    }

    /// The audit log, one line an entry.
    pub(crate) fn audit(&self) -> Vec<String> {
        let line = |e: usermon::audit::Entry| {
            format!("{} {} {} {} {}", e.person, e.action, e.company, e.subject, e.from)
        };
        self.audit.newest(1_000).unwrap().into_iter().map(line).collect()
    }

    /// The audit log with what was done in detail, and without where from.
    pub(crate) fn audit_details(&self) -> Vec<String> {
        let line = |e: usermon::audit::Entry| {
            format!("{} {} {} {} {}", e.person, e.action, e.company, e.subject, e.detail)
        };
        self.audit.newest(1_000).unwrap().into_iter().map(line).collect()
    }

    /// Keeps a change of user 101 of `acme`.
    pub(crate) fn keep_change(&self, change: Change) {
        let user = Arc::new(UserKey::new("acme", "101"));
        let payload = Payload::Change(change);
        self.store.append(&mut [Record { seq: 0, time: self.clock.now(), user, payload }]).unwrap();
    }

    /// Puts all packets into a sealed segment.
    pub(crate) fn seal(&self) {
        self.store.seal().unwrap();
    }

    /// The seal thread's rounds, until no order to purge is open.
    pub(crate) fn maintain(&self) {
        let mut told = Some(Vec::new());
        for _ in 0..10 {
            self.store.maintain(&|_| Duration::from_hours(48)).unwrap();
            self.query.audit_purges(&mut told).unwrap();
        }
    }

    /// The phone of user 101 of `acme` registers.
    pub(crate) fn register(&self) {
        let event = Event::Registration(Registration {
            step: RegistrationStep::Registered,
            time: NOW,
            key: EndpointKey::new("acme", "e0"),
            contact: "sip:101@192.0.2.17".into(),
            far: Some("192.0.2.17:5060".parse().unwrap()),
            transport: Transport::Udp,
            user_agent: "Yealink SIP-T46U".into(),
            path: "".into(),
            call_id: "".into(),
            expires: Some(NOW.plus(Duration::from_secs(3_600))),
            round_trip: None,
            detail: "".into(),
        });
        self.state.apply(&event, NOW);
    }

    /// Keeps `bytes` as a packet of user 101 of `acme`.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Cursor {
        self.keep_as(bytes, Attribution::Proven)
    }

    pub(crate) fn keep_as(&self, bytes: &[u8], attribution: Attribution) -> Cursor {
        self.keep_record(UserKey::new("acme", "101"), bytes, attribution)
    }

    /// Keeps `bytes` as a packet of this user.
    pub(crate) fn keep_of(&self, user: UserKey, bytes: &[u8]) -> Cursor {
        self.keep_record(user, bytes, Attribution::Proven)
    }

    fn keep_record(&self, user: UserKey, bytes: &[u8], attribution: Attribution) -> Cursor {
        self.keep_packet(user, Packet { attribution, ..packet(bytes) })
    }

    /// Keeps a packet of this user.
    pub(crate) fn keep_packet(&self, user: UserKey, packet: Packet) -> Cursor {
        let user = Arc::new(user);
        let mut records = [Record { seq: 0, time: self.clock.now(), user, payload: Payload::Packet(packet) }];
        self.store.append(&mut records).unwrap();
        Cursor { time: records[0].time, seq: records[0].seq }
    }
}

/// A packet that came in whole from one phone of user 101 of `acme`.
pub(crate) fn packet(bytes: &[u8]) -> Packet {
    Packet {
        direction: Direction::In,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        far: "192.0.2.17:5060".parse().unwrap(),
        detail: DumpDetail::Full,
        attribution: Attribution::Proven,
        cut: false,
        unsure: false,
        original_len: u32::try_from(bytes.len()).unwrap(),
        endpoint: "e0".into(),
        linked: "".into(),
        bytes: bytes.into(),
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// The token that the page's forms carry.
    pub(crate) fn csrf(&self) -> String {
        let text = self.text();
        let (_, rest) = text.split_once("name=\"csrf\" value=\"").expect("a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// One browser: its cookie, where it is, what the host says of it.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) app: Router,
    pub(crate) cookie: Option<String>,
    pub(crate) mount: String,
    pub(crate) far: Option<SocketAddr>,
    pub(crate) secure: bool,
    pub(crate) login: Option<HostLogin>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Site {
    pub(crate) fn browser(&self) -> Browser {
        Browser {
            app: self.app.clone(),
            cookie: None,
            mount: String::new(),
            far: Some("198.51.100.7:40000".parse().unwrap()),
            secure: false,
            login: None,
            headers: vec![],
        }
    }

    /// A browser in which `name` is logged in.
    pub(crate) async fn logged_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.login(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        browser
    }
}

impl Browser {
    pub(crate) async fn send(&mut self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, "pbx.example:8088");
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(Mount(self.mount.clone()));
        request.extensions_mut().insert(Far(self.far));
        request.extensions_mut().insert(Secure(self.secure));
        if let Some(login) = &self.login {
            request.extensions_mut().insert(login.clone());
        }
        let (head, body) = serve::answer(self.app.clone(), request).await.into_parts();
        if let Some(cookie) = head.headers.get(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|p| !p.ends_with('='));
        }
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form =
            fields.iter().map(|(n, v)| format!("{n}={}", web::text::segment(v).trim_start_matches('~')));
        let form = form.collect::<Vec<_>>().join("&");
        self.headers.push(("content-type".into(), "application/x-www-form-urlencoded".into()));
        let answer = self.send(Method::POST, path, form).await;
        self.headers.pop();
        answer
    }

    pub(crate) async fn login(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("name", name), ("password", password)]).await
    }

    /// With a header on each request.
    pub(crate) fn with(&self, name: &str, value: &str) -> Browser {
        let mut other = self.clone();
        other.headers.push((name.into(), value.into()));
        other
    }
}
