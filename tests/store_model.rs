//! Breaks when the ring and a plain `Vec` disagree after any appends, seals, kills, restarts, retentions, merges, purges and fair shares.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use usermon::clock::{Clock, Timestamp};
use usermon::event::{Change, Direction, DumpDetail, Sticker, Transport, UserKey};
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};
use usermon::store::{Holder, Kinds, Options, Purge, Query, Store};

const START: i64 = 1_700_000_000_000_000;
const MINUTE: i64 = 60_000_000;

#[derive(Debug, Clone)]
enum Step {
    /// (user, minutes before now, kind and size)
    Append(Vec<(usize, i64, usize)>),
    Flush,
    Seal,
    Maintain,
    /// Killed: what is not flushed is gone.
    Kill,
    Close,
    Pass(i64),
    /// So many seals, an append before each, and the seal thread after: they are merged.
    Merge(usize),
    /// A user's records go, or a company's, or packets above headers (all are of full detail then).
    Purge(usize, usize),
    /// Company `a` may have a part of what it has: its users lose their oldest, and gaps tell of it.
    Share(u64),
    Read(usize, usize, i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let record = (0usize..5, 0i64..4, 0usize..3000);
    prop_oneof![
        8 => prop::collection::vec(record, 1..20).prop_map(Step::Append),
        2 => Just(Step::Flush),
        3 => Just(Step::Seal),
        2 => Just(Step::Maintain),
        1 => Just(Step::Kill),
        1 => Just(Step::Close),
        2 => (1i64..50).prop_map(Step::Pass),
        1 => (2u64..5).prop_map(Step::Share),
        2 => (4usize..20).prop_map(Step::Merge),
        2 => (1usize..5, 0usize..3).prop_map(|(user, what)| Step::Purge(user, what)),
        4 => (0usize..5, 1usize..30, 0i64..200, 0i64..200).prop_map(|(u, n, a, b)| Step::Read(u, n, a, b)),
    ]
}

fn user(n: usize) -> Arc<UserKey> {
    Arc::new(match n {
        0 => UserKey::default(),
        1 => UserKey::new("a", "101"),
        2 => UserKey::new("b", "101"),
        3 => UserKey::new("a", "102"),
        _ => UserKey::new("", "103"),
    })
}

fn record(who: usize, time: i64, size: usize) -> Record {
    let time = Timestamp(time);
    let payload = match size % 10 {
        0 => Payload::Gap(Gap { from: time, to: time, packets: size as u64, cause: GapCause::Disk }),
        1 => Payload::Change(Change::Sticker { sticker: Sticker::Free, calls: 1 }),
        _ => Payload::Packet(Packet {
            direction: if size.is_multiple_of(2) { Direction::In } else { Direction::Out },
            transport: Transport::Tcp,
            local: "192.0.2.1:5060".parse().unwrap(),
            far: "[2001:db8::9]:5060".parse().unwrap(),
            detail: DumpDetail::Headers,
            attribution: Attribution::Unknown,
            cut: size.is_multiple_of(3),
            unsure: false,
            original_len: 4000,
            endpoint: format!("{}", size % 4).into(),
            linked: format!("{}", size % 7).into(),
            bytes: (0..size).map(|i| u8::try_from((i * i + size) % 251).unwrap()).collect(),
        }),
    };
    Record { seq: 0, time, user: user(who), payload }
}

/// The naive twin.
struct Twin {
    records: Vec<Record>,
    flushed: usize,
}

impl Twin {
    fn read(&self, query: &Query<'_>) -> Vec<Record> {
        let mut found: Vec<Record> = self
            .records
            .iter()
            .filter(|r| {
                let gap = matches!(r.payload, Payload::Gap(_));
                let kind = match r.payload {
                    Payload::Packet(_) => query.kinds.packets,
                    Payload::Gap(_) => query.kinds.gaps,
                    Payload::Change(_) => query.kinds.changes,
                    Payload::Quality(_) => query.kinds.quality,
                };
                kind && (*r.user == *query.user || gap && r.user.is_nobody())
                    && r.time >= query.from
                    && r.time <= query.to
                    && query.before.is_none_or(|before| (r.time, r.seq) < before)
            })
            .cloned()
            .collect();
        found.sort_by_key(|r| std::cmp::Reverse((r.time, r.seq)));
        found.truncate(query.limit);
        found
    }
}

fn check(store: &Store, twin: &Twin, now: i64) -> Result<(), TestCaseError> {
    for n in 0..5 {
        let user = user(n);
        for kinds in [Kinds::ALL, Kinds::PACKETS, Kinds { gaps: false, ..Kinds::ALL }] {
            let query = Query { kinds, ..Query::newest(&user, usize::MAX) };
            let (mut got, mut expected) = (store.read(&query).unwrap(), twin.read(&query));
            // what is past the hour may be gone or still there, but is in neither reading a wrong one
            let limit = Timestamp(now - 60 * MINUTE);
            got.retain(|r| r.time >= limit);
            expected.retain(|r| r.time >= limit);
            prop_assert_eq!(got, expected, "user {}", n);
        }
    }
    Ok(())
}

/// What a user of company `a` lost is told by gaps, and nothing but packets went; the twin then forgets it too.
fn take_shares(store: &Store, twin: &mut Twin, now: i64) -> Result<(), TestCaseError> {
    let share = |r: &Record| match r.payload {
        Payload::Gap(gap) if gap.cause == GapCause::Share => gap.packets,
        _ => 0,
    };
    let told = |records: &[Record]| records.iter().map(share).sum::<u64>();
    let limit = Timestamp(now - 60 * MINUTE);
    for key in [user(1), user(3)] {
        let query = Query::newest(&key, usize::MAX);
        let mut got = store.read(&query).unwrap();
        got.retain(|r| *r.user == *key);
        let mut before: Vec<Record> = twin.records.iter().filter(|r| *r.user == *key).cloned().collect();
        let gone: Vec<&Record> = before.iter().filter(|r| r.time >= limit && !got.contains(r)).collect();
        let packets = gone.iter().filter(|r| matches!(r.payload, Payload::Packet(_))).count() as u64;
        prop_assert!(gone.iter().all(|r| matches!(r.payload, Payload::Packet(_)) || share(r) > 0));
        prop_assert!(packets <= told(&got), "{packets} went, {} are told of", told(&got));
        prop_assert!(got.iter().all(|r| before.contains(r) || share(r) > 0), "something is new");
        before.retain(|r| got.contains(r) || r.time < limit);
        got.retain(|r| !before.contains(r));
        twin.records.retain(|r| *r.user != *key);
        twin.records.extend(before.into_iter().chain(got));
    }
    twin.flushed = twin.records.len();
    Ok(())
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("ring");
    let options = Options { min_free_bytes: 0, seal_bytes: 16 << 20, ..Options::default() };
    let retention = |_: &str| Duration::from_mins(60);
    let mut now = START;
    let mut clock = Clock::fixed(Timestamp(now));
    let mut store = Store::open(&ring, options.clone(), clock.clone()).unwrap();
    let mut twin = Twin { records: Vec::new(), flushed: 0 };
    let mut last_seq = 0;
    for step in steps {
        match step {
            Step::Append(batch) => {
                let make = |(who, ago, size): &(usize, i64, usize)| record(*who, now - ago * MINUTE, *size);
                let mut records: Vec<Record> = batch.iter().map(make).collect();
                store.append(&mut records).unwrap();
                for record in &records {
                    prop_assert!(record.seq > last_seq);
                    last_seq = record.seq;
                }
                twin.records.extend(records);
            }
            Step::Flush => {
                store.flush().unwrap();
                twin.flushed = twin.records.len();
            }
            Step::Seal => {
                store.seal().unwrap();
                twin.flushed = twin.records.len();
            }
            Step::Maintain => {
                store.maintain(&retention).unwrap();
                twin.flushed = twin.records.len();
            }
            Step::Kill => {
                drop(store);
                twin.records.truncate(twin.flushed);
                clock = Clock::fixed(Timestamp(now));
                store = Store::open(&ring, options.clone(), clock.clone()).unwrap();
                last_seq = twin.records.iter().map(|r| r.seq).max().unwrap_or(0);
            }
            Step::Close => {
                store.close().unwrap();
                twin.flushed = twin.records.len();
                clock = Clock::fixed(Timestamp(now));
                store = Store::open(&ring, options.clone(), clock.clone()).unwrap();
            }
            Step::Merge(count) => {
                for n in 0..count {
                    let mut records = vec![record(n % 5, now, n), record(1, now - MINUTE, n * 31)];
                    store.append(&mut records).unwrap();
                    last_seq = records[1].seq;
                    twin.records.extend(records);
                    store.seal().unwrap();
                }
                store.maintain(&retention).unwrap();
                twin.flushed = twin.records.len();
            }
            Step::Purge(n, what) => {
                let key = user(n);
                let (whose, above) = match what {
                    0 => (Some(Arc::clone(&key.user)), None),
                    1 => (None, None),
                    _ => (None, Some(DumpDetail::Summary)),
                };
                let purge = Purge {
                    company: Arc::clone(&key.company),
                    user: whose.clone(),
                    above,
                    leaves_gap: false,
                };
                store.purge(purge).unwrap();
                for _ in 0..4 {
                    store.maintain(&retention).unwrap();
                }
                prop_assert!(store.purges().iter().all(|order| order.ended.is_some()));
                twin.records.retain(|r| {
                    let its =
                        r.user.company == key.company && whose.as_ref().is_none_or(|u| *u == r.user.user);
                    let everybodys = r.user.is_nobody() && matches!(r.payload, Payload::Gap(_));
                    let goes = above.is_none() || matches!(r.payload, Payload::Packet(_));
                    !(its && goes) || everybodys
                });
                twin.flushed = twin.records.len();
            }
            Step::Share(part) => {
                now += 2 * MINUTE;
                clock.set(Timestamp(now));
                store.maintain(&retention).unwrap();
                store.seal().unwrap();
                let its = |holder: &&Holder| *holder.user.company == *"a";
                let held: u64 = store.holders().iter().filter(its).map(|holder| holder.bytes).sum();
                store.limit(HashMap::from([("a".into(), held / part)]));
                for _ in 0..3 {
                    store.maintain(&retention).unwrap();
                }
                store.limit(HashMap::new());
                twin.flushed = twin.records.len();
                take_shares(&store, &mut twin, now)?;
            }
            Step::Pass(minutes) => {
                now += minutes * MINUTE;
                clock.set(Timestamp(now));
            }
            Step::Read(n, limit, from, to) => {
                let user = user(n);
                let at = |ago: i64| Timestamp(now - ago.min(59) * MINUTE);
                let (from, to) = (at(from.max(to)), at(from.min(to)));
                let before = twin.records.get(limit * 3).map(|r| (r.time, r.seq));
                let query = Query { user: &user, from, to, before, limit, kinds: Kinds::ALL };
                prop_assert_eq!(store.read(&query).unwrap(), twin.read(&query));
            }
        }
        check(&store, &twin, now)?;
    }
    prop_assert_eq!(store.status().damaged, 0);
    prop_assert_eq!(store.status().alarm, None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_ring_and_a_vec_agree(steps in prop::collection::vec(step(), 1..40)) {
        run(steps)?;
    }
}

#[test]
fn a_ring_that_retention_emptied_before_a_kill_gives_no_number_twice() {
    let one = || Step::Append(vec![(0, 0, 0)]);
    run(vec![one(), one(), Step::Seal, Step::Pass(61), Step::Maintain, Step::Kill, one()]).unwrap();
}
