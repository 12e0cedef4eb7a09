//! All scenarios, side by side on one Asterisk: each one's packets must be in the ring once and in order, and the changes
//! must tell what became of each leg. Recorded, they are what the tests of diagnostics read.

use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::UserKey;
use usermon::store::record::Record;
use usermon::store::{Options, Query, Store};

use crate::Stage;
use crate::left::Left;
use crate::page::Browser;
use crate::pbx::{Pbx, password, wait};
use crate::scenes::{self, Scene};
use crate::shown::{Shown, captures};
use crate::stand::{CARRIER, Seen, Stand};

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
    // apart from the phones' ports; RTCP every second
    fs::write(etc.join("rtp.conf"), "[general]\nrtpstart=20000\nrtpend=24000\nrtcpinterval=1000\n").unwrap();
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
; a group, a queue, several places, an echo, a user by name, the world
exten => 4000,1,Dial(PJSIP/1123&PJSIP/1124,30)
exten => 4001,1,Answer()
 same => n,Queue(sales)
exten => 4002,1,Dial(Local/1139@scenes&Local/1140@scenes,30)
exten => 4003,1,Answer()
 same => n,Echo()
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
    // the module has come anew meanwhile
    stage.browser = Browser::login(stage.pbx.http, "super-admin", &stage.password);
    let shown: Vec<Shown> = ran.iter().map(|ran| Shown::of(ran.scene, &stage.browser)).collect();
    let ring = Ring::take(stage);
    stage.browser.set_detail("headers");
    let (mut passed, mut failed) = (0, 0);
    let (mut taken, mut wrong) = (Vec::new(), Vec::new());
    for (Ran { scene, seen }, shown) in ran.into_iter().zip(&shown) {
        let outcome = seen.and_then(|seen| {
            let until = if scene.name == scenes::LAST.name { Timestamp::MAX } else { until };
            let left = Left::of(scene, &seen, &ring, until);
            if let Some(folder) = record {
                left.record(folder);
            }
            let files = taken.len();
            let figure = left.check();
            wrong.extend(shown.check(&left.all(), &mut taken));
            figure.map(|figure| format!("{figure}, {} items", taken.len() - files))
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
    wrong.extend(captures(&taken).into_iter().map(|what| ("capture files", what)));
    for (name, what) in &wrong {
        println!("FAILED  pages of scenario {name}: {what}");
    }
    failed += u32::try_from(wrong.len()).unwrap();
    println!("{} items, each with its page, ladder, capture file and JSON lines", taken.len());
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
pub struct Ring {
    store: Store,
    /// Its name and version.
    pub pbx: String,
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
    pub fn of(&self, user: &UserKey) -> Vec<Record> {
        let mut records = self.store.read(&Query::newest(user, 1_000_000)).unwrap();
        records.retain(|record| record.user.user == user.user);
        records.reverse();
        records
    }
}

/// Opens a ring.
pub fn open(folder: &Path) -> Store {
    let options = Options { min_free_bytes: 0, ..Options::default() };
    Store::open(folder, options, Clock::System).unwrap()
}
