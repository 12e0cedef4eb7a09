//! Breaks when the parts are joined wrongly: an event that does not reach the wall, a packet that does not reach its
//! user's diagnostics or reaches another's, a setting or a packet that a restart forgets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use usermon::clock::{Clock, Timestamp};
use usermon::config::Role;
use usermon::event::{
    Call, CallDirection, CallPhase, Direction, DumpDetail, EndpointKey, Event, FailureCause, Host, Kind,
    LogLevel, PacketRef, Presence, Registration, RegistrationStep, Sticker, Transport, User, UserKey,
};
use usermon::module::{Module, Request};
use usermon::query::diagnostics::{DiagnosticsPage, Entry, PacketLine};
use usermon::query::{Query, Viewer};

#[derive(Default)]
struct Pbx(Mutex<Vec<String>>);

impl Host for Pbx {
    fn name(&self) -> String {
        "test PBX 1".to_owned()
    }
    fn log(&self, _level: LogLevel, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn round_trip(&self, _endpoint: &EndpointKey, _contact: &str) -> Option<u32> {
        Some(4_200)
    }
}

/// Asks a debug build for a panic at each packet that begins with `PANIC`.
struct Faulty;

impl Host for Faulty {
    fn name(&self) -> String {
        "usermon-panic:drain".to_owned()
    }
    fn log(&self, _level: LogLevel, _line: &str) {}
    fn round_trip(&self, _endpoint: &EndpointKey, _contact: &str) -> Option<u32> {
        None
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    pbx: Arc<Pbx>,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), pbx: Arc::default() }
    }

    fn config(&self) -> PathBuf {
        let path = self.folder.path().join("usermon.toml");
        let data = self.folder.path().join("data");
        let text = format!(
            "data_dir = {data:?}\n[store]\nmin_free_mib = 1\n\
             [[company]]\nid = \"acme\"\nname = \"Acme\"\ndomains = [\"acme.example\"]\n\
             [[user]]\ncompany = \"acme\"\nextension = \"101\"\nname = \"Anna\"\nsurname = \"Rossi\"\ndepartment = \"Sales\"\n\
             endpoints = [\"acme-101\"]\n\
             [[user]]\ncompany = \"default\"\nextension = \"101\"\nname = \"Bob\"\nendpoints = [\"101\"]\n\
             [[user]]\ncompany = \"default\"\nextension = \"103\"\nname = \"Carla\"\n\
             [[user.terminal]]\nkind = \"usb\"\n[[user.terminal]]\nkind = \"mobile\"\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn open(&self) -> Module {
        Module::open(&self.config(), Arc::clone(&self.pbx) as Arc<dyn Host>).unwrap()
    }
}

fn now() -> Timestamp {
    Clock::System.now()
}

fn viewer() -> Viewer {
    Viewer { person: "anna".into(), role: Role::SuperAdmin, company: None, from: "127.0.0.1".to_owned() }
}

fn anna() -> UserKey {
    UserKey::new("acme", "101")
}

fn bob() -> UserKey {
    UserKey::new("default", "101")
}

fn registration(endpoint: &str, step: RegistrationStep, port: u16) -> Event {
    Event::Registration(Registration {
        step,
        time: now(),
        key: EndpointKey::new("", endpoint),
        contact: format!("sip:{endpoint}@127.0.0.1:{port}").into(),
        far: Some(SocketAddr::from(([127, 0, 0, 1], port))),
        transport: Transport::Udp,
        user_agent: "Yealink SIP-T46S".into(),
        path: "".into(),
        call_id: format!("reg-{endpoint}").into(),
        expires: Some(now().plus(Duration::from_secs(300))),
        round_trip: None,
        detail: "".into(),
    })
}

fn call(endpoint: &str, phase: CallPhase, leg: &str, linked: &str) -> Event {
    Event::Call(Call {
        phase,
        time: now(),
        key: EndpointKey::new("", endpoint),
        leg: leg.into(),
        linked: linked.into(),
        call_id: format!("call-{leg}").into(),
        direction: CallDirection::Outgoing,
        far_number: "600".into(),
        far_name: "".into(),
        cause: 0,
    })
}

fn message(user: &str, call_id: &str, extra: &str) -> Vec<u8> {
    format!(
        "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1\r\nFrom: <sip:{user}@127.0.0.1>;tag=1\r\n\
         To: <sip:{user}@127.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 REGISTER\r\n{extra}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn push(module: &Module, port: u16, endpoint: &str, data: &[u8]) {
    assert!(module.packet(PacketRef {
        time: now(),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        far: SocketAddr::from(([127, 0, 0, 1], port)),
        company: "",
        endpoint,
        data,
    }));
}

fn sticker(query: &Query, key: &UserKey) -> (Sticker, u32) {
    let wall = query.wall(&key.company).unwrap();
    let row = wall.rows.iter().find(|r| *r.user.key == *key).unwrap();
    (row.sticker, row.calls)
}

fn page(query: &Query, key: &UserKey) -> DiagnosticsPage {
    query.diagnostics(&viewer(), key, None, 500).unwrap().unwrap()
}

fn packets(query: &Query, key: &UserKey) -> Vec<PacketLine> {
    let lines = page(query, key).entries.into_iter();
    lines.filter_map(|e| if let Entry::Packet(line) = e { Some(line) } else { None }).collect()
}

/// Waits until `done` holds; packets reach the ring on another thread.
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < until, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn events_move_the_sticker_of_the_right_user() {
    let fixture = Fixture::new();
    let module = fixture.open();
    let query = module.query();
    assert_eq!(sticker(query, &anna()), (Sticker::Offline, 0));
    module.event(registration("acme-101", RegistrationStep::Registered, 5062));
    assert_eq!(sticker(query, &anna()), (Sticker::Free, 0));
    assert_eq!(sticker(query, &bob()), (Sticker::Offline, 0), "the same extension of another company");
    module.event(call("acme-101", CallPhase::Ringing, "a", "1"));
    assert_eq!(sticker(query, &anna()), (Sticker::Ringing, 1));
    module.event(call("acme-101", CallPhase::Up, "a", "1"));
    module.event(call("acme-101", CallPhase::Ringing, "b", "2"));
    assert_eq!(sticker(query, &anna()), (Sticker::Busy, 2));
    module.event(call("acme-101", CallPhase::Ended, "a", "1"));
    module.event(call("acme-101", CallPhase::Ended, "b", "2"));
    module.event(registration("acme-101", RegistrationStep::Unregistered, 5062));
    assert_eq!(sticker(query, &anna()), (Sticker::Offline, 0));
}

#[test]
fn an_update_has_only_the_rows_that_changed() {
    let fixture = Fixture::new();
    let module = fixture.open();
    let query = module.query();
    let wall = query.wall("acme").unwrap();
    let nothing = query.wall_since("acme", &wall.version).unwrap();
    assert!(!nothing.full && nothing.rows.is_empty());
    module.event(registration("101", RegistrationStep::Registered, 5070));
    let others = query.wall_since("acme", &wall.version).unwrap();
    assert!(!others.full && others.rows.is_empty(), "another company's change");
    module.event(registration("acme-101", RegistrationStep::Registered, 5062));
    let update = query.wall_since("acme", &others.version).unwrap();
    assert_eq!(update.rows.len(), 1);
    assert_eq!(update.totals.free, 1);
    assert!(query.wall_since("acme", "other.1.1").unwrap().full);
    module.event(Event::User(User {
        presence: Presence::Here,
        company: "acme".into(),
        user: "102".into(),
        extension: "102".into(),
        name: "Carla".into(),
        surname: "".into(),
        department: "".into(),
        mobile: "".into(),
    }));
    let full = query.wall_since("acme", &update.version).unwrap();
    assert!(full.full, "a new user is a new directory");
    assert_eq!(full.rows.len(), 2);
}

#[test]
fn packets_stand_under_their_user_alone_and_survive_a_restart() {
    let fixture = Fixture::new();
    let module = fixture.open();
    module.event(registration("acme-101", RegistrationStep::Registered, 5062));
    module.event(registration("101", RegistrationStep::Registered, 5070));
    let secret = "Authorization: Digest username=\"101\", response=\"0123456789abcdef0123456789abcdef\"\r\n";
    push(&module, 5062, "", &message("acme-101", "reg-acme-101", secret));
    push(&module, 5070, "", &message("101", "reg-101", ""));
    push(&module, 5070, "101", &message("whoever", "named-by-the-pbx", ""));
    wait("three packets", || {
        packets(module.query(), &anna()).len() + packets(module.query(), &bob()).len() == 3
    });
    let calls = |module: &Module, key: &UserKey| {
        let mut ids: Vec<String> = packets(module.query(), key).into_iter().map(|p| p.call_id).collect();
        ids.sort();
        ids
    };
    assert_eq!(calls(&module, &anna()), ["reg-acme-101"]);
    assert_eq!(calls(&module, &bob()), ["named-by-the-pbx", "reg-101"]);
    let line = packets(module.query(), &anna()).remove(0);
    assert!(!line.claimed);
    let whole = module.query().packet(&viewer(), &anna(), line.at).unwrap().unwrap();
    let text = String::from_utf8(whole.raw).unwrap();
    assert!(text.contains("username=\"101\"") && !text.contains("0123456789abcdef"), "{text}");
    assert!(whole.headers.unwrap().iter().any(|(name, value)| name == "Call-ID" && value == "reg-acme-101"));
    module.close(Duration::from_secs(10)).unwrap();
    drop(module);
    assert!(!contains(fixture.folder.path(), b"0123456789abcdef"));

    let module = fixture.open();
    assert_eq!(calls(&module, &anna()), ["reg-acme-101"]);
    assert_eq!(calls(&module, &bob()), ["named-by-the-pbx", "reg-101"]);
}

fn contains(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).any(|path| {
        if path.is_dir() {
            contains(&path, needle)
        } else {
            std::fs::read(&path).unwrap().windows(needle.len()).any(|w| w == needle)
        }
    })
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only a debug build of the library panics when asked to")]
fn a_panic_at_a_packet_costs_that_packet_and_is_shown_as_a_gap() {
    let fixture = Fixture::new();
    let module = Module::open(&fixture.config(), Arc::new(Faulty)).unwrap();
    let lost = |module: &Module| -> u64 {
        let gap = |entry| if let Entry::Gap { packets, .. } = entry { packets } else { 0 };
        page(module.query(), &anna()).entries.into_iter().map(gap).sum()
    };
    let three = || {
        push(&module, 5062, "acme-101", &message("acme-101", "before", ""));
        push(&module, 5062, "acme-101", b"PANIC sip:101@acme.example SIP/2.0\r\n\r\n");
        push(&module, 5062, "acme-101", &message("acme-101", "after", ""));
    };
    three();
    wait("the others and a gap", || packets(module.query(), &anna()).len() == 2 && lost(&module) == 1);
    (0..10).for_each(|_| three());
    module.close(Duration::from_secs(10)).unwrap();
    drop(module);
    let module = fixture.open();
    assert_eq!((packets(module.query(), &anna()).len(), lost(&module)), (22, 11));
}

#[test]
fn a_failed_registration_is_on_the_terminals_page() {
    let fixture = Fixture::new();
    let module = fixture.open();
    module.event(registration("acme-101", RegistrationStep::Failed(FailureCause::WrongPassword), 5062));
    assert_eq!(sticker(module.query(), &anna()), (Sticker::Offline, 0));
    let row = module.query().wall("acme").unwrap().rows.remove(0);
    let terminal = row.terminals.iter().find(|t| t.has_page).expect("a terminal although nothing registered");
    let page = module.query().terminal(&anna(), &terminal.id).unwrap().unwrap();
    assert_eq!(page.failures.len(), 1);
    assert!(page.failures[0].words.starts_with("Wrong password"));
    wait("the failure in the history", || {
        let page = module.query().terminal(&anna(), &terminal.id).unwrap().unwrap();
        page.history.iter().any(|h| h.words.contains("Wrong password"))
    });
}

#[test]
fn terminals_without_sip_are_all_that_their_user_has_until_a_phone_comes_in() {
    let fixture = Fixture::new();
    let module = fixture.open();
    let kinds = || -> Vec<Kind> {
        let rows = module.query().wall("default").unwrap().rows;
        let carla = rows.iter().find(|r| *r.user.key == UserKey::new("default", "103")).unwrap();
        carla.terminals.iter().map(|t| t.kind).collect()
    };
    assert_eq!(kinds(), [Kind::Usb, Kind::Mobile]);
    module.event(registration("103", RegistrationStep::Failed(FailureCause::WrongPassword), 5062));
    assert_eq!(
        kinds(),
        [Kind::Usb, Kind::Mobile, Kind::Sip],
        "a phone that is refused has a page that says why"
    );
    module.event(registration("103", RegistrationStep::Registered, 5063));
    assert_eq!(kinds(), [Kind::Usb, Kind::Mobile, Kind::Sip]);
}

#[test]
fn a_terminals_page_has_its_contact_and_the_hosts_round_trip() {
    let fixture = Fixture::new();
    let module = fixture.open();
    module.event(registration("acme-101", RegistrationStep::Registered, 5062));
    let row = module.query().wall("acme").unwrap().rows.remove(0);
    let page = module.query().terminal(&anna(), &row.terminals[0].id).unwrap().unwrap();
    assert_eq!(page.contacts.len(), 1);
    assert_eq!(page.contacts[0].contact, "sip:acme-101@127.0.0.1:5062");
    assert_eq!(page.contacts[0].round_trip, Some(4_200));
    assert_eq!(page.web_address.as_deref(), Some("127.0.0.1"));
    assert!(module.query().terminal(&anna(), "no-such").unwrap().is_none());
}

#[test]
fn dump_detail_takes_effect_at_once_and_survives_a_restart() {
    let fixture = Fixture::new();
    let module = fixture.open();
    module.event(registration("acme-101", RegistrationStep::Registered, 5062));
    module.query().set_dump_detail(&viewer(), "acme", DumpDetail::Off).unwrap();
    push(&module, 5062, "acme-101", &message("acme-101", "while-off", ""));
    push(&module, 5070, "101", &message("101", "other-company", ""));
    wait("the other company's packet", || packets(module.query(), &bob()).len() == 1);
    assert!(packets(module.query(), &anna()).is_empty());
    module.query().set_dump_detail(&viewer(), "acme", DumpDetail::Summary).unwrap();
    push(&module, 5062, "acme-101", &message("acme-101", "at-summary", "X-Note: not kept\r\n"));
    wait("the packet at summary", || packets(module.query(), &anna()).len() == 1);
    let line = packets(module.query(), &anna()).remove(0);
    assert_eq!((line.call_id.as_str(), line.detail, line.cut), ("at-summary", DumpDetail::Summary, true));
    let administrator = Viewer { role: Role::Administrator, company: Some("acme".into()), ..viewer() };
    assert!(module.query().set_dump_detail(&administrator, "acme", DumpDetail::Full).is_err());
    drop(module);
    let module = fixture.open();
    assert_eq!(module.query().company_settings("acme").dump_detail, DumpDetail::Summary);
    assert_eq!(module.query().company_settings("default").dump_detail, DumpDetail::Headers);
}

#[test]
fn the_first_super_admin_is_shown_once() {
    let fixture = Fixture::new();
    drop(fixture.open());
    drop(fixture.open());
    let log = fixture.pbx.0.lock().unwrap();
    let lines: Vec<&String> = log.iter().filter(|l| l.starts_with("first start: ")).collect();
    assert_eq!(lines.len(), 1);
    let password = lines[0].split_whitespace().nth(8).unwrap().trim_end_matches(';');
    assert_eq!(password.len(), 20, "{}", lines[0]);
}

#[test]
fn a_reload_keeps_the_state_and_a_wrong_one_changes_nothing() {
    let fixture = Fixture::new();
    let module = fixture.open();
    module.event(registration("acme-101", RegistrationStep::Registered, 5062));
    let path = fixture.config();
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{good}colour = 1\n")).unwrap();
    let error = module.reload().unwrap_err().to_string();
    assert!(error.contains("usermon.toml:") && error.contains("colour"), "{error}");
    assert_eq!(sticker(module.query(), &anna()), (Sticker::Free, 0));
    std::fs::write(&path, good.replace("Rossi", "Bianchi")).unwrap();
    module.reload().unwrap();
    assert_eq!(sticker(module.query(), &anna()), (Sticker::Free, 0));
    assert_eq!(&*module.query().user(&anna()).unwrap().surname, "Bianchi");
}

#[test]
fn the_pbxs_web_server_gets_pages_and_a_stopped_module_says_so() {
    let fixture = Fixture::new();
    let module = fixture.open();
    let request = |target: &str| Request {
        method: "GET".to_owned(),
        target: target.to_owned(),
        mount: "/usermon".to_owned(),
        ..Request::default()
    };
    let reply = module.http(request("/login"));
    assert_eq!(reply.status, 200);
    assert!(String::from_utf8_lossy(&reply.body).contains("/usermon/static/"));
    assert_eq!(module.http(Request { method: "G ET".to_owned(), ..request("/") }).status, 400);
    module.close(Duration::from_secs(5)).unwrap();
    assert_eq!(module.http(request("/login")).status, 503);
    module.close(Duration::from_secs(5)).unwrap();
}
