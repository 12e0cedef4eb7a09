//! Breaks when what belongs to nobody known pushes out users' packets, is lost without a number, or is shown to others
//! than super-admins.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use usermon::capture::pool::Pool;
use usermon::clock::{Clock, Timestamp};
use usermon::config::Role;
use usermon::event::{
    Direction, EndpointKey, Event, FailureCause, Host, LogLevel, PacketRef, Registration, RegistrationStep,
    Transport, UserKey,
};
use usermon::module::Module;
use usermon::query::diagnostics::{Cursor, Entry};
use usermon::query::{Query, Viewer};

#[expect(dead_code, reason = "login.rs takes the rest")]
mod web_site;

/// 2026-11-23T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_435_200_000_000);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_pool_lets_through_no_more_than_its_bound() {
    let mut pool = Pool::new(600, 512 << 10, NOW);
    let admitted = (0..100_000).filter(|_| pool.admit(NOW, 400)).count();
    assert_eq!((admitted, pool.dropped()), (600, 99_400));
    let tenth = NOW.plus(MINUTE / 10);
    assert_eq!((0..100_000).filter(|_| pool.admit(tenth, 400)).count(), 60, "a tenth of a minute later");
    let hour = (1..=100_000).filter(|n| pool.admit(tenth.plus(Duration::from_millis(n * 36)), 400)).count();
    assert!((35_990..=36_000).contains(&hour), "{hour} in an hour of nothing but a flood");
}

#[test]
fn the_pool_bounds_bytes_too_and_a_large_one_does_not_stop_small_ones() {
    let mut pool = Pool::new(600, 512 << 10, NOW);
    assert_eq!((0..100).filter(|_| pool.admit(NOW, 65_535)).count(), 8);
    assert_eq!(pool.dropped(), 92);
    assert!(pool.admit(NOW, 8), "the 8 bytes that are left");
    assert!(!pool.admit(NOW, 1));
    let day = NOW.plus(MINUTE * 1_440);
    assert_eq!((0..100).filter(|_| pool.admit(day, 65_535)).count(), 8, "rest does not add up");
}

#[test]
fn a_clock_that_goes_back_fills_no_pool_and_zero_keeps_nothing() {
    let mut pool = Pool::new(1, 65_536, NOW);
    assert!(pool.admit(NOW, 1));
    assert!(!pool.admit(Timestamp(0), 1) && !pool.admit(Timestamp::MIN, 1));
    assert!(!pool.admit(Timestamp(0), 70_000), "larger than the pool itself");
    assert!(pool.admit(Timestamp::MAX, 1), "full again after all time");
    let mut none = Pool::new(0, 65_536, NOW);
    assert!(!none.admit(NOW, 0) && !none.admit(NOW.plus(MINUTE), 0));
    assert_eq!(none.dropped(), 2);
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

fn open(folder: &Path, clock: &Clock) -> Module {
    let path = folder.join("usermon.toml");
    let data = folder.join("data");
    let text = format!(
        "data_dir = {data:?}\n[store]\nmin_free_mib = 0\n[capture]\nqueue_packets = 262144\nqueue_mib = 512\n\
         [[user]]\nextension = \"101\"\nname = \"Anna\"\nendpoints = [\"101\"]\n"
    );
    std::fs::write(&path, text).unwrap();
    Module::open_at(&path, Arc::new(Pbx), clock.clone()).unwrap()
}

fn viewer(role: Role) -> Viewer {
    let company = (role == Role::Administrator).then(|| "default".into());
    Viewer { person: "anna".into(), role, company, from: String::new() }
}

/// A REGISTER as the PBX's thread hands it over.
fn push(module: &Module, endpoint: &str, user: &str, call_id: &str) {
    let data = format!(
        "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK{call_id}\r\n\
         From: <sip:{user}@203.0.113.1>;tag=1\r\nTo: <sip:{user}@203.0.113.1>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    );
    let packet = PacketRef {
        time: NOW,
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([203, 0, 113, 1], 5060)),
        far: SocketAddr::from(([203, 0, 113, 9], 5060)),
        company: "",
        endpoint,
        data: data.as_bytes(),
    };
    assert!(module.packet(packet), "the queue is too small for this test");
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Lets time go by on a fixed clock: a packet that nothing proves waits 400 ms for a proof.
fn pass(clock: &Clock) {
    clock.set(clock.now().plus(Duration::from_millis(100)));
}

/// The Call-IDs on all pages of nobody, and the number of gaps.
fn unattributed(query: &Query) -> (Vec<String>, usize) {
    let (mut ids, mut gaps, mut before) = (Vec::new(), 0, None::<Cursor>);
    loop {
        let page = query.unattributed(&viewer(Role::SuperAdmin), before, 250).unwrap();
        for entry in page.entries {
            match entry {
                Entry::Packet(line) => ids.push(line.call_id),
                _ => gaps += 1,
            }
        }
        before = page.next;
        if before.is_none() {
            return (ids, gaps);
        }
    }
}

#[test]
fn a_flood_of_nobodys_packets_is_bounded_and_costs_users_none() {
    const FLOOD: u64 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(NOW);
    let module = open(folder.path(), &clock);
    let mut own = HashSet::new();
    for n in 0..FLOOD {
        push(&module, "", "scanner", &format!("flood-{n}"));
        if n % 200 == 0 {
            push(&module, "101", "101", &format!("own-{n}"));
            own.insert(format!("own-{n}"));
        }
    }
    let query = module.query();
    let waiting = |query: &Query| {
        let status = query.status();
        FLOOD + 500 - status.store.stored_packets - status.unattributed_dropped
    };
    wait("the way of most packets", || waiting(query) <= 2_048);
    wait("the way of all packets", || {
        pass(&clock);
        waiting(query) == 0
    });
    let (kept, gaps) = unattributed(query);
    let status = query.status();
    let seconds = usize::try_from(query.now().since(NOW).as_secs()).unwrap() + 1;
    assert!((600..=600 + 10 * seconds).contains(&kept.len()), "{} were kept in {seconds} s", kept.len());
    assert_eq!(kept.len() as u64 + status.unattributed_dropped, FLOOD, "one is neither kept nor counted");
    assert_eq!((gaps, status.dropped), (0, 0), "what is over the bound is no gap for everybody");
    assert!(kept.iter().all(|id| id.starts_with("flood-")));
    let page = query.diagnostics(&viewer(Role::SuperAdmin), &UserKey::new("default", "101"), None, 10_000);
    let entries = page.unwrap().unwrap().entries.into_iter();
    let seen: HashSet<String> =
        entries.filter_map(|e| if let Entry::Packet(p) = e { Some(p.call_id) } else { None }).collect();
    assert_eq!(seen, own, "users' packets are kept whole");
    let line = format!("{:<24}{}\n", "unknown dropped", status.unattributed_dropped);
    assert!(module.status_text().contains(&line), "{}", module.status_text());
}

fn failed(account: &str) -> Event {
    Event::Registration(Registration {
        step: RegistrationStep::Failed(FailureCause::UnknownUser),
        time: NOW,
        key: EndpointKey::new("", account),
        contact: "".into(),
        far: Some(SocketAddr::from(([203, 0, 113, 9], 5060))),
        transport: Transport::Udp,
        user_agent: "friendly-scanner".into(),
        path: "".into(),
        call_id: "x".into(),
        expires: None,
        round_trip: None,
        detail: "".into(),
    })
}

#[test]
fn an_unknown_users_packet_and_an_unknown_accounts_failure_reach_the_super_admin_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(NOW);
    let module = open(folder.path(), &clock);
    let query = module.query();
    module.event(failed("9999"));
    module.event(failed("9999"));
    module.event(failed("101"));
    push(&module, "", "9999", "of-nobody");
    wait("the way of the packet", || {
        pass(&clock);
        query.status().store.stored_packets == 1
    });
    let root = viewer(Role::SuperAdmin);
    let page = query.unattributed(&root, None, 10).unwrap();
    let [Entry::Packet(line)] = &page.entries[..] else { panic!("{:?}", page.entries) };
    assert_eq!((line.call_id.as_str(), line.to_user.as_str(), line.claimed), ("of-nobody", "9999", false));
    let [failure] = &page.failures[..] else { panic!("101 is somebody's: {:?}", page.failures) };
    assert_eq!((failure.account.as_str(), failure.user_agent.as_str()), ("9999", "friendly-scanner"));
    assert!(failure.words.starts_with("Unknown user"), "{}", failure.words);
    let whole = query.unattributed_packet(&root, line.at).unwrap().unwrap();
    assert!(whole.user.is_none() && whole.raw.starts_with(b"REGISTER sip:pbx SIP/2.0\r\n"));
    assert!(query.unattributed_packet(&root, Cursor { seq: line.at.seq + 1, ..line.at }).unwrap().is_none());
    let anna = viewer(Role::Administrator);
    assert!(query.unattributed(&anna, None, 10).is_err());
    assert!(query.unattributed_packet(&anna, line.at).is_err());
    assert!(query.unattributed_export(&anna, line.at).is_err());
    assert!(query.diagnostics(&root, &UserKey::default(), None, 10).unwrap().is_none());
}

#[tokio::test]
async fn the_page_is_for_super_admins_and_its_reading_is_audited() {
    let site = web_site::site();
    for n in 0..25 {
        site.state.apply(&failed(&format!("<b>{n}")), NOW);
    }
    let bytes = b"OPTIONS sip:x SIP/2.0\r\nCall-ID: scan-1\r\nX-Odd: <script>\r\n\r\n";
    let (older, at) = (site.keep_of(UserKey::default(), bytes), site.keep_of(UserKey::default(), bytes));
    let own = site.keep(bytes);
    let mut anna = site.logged_in("anna").await;
    let message = format!("/unattributed/{at}");
    let raw = format!("{message}?raw=1");
    for path in ["/unattributed", &message, &raw] {
        let answer = anna.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!answer.text().contains("scan-1"), "{path}");
    }
    assert!(!anna.get("/c/acme/").await.text().contains("/unattributed"));
    assert!(site.audit().iter().all(|line| !line.contains("packet")), "{:?}", site.audit());

    let mut root = site.logged_in("root").await;
    assert!(root.get("/configuration/company/acme").await.text().contains("href=\"/unattributed\""));
    let page = root.get("/unattributed").await.text();
    for words in [
        "scan-1",
        "Unknown user",
        "&lt;b&gt;24",
        "&lt;b&gt;0<",
        "friendly-scanner",
        "203.0.113.9:5060",
        "15 older",
    ] {
        assert!(page.contains(words), "{words} is not on {page}");
    }
    assert!(page.contains(&format!("href=\"{message}\"")) && !page.contains(&own.to_string()), "{page}");
    let whole = root.get(&message).await.text();
    assert!(whole.contains("OPTIONS sip:x SIP/2.0") && whole.contains("X-Odd: &lt;script&gt;"), "{whole}");
    assert!(whole.contains(&format!("href=\"/unattributed/{older}\"")), "no way to the older one");
    let file = root.get(&raw).await;
    assert_eq!(&file.body[..], bytes);
    assert!(file.header("content-disposition").contains("unattributed-"), "{:?}", file.headers);
    let earlier = root.get(&format!("/unattributed?before={at}")).await.text();
    assert!(earlier.contains(&older.to_string()) && !earlier.contains("friendly-scanner"), "{earlier}");
    for path in ["/unattributed?before=x", "/unattributed/x", &format!("/unattributed/{own}")] {
        assert_eq!(root.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let audit = site.audit().join("\n");
    for action in ["read-packets", "read-packet", "export-packet"] {
        assert!(audit.contains(&format!("root {action}  unattributed 198.51.100.7")), "{audit}");
    }
}
