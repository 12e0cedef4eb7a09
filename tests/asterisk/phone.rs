//! Phones: SIPp with the scenarios beside this file. Each writes down every message that it sent and received; what
//! it wrote is the truth that diagnostics are held against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::pbx::{Pbx, password, wait};
use crate::script::Script;

/// What a phone speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// One SIPp at work.
pub struct Phone {
    child: Child,
    log: PathBuf,
    name: String,
}

/// A message as a phone saw it. `out`: the PBX sent it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    pub out: bool,
    pub start_line: String,
    pub call_id: String,
    pub size: u32,
    pub text: String,
}

impl Message {
    /// A message out of its text.
    pub fn of(out: bool, text: &str) -> Self {
        let call_id = text.lines().find_map(|line| line.strip_prefix("Call-ID:")).unwrap_or_default().trim();
        Self {
            out,
            start_line: text.lines().next().unwrap_or_default().trim().to_owned(),
            call_id: call_id.to_owned(),
            size: u32::try_from(text.len()).unwrap(),
            text: text.to_owned(),
        }
    }
}

/// The tag in a message's header.
pub fn tag_of(message: &Message, header: &str) -> String {
    let line = message.text.lines().find(|line| line.starts_with(header)).unwrap_or_default();
    line.split(";tag=").nth(1).unwrap_or_default().trim().to_owned()
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Starts SIPp with a scenario of this folder; `fields`: one line of what the scenario puts in.
pub fn sipp(
    pbx: &Pbx,
    scenario: &str,
    user: &str,
    port: u16,
    over: Over,
    fields: &[&str],
    more: &[&str],
) -> Phone {
    let name = name(scenario, user);
    let csv = pbx.phones().join(format!("{name}.csv"));
    fs::write(&csv, format!("SEQUENTIAL\n{}\n", fields.join(";"))).unwrap();
    let scenario =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asterisk").join(format!("{scenario}.xml"));
    let more = [&["-timeout", "60", "-inf", csv.to_str().unwrap()], more].concat();
    start(pbx, name, &scenario, ("127.0.0.1", port), over, &more)
}

/// Starts SIPp with a script; `scene` is part of the Call-ID.
pub fn play(pbx: &Pbx, scene: &str, script: &Script, port: u16) -> Phone {
    let name = name(scene, script.account());
    let scenario = pbx.phones().join(format!("{name}.xml"));
    fs::write(&scenario, script.xml()).unwrap();
    let call_id = format!("{name}-%u@127.0.0.1");
    let mut more = vec!["-timeout", "100", "-cid_str", &call_id];
    if script.careless {
        more.extend(["-nr", "-pause_msg_ign"]);
    }
    let phone = start(pbx, name, &scenario, (script.address, port), Over::Udp, &more);
    if script.is_called() {
        listening(port, Over::Udp);
    }
    phone
}

fn name(what: &str, user: &str) -> String {
    format!("{:03}-{what}-{user}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn start(
    pbx: &Pbx,
    name: String,
    scenario: &Path,
    (address, port): (&str, u16),
    over: Over,
    more: &[&str],
) -> Phone {
    let folder = pbx.phones();
    let log = folder.join(format!("{name}.log"));
    let mut command = Command::new("sipp");
    command
        .arg(format!("127.0.0.1:{}", pbx.sip))
        .arg("-sf")
        .arg(scenario)
        .args(["-i", address, "-p", &port.to_string(), "-nostdin", "-trace_msg", "-message_file"])
        .arg(&log)
        .args(["-timeout_error", "-trace_err", "-error_file"])
        .arg(folder.join(format!("{name}.err")))
        .args(["-t", if over == Over::Udp { "u1" } else { "t1" }])
        .args(more)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !more.contains(&"-m") {
        command.args(["-m", "1"]);
    }
    Phone { child: command.spawn().expect("sipp (apt-get install sip-tester)"), log, name }
}

/// Registers an endpoint's phone at `port`; 0 seconds takes the registration away.
pub fn register(pbx: &Pbx, user: &str, port: u16, over: Over, seconds: u32) -> Phone {
    let seconds = seconds.to_string();
    let fields = [user, &credentials(user, &password(user)), &seconds, "Yealink SIP-T46S 66.85.0.5"];
    sipp(pbx, "register", user, port, over, &fields, &[])
}

/// Calls from `user` to `number`, talks for `talk` milliseconds.
pub fn call(pbx: &Pbx, user: &str, port: u16, over: Over, number: &str, talk: u32, more: &[&str]) -> Phone {
    let talk = talk.to_string();
    let fields = [user, &credentials(user, &password(user)), number];
    sipp(pbx, "call", user, port, over, &fields, &[&["-d", &talk], more].concat())
}

/// Waits to be called at `port`, rings for `ring` milliseconds, answers.
pub fn answer(pbx: &Pbx, user: &str, port: u16, over: Over, ring: u32, more: &[&str]) -> Phone {
    let ring = ring.to_string();
    let phone = sipp(pbx, "answer", user, port, over, &[user], &[&["-d", &ring], more].concat());
    listening(port, over);
    phone
}

/// What SIPp replaces by an Authorization header.
pub fn credentials(user: &str, password: &str) -> String {
    format!("[authentication username={user} password={password}]")
}

/// Waits until somebody listens at the port.
pub fn listening(port: u16, over: Over) {
    let table = if over == Over::Udp { "/proc/net/udp" } else { "/proc/net/tcp" };
    let wish = format!(":{port:04X} ");
    let there = wait(Duration::from_secs(10), || {
        fs::read_to_string(table).unwrap().lines().any(|line| line.contains(&wish))
    });
    assert!(there, "no phone at port {port}");
}

impl Phone {
    /// What it has seen so far.
    pub fn seen(&self) -> Vec<Message> {
        read(&self.log)
    }

    /// Waits for its end; its messages, or what went wrong.
    pub fn finish(mut self) -> Result<Vec<Message>, String> {
        let mut status = None;
        wait(Duration::from_secs(110), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        match status {
            Some(status) if status.success() => Ok(read(&self.log)),
            other => Err(format!("{} failed ({other:?}): {}", self.name, self.errors())),
        }
    }

    fn errors(&self) -> String {
        let text = fs::read_to_string(self.log.with_extension("err")).unwrap_or_default();
        text.lines().take(6).collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The messages in one of SIPp's logs.
pub fn read(log: &Path) -> Vec<Message> {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let mut messages = Vec::new();
    for part in text.split("-----------------------------------------------").skip(1) {
        let Some((_, part)) = part.split_once('\n') else { continue };
        let Some((head, body)) = part.split_once("\n\n") else { continue };
        // "UDP message sent (325 bytes):", "UDP message received [464] bytes :"
        let size: String =
            head.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let mut message = Message::of(head.contains("received"), body);
        message.size = size.parse().unwrap_or(0);
        messages.push(message);
    }
    messages
}
