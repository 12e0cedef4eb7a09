//! What a ring holds after a fault, read without the host, and held against what was pushed.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, Instant};

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::store::record::{Attribution, Gap, GapCause, PacketParts, Payload};
use usermon::store::{Options, Query, Status, Store};

use crate::pbx::{Pbx, USERS, message, user};

/// What a ring holds.
pub(crate) struct Found {
    /// Times of the packets, by number.
    pub(crate) packets: BTreeMap<u64, i64>,
    /// Gaps, for everybody and of each user.
    pub(crate) gaps: Vec<Gap>,
    pub(crate) status: Status,
    /// How long the recovery took.
    pub(crate) opening: Duration,
}

impl Found {
    /// Whether a gap says that memory had no room at that time: this machine was too slow for the packets.
    fn was_dropped(&self, time: i64) -> bool {
        let full =
            |gap: &&Gap| matches!(gap.cause, GapCause::Limit | GapCause::QueueFull | GapCause::Overload);
        self.gaps.iter().filter(full).any(|gap| gap.from.0 <= time && time <= gap.to.0)
    }

    /// Gaps of damage.
    pub(crate) fn damage(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| gap.cause == GapCause::Damage)
    }

    /// Packets that the gaps tell of.
    pub(crate) fn missing(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.packets).sum()
    }
}

/// Opens the ring as after a crash, reads all of it, and fails at a record that is not exactly as it was pushed (but for
/// what overload left out of it), or is there twice. Leaves it as a crash would.
pub(crate) fn look(data: &Path) -> Found {
    let began = Instant::now();
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let store = Store::open(&data.join("ring"), options, Clock::System).unwrap();
    let opening = began.elapsed();
    let (mut packets, mut gaps) = (BTreeMap::new(), Vec::new());
    for n in 0..USERS {
        let key = UserKey::new("default", &user(n));
        for record in store.read(&Query::newest(&key, usize::MAX)).unwrap() {
            match record.payload {
                Payload::Packet(packet) => {
                    let number = number(&packet.bytes);
                    assert_eq!(user(number), user(n), "packet {number} is another's");
                    let is_lowered = packet.detail < DumpDetail::Headers;
                    assert!(
                        is_lowered || *packet.bytes == *message(number),
                        "packet {number} is not as it was"
                    );
                    let before = packets.insert(number, record.time.0);
                    assert_eq!(before, None, "packet {number} is there twice");
                }
                Payload::Gap(gap) if n == 0 || !record.user.is_nobody() => gaps.push(gap),
                _ => {}
            }
        }
    }
    Found { packets, gaps, status: store.status(), opening }
}

/// Makes a ring of `count` packets, sealed in several files, before the first host process.
pub(crate) fn make(data: &Path, count: u64) {
    std::fs::DirBuilder::new().mode(0o700).create(data).unwrap();
    let options = Options { min_free_bytes: 0, seal_bytes: 1 << 20, ..Options::default() };
    let store = Store::open(&data.join("ring"), options, Clock::System).unwrap();
    for n in 0..count {
        let parts = PacketParts {
            direction: Direction::In,
            transport: Transport::Udp,
            local: "127.0.0.1:5060".parse().unwrap(),
            far: "127.0.0.1:40000".parse().unwrap(),
            detail: DumpDetail::Full,
            attribution: Attribution::Proven,
            cut: false,
            unsure: false,
            original_len: 0,
            endpoint: "",
            linked: "",
            bytes: &message(n),
        };
        store.append_packet(Clock::System.now(), &UserKey::new("default", &user(n)), parts).unwrap();
        if store.is_seal_due() {
            store.seal().unwrap();
        }
    }
    store.close().unwrap();
}

fn number(packet: &[u8]) -> u64 {
    let text = std::str::from_utf8(packet).expect("a packet that was never pushed");
    let at = text.find("Call-ID: number-").expect("a packet that was never pushed") + 16;
    text[at..].split('\r').next().unwrap().parse().unwrap()
}

/// The host process's side: pushes packets from `first` on, and writes down each one that was taken, in a file that
/// neither a kill nor the end of the packets' disk touches.
pub(crate) fn write(pbx: &Pbx, told: &Path, first: u64) -> ! {
    let mut told = OpenOptions::new().append(true).create(true).open(told).unwrap();
    let parent = std::os::unix::process::parent_id();
    let until = Instant::now() + Duration::from_secs(120);
    for n in first.. {
        if let Some(time) = pbx.push(n) {
            let mut line = [0; 16];
            line[..8].copy_from_slice(&n.to_le_bytes());
            line[8..].copy_from_slice(&time.to_le_bytes());
            told.write_all(&line).unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
        if n % 1024 == 0 && (std::os::unix::process::parent_id() != parent || Instant::now() > until) {
            std::process::abort();
        }
    }
    unreachable!()
}

/// How many lines the host process wrote down.
pub(crate) fn told_lines(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len() / 16)
}

/// How much of the last second before `fault` this machine did not let the host process run, which only pushes and
/// sleeps a millisecond: its other threads waited as well, whatever they were about to do.
fn kept_waiting(told: &BTreeMap<u64, i64>, fault: i64) -> Duration {
    let mut last: Vec<i64> = told.values().copied().filter(|time| *time > fault - 1_000_000).collect();
    last.push(fault);
    let late = last.windows(2).map(|two| (two[1] - two[0] - 5_000).max(0));
    Duration::from_micros(u64::try_from(late.sum::<i64>()).unwrap())
}

/// What a ring must hold, from fault to fault.
pub(crate) struct History {
    /// Times by number of all that was found after the last fault.
    known: BTreeMap<u64, i64>,
    /// The number after every one that was told.
    pub(crate) next: u64,
    /// The byte budget has removed each user's packets before these numbers.
    pub(crate) removed: [u64; 4],
}

impl History {
    /// Begins with what a ring holds now.
    pub(crate) fn of(found: Found) -> Self {
        let next = found.packets.last_key_value().map_or(0, |(number, _)| number + 1);
        Self { known: found.packets, next, removed: [0; 4] }
    }

    /// Holds what is found after a fault at `fault` against what was told before it: all that was pushed more than
    /// `span` earlier is there, apart from the oldest that the byte budget removed and what memory had no room for; what came later is there or not;
    /// and what was there after the fault before this one still is. Gives the age of the oldest packet that is lost.
    pub(crate) fn hold(&mut self, found: &Found, told: &Path, fault: i64, span: Duration) -> Duration {
        let bytes = std::fs::read(told).unwrap_or_default();
        let half = |line: &[u8]| <[u8; 8]>::try_from(line).unwrap();
        let lines = bytes.chunks_exact(16);
        let told =
            lines.map(|line| (u64::from_le_bytes(half(&line[..8])), i64::from_le_bytes(half(&line[8..]))));
        let told: BTreeMap<u64, i64> = told.filter(|(number, _)| *number >= self.next).collect();
        for (number, time) in &found.packets {
            // the kill may come between the push and the note of it
            let expected = self.known.get(number).or_else(|| told.get(number));
            assert!(expected.is_none_or(|expected| expected == time), "packet {number} has another time");
        }
        let span = span + kept_waiting(&told, fault);
        let mut lost = Duration::ZERO;
        // the budget takes the oldest of each user
        for one in 0..USERS {
            let of_one = |number: &&u64| **number % USERS == one;
            let oldest = found.packets.keys().find(of_one).copied().unwrap_or(0);
            let removed = &mut self.removed[usize::try_from(one).unwrap()];
            assert!(oldest >= *removed, "packet {oldest} has come back");
            if self.known.range(..oldest).map(|(number, _)| number).any(|number| of_one(&number)) {
                let bytes = found.status.bytes_on_disk;
                assert!(bytes > 8 << 20, "packets before {oldest} are gone, and only {bytes} bytes are used");
                *removed = oldest;
            }
            for number in self.known.range(oldest..).map(|(number, _)| number).filter(of_one) {
                assert!(found.packets.contains_key(number), "packet {number} was there before this fault");
            }
            for (number, time) in told.range(oldest..).filter(|(number, _)| of_one(number)) {
                if !found.packets.contains_key(number) && !found.was_dropped(*time) {
                    let age = Timestamp(fault).since(Timestamp(*time));
                    assert!(age < span, "packet {number} is lost, {age:?} after it was pushed");
                    lost = lost.max(age);
                }
            }
        }
        let last = told.last_key_value().into_iter().chain(found.packets.last_key_value());
        self.next = last.map(|(number, _)| number + 1).max().unwrap_or(0).max(self.next);
        self.known.clone_from(&found.packets);
        lost
    }
}
