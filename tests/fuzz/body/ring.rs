//! The readers of the ring's files: whatever stands in a file, opening and reading end, memory is bounded, every record
//! is of whom it was asked for, in order, and none is there that was never written.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;
use usermon::clock::{Clock, Timestamp};
use usermon::event::UserKey;
use usermon::store::record::{GapCause, Payload, Record};
use usermon::store::{Kinds, Options, Query, Store};

use super::forge::{self, START};

const JOURNAL: &[u8] = include_bytes!("../../golden/store-v1/journal-0000000000000002.log");
const SEGMENT: &[u8] = include_bytes!("../../golden/store-v1/segment-0000000000000001.seg");

/// A folder in memory where there is such a thing: the ring syncs its folder.
pub(super) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    dir.unwrap()
}

/// Opens a ring with these files, reads everything there is to read, and once more after the recovered journal is sealed.
fn read(journal: Option<&[u8]>, segment: Option<&[u8]>) -> Vec<Record> {
    let dir = scratch();
    let ring = dir.path().join("ring");
    std::fs::create_dir(&ring).unwrap();
    for (name, file) in [("segment-0000000000000001.seg", segment), ("journal-0000000000000002.log", journal)]
    {
        if let Some(file) = file {
            std::fs::write(ring.join(name), file).unwrap();
        }
    }
    let options = Options { min_free_bytes: 0, ..Options::default() };
    let open = || Store::open(&ring, options.clone(), Clock::fixed(Timestamp(START + 1_000))).unwrap();
    let store = open();
    let fresh = pages(&store);
    store.seal().unwrap();
    let sealed = pages(&store);
    assert_eq!(without_damage(&fresh), without_damage(&sealed), "sealing shows the same");
    store.close().unwrap();
    drop(store);
    fresh
}

/// What gaps say of the disk may differ: a damage is told once it is found.
fn without_damage(records: &[Record]) -> Vec<&Record> {
    let is_damage = |r: &Record| matches!(r.payload, Payload::Gap(gap) if gap.cause == GapCause::Damage);
    records.iter().filter(|r| !is_damage(r)).collect()
}

fn pages(store: &Store) -> Vec<Record> {
    let mut all = Vec::new();
    for user in [UserKey::new("acme", "anna"), UserKey::new("a", "b"), UserKey::default()] {
        let found = store.read(&Query::newest(&user, usize::MAX)).unwrap();
        for record in &found {
            let is_gap = matches!(record.payload, Payload::Gap(_));
            assert!(*record.user == user || is_gap && record.user.is_nobody(), "whose it is");
        }
        let sorted = found.windows(2).all(|two| (two[0].time, two[0].seq) >= (two[1].time, two[1].seq));
        assert!(sorted, "newest first");
        // the same page by page, and each packet by its place
        let newest = store.read(&Query { limit: 2, ..Query::newest(&user, 2) }).unwrap();
        assert_eq!(newest.len(), found.len().min(2));
        let packets = Kinds { changes: false, gaps: false, quality: false, ..Kinds::ALL };
        for record in found.iter().filter(|r| matches!(r.payload, Payload::Packet(_))).take(2) {
            let query =
                Query { from: record.time, to: record.time, kinds: packets, ..Query::newest(&user, 64) };
            assert!(store.read(&query).unwrap().contains(record), "found by its time");
        }
        all.extend(found);
    }
    let _status = store.status();
    all
}

/// The records of the golden folder, by their number.
fn truth() -> &'static HashMap<u64, Record> {
    static TRUTH: OnceLock<HashMap<u64, Record>> = OnceLock::new();
    TRUTH.get_or_init(|| read(Some(JOURNAL), Some(SEGMENT)).into_iter().map(|r| (r.seq, r)).collect())
}

/// Damaged files show what was written, or a gap.
fn hold(journal: &[u8], segment: &[u8]) {
    for record in read(Some(journal), Some(segment)) {
        let is_damage = matches!(record.payload, Payload::Gap(gap) if gap.cause == GapCause::Damage);
        assert!(is_damage || truth().get(&record.seq) == Some(&record), "never written: {record:?}");
    }
}

/// Any bytes as a journal, or a golden journal with some bytes changed.
pub fn journal(data: &[u8]) {
    match data.split_first() {
        Some((0, edits)) => hold(&forge::edited(JOURNAL, edits), SEGMENT),
        Some((_, file)) => drop(read(Some(file), None)),
        None => drop(read(Some(&[]), None)),
    }
}

/// Any bytes as records, in a journal that is whole: each after its length in two bytes. Their numbers differ, as the
/// store's do.
pub fn record(data: &[u8]) {
    let mut rest = data;
    let mut number = 0u64;
    let records = std::iter::from_fn(|| {
        let (&[low, high], tail) = rest.split_first_chunk::<2>()?;
        let (record, tail) = tail.split_at(usize::from(u16::from_le_bytes([low, high])).min(tail.len()));
        rest = tail;
        number += 1;
        let mut record = record.to_vec();
        if let Some(seq) = record.get_mut(1..9) {
            seq.copy_from_slice(&number.to_le_bytes());
        }
        Some(record)
    });
    read(Some(&forge::journal(records)), None);
}

/// Any bytes as a segment; a golden segment with some bytes changed; or any bytes as the columns, index and summary of
/// a segment whose checksums are right.
pub fn segment(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return drop(read(None, Some(&[]))) };
    match kind % 4 {
        0 => hold(JOURNAL, &forge::edited(SEGMENT, rest)),
        1 => drop(read(None, Some(rest))),
        2 => drop(read(None, Some(&forge::segment(rest, None)))),
        _ => {
            let Some((&[index, summary], rest)) = rest.split_first_chunk::<2>() else { return };
            let (index, rest) = rest.split_at(usize::from(index).min(rest.len()));
            let (summary, raw) = rest.split_at(usize::from(summary).min(rest.len()));
            drop(read(None, Some(&forge::segment(raw, Some((index, summary))))));
        }
    }
}
