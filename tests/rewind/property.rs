//! Any events, seals, stops, kills and clocks: the retold wall is the live wall of that moment.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use usermon::clock::Timestamp;
use usermon::event::{CallPhase, EndpointKey, FailureCause, RegistrationStep, UserKey};
use usermon::query::rewind::Then;

use super::house::{House, START, call, endpoint, registration, rows};

const USERS: usize = 5;

#[derive(Debug, Clone)]
enum Act {
    Register(RegistrationStep, usize, usize, u64),
    Call(CallPhase, usize, usize),
    Activate(usize, bool),
    Own(usize, Option<usize>),
    /// An event that is older than what was told before.
    Late(usize, usize),
    Poll,
    Pass(u64),
    Look,
    Seal,
    Close(u64),
    Kill {
        flushed: bool,
        away: u64,
    },
    SetBack(u64),
}

fn act() -> impl Strategy<Value = Act> {
    use RegistrationStep::{Expired, Failed, Reachable, Registered, Unreachable, Unregistered};
    let step = prop_oneof![
        6 => Just(Registered), 3 => Just(Unregistered), 1 => Just(Expired), 1 => Just(Reachable),
        1 => Just(Unreachable), 1 => Just(Failed(FailureCause::WrongPassword)), 1 => Just(Failed(FailureCause::Forbidden)),
    ];
    let phase = prop_oneof![
        3 => Just(CallPhase::Ringing), 2 => Just(CallPhase::Up), 1 => Just(CallPhase::Held),
        3 => Just(CallPhase::Ended),
    ];
    let both = 2 * USERS;
    prop_oneof![
        12 => (step, 0..both, 0..3_usize, 5..4_000_u64).prop_map(|(s, n, c, l)| Act::Register(s, n, c, l)),
        12 => (phase, 0..both, 0..8_usize).prop_map(|(p, n, l)| Act::Call(p, n, l)),
        2 => (0..USERS, any::<bool>()).prop_map(|(n, is)| Act::Activate(n, is)),
        2 => (0..both, proptest::option::of(0..USERS)).prop_map(|(e, n)| Act::Own(e, n)),
        2 => (0..both, 0..3_usize).prop_map(|(n, c)| Act::Late(n, c)),
        6 => Just(Act::Poll),
        6 => prop_oneof![1..120_u64, 1_000..4_000_u64].prop_map(Act::Pass),
        10 => Just(Act::Look),
        2 => Just(Act::Seal),
        1 => (0..600_u64).prop_map(Act::Close),
        1 => (any::<bool>(), 0..600_u64).prop_map(|(flushed, away)| Act::Kill { flushed, away }),
        1 => (20..4_000_u64).prop_map(Act::SetBack),
    ]
}

/// Whether a moment must be told, may be, or must not.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
enum Known {
    Yes,
    /// A kill took the pages that told of it.
    Lost,
    /// The clock was set back behind it: another history of the same moment may be told instead.
    Twice,
}

struct Seen {
    at: Timestamp,
    rows: Vec<String>,
    known: Known,
}

fn check(house: &House, seen: &[Seen]) -> Result<(), TestCaseError> {
    for moment in seen.iter().filter(|moment| moment.known != Known::Twice) {
        match house.at("acme", moment.at) {
            Then::Told(wall) => {
                prop_assert_eq!(rows(&wall), moment.rows.clone(), "at {:?} ({:?})", moment.at, moment.known)
            }
            Then::Unknown(why) => prop_assert!(moment.known == Known::Lost, "{:?} at {:?}", why, moment.at),
        }
    }
    Ok(())
}

fn live(acts: Vec<Act>) -> Result<(), TestCaseError> {
    let mut house = House::new(USERS);
    let mut seen: Vec<Seen> = Vec::new();
    let mut away: Vec<Timestamp> = Vec::new();
    // what was written before is on the disk
    let mut safe = Timestamp::MIN;
    // how far the clock came before it was set back
    let mut furthest = Timestamp::MIN;
    for act in acts {
        let now = house.now();
        match act {
            Act::Register(step, n, contact, lasts) => {
                house.apply(&registration(step, n, contact, now, lasts))
            }
            Act::Late(n, contact) => {
                let before = now.minus(Duration::from_secs(3));
                house.apply(&registration(RegistrationStep::Registered, n, contact, before, 600));
            }
            Act::Call(phase, n, leg) => house.apply(&call(phase, n, leg, now)),
            Act::Activate(n, is) => {
                let user = Arc::new(UserKey::new("acme", &format!("10{n}")));
                house.run().state.activate(&user, "usb", is.then_some(true), now);
            }
            Act::Own(e, n) => {
                let user = n.map(|n| Arc::new(UserKey::new("acme", &format!("10{n}"))));
                let key = Arc::new(EndpointKey::new("acme", &endpoint(e)));
                house.run().state.own(&key, user.as_ref(), now);
            }
            Act::Poll => house.poll(),
            Act::Pass(seconds) => {
                house.pass(Duration::from_secs(seconds));
                house.run().store.flush().unwrap();
                safe = house.now();
            }
            Act::Look => {
                house.poll();
                let rows = rows(&house.wall("acme"));
                seen.push(Seen { at: now, rows, known: Known::Yes });
                house.clock.set(now.plus(Duration::from_millis(20)));
            }
            Act::Seal => {
                house.run().store.seal().unwrap();
                safe = now;
            }
            Act::Close(seconds) => {
                house.close();
                safe = now;
                house.clock.set(now.plus(Duration::from_secs(seconds)));
                if seconds > 1 && now > furthest {
                    away.push(now.plus(Duration::from_secs(seconds / 2)));
                }
                house.open();
            }
            Act::Kill { flushed, away: seconds } => {
                house.poll();
                let run = house.run.take().unwrap();
                if flushed {
                    run.store.flush().unwrap();
                }
                drop(run);
                // from when on it was dead nobody can know: it is told up to the last page that has another after it
                let unsure = if flushed { now } else { safe }.minus(Duration::from_secs(90));
                for moment in seen.iter_mut().filter(|m| m.at > unsure) {
                    moment.known =
                        if moment.at <= furthest { Known::Twice } else { moment.known.max(Known::Lost) };
                }
                house.clock.set(now.plus(Duration::from_secs(seconds)));
                if seconds > 1 && now > furthest {
                    away.push(now.plus(Duration::from_secs(seconds / 2)));
                }
                house.open();
            }
            Act::SetBack(seconds) => {
                house.poll();
                let back = now.minus(Duration::from_secs(seconds));
                house.clock.jump(back);
                furthest = furthest.max(now);
                safe = Timestamp::MIN;
                let twice = back.minus(Duration::from_secs(120));
                seen.iter_mut().filter(|m| m.at >= twice).for_each(|m| m.known = Known::Twice);
                away.retain(|at| *at < twice);
                // everybody is written again before anything is known
                house.poll();
                house.clock.set(back.plus(Duration::from_millis(20)));
                house.poll();
                house.clock.set(back.plus(Duration::from_millis(40)));
                house.poll();
            }
        }
        check(&house, seen.last_chunk::<1>().map_or(&[], |last| last))?;
    }
    // what lies after a stop is known only up to the next page
    house.pass(Duration::from_secs(100));
    for _ in 0..2 {
        check(&house, &seen)?;
        for at in &away {
            let then = house.at("acme", *at);
            prop_assert!(matches!(then, Then::Unknown(_)), "told at {:?}: nobody was there", at);
        }
        let is_before = house.at("acme", START.minus(Duration::from_hours(100)));
        prop_assert!(matches!(is_before, Then::Unknown(_)));
        house.run().store.seal().unwrap();
        house.close();
        house.open();
        house.pass(Duration::from_secs(100));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_moment_is_told_as_it_was(acts in prop::collection::vec(act(), 1..60)) {
        live(acts)?;
    }
}
