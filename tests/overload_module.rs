//! If a flood gets through the whole module to the calm users' histories, or its gaps don't get to the pages, an
//! administrator looks at a hole and takes it for silence.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use usermon::capture::pressure::Step;
use usermon::clock::Timestamp;
use usermon::config::Role;
use usermon::event::{Direction, DumpDetail, EndpointKey, Host, LogLevel, PacketRef, Transport, UserKey};
use usermon::module::Module;
use usermon::query::Viewer;
use usermon::query::diagnostics::{Cursor, Entry, PacketLine};
use usermon::web::view::{Frame, Section};

/// Ends a flood, also when the test fails.
struct Off<'a>(&'a AtomicBool);

impl Drop for Off<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
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

fn open(folder: &Path, capture: &str) -> Module {
    let path = folder.join("usermon.toml");
    let data = folder.join("data");
    let mut text = format!(
        "data_dir = {data:?}\ndump_detail = \"full\"\n[store]\nmin_free_mib = 0\nseal_mib = 16\n[capture]\n{capture}\n"
    );
    for user in 100..120 {
        text += &format!("[[user]]\nextension = \"{user}\"\n");
    }
    std::fs::write(&path, text).unwrap();
    Module::open(&path, Arc::new(Pbx)).unwrap()
}

/// A request of a user with a body; `endpoint` is what the PBX says of it.
fn push(module: &Module, user: u16, endpoint: &str) -> bool {
    let data = format!(
        "INFO sip:a@pbx SIP/2.0\r\nFrom: <sip:{user}@192.0.2.1>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\nCSeq: 1 INFO\r\n\
         Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody"
    );
    module.packet(PacketRef {
        time: Timestamp::default(),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        far: SocketAddr::from(([192, 0, 2, 10], 10_000 + user)),
        company: "",
        endpoint,
        data: data.as_bytes(),
    })
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A user's packets; what is missing by its gaps, by their words; the words of stretches where nothing is missing.
fn history(module: &Module, user: u16) -> (Vec<PacketLine>, u64, Vec<String>) {
    let viewer = Viewer { person: "anna".into(), role: Role::SuperAdmin, company: None, from: String::new() };
    let key = UserKey::new("default", &user.to_string());
    let (mut lines, mut missing, mut words, mut before) = (Vec::new(), 0, Vec::new(), None::<Cursor>);
    loop {
        let page = module.query().diagnostics(&viewer, &key, before, 10_000).unwrap().unwrap();
        for entry in page.entries {
            match entry {
                Entry::Packet(line) => lines.push(line),
                Entry::Gap { packets, words: told, .. } => {
                    missing += packets;
                    words.push(told);
                }
                Entry::Lowered { .. } => words.push("less detail".to_owned()),
                Entry::Change { .. } => {}
            }
        }
        before = page.next;
        if before.is_none() {
            return (lines, missing, words);
        }
    }
}

#[test]
fn a_flood_is_told_on_the_pages_while_it_lasts_and_in_the_loud_users_history_alone() {
    let folder = tempfile::tempdir().unwrap();
    let module = open(folder.path(), "queue_packets = 8192");
    let over = AtomicBool::new(false);
    let pushed = AtomicU64::new(0);
    let mut told = None;
    std::thread::scope(|scope| {
        let off = Off(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    push(&module, 100, "100");
                    pushed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait("an overload", || module.query().status().intake.ladder.loud() == Step::Counters);
        told = module.query().health().overload;
        for n in 0..380 {
            let user = 101 + n % 19;
            assert!(push(&module, user, &user.to_string()), "a calm user finds no place");
            std::thread::sleep(Duration::from_micros(500));
        }
        drop(off);
    });
    let told = told.unwrap();
    assert!(told.contains("Of the loudest users' packets") || told.contains("Of all users'"), "{told}");
    let frame = Frame { overload: Some(told.clone()), ..Frame::default() };
    let page = frame.page(Section::Monitoring, "title", maud::html! {}).into_string();
    let shown = told.replace('\'', "&#39;");
    assert!(page.contains(&told) || page.contains(&shown), "{page}");
    wait("the end of the overload", || module.query().health().overload.is_none());
    let status = module.status_text();
    assert!(status.contains("overload                none\n"), "{status}");
    wait("the way of all packets", || {
        module.query().status().taken
            == module.query().status().store.stored_packets + module.query().status().intake.counted
    });
    module.close(Duration::from_secs(30)).unwrap();
    let module = open(folder.path(), "queue_packets = 8192");
    for user in 101..120 {
        let (lines, missing, words) = history(&module, user);
        assert_eq!((missing, words), (0, vec![]), "a gap of the calm user {user}");
        assert!(lines.iter().all(|line| line.detail == DumpDetail::Full && !line.cut));
        assert_eq!(lines.len(), 20, "user {user}");
    }
    let (lines, missing, words) = history(&module, 100);
    assert_eq!(lines.len() as u64 + missing, pushed.into_inner(), "each is kept or counted");
    assert!(lines.iter().any(|line| line.detail < DumpDetail::Full && line.cut));
    let has = |part: &str| words.iter().any(|word| word.contains(part));
    assert!(has("less detail"), "{words:?}");
    assert!(has("overload, they were only counted"), "{words:?}");
}

#[test]
fn a_flood_with_somebodys_name_is_bounded_and_the_page_says_how_many_were_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let module = open(folder.path(), "claimed_per_minute = 50\nqueue_packets = 262144");
    for n in 0..20_000 {
        assert!(push(&module, 100, ""));
        assert!(n % 100 > 0 || push(&module, 100, "100"));
    }
    let done = || {
        let status = module.query().status();
        status.taken == 20_200 && status.store.stored_packets + status.intake.unproven == 20_200
    };
    wait("the way of all packets", done);
    let status = module.query().status();
    let line = format!("{:<24}{}\n", "unproven dropped", status.intake.unproven);
    assert!(module.status_text().contains(&line), "{}", module.status_text());
    module.close(Duration::from_secs(30)).unwrap();
    let module = open(folder.path(), "");
    let (lines, missing, words) = history(&module, 100);
    let claimed = lines.iter().filter(|line| line.claimed).count();
    assert_eq!(lines.len() - claimed, 200, "the proven ones are whole");
    assert!((50..=100).contains(&claimed), "{claimed} claims in some seconds");
    assert_eq!(claimed as u64 + missing, 20_000);
    let want = format!("{missing} packets are missing here: nothing proved them to be this user's");
    assert!(words.iter().any(|word| word.contains(&want)) || words.len() > 1, "{words:?}");
    assert!(history(&module, 101).2.is_empty(), "no other user's page");
}
