//! All scenarios, side by side on one Asterisk: each one's packets must be in the ring once and in order, and the changes
//! must tell what became of each leg. Recorded, they are what the tests of diagnostics read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Change, Direction, DumpDetail, UserKey};
use usermon::store::record::{Attribution, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

use crate::Stage;
use crate::page::Browser;
use crate::pbx::{Pbx, password, wait};
use crate::phone::Message;
use crate::scenario::{About, COMPANY, Dialog, Leg, Line, Party};
use crate::scenes::{self, Scene, Told};
use crate::stand::{CARRIER, Seen, Stand, UNHEARD};

/// Scenarios at once.
const AT_ONCE: usize = 12;
/// Endpoints of the scenarios.
const USERS: std::ops::RangeInclusive<u32> = 1101..=1199;

/// Adds what the scenarios need; before Asterisk starts.
pub fn configure(pbx: &Pbx) {
    let etc = pbx.folder().join("etc");
    let mut pjsip = fs::read_to_string(etc.join("pjsip.conf")).unwrap();
    for n in USERS {
        write!(
            pjsip,
            "[{n}]\ntype=endpoint\ncontext=scenes\nmessage_context=messages\ndisallow=all\nallow=ulaw,alaw\n\
             auth={n}\naors={n}\ncallerid=User {n} <{n}>\ndirect_media=no\n\
             [{n}]\ntype=auth\nauth_type=userpass\nusername={n}\npassword={}\n\
             [{n}]\ntype=aor\nmax_contacts=4\nminimum_expiration=2\n",
            password(&n.to_string())
        )
        .unwrap();
    }
    let aor = |user: &str, more: &str| format!("[{user}]\ntype=aor\n{more}");
    pjsip = pjsip.replace(&aor("1163", ""), &aor("1163", "qualify_frequency=1\nqualify_timeout=0.5\n"));
    pjsip = pjsip.replace("[1173]\ntype=endpoint\n", "[1173]\ntype=endpoint\ndeny=0.0.0.0/0.0.0.0\n");
    write!(
        pjsip,
        "[nobody-from-there]\ntype=acl\ndeny=127.0.0.9/255.255.255.255\n\
         [carrier]\ntype=endpoint\ncontext=scenes\ndisallow=all\nallow=ulaw\noutbound_auth=carrier\naors=carrier\n\
         from_user=acme\ndirect_media=no\n\
         [carrier]\ntype=auth\nauth_type=userpass\nusername=acme\npassword=trunk\n\
         [carrier]\ntype=aor\ncontact=sip:127.0.0.1:{CARRIER}\n"
    )
    .unwrap();
    fs::write(etc.join("pjsip.conf"), pjsip).unwrap();
    fs::write(etc.join("queues.conf"), QUEUES).unwrap();
    let mut dialplan = fs::read_to_string(etc.join("extensions.conf")).unwrap();
    dialplan += DIALPLAN;
    fs::write(etc.join("extensions.conf"), dialplan).unwrap();
    // apart from the phones' ports
    fs::write(etc.join("rtp.conf"), "[general]\nrtpstart=20000\nrtpend=24000\n").unwrap();
}

/// 1XXX is a user; the same with another first digit is that user in another way.
const DIALPLAN: &str = "\
[scenes]
exten => _1XXX,1,Dial(${PJSIP_DIAL_CONTACTS(${EXTEN})},60)
 same => n,Hangup(${HANGUPCAUSE})
; gives up after two seconds
exten => _2XXX,1,Dial(${PJSIP_DIAL_CONTACTS(1${EXTEN:1})},2)
 same => n,Hangup(${HANGUPCAUSE})
; ends the call after a second
exten => _3XXX,1,Dial(${PJSIP_DIAL_CONTACTS(1${EXTEN:1})},60,S(1))
 same => n,Hangup()
; a group, a queue, several places, a user by name, the world
exten => 4000,1,Dial(PJSIP/1123&PJSIP/1124,30)
exten => 4001,1,Answer()
 same => n,Queue(sales)
exten => 4002,1,Dial(Local/1139@scenes&Local/1140@scenes,30)
exten => _5XXX,1,Dial(PJSIP/1${EXTEN:1},30)
 same => n,Hangup(${HANGUPCAUSE})
exten => _00.,1,Dial(PJSIP/${EXTEN}@carrier,30)
exten => _1XXX,hint,PJSIP/${EXTEN}
[messages]
exten => _1XXX,1,MessageSend(pjsip:${EXTEN},${MESSAGE(from)})
";

const QUEUES: &str = "\
[sales]
strategy=ringall
timeout=20
member => Local/1136@scenes/n
member => Local/1137@scenes/n
member => Local/1172@scenes/n
";

/// What became of a scenario.
struct Ran {
    scene: &'static Scene,
    seen: Result<Seen, String>,
}

/// Plays those whose name has the word in it; with a folder, writes down what they left. Prints one line each; how many
/// are as they should be, and how many are not.
pub fn run(stage: &mut Stage, only: &str, record: Option<&Path>) -> (u32, u32) {
    let wanted = |scene: &&Scene| format!("scenario {}", scene.name).contains(only);
    let scenes: Vec<&'static Scene> = scenes::all().filter(wanted).collect();
    let last: Vec<&'static Scene> = [&scenes::LAST].into_iter().filter(wanted).collect();
    if scenes.is_empty() && last.is_empty() {
        return (0, 0);
    }
    stage.browser.set_detail("full");
    let mut ran = play(&stage.pbx, &scenes);
    // what the last one does to the module is none of the others' business
    wait(Duration::from_secs(10), || stage.pbx.rx("core show channels count").contains("0 active channels"));
    let until = Clock::System.now();
    ran.extend(play(&stage.pbx, &last));
    let ring = Ring::take(stage);
    stage.browser.set_detail("headers");
    let (mut passed, mut failed) = (0, 0);
    for Ran { scene, seen } in ran {
        let outcome = seen.and_then(|seen| {
            let until = if scene.name == scenes::LAST.name { Timestamp::MAX } else { until };
            let left = Left::of(scene, &seen, &ring, until);
            if let Some(folder) = record {
                left.record(folder);
            }
            left.check()
        });
        match outcome {
            Ok(figure) => {
                passed += 1;
                println!("ok      scenario {}: {figure}", scene.name);
            }
            Err(what) => {
                failed += 1;
                println!("FAILED  scenario {}: {what}", scene.name);
            }
        }
    }
    (passed, failed)
}

fn play(pbx: &Pbx, scenes: &[&'static Scene]) -> Vec<Ran> {
    let next = AtomicUsize::new(0);
    let ran = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(scene) = scenes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let stand = Stand::new(pbx, scene.name);
                    let played = catch_unwind(AssertUnwindSafe(|| (scene.play)(&stand)))
                        .unwrap_or_else(|_| Err("panicked".into()));
                    let seen = played.map(|()| stand.seen());
                    ran.lock().unwrap().push(Ran { scene, seen });
                }
            });
        }
    });
    let mut ran = ran.into_inner().unwrap();
    ran.sort_by_key(|ran| ran.scene.name);
    ran
}

/// The ring, while the module is away.
struct Ring {
    store: Store,
    pbx: String,
}

impl Ring {
    fn take(stage: &mut Stage) -> Self {
        let pbx = stage.pbx.rx("core show version");
        stage.pbx.rx("module unload res_usermon.so");
        let copy = stage.pbx.folder().join("ring-of-scenarios");
        let _ = fs::remove_dir_all(&copy);
        let copied =
            Command::new("cp").arg("-a").arg(stage.pbx.data().join("ring")).arg(&copy).status().unwrap();
        assert!(copied.success(), "the ring was not copied");
        stage.pbx.rx("module load res_usermon.so");
        stage.browser = Browser::login(stage.pbx.http, "super-admin", &stage.password);
        let pbx = pbx.split(" built").next().unwrap_or_default().trim().to_owned();
        Self { store: open(&copy), pbx }
    }

    /// A user's records, oldest first.
    fn of(&self, user: &UserKey) -> Vec<Record> {
        let mut records = self.store.read(&Query::newest(user, 1_000_000)).unwrap();
        records.retain(|record| record.user.user == user.user);
        records.reverse();
        records
    }
}

fn open(folder: &Path) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(folder, options, Clock::System).unwrap()
}

/// What a scenario left.
struct Left<'a> {
    scene: &'static Scene,
    seen: &'a Seen,
    pbx: &'a str,
    /// By user, oldest first; the empty name has what is nobody's.
    records: BTreeMap<String, Vec<Record>>,
}

impl<'a> Left<'a> {
    fn of(scene: &'static Scene, seen: &'a Seen, ring: &'a Ring, until: Timestamp) -> Self {
        let mut records = BTreeMap::new();
        for (user, _) in scene.users {
            let mut of_user = ring.of(&UserKey::new(COMPANY, user));
            of_user.retain(|record| record.time < until);
            if !of_user.is_empty() {
                records.insert((*user).to_owned(), of_user);
            }
        }
        let of_phones = |packet: &Packet| {
            let text = String::from_utf8_lossy(&packet.bytes);
            seen.iter().flat_map(|(_, messages)| messages).any(|message| text.contains(&message.call_id))
        };
        let mut nobody = ring.of(&UserKey::default());
        nobody.retain(|record| matches!(&record.payload, Payload::Packet(packet) if of_phones(packet)));
        if !nobody.is_empty() {
            records.insert(String::new(), nobody);
        }
        Self { scene, seen, pbx: &ring.pbx, records }
    }

    fn packets(&self, user: &str) -> impl Iterator<Item = &Packet> {
        let user = if self.records.contains_key(user) { user } else { "" };
        self.records.get(user).into_iter().flatten().filter_map(|record| match &record.payload {
            Payload::Packet(packet) => Some(packet),
            _ => None,
        })
    }

    fn check(&self) -> Result<String, String> {
        let mut wrong = Vec::new();
        let mut packets = 0;
        for (user, _) in self.scene.users {
            packets += self.packets(user).count();
            wrong.extend(self.same_messages(user).err());
            wrong.extend(self.linked(user).err());
        }
        wrong.extend(self.legs().err());
        if wrong.is_empty() {
            Ok(format!("{packets} packets, {} legs", self.scene.legs.len()))
        } else {
            Err(wrong.join("; "))
        }
    }

    /// The packets are what the phones saw, each once, and of each dialog and direction in the same order.
    fn same_messages(&self, user: &str) -> Result<(), String> {
        let mut wish: BTreeMap<(String, bool), Vec<&Message>> = BTreeMap::new();
        for message in self.seen.iter().filter(|(of, _)| of == user).flat_map(|(_, messages)| messages) {
            wish.entry((message.call_id.clone(), message.out)).or_default().push(message);
        }
        let unproven = self.packets(user).filter(|packet| packet.attribution != Attribution::Proven).count();
        if (unproven > 0) != self.scene.unproven.contains(&user) {
            return Err(format!("{user}: {unproven} packets are not proven"));
        }
        let unheard = (Message::of(true, UNHEARD).call_id, true);
        let mut have: BTreeMap<(String, bool), Vec<(&Packet, Message)>> = BTreeMap::new();
        for packet in self.packets(user) {
            let out = packet.direction == Direction::Out;
            let message = Message::of(out, &String::from_utf8_lossy(&packet.bytes));
            have.entry((message.call_id.clone(), out)).or_default().push((packet, message));
        }
        let keys: BTreeSet<_> = wish.keys().chain(have.keys()).filter(|key| **key != unheard).collect();
        for key in keys {
            let (seen, kept) =
                (wish.get(key).map_or(&[][..], Vec::as_slice), have.get(key).map_or(&[][..], Vec::as_slice));
            let is_same = |seen: &Message, (packet, kept): &(&Packet, Message)| {
                // what is nobody's is not kept in full
                seen.size == packet.original_len
                    && seen.start_line == kept.start_line
                    && (packet.detail != DumpDetail::Full || is_kept(&kept.text, &seen.text))
            };
            let mut rest = kept.iter();
            let same = seen.iter().all(|seen| rest.by_ref().any(|kept| is_same(seen, kept)))
                && (wish.contains_key(&unheard) || seen.len() == kept.len());
            if !same {
                let lines = |messages: &mut dyn Iterator<Item = &Message>| {
                    messages.map(|m| format!("{} ({})", m.start_line, m.size)).collect::<Vec<_>>().join(", ")
                };
                return Err(format!(
                    "{user}: of {key:?} the phones saw [{}] and the ring has [{}]",
                    lines(&mut seen.iter().copied()),
                    lines(&mut kept.iter().map(|(_, message)| message))
                ));
            }
        }
        Ok(())
    }

    /// The packets of a leg say which call it is of, from the moment on that the PBX has told of it; what came before is
    /// joined by the Call-ID, so that a change must have it.
    fn linked(&self, user: &str) -> Result<(), String> {
        let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for record in self.records.get(user).into_iter().flatten() {
            if let Payload::Change(Change::Call { call_id, linked, .. }) = &record.payload {
                of.entry(call_id).or_default().push(linked);
            }
        }
        let mut wrong = Vec::new();
        if of.contains_key("") {
            wrong.push("a leg without a Call-ID".to_owned());
        }
        let mut told = BTreeSet::new();
        for packet in self.packets(user) {
            let message = Message::of(false, &String::from_utf8_lossy(&packet.bytes));
            let Some(calls) = of.get(message.call_id.as_str()) else { continue };
            let known = calls.contains(&&*packet.linked);
            if known {
                told.insert(message.call_id.clone());
            }
            if !known && (!packet.linked.is_empty() || told.contains(&message.call_id)) {
                wrong.push(format!("{} has linked {:?}", message.start_line, packet.linked));
            }
        }
        wrong.extend(
            of.keys().filter(|id| !told.contains(**id)).map(|id| format!("no packet of {id} is linked")),
        );
        if wrong.is_empty() { Ok(()) } else { Err(format!("{user}: {}", wrong.join(", "))) }
    }

    /// The changes tell each leg as it was.
    fn legs(&self) -> Result<(), String> {
        let mut wrong = Vec::new();
        for (user, _) in self.scene.users {
            let mut have: BTreeMap<&str, (String, String, String, u16)> = BTreeMap::new();
            for record in self.records.get(*user).into_iter().flatten() {
                if let Payload::Change(Change::Call { leg, phase, direction, far_number, cause, .. }) =
                    &record.payload
                {
                    let told = have.entry(leg).or_default();
                    told.0 = format!("{direction:?}").to_lowercase();
                    told.1 = far_number.to_string();
                    let word = format!("{phase:?}").to_lowercase();
                    if !told.2.ends_with(&word) {
                        write!(told.2, "{}{word}", if told.2.is_empty() { "" } else { " " }).unwrap();
                    }
                    told.3 = *cause;
                }
            }
            let mut have: Vec<_> = have.into_values().collect();
            have.sort();
            let mut wish: Vec<_> = self
                .scene
                .legs
                .iter()
                .filter(|told| told.0 == *user && !told.4.is_empty())
                .map(|told| (told.1.to_owned(), told.2.to_owned(), told.4.to_owned(), told.5))
                .collect();
            wish.sort();
            if have != wish {
                wrong.push(format!("{user}: legs {have:?}, not {wish:?}"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    fn about(&self) -> About {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (user, messages) in self.seen {
            for message in messages.iter().filter(|message| message.start_line != UNHEARD) {
                *counts.entry((user, &message.call_id)).or_default() += 1;
            }
        }
        let leg = |&Told(user, direction, far, result, phases, cause): &Told| Leg {
            user: user.into(),
            direction: direction.into(),
            far: far.into(),
            result: result.into(),
            phases: phases.into(),
            cause,
        };
        About {
            scenario: self.scene.name.to_owned(),
            about: self.scene.about.to_owned(),
            pbx: self.pbx.to_owned(),
            users: self
                .scene
                .users
                .iter()
                .map(|(user, part)| Party {
                    extension: (*user).to_owned(),
                    name: format!("User {user}"),
                    part: (*part).to_owned(),
                })
                .collect(),
            legs: self.scene.legs.iter().map(leg).collect(),
            messages: counts
                .into_iter()
                .map(|((user, call_id), messages)| Dialog {
                    user: user.to_owned(),
                    call_id: call_id.to_owned(),
                    messages,
                })
                .collect(),
        }
    }

    /// `NAME.json`, `NAME.jsonl`, and `NAME/`, a ring of its own.
    fn record(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let name = self.scene.name;
        let about = serde_json::to_string_pretty(&self.about()).unwrap() + "\n";
        fs::write(folder.join(format!("{name}.json")), about).unwrap();
        let mut records: Vec<Record> = self.records.values().flatten().cloned().collect();
        records.sort_by_key(|record| (record.time, record.seq));
        let mut lines = String::new();
        for record in &records {
            writeln!(lines, "{}", serde_json::to_string(&Line::of(record)).unwrap()).unwrap();
        }
        fs::write(folder.join(format!("{name}.jsonl")), lines).unwrap();
        let ring: PathBuf = folder.join(name);
        let _ = fs::remove_dir_all(&ring);
        let store = open(&ring);
        store.append(&mut records).unwrap();
        store.close().unwrap();
    }
}

/// Whether the text is the one that was seen, but for what was blacked out.
fn is_kept(kept: &str, seen: &str) -> bool {
    let (mut kept, mut seen) = (kept.trim_end().bytes(), seen.trim_end().bytes());
    loop {
        match (kept.next(), seen.next()) {
            (None, None) => return true,
            (Some(k), Some(s)) if k == s || k == b'x' => {}
            _ => return false,
        }
    }
}
