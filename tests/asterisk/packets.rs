//! Claims about diagnostics: all of a user's packets, none of another's, what each dump detail keeps, no secrets.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Stage;
use crate::page::Line;
use crate::pbx::wait;
use crate::phone::{Message, Over, answer, call, read, register, sipp};
use crate::tls::TlsPhone;

type Key = (bool, String, String, u32);

fn of_message(message: &Message) -> Key {
    (message.out, message.start_line.clone(), message.call_id.clone(), message.size)
}

fn of_line(line: &Line) -> Key {
    (line.out, line.start_line.clone(), line.call_id.clone(), line.size)
}

/// Holds a user's diagnostics against what the user's phones saw, once no more is to come.
fn exactly(stage: &Stage, user: &str, seen: &[Message]) -> Result<usize, String> {
    let mut wish: Vec<Key> = seen.iter().map(of_message).collect();
    wish.sort();
    let mut have: Vec<Key> = Vec::new();
    let mut claimed = 0;
    let same = wait(Duration::from_secs(10), || {
        let lines = stage.browser.packets(user);
        claimed = lines.iter().filter(|line| line.claimed).count();
        have = lines.iter().map(of_line).collect();
        have.sort();
        have == wish
    });
    if same && claimed == 0 {
        return Ok(wish.len());
    }
    let missing: Vec<&Key> = wish.iter().filter(|key| !have.contains(key)).take(3).collect();
    let foreign: Vec<&Key> = have.iter().filter(|key| !wish.contains(key)).take(3).collect();
    Err(format!(
        "{user}: {} packets on the page ({claimed} only claimed), {} at the phones; missing {missing:?}, foreign {foreign:?}",
        have.len(),
        wish.len()
    ))
}

pub fn all_and_only(stage: &mut Stage) -> Result<String, String> {
    both(stage, Over::Udp, ["1011", "1012"], [5111, 5112], 4)
}

pub fn tcp(stage: &mut Stage) -> Result<String, String> {
    both(stage, Over::Tcp, ["1013", "1014"], [5121, 5122], 2)
}

/// Two users nobody used before register and call each other while others call, too.
fn both(
    stage: &mut Stage,
    over: Over,
    users: [&str; 2],
    ports: [u16; 2],
    calls: u32,
) -> Result<String, String> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let times = calls.to_string();
    first.extend(register(&stage.pbx, users[0], ports[0], over, 300).finish()?);
    second.extend(register(&stage.pbx, users[1], ports[1], over, 300).finish()?);
    register(&stage.pbx, "1015", 5115, Over::Udp, 300).finish()?;
    register(&stage.pbx, "1016", 5116, Over::Udp, 300).finish()?;
    let others = answer(&stage.pbx, "1016", 5116, Over::Udp, 100, &["-m", &times]);
    let noise = call(&stage.pbx, "1015", 5115, Over::Udp, "1016", 300, &["-m", &times, "-r", "4"]);
    let called = answer(&stage.pbx, users[1], ports[1], over, 100, &["-m", &times]);
    first.extend(
        call(&stage.pbx, users[0], ports[0], over, users[1], 300, &["-m", &times, "-r", "4"]).finish()?,
    );
    second.extend(called.finish()?);
    noise.finish()?;
    others.finish()?;
    let a = exactly(stage, users[0], &first)?;
    let b = exactly(stage, users[1], &second)?;
    Ok(format!(
        "{a} and {b} packets of {calls} calls and a registration each, none missing, none foreign, all proven"
    ))
}

/// A phone that is slow to answer is sent the INVITE again, and each time is a packet.
pub fn again(stage: &mut Stage) -> Result<String, String> {
    let mut seen = register(&stage.pbx, "1018", 5118, Over::Udp, 300).finish()?;
    register(&stage.pbx, "1015", 5115, Over::Udp, 300).finish()?;
    let slow = sipp(&stage.pbx, "slow", "1018", 5118, Over::Udp, &["1018"], &["-d", "1800"]);
    crate::phone::listening(5118, Over::Udp);
    call(&stage.pbx, "1015", 5115, Over::Udp, "1018", 200, &[]).finish()?;
    seen.extend(slow.finish()?);
    let invites = seen.iter().filter(|m| m.start_line.starts_with("INVITE")).count();
    let count = exactly(stage, "1018", &seen)?;
    if invites < 2 {
        Err("the INVITE was not sent again".into())
    } else {
        Ok(format!("{count} packets, the INVITE {invites} times"))
    }
}

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=talk\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 16200 RTP/AVP 0\r\n";

pub fn tls(stage: &mut Stage) -> Result<String, String> {
    let mut phone = TlsPhone::connect(&stage.pbx, "1017");
    let answer = phone.request("REGISTER", "sip:127.0.0.1", "tls-register", "", "");
    if !answer.starts_with("SIP/2.0 200") {
        return Err(format!("REGISTER over TLS: {answer}"));
    }
    stage.browser.becomes("1017", "free", 0)?;
    let answer = phone.request("INVITE", "sip:600@127.0.0.1", "tls-call", "", SDP);
    if !answer.starts_with("SIP/2.0 200") {
        return Err(format!("INVITE over TLS: {answer}"));
    }
    stage.browser.becomes("1017", "busy", 1)?;
    let to = crate::tls::header(&answer, "To");
    let tag = to.find(";tag=").map_or("", |at| &to[at..]).to_owned();
    for (direction, words) in [("sendonly", "on hold"), ("sendrecv", ", up")] {
        phone.request("INVITE", "sip:600@127.0.0.1", "tls-call", &tag, &format!("{SDP}a={direction}\r\n"));
        let shown =
            wait(Duration::from_secs(5), || stage.browser.row("1017").is_some_and(|row| row.contains(words)));
        if !shown {
            return Err(format!(
                "after {direction} the call is not shown as {words}: {:?}",
                stage.browser.row("1017")
            ));
        }
    }
    phone.request("BYE", "sip:600@127.0.0.1", "tls-call", &tag, "");
    stage.browser.becomes("1017", "free", 0)?;
    let count = exactly(stage, "1017", &phone.seen)?;
    Ok(format!(
        "green, red with 1, on hold and back, green; {count} packets, in clear, none missing, none foreign"
    ))
}

/// One call of a new pair of users at each level; what is kept of the INVITE that came in with its SDP.
pub fn details(stage: &mut Stage) -> Result<String, String> {
    let mut figures = Vec::new();
    for (at, level) in ["off", "summary", "headers", "full"].into_iter().enumerate() {
        let at = u16::try_from(at).unwrap();
        stage.browser.set_detail(level);
        let user = (1020 + at).to_string();
        let mut seen = register(&stage.pbx, &user, 5130 + at, Over::Udp, 300).finish()?;
        seen.extend(call(&stage.pbx, &user, 5130 + at, Over::Udp, "600", 200, &[]).finish()?);
        let outcome = level_keeps(stage, level, &user, &seen);
        if outcome.is_err() {
            stage.browser.set_detail("headers");
        }
        figures.push(format!("{level} {}", outcome?));
    }
    stage.browser.set_detail("headers");
    Ok(format!("packets kept: {}", figures.join(", ")))
}

fn level_keeps(stage: &Stage, level: &str, user: &str, seen: &[Message]) -> Result<usize, String> {
    if level == "off" {
        // what is queued is written within a second
        std::thread::sleep(Duration::from_secs(1));
        let kept = stage.browser.packets(user).len();
        return if kept == 0 { Ok(0) } else { Err(format!("off keeps {kept} packets")) };
    }
    let count = exactly(stage, user, seen)?;
    let lines = stage.browser.packets(user);
    let invite = lines.iter().filter(|l| !l.out && l.start_line.starts_with("INVITE")).max_by_key(|l| l.size);
    let raw = String::from_utf8_lossy(&stage.browser.raw(invite.ok_or("no INVITE kept")?)).into_owned();
    let has = |text: &str| raw.contains(text);
    let right = match level {
        "summary" => !has("Max-Forwards") && !has("Authorization") && !has("m=audio"),
        "headers" => has("Max-Forwards: 70") && has("Digest username=") && has("m=audio") && !has("s=talk"),
        _ => has("Max-Forwards: 70") && has("Digest username=") && has("m=audio") && has("s=talk"),
    };
    if right { Ok(count) } else { Err(format!("{level} keeps this of an INVITE: {raw}")) }
}

/// Every digest response that any phone sent is looked for in every file, in every compressed piece, on every page.
pub fn no_secret(stage: &mut Stage) -> Result<String, String> {
    let mut secrets = BTreeSet::new();
    for entry in fs::read_dir(stage.pbx.phones()).unwrap().flatten() {
        for message in read(&entry.path()) {
            let line =
                message.text.lines().find(|line| line.starts_with("Authorization:")).unwrap_or_default();
            if let Some(value) = line.split("response=\"").nth(1).and_then(|v| v.split('"').next()) {
                secrets.insert(value.to_owned());
            }
        }
    }
    if secrets.len() < 10 {
        return Err(format!("only {} digest responses were sent: too few to show anything", secrets.len()));
    }
    let mut found = Vec::new();
    let (mut files, mut pieces) = (0, 0);
    let mut look = |place: &Path, bytes: &[u8]| {
        for window in bytes.split(|b| !b.is_ascii_hexdigit()).filter(|w| w.len() == 32) {
            let text = String::from_utf8_lossy(window).into_owned();
            if secrets.contains(&text) {
                found.push(format!("{} in {}", text, place.display()));
            }
        }
    };
    // sealed segments are compressed: unloading seals
    stage.pbx.rx("module unload res_usermon.so");
    let mut folders = vec![stage.pbx.data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = fs::read(entry.path()).unwrap();
            files += 1;
            look(&entry.path(), &bytes);
            for (at, _) in bytes.windows(4).enumerate().filter(|(_, w)| *w == [0x28, 0xB5, 0x2F, 0xFD]) {
                let Ok(decoder) = zstd::stream::read::Decoder::new(&bytes[at..]) else { continue };
                let mut piece = Vec::new();
                let _ = std::io::Read::read_to_end(&mut decoder.single_frame(), &mut piece);
                pieces += usize::from(!piece.is_empty());
                look(&entry.path(), &piece);
            }
        }
    }
    look(Path::new("Asterisk's log"), stage.pbx.log().as_bytes());
    stage.pbx.rx("module load res_usermon.so");
    stage.browser = crate::page::Browser::login(stage.pbx.http, "super-admin", &stage.password);
    let mut packets = 0;
    for user in ["1001", "1011", "1012", "1013", "1023"] {
        for line in stage.browser.packets(user) {
            packets += 1;
            look(Path::new(&line.page), &stage.browser.raw(&line));
        }
    }
    if !found.is_empty() {
        return Err(format!("{} found: {}", found.len(), found[..found.len().min(3)].join("; ")));
    }
    if pieces == 0 || packets == 0 {
        return Err(format!(
            "nothing was looked into: {files} files, {pieces} compressed pieces, {packets} messages"
        ));
    }
    Ok(format!(
        "{} responses sent, 0 found in {files} files, {pieces} decompressed pieces, {packets} raw messages, the log",
        secrets.len()
    ))
}
