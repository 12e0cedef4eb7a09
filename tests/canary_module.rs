//! If a secret survives the way through the whole module, it ends in the journal, a segment, a page, an export or the PBX's log.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use usermon::config::Role;
use usermon::event::{
    Direction, DumpDetail, EndpointKey, Event, Host, LogLevel, PacketRef, Presence, Transport, User, UserKey,
};
use usermon::module::Module;
use usermon::query::Viewer;
use usermon::query::diagnostics::{Cursor, Entry};
use usermon::query::export::Form;
use usermon::query::exports::What;
use usermon::query::exports::bundle::Hidden;
use usermon::query::history::filter::{Filter, Last};
use usermon::web::export::report;

mod canary;

use canary::{PLACES, contains, leak, message, mutations, show};

#[derive(Default)]
struct Log(Mutex<String>);

impl Host for Log {
    fn name(&self) -> String {
        "canary".to_owned()
    }
    fn log(&self, _level: LogLevel, line: &str) {
        self.0.lock().unwrap().push_str(line);
    }
    fn round_trip(&self, _endpoint: &EndpointKey, _contact: &str) -> Option<u32> {
        None
    }
}

fn viewer() -> Viewer {
    Viewer { person: "root".into(), role: Role::SuperAdmin, company: None, from: String::new() }
}

fn push(module: &Module, data: &[u8]) {
    let packet = PacketRef {
        time: usermon::clock::Clock::System.now(),
        direction: Direction::In,
        transport: Transport::Udp,
        local: SocketAddr::from(([127, 0, 0, 1], 5060)),
        far: SocketAddr::from(([127, 0, 0, 1], 5062)),
        company: "",
        endpoint: "101",
        data,
    };
    while !module.packet(packet) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Every packet that the pages show of 101, as the export gives it.
fn shown(module: &Module) -> Vec<Vec<u8>> {
    let key = UserKey::new("default", "101");
    let (mut all, mut before) = (Vec::new(), None::<Cursor>);
    loop {
        let page = module.query().diagnostics(&viewer(), &key, before, 1_000).unwrap().unwrap();
        for entry in page.entries {
            if let Entry::Packet(line) = entry {
                assert!(leak(format!("{line:?}").as_bytes()).is_none(), "{line:?}");
                let at = line.at;
                all.push(module.query().export(&viewer(), &key, at).unwrap().unwrap().raw);
            }
        }
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

/// Every file that the pages offer of 101 has all packets and no secret.
fn assert_exports_are_clean(module: &Module, packets: usize) {
    let key = UserKey::new("default", "101");
    let what = What::Packets(Filter { last: Some(Last::All), ..Filter::default() });
    for form in Form::ALL {
        let mut taking = module.query().take(&viewer(), &key, &what, form).unwrap().unwrap();
        let mut file = Vec::new();
        while let Some(piece) = taking.piece().unwrap() {
            file.extend(piece);
        }
        assert!(contains(&file, b"a84b4c@192.0.2.10"), "{form:?} has no packets");
        match form {
            Form::Pcap | Form::PcapNg => assert_eq!(long_leak(&file), None, "{form:?}"),
            Form::Text => assert_eq!(leak(&file), None),
            Form::JsonLines => {
                let mut found = 0;
                for line in file.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
                    let mut line: serde_json::Value = serde_json::from_slice(line).unwrap();
                    found += usize::from(line["record"] == "packet");
                    let coded = line.as_object_mut().unwrap().remove("message_base64");
                    let coded = coded.map(|text| STANDARD.decode(text.as_str().unwrap()).unwrap());
                    assert_eq!(coded.as_deref().and_then(leak), None, "{line}");
                    assert_eq!(leak(line.to_string().as_bytes()), None, "{line}");
                }
                assert_eq!(found, packets);
            }
        }
    }
    let what = What::Items(Filter { last: Some(Last::All), ..Filter::default() });
    for hidden in [Hidden::Nothing, Hidden::Addresses] {
        let bundle = module.query().bundle(&viewer(), &key, &what, hidden).unwrap().unwrap();
        assert!(!bundle.records.is_empty() && !bundle.parts.is_empty());
        let report = report::report(&bundle).into_string();
        // tokens are letters by chance
        assert_eq!(if hidden == Hidden::Nothing { leak } else { long_leak }(report.as_bytes()), None);
        assert_eq!(long_leak(&bundle.capture().unwrap()), None);
    }
}

/// The bytes of each file, and what zstd makes of each frame in them; with the number of frames.
fn files(folder: &Path, seen: &mut Vec<Vec<u8>>) -> usize {
    let mut frames = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if path.is_dir() {
            frames += files(&path, seen);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for at in memchr::memmem::find_iter(&bytes, &0xFD2F_B528_u32.to_le_bytes()) {
            let mut text = Vec::new();
            let mut reader = zstd::stream::read::Decoder::new(&bytes[at..]).unwrap().single_frame();
            if reader.read_to_end(&mut text).is_ok() {
                frames += 1;
                seen.push(text);
            }
        }
        seen.push(bytes);
    }
    frames
}

/// As `leak`, of longer pieces: three bytes of any letter case come by chance in what zstd has packed.
fn long_leak(bytes: &[u8]) -> Option<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    ["zq7xk9", "wv3jp8"].into_iter().find(|part| contains(&lower, part.as_bytes()))
}

fn assert_clean(folder: &Path) -> (usize, bool) {
    let mut seen = Vec::new();
    let frames = files(folder, &mut seen);
    for bytes in &seen {
        if let Some(part) = long_leak(bytes) {
            let at = memchr::memmem::find(&bytes.to_ascii_lowercase(), part.as_bytes()).unwrap();
            panic!(
                "`{part}` on the disk:\n{}",
                show(&bytes[at.saturating_sub(300)..(at + 100).min(bytes.len())])
            );
        }
    }
    (frames, seen.iter().any(|bytes| contains(bytes, b"a84b4c@192.0.2.10")))
}

#[test]
fn no_secret_is_on_the_disk_on_a_page_or_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("usermon.toml");
    let data = folder.path().join("data");
    std::fs::write(&config, format!("data_dir = {data:?}\n[store]\nmin_free_mib = 1\n")).unwrap();
    let log = Arc::new(Log::default());
    let module = Module::open(&config, Arc::clone(&log) as Arc<dyn Host>).unwrap();
    module.event(Event::User(User {
        presence: Presence::Here,
        company: "".into(),
        user: "101".into(),
        extension: "101".into(),
        name: "Anna".into(),
        surname: "".into(),
        department: "".into(),
        mobile: "".into(),
    }));
    let mut messages = Vec::new();
    for place in PLACES {
        for (spelling, bytes) in mutations(message(place).as_bytes()) {
            assert!(leak(&bytes).is_some(), "{} / {spelling} has no secret in it", place.name);
            messages.push(bytes);
        }
    }
    let mut kept = 0;
    for detail in [DumpDetail::Summary, DumpDetail::Headers, DumpDetail::Full] {
        module.query().set_dump_detail(&viewer(), "default", detail).unwrap();
        for data in &messages {
            push(&module, data);
        }
        kept += messages.len();
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while module.query().status().store.stored_packets < kept as u64 {
            assert!(std::time::Instant::now() < until, "the packets did not reach the ring");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let packets = shown(&module);
    assert_eq!(packets.len(), kept);
    assert!(packets.iter().all(|raw| leak(raw).is_none()));
    assert_exports_are_clean(&module, kept);
    let all = packets.concat();
    for kept in PLACES.iter().flat_map(|place| place.stays) {
        assert!(contains(&all, kept.as_bytes()), "`{kept}` is gone");
    }
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while !assert_clean(&data).1 {
        assert!(std::time::Instant::now() < until, "the packets did not reach the journal");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        leak(module.status_text().as_bytes()).is_none() && leak(module.users_text().as_bytes()).is_none()
    );
    module.close(Duration::from_secs(10)).unwrap();
    let (frames, in_segments) = assert_clean(&data);
    assert!(frames > 0 && in_segments, "the packets were not in the segments when they were searched");
    assert!(leak(log.0.lock().unwrap().as_bytes()).is_none());
}
