//! A phone over TLS: raw messages through `openssl s_client`, since SIPp here speaks no TLS.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::pbx::{Pbx, password};
use crate::phone::Message;

/// One connection with one account.
pub struct TlsPhone {
    child: Child,
    to: ChildStdin,
    from: Receiver<Vec<u8>>,
    buffer: Vec<u8>,
    user: String,
    number: u32,
    /// All that went and came.
    pub seen: Vec<Message>,
}

impl TlsPhone {
    pub fn connect(pbx: &Pbx, user: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", pbx.tls)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(pbx.phones().join("openssl.err")).unwrap())
            .spawn()
            .expect("openssl");
        let (sender, from) = channel();
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut piece = [0; 16384];
            while let Ok(count @ 1..) = out.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let to = child.stdin.take().unwrap();
        Self { child, to, from, buffer: Vec::new(), user: user.to_owned(), number: 0, seen: Vec::new() }
    }

    /// Sends a request and gives its final answer; challenged, it proves who it is.
    pub fn request(&mut self, method: &str, target: &str, call_id: &str, tag: &str, body: &str) -> String {
        self.number += 1;
        let first = self.send(method, target, call_id, tag, "", body);
        let mut answer = self.answer(call_id, &first);
        if method == "INVITE" {
            self.acknowledge(target, call_id, &answer);
        }
        if answer.starts_with("SIP/2.0 401") {
            let credentials = self.credentials(method, target, &answer);
            self.number += 1;
            let second = self.send(method, target, call_id, tag, &credentials, body);
            answer = self.answer(call_id, &second);
            if method == "INVITE" {
                self.acknowledge(target, call_id, &answer);
            }
        }
        answer
    }

    fn send(
        &mut self,
        method: &str,
        target: &str,
        call_id: &str,
        tag: &str,
        more: &str,
        body: &str,
    ) -> String {
        let (user, number) = (&self.user, self.number);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let to = if method == "REGISTER" { format!("sip:{user}@127.0.0.1") } else { target.to_owned() };
        let message = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5071;branch=z9hG4bKt{number}{call_id};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@127.0.0.1>;tag=t{call_id}\r\nTo: <{to}>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nContact: <sip:{user}@127.0.0.1:5071;transport=tls>\r\n\
             Expires: 120\r\nUser-Agent: Snom 720\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.write(&message);
        format!("{number} {method}")
    }

    fn acknowledge(&mut self, target: &str, call_id: &str, answer: &str) {
        let (user, number) = (self.user.clone(), self.number);
        let to = header(answer, "To");
        self.write(&format!(
            "ACK {target} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5071;branch=z9hG4bKt{number}{call_id};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@127.0.0.1>;tag=t{call_id}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n"
        ));
    }

    fn write(&mut self, message: &str) {
        self.seen.push(seen(false, message));
        self.to.write_all(message.as_bytes()).unwrap();
        self.to.flush().unwrap();
    }

    fn answer(&mut self, call_id: &str, cseq: &str) -> String {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            while let Some(message) = self.take() {
                self.seen.push(seen(true, &message));
                let status: u32 = message.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
                if status >= 200 && header(&message, "Call-ID") == call_id && header(&message, "CSeq") == cseq
                {
                    return message;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            let piece =
                self.from.recv_timeout(left).unwrap_or_else(|e| panic!("no answer to {cseq} over TLS: {e}"));
            self.buffer.extend_from_slice(&piece);
        }
    }

    fn take(&mut self) -> Option<String> {
        let end = self.buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let length: usize = header(&head, "Content-Length").parse().unwrap_or(0);
        if self.buffer.len() < end + length {
            return None;
        }
        let message: Vec<u8> = self.buffer.drain(..end + length).collect();
        Some(String::from_utf8_lossy(&message).into_owned())
    }

    fn credentials(&self, method: &str, target: &str, challenge: &str) -> String {
        let offer = header(challenge, "WWW-Authenticate");
        let part = |name: &str| {
            offer.split(&format!("{name}=\"")).nth(1).and_then(|v| v.split('"').next()).unwrap_or("")
        };
        let (realm, nonce, opaque) = (part("realm"), part("nonce"), part("opaque"));
        let user = &self.user;
        let who = md5(&format!("{user}:{realm}:{}", password(user)));
        let what = md5(&format!("{method}:{target}"));
        let response = md5(&format!("{who}:{nonce}:00000001:c0ffee:auth:{what}"));
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", \
             response=\"{response}\", opaque=\"{opaque}\", qop=auth, nc=00000001, cnonce=\"c0ffee\", algorithm=MD5\r\n"
        )
    }
}

impl Drop for TlsPhone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn seen(out: bool, message: &str) -> Message {
    Message {
        out,
        start_line: message.lines().next().unwrap_or_default().to_owned(),
        call_id: header(message, "Call-ID"),
        size: u32::try_from(message.len()).unwrap(),
        text: message.to_owned(),
    }
}

/// The value of a header; empty when there is none.
pub fn header(message: &str, name: &str) -> String {
    let found = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_default().trim().to_owned()
}

fn md5(text: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["md5", "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&out.stdout).split(' ').next().unwrap_or_default().to_owned()
}
