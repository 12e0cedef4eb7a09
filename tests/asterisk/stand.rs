//! Where a scenario is played: its users' phones, and what they have seen.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::time::Duration;

use crate::pbx::{Pbx, wait};
use crate::phone::{Message, Over, Phone, play, register};
use crate::script::Script;
use crate::softphone::Softphone;

/// What a phone saw, and whose it is.
pub type Seen = Vec<(String, Vec<Message>)>;

/// One scenario while it is played.
pub struct Stand<'a> {
    pub pbx: &'a Pbx,
    pub name: &'static str,
    seen: Mutex<Seen>,
}

/// In the place of messages that nobody heard.
pub const UNHEARD: &str = "Call-ID: unheard";

/// Where the trunk leads.
pub const CARRIER: u16 = 13_990;

/// The port of a user's phone; each user has four.
pub fn port(user: &str, line: u16) -> u16 {
    user.parse::<u16>().map_or(CARRIER, |number| 10_000 + (number - 1100) * 4) + line
}

impl<'a> Stand<'a> {
    pub fn new(pbx: &'a Pbx, name: &'static str) -> Self {
        Self { pbx, name, seen: Mutex::default() }
    }

    /// What all phones saw.
    pub fn seen(self) -> Seen {
        self.seen.into_inner().unwrap()
    }

    fn keep(&self, user: &str, messages: Vec<Message>) {
        self.seen.lock().unwrap().push((user.to_owned(), messages));
    }

    /// Registers each user's phone.
    pub fn register(&self, users: &[&str]) -> Result<(), String> {
        users.iter().try_for_each(|user| self.register_at(user, 0, 600))
    }

    /// Registers the phone at the n-th port of a user; 0 seconds takes it away.
    pub fn register_at(&self, user: &str, line: u16, seconds: u32) -> Result<(), String> {
        self.keep(user, register(self.pbx, user, port(user, line), Over::Udp, seconds).finish()?);
        Ok(())
    }

    /// Starts a phone.
    pub fn start(&self, script: &Script) -> Playing<'_> {
        let port = port(script.account(), script.line);
        let phone = play(self.pbx, self.name, script, port);
        Playing { port, phone, user: script.account().to_owned(), stand: self }
    }

    /// Starts a softphone, for so many seconds.
    pub fn softphone(&self, user: &str, number: Option<&str>, seconds: u32) -> Softphone {
        Softphone::start(self.pbx, user, port(user, 0), number, seconds)
    }

    /// Waits for a softphone's end.
    pub fn hung_up(&self, user: &str, phone: Softphone) -> Result<(), String> {
        self.keep(user, phone.finish()?);
        Ok(())
    }

    /// Plays all scripts at once, those first that wait to be called, until each has come to its end.
    pub fn play(&self, scripts: &[Script]) -> Result<(), String> {
        let (called, calling): (Vec<_>, Vec<_>) = scripts.iter().partition(|script| script.is_called());
        let phones: Vec<_> = called.into_iter().chain(calling).map(|script| self.start(script)).collect();
        // all ends are waited for, also where one is wrong
        let ends: Vec<_> = phones.into_iter().map(Playing::finish).collect();
        ends.into_iter().collect()
    }

    /// Waits until the PBX is so far.
    pub fn until(&self, what: &str, so: impl FnMut() -> bool) -> Result<(), String> {
        if wait(Duration::from_secs(20), so) { Ok(()) } else { Err(format!("not within 20 s: {what}")) }
    }

    /// A phone that hears and says nothing.
    pub fn deaf(&self, user: &str) -> Deaf {
        let socket = UdpSocket::bind(("127.0.0.1", port(user, 0))).unwrap();
        socket.set_nonblocking(true).unwrap();
        Deaf { socket, user: user.to_owned() }
    }

    /// Not all that is sent to this user's phone is heard.
    pub fn unheard(&self, user: &str) {
        self.keep(user, vec![Message::of(true, UNHEARD)]);
    }

    /// What a deaf phone did not hear.
    pub fn heard(&self, deaf: &Deaf) {
        let mut messages = Vec::new();
        let mut piece = [0; 65536];
        while let Ok(count) = deaf.socket.recv(&mut piece) {
            messages.push(Message::of(true, &String::from_utf8_lossy(&piece[..count])));
        }
        self.keep(&deaf.user, messages);
    }
}

impl Deaf {
    /// The phone is not dead yet: it answers one request.
    pub fn answers(&self, stand: &Stand<'_>) -> Result<(), String> {
        let mut piece = [0; 65536];
        let mut from = None;
        stand.until("a request", || {
            from = self.socket.recv_from(&mut piece).ok();
            from.is_some()
        })?;
        let Some((count, far)) = from else { return Err("no request".into()) };
        let request = String::from_utf8_lossy(&piece[..count]).into_owned();
        let mut reply = "SIP/2.0 200 OK\r\n".to_owned();
        for line in request.lines() {
            if ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)) {
                reply += &format!("{line}\r\n");
            }
        }
        reply += "Content-Length: 0\r\n\r\n";
        self.socket.send_to(reply.as_bytes(), far).unwrap();
        stand.keep(&self.user, vec![Message::of(true, &request), Message::of(false, &reply)]);
        Ok(())
    }
}

/// A registered phone that is dead, with its port still open.
pub struct Deaf {
    socket: UdpSocket,
    user: String,
}

/// The start line of what the test itself says to a phone.
const WORD: &str = "INFO sip:phone@127.0.0.1 SIP/2.0";

/// A phone at work.
pub struct Playing<'a> {
    port: u16,
    phone: Phone,
    user: String,
    stand: &'a Stand<'a>,
}

impl Playing<'_> {
    /// Waits until the phone has seen a message like this.
    pub fn saw(&self, what: &str, so: impl Fn(&Message) -> bool) -> Result<Message, String> {
        let mut found = None;
        wait(Duration::from_secs(20), || {
            found = self.phone.seen().into_iter().find(&so);
            found.is_some()
        });
        found.ok_or_else(|| format!("{} saw no {what}", self.user))
    }

    /// Gives the phone the word it waits for, in its dialog.
    pub fn tell(&self, call_id: &str, word: &str) {
        let text = format!(
            "{WORD}\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKword\r\nFrom: <sip:test@127.0.0.1>;tag=word\r\n\
             To: <sip:phone@127.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 INFO\r\nX-Word: {word}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(text.as_bytes(), ("127.0.0.1", self.port)).unwrap();
    }

    pub fn finish(self) -> Result<(), String> {
        let mut messages = self.phone.finish()?;
        messages.retain(|message| message.start_line != WORD);
        self.stand.keep(&self.user, messages);
        Ok(())
    }
}
