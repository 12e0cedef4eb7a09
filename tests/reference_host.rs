//! Breaks when the reference host no longer shows the library at work: its printed lines, logins, moving stickers, a
//! phone that is not its own, a clean end, and what it says when it can't start.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The program, built anew where its source changed. Debug or release as this test is.
fn program() -> PathBuf {
    static ONE_BUILD: Mutex<()> = Mutex::new(());
    let _one = ONE_BUILD.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--example", "pbx", "--target-dir"]).arg(folder.parent().unwrap());
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(
        build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(),
        "the example must build"
    );
    folder.join("examples").join("pbx")
}

/// The running program; ended with the test, whatever happens.
struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Option<std::thread::JoinHandle<String>>,
    page: String,
    super_admin: (String, String),
    administrator: (String, String),
    sip: SocketAddr,
    account: (String, String),
}

impl Running {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(program())
            .args([
                "--http",
                "127.0.0.1:0",
                "--sip",
                "127.0.0.1:0",
                "--pace",
                "4",
                "--seconds",
                "240",
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut err = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut running = Self {
            child,
            lines,
            errors: Some(errors),
            page: String::new(),
            super_admin: Default::default(),
            administrator: Default::default(),
            sip: SocketAddr::from(([0, 0, 0, 0], 0)),
            account: Default::default(),
        };
        running.page = running.printed("page: ");
        running.super_admin = pair(&running.printed("super-admin: "));
        running.administrator = pair(&running.printed("administrator: "));
        running.sip = running.printed("sip: ").parse().unwrap();
        running.account = pair(&running.printed("account: "));
        running
    }

    /// The rest of the next line, which must begin so.
    fn printed(&mut self, beginning: &str) -> String {
        match self.lines.recv_timeout(Duration::from_secs(60)) {
            Ok(line) => {
                line.strip_prefix(beginning).unwrap_or_else(|| panic!("{beginning}? {line}")).to_owned()
            }
            Err(_) => {
                let _ = self.child.kill();
                panic!("no line `{beginning}`: {}", self.errors.take().unwrap().join().unwrap());
            }
        }
    }

    fn interrupt(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let code = poll("the program ends", 30, || self.child.try_wait().unwrap()).code();
        (code, self.errors.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pair(text: &str) -> (String, String) {
    let (name, password) = text.split_once(' ').unwrap();
    (name.to_owned(), password.to_owned())
}

fn poll<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A browser of a few lines: one request a connection, one cookie.
struct Browser {
    server: String,
    cookie: String,
}

struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Browser {
    fn new(page: &str) -> Self {
        let server = page.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
        Self { server, cookie: String::new() }
    }

    fn ask(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.server);
        if !self.cookie.is_empty() {
            write!(request, "Cookie: {}\r\n", self.cookie).unwrap();
        }
        if method == "POST" {
            let len = form.len();
            write!(
                request,
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len}\r\n\r\n{form}"
            )
            .unwrap();
        } else {
            request.push_str("\r\n");
        }
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
        let cookie = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie")
                .then(|| value.split(';').next().unwrap().trim().to_owned())
        });
        self.cookie = cookie.unwrap_or_else(|| self.cookie.clone());
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: headers.to_owned(), body: body.to_owned() }
    }

    fn login(page: &str, (name, password): &(String, String)) -> Self {
        let mut browser = Self::new(page);
        let answer =
            browser.ask("POST", "/usermon/login", &format!("name={name}&password={password}&next=/"));
        assert!((300..400).contains(&answer.status), "{name} logs in: {} {}", answer.status, answer.body);
        browser
    }

    fn wall(&mut self) -> Wall {
        let answer = self.ask("GET", "/usermon/c/example/wall?since=", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Wall(serde_json::from_str(&answer.body).unwrap())
    }
}

struct Wall(serde_json::Value);

impl Wall {
    fn count(&self, sticker: &str) -> u64 {
        self.0["totals"][sticker].as_u64().unwrap()
    }

    fn rows(&self) -> Vec<&str> {
        self.0["rows"].as_array().unwrap().iter().map(|row| row["html"].as_str().unwrap()).collect()
    }

    fn sticker(&self, extension: &str) -> String {
        let rows = self.rows();
        let row = rows.iter().find(|row| row.contains(&format!(">{extension}<"))).unwrap();
        row.split("data-s=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

#[test]
fn lines_logins_stickers_and_a_clean_end() {
    let data = tempfile::tempdir().unwrap();
    let running = Running::start(data.path());
    let passwords = data.path().join("passwords.txt");
    assert_eq!(std::fs::metadata(&passwords).unwrap().permissions().mode() & 0o777, 0o600);

    let mut stranger = Browser::new(&running.page);
    let frame = stranger.ask("GET", "/", "");
    assert!(frame.body.contains("<iframe src=\"/usermon/\""), "{}", frame.body);
    assert!(frame.body.contains("Trunks"));
    let refused = stranger.ask("GET", "/usermon/c/example/", "");
    assert_ne!(refused.status, 200, "nobody is logged in yet: {}", refused.headers);
    let wrong = stranger.ask("POST", "/usermon/login", "name=admin&password=wrong");
    assert_eq!(wrong.status, 401, "{}", wrong.body);

    let mut chief = Browser::login(&running.page, &running.super_admin);
    assert_eq!(chief.ask("GET", "/usermon/configuration/company/example", "").status, 200);
    let mut admin = Browser::login(&running.page, &running.administrator);
    assert_eq!(admin.ask("GET", "/usermon/configuration/company/example", "").status, 403);

    // not all need be seen at once: calls come and go
    let mut missing: BTreeSet<&str> = ["free", "offline", "ringing", "busy"].into();
    poll("all four stickers", 60, || {
        let wall = admin.wall();
        missing.retain(|sticker| wall.count(sticker) == 0);
        missing.is_empty().then_some(())
    });
    let wall = admin.wall();
    assert_eq!(wall.rows().len(), 24);
    assert!(wall.rows().iter().any(|row| row.contains(">+")), "a user with more than four terminals");
    assert_eq!(wall.sticker("104"), "offline", "the phone with the wrong password");
    assert_eq!(wall.sticker("106"), "free", "an active desktop client without SIP");
    let diagnostics = poll("a user's packets", 20, || {
        let page = admin.ask("GET", "/usermon/c/example/u/101/diag/packets", "");
        page.body.contains("REGISTER").then_some(page)
    });
    assert_eq!(diagnostics.status, 200);

    let (code, errors) = running.interrupt();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("no thread of it is left"), "{errors}");
    assert!(!errors.contains("status -"), "the library refused something: {errors}");
}

#[test]
fn somebody_elses_phone_registers_and_turns_green() {
    if Command::new("sipp").arg("-v").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "SIPp must be here under CI: install the package sip-tester"
        );
        eprintln!("skipped: there is no SIPp; install the package sip-tester");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let running = Running::start(data.path());
    let (user, password) = &running.account;
    let mut admin = Browser::login(&running.page, &running.administrator);
    assert_eq!(admin.wall().sticker(user), "offline");

    let wrong = sipp(data.path(), running.sip, user, "wrong", 300);
    assert!(!wrong.status.success(), "the wrong password is refused");
    assert_eq!(admin.wall().sticker(user), "offline");
    let right = sipp(data.path(), running.sip, user, password, 300);
    assert!(right.status.success(), "{}", String::from_utf8_lossy(&right.stdout));
    poll("the sticker turns green", 10, || (admin.wall().sticker(user) == "free").then_some(()));
    let gone = sipp(data.path(), running.sip, user, password, 0);
    assert!(gone.status.success(), "{}", String::from_utf8_lossy(&gone.stdout));
    poll("the sticker turns grey", 10, || (admin.wall().sticker(user) == "offline").then_some(()));

    let (first, account) = (running.super_admin.clone(), running.account.clone());
    assert_eq!(running.interrupt().0, Some(0));
    let again = Running::start(data.path());
    assert_eq!(again.super_admin, first, "the password of the first start is known at the second");
    assert_eq!(again.account, account);
    Browser::login(&again.page, &again.super_admin);
    assert_eq!(again.interrupt().0, Some(0));
}

/// Registers once with a real SIP client.
fn sipp(folder: &Path, pbx: SocketAddr, user: &str, password: &str, expires: u32) -> Output {
    let register = |cseq: u32, credentials: &str| {
        format!(
            "<send retrans=\"500\"><![CDATA[\nREGISTER sip:{pbx} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n\
             From: <sip:{user}@{pbx}>;tag=[call_number]\nTo: <sip:{user}@{pbx}>\nCall-ID: [call_id]\n\
             CSeq: {cseq} REGISTER\nContact: <sip:{user}@[local_ip]:[local_port]>;expires={expires}\n\
             {credentials}User-Agent: Yealink SIP-T46S 66.86.0.15\nContent-Length: 0\n\n]]></send>"
        )
    };
    let credentials = format!("[authentication username={user} password={password}]\n");
    let scenario = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"register\">{}\
         <recv response=\"401\" auth=\"true\"/>{}<recv response=\"200\"/></scenario>\n",
        register(1, ""),
        register(2, &credentials),
    );
    let file = folder.join("register.xml");
    std::fs::write(&file, scenario).unwrap();
    // one port for all, so that the contact stays the same
    static PORT: Mutex<Option<u16>> = Mutex::new(None);
    let free = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = *PORT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(free);
    Command::new("sipp")
        .arg(pbx.to_string())
        .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1", "-timeout", "15", "-nostdin", "-sf"])
        .arg(&file)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn what_it_says_when_it_cannot_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("libusermon.so").display().to_string();
    let said = |options: &[&str]| {
        let output = Command::new(program()).args(options).arg("--data").arg(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        assert!(output.stdout.is_empty(), "{options:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (options, words) in [
        (vec!["--phones", "many"], "--phones many: write a number"),
        (vec!["--telephones", "3"], "--telephones is not an option"),
        (vec!["--library", &missing], "build it with `cargo build`"),
        (vec!["--http", &taken, "--sip", "127.0.0.1:0"], "choose another port"),
    ] {
        let said = said(&options);
        assert!(said.contains(words), "{options:?}: {said}");
    }
}
