//! Breaks when a damaged or cut file of the ring panics, shows a wrong record, or takes the sound ones with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use usermon::clock::{Clock, Timestamp};
use usermon::event::{Direction, DumpDetail, Transport, UserKey};
use usermon::store::record::{Attribution, GapCause, Packet, Payload, Record};
use usermon::store::{Options, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const USERS: [&str; 3] = ["anna", "bert", "cleo"];

fn clock() -> Clock {
    Clock::fixed(Timestamp(START))
}

fn options() -> Options {
    Options { min_free_bytes: 0, ..Options::default() }
}

fn records(from: i64, count: i64, size: usize) -> Vec<Record> {
    let mut noise = 88_172_645_463_325_252u64;
    (from..from + count)
        .map(|i| {
            let text: Vec<u8> = std::iter::repeat_with(|| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                u8::try_from(noise >> 56).unwrap()
            })
            .take(size)
            .collect();
            let payload = Payload::Packet(Packet {
                direction: Direction::In,
                transport: Transport::Udp,
                local: "192.0.2.1:5060".parse().unwrap(),
                far: "192.0.2.9:5060".parse().unwrap(),
                detail: DumpDetail::Full,
                attribution: Attribution::Proven,
                cut: false,
                unsure: false,
                original_len: u32::try_from(size).unwrap(),
                endpoint: "101".into(),
                linked: "".into(),
                bytes: text.into(),
            });
            let user = USERS[usize::try_from(i).unwrap() % USERS.len()];
            Record { seq: 0, time: Timestamp(START + i), user: Arc::new(UserKey::new("acme", user)), payload }
        })
        .collect()
}

struct Truth {
    _dir: tempfile::TempDir,
    ring: PathBuf,
    work: PathBuf,
    by_seq: HashMap<u64, Record>,
}

/// A ring of one segment and one journal; the segment has several runs when `size` is large.
fn ring(size: usize) -> Truth {
    // thousands of syncs: in memory where there is such a folder
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let dir = dir.unwrap();
    let (ring, work) = (dir.path().join("ring"), dir.path().join("work"));
    let store = Store::open(&ring, options(), clock()).unwrap();
    let mut sealed = records(0, 12, size);
    store.append(&mut sealed).unwrap();
    store.seal().unwrap();
    let mut fresh = records(12, 6, 40);
    for frame in fresh.chunks_mut(2) {
        store.append(frame).unwrap();
        store.flush().unwrap();
    }
    drop(store);
    let by_seq = sealed.into_iter().chain(fresh).map(|r| (r.seq, r)).collect();
    Truth { _dir: dir, ring, work, by_seq }
}

impl Truth {
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(&self.ring)
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
            .collect();
        files.sort();
        files
    }

    /// Opens the ring with one file changed: how many records are still there, and whether a gap says so.
    fn open_with(&self, name: &str, bytes: &[u8], what: &str) -> (usize, bool) {
        if self.work.exists() {
            std::fs::remove_dir_all(&self.work).unwrap();
        }
        std::fs::create_dir(&self.work).unwrap();
        for (other, content) in self.files() {
            let content = if other == name { bytes } else { &content };
            std::fs::write(self.work.join(other), content).unwrap();
        }
        let first = self.look(what);
        let second = self.look(what);
        assert_eq!(first.0, second.0, "{what}: the second start shows the same");
        first
    }

    fn look(&self, what: &str) -> (usize, bool) {
        let store = Store::open(&self.work, options(), clock()).unwrap();
        let found = self.count(&store, what);
        store.maintain(&|_| Duration::from_hours(48)).unwrap();
        assert_eq!(self.count(&store, what).0, found.0, "{what}: maintenance loses nothing");
        assert!(
            store.status().alarm.is_none() || found.0 < self.by_seq.len(),
            "{what}: an alarm for nothing"
        );
        found
    }

    fn count(&self, store: &Store, what: &str) -> (usize, bool) {
        let (mut count, mut gap) = (0, false);
        for user in USERS {
            for record in store.read(&Query::newest(&UserKey::new("acme", user), usize::MAX)).unwrap() {
                if let Payload::Gap(found) = &record.payload {
                    assert_eq!(found.cause, GapCause::Damage, "{what}");
                    gap = true;
                    continue;
                }
                assert_eq!(Some(&record), self.by_seq.get(&record.seq), "{what}: a wrong record");
                assert_eq!(&*record.user.user, user);
                count += 1;
            }
        }
        (count, gap)
    }
}

/// The fewest records that may be left when one byte of a file is wrong.
fn floor(name: &str, sealed_at_once: usize) -> usize {
    match name.rsplit('.').next() {
        Some("seg") => 18 - sealed_at_once,
        Some("log") => 16,
        _ => 18,
    }
}

#[test]
fn each_byte_of_a_small_ring_flipped() {
    let truth = ring(60);
    for (name, bytes) in truth.files() {
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            let what = format!("{name}, byte {at}");
            let (count, gap) = truth.open_with(&name, &bytes, &what);
            assert!(count >= floor(&name, 12), "{what}: {count}");
            let is_last = name.ends_with(".log") && at + 280 > bytes.len();
            assert!(count == 18 || gap || is_last, "{what}: {count} and no gap");
        }
    }
}

#[test]
fn each_file_of_a_small_ring_cut_at_each_offset() {
    let truth = ring(60);
    for (name, bytes) in truth.files() {
        for length in 0..bytes.len() {
            let what = format!("{name}, cut to {length}");
            let (count, _) = truth.open_with(&name, &bytes[..length], &what);
            assert!(count >= if name.ends_with(".seg") { 6 } else { 12 }, "{what}: {count}");
        }
    }
}

#[test]
fn a_torn_tail_of_the_journal_is_no_damage() {
    let truth = ring(60);
    let (name, bytes) = truth.files().into_iter().rfind(|(name, _)| name.ends_with(".log")).unwrap();
    for cut in 1..120 {
        let what = format!("{cut} bytes torn off");
        let (count, gap) = truth.open_with(&name, &bytes[..bytes.len() - cut], &what);
        assert!(count >= 16 && !gap, "{what}: {count} {gap}");
    }
}

#[test]
fn one_damaged_run_leaves_the_others() {
    let truth = ring(250_000);
    let (name, bytes) = truth.files().into_iter().find(|(name, _)| name.ends_with(".seg")).unwrap();
    for at in (200..bytes.len()).step_by(bytes.len() / 97) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        let what = format!("byte {at}");
        let (count, gap) = truth.open_with(&name, &bytes, &what);
        assert!(count >= 17, "{what}: {count}");
        assert!(gap || count == 18, "{what}: a gap says so");
    }
    for cut in [1, 100, 300, 140_000, 800_000, bytes.len() - 200] {
        let what = format!("{cut} bytes cut off");
        let (count, gap) = truth.open_with(&name, &bytes[..bytes.len() - cut], &what);
        assert!(count >= 6 + 11usize.saturating_sub(cut / 240_000 + 1), "{what}: {count}");
        assert!(gap || count == 18, "{what}: a gap says so");
    }
}

#[test]
fn a_file_of_a_later_version_is_left_alone_and_named() {
    let truth = ring(60);
    for (name, bytes) in truth.files() {
        let header = match name.rsplit('.').next() {
            Some("seg") => 12 + 4 + 80 + 4,
            Some("log") => 12 + 4 + 8 + 33 + 4,
            _ => continue,
        };
        let mut bytes = bytes.clone();
        let later = |part: &mut [u8]| {
            part[8] = 9;
            let crc = crc32fast::hash(&part[..header - 4]).to_le_bytes();
            part[header - 4..].copy_from_slice(&crc);
        };
        later(&mut bytes[..header]);
        if name.ends_with(".log") {
            later(&mut bytes[header..2 * header]);
        } else {
            let footer = bytes.len() - (24 + header + 12);
            later(&mut bytes[footer + 24..footer + 24 + header]);
            let crc = crc32fast::hash(&bytes[footer..footer + 24 + header]).to_le_bytes();
            bytes[footer + 24 + header..footer + 24 + header + 4].copy_from_slice(&crc);
        }
        std::fs::create_dir(&truth.work).unwrap();
        for (other, content) in truth.files() {
            let content = if other == name { &bytes } else { &content };
            std::fs::write(truth.work.join(other), content).unwrap();
        }
        let store = Store::open(&truth.work, options(), clock()).unwrap();
        store.maintain(&|_| Duration::from_hours(48)).unwrap();
        let alarm = store.status().alarm.unwrap();
        assert!(alarm.contains(&name) && alarm.contains("version 9"), "{alarm}");
        assert_eq!(std::fs::read(truth.work.join(&name)).unwrap(), bytes, "left as it is");
        drop(store);
        std::fs::remove_dir_all(&truth.work).unwrap();
    }
}

#[test]
fn garbage_under_our_names_is_refused_without_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut noise = 7u64;
    let mut garbage = |n: usize| -> Vec<u8> {
        std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u8::try_from(noise >> 56).unwrap()
        })
        .take(n)
        .collect()
    };
    let name = |kind: &str, n: u64, end: &str| dir.path().join(format!("{kind}-{n:016x}.{end}"));
    for n in 0..20 {
        let size = usize::try_from(n * n * 10).unwrap();
        std::fs::write(name("journal", n, "log"), garbage(size)).unwrap();
        std::fs::write(name("segment", n, "seg"), garbage(size)).unwrap();
        std::fs::write(name("segment", n + 100, "tmp"), garbage(size)).unwrap();
    }
    let kept = [dir.path().join("journal-1.log"), dir.path().join("notes.txt")];
    for path in &kept {
        std::fs::write(path, "not ours").unwrap();
    }
    let store = Store::open(dir.path(), options(), clock()).unwrap();
    let mut fresh = records(0, 3, 50);
    store.append(&mut fresh).unwrap();
    store.maintain(&|_| Duration::from_hours(48)).unwrap();
    store.close().unwrap();
    assert_eq!(files_left(dir.path(), "tmp"), 0);
    assert_eq!(store.status().segments, 1);
    assert!(kept.iter().all(|path| path.exists()), "names that are not ours are not touched");
}

fn files_left(dir: &Path, ending: &str) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == ending)).count()
}
