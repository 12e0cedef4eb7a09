//! Where a scenario is played: its users' phones, and what they have seen.

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use crate::pbx::{Pbx, wait};
use crate::phone::{Message, Over, Phone, play, register};
use crate::script::Script;

/// What a phone saw, and whose it is.
pub type Seen = Vec<(String, Vec<Message>)>;

/// One scenario while it is played.
pub struct Stand<'a> {
    pub pbx: &'a Pbx,
    pub name: &'static str,
    seen: Mutex<Seen>,
}

/// The port of a user's phone; each user has four.
pub fn port(user: &str, line: u16) -> u16 {
    let number: u16 = user.parse().expect("an extension");
    10_000 + (number - 1100) * 4 + line
}

impl<'a> Stand<'a> {
    pub fn new(pbx: &'a Pbx, name: &'static str) -> Self {
        Self { pbx, name, seen: Mutex::default() }
    }

    /// What all phones saw.
    pub fn seen(self) -> Seen {
        self.seen.into_inner().unwrap()
    }

    fn saw(&self, user: &str, messages: Vec<Message>) {
        self.seen.lock().unwrap().push((user.to_owned(), messages));
    }

    /// Registers each user's phone.
    pub fn register(&self, users: &[&str]) -> Result<(), String> {
        users.iter().try_for_each(|user| self.register_at(user, 0, 600))
    }

    /// Registers the phone at the n-th port of a user; 0 seconds takes it away.
    pub fn register_at(&self, user: &str, line: u16, seconds: u32) -> Result<(), String> {
        self.saw(user, register(self.pbx, user, port(user, line), Over::Udp, seconds).finish()?);
        Ok(())
    }

    /// Starts a phone.
    pub fn start(&self, script: &Script) -> Playing<'_> {
        let phone = play(self.pbx, self.name, script, port(script.account(), script.line));
        Playing { phone, user: script.account().to_owned(), stand: self }
    }

    /// Plays all scripts at once, those first that wait to be called, until each has come to its end.
    pub fn play(&self, scripts: &[Script]) -> Result<(), String> {
        let (called, calling): (Vec<_>, Vec<_>) = scripts.iter().partition(|script| script.is_called());
        let phones: Vec<_> = called.into_iter().chain(calling).map(|script| self.start(script)).collect();
        // all ends are waited for, also where one is wrong
        let ends: Vec<_> = phones.into_iter().map(Playing::finish).collect();
        ends.into_iter().collect()
    }

    /// A phone that hears and says nothing.
    pub fn deaf(&self, user: &str) -> Deaf {
        let socket = UdpSocket::bind(("127.0.0.1", port(user, 0))).unwrap();
        socket.set_nonblocking(true).unwrap();
        Deaf { socket, user: user.to_owned() }
    }

    /// What a deaf phone did not hear.
    pub fn heard(&self, deaf: &Deaf) {
        let mut messages = Vec::new();
        let mut piece = [0; 65536];
        while let Ok(count) = deaf.socket.recv(&mut piece) {
            messages.push(Message::of(true, &String::from_utf8_lossy(&piece[..count])));
        }
        self.saw(&deaf.user, messages);
    }

    /// A file that says `wait` until [`open`] writes something else.
    pub fn gate(&self, what: &str) -> PathBuf {
        let path = self.pbx.phones().join(format!("{}-{what}.gate", self.name));
        fs::write(&path, "wait").unwrap();
        path
    }
}

/// A registered phone that is dead, with its port still open.
pub struct Deaf {
    socket: UdpSocket,
    user: String,
}

/// Lets the phone behind a gate go on.
pub fn open(gate: &PathBuf, words: &str) {
    let new = gate.with_extension("new");
    fs::write(&new, words).unwrap();
    fs::rename(new, gate).unwrap();
}

/// A phone at work.
pub struct Playing<'a> {
    phone: Phone,
    user: String,
    stand: &'a Stand<'a>,
}

impl Playing<'_> {
    /// Waits until the phone has seen a message like this.
    pub fn until(&self, what: &str, so: impl Fn(&Message) -> bool) -> Result<Message, String> {
        let mut found = None;
        wait(Duration::from_secs(20), || {
            found = self.phone.seen().into_iter().find(&so);
            found.is_some()
        });
        found.ok_or_else(|| format!("{} saw no {what}", self.user))
    }

    pub fn finish(self) -> Result<(), String> {
        let messages = self.phone.finish()?;
        self.stand.saw(&self.user, messages);
        Ok(())
    }
}
