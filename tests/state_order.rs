//! If this breaks, a page that asks what changed misses a user, names one twice, or shows what was true before.

#[expect(dead_code, reason = "the tests of the state take the rest")]
#[path = "state/events.rs"]
mod events;

use std::sync::Arc;

use events::{apply, at, call, endpoint, registration};
use usermon::event::{CallPhase, Event, Registration, RegistrationStep, UserKey};
use usermon::state::State;

const USERS: usize = 700;

fn user(n: usize) -> Arc<UserKey> {
    Arc::new(UserKey::new("acme", &format!("u{n}")))
}

fn name(n: usize) -> String {
    format!("e{n}")
}

/// The naive twin: whose each visible change since the start was.
struct Log {
    changes: Vec<usize>,
    /// How many there were when the user was forgotten last.
    forgotten: Vec<usize>,
    random: u64,
    second: i64,
}

impl Log {
    /// All users are registered, in order.
    fn new() -> (State, Self) {
        let (state, mut log) =
            (State::new(), Self { changes: vec![], forgotten: vec![0; USERS], random: 1, second: 1 });
        state.assign((0..USERS).map(|n| (endpoint(&name(n)), user(n))).collect(), at(0));
        for n in 0..USERS {
            log.refresh(&state, n);
            log.changes.push(n);
        }
        (state, log)
    }

    fn random(&mut self, below: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % below
    }

    fn version(&self) -> u64 {
        u64::try_from(self.changes.len()).unwrap()
    }

    fn version_of(&self, n: usize) -> u64 {
        let last = self.changes.iter().rposition(|one| *one == n).filter(|last| *last >= self.forgotten[n]);
        last.map_or(0, |last| u64::try_from(last).unwrap() + 1)
    }

    fn changed_since(&self, version: u64) -> Vec<Arc<UserKey>> {
        let (mut changed, mut named) = (Vec::new(), [false; USERS]);
        let after = self.changes.iter().enumerate().skip(usize::try_from(version).unwrap());
        for (at, &n) in after.rev() {
            if !std::mem::replace(&mut named[n], true) && at >= self.forgotten[n] {
                changed.push(user(n));
            }
        }
        changed.reverse();
        changed
    }

    /// Nothing that pages show, once the user is registered.
    fn refresh(&mut self, state: &State, n: usize) {
        self.second += 1;
        let event = registration(RegistrationStep::Registered, &name(n), "sip:a", self.second);
        let call_id = self.second.to_string().into();
        apply(state, Event::Registration(Registration { call_id, expires: None, ..event }), self.second);
    }

    fn talk(&mut self, state: &State, n: usize) {
        self.second += 1;
        let event = call(CallPhase::Up, &name(n), &format!("leg {n}"), &self.second.to_string(), self.second);
        apply(state, Event::Call(event), self.second);
        self.changes.push(n);
    }

    /// The user is forgotten, and most are back at once, with the phone that was registered all the time.
    fn leave(&mut self, state: &State, n: usize) {
        if state.user(&user(n)).contacts.is_empty() {
            state.own(&endpoint(&name(n)), Some(&user(n)), at(self.second));
            self.changes.push(n);
            return;
        }
        state.own(&endpoint(&name(n)), None, at(self.second));
        self.changes.push(n);
        self.forgotten[n] = self.changes.len();
        if self.random(3) > 0 {
            self.leave(state, n);
        }
    }

    fn happen(&mut self, state: &State) {
        let n = self.random(USERS);
        match self.random(40) {
            0..10 => self.refresh(state, n),
            // who changed last changes again
            10..15 => {
                let last = self.changes.last().copied().filter(|n| self.version_of(*n) > 0).unwrap_or(n);
                let is_there = self.version_of(last) > 0;
                if is_there { self.talk(state, last) } else { self.leave(state, last) }
            }
            15 => self.leave(state, n),
            _ if self.version_of(n) == 0 => self.leave(state, n),
            _ => self.talk(state, n),
        }
    }
}

#[test]
fn whoever_changed_is_named_once_in_order_after_any_number_of_events() {
    let (state, mut log) = Log::new();
    let mut asked = vec![0, log.version()];
    for gap in [0, 1, 2, 254, 255, 256, 257, 258, 511, 512, 513, 1, 767, 768, 769, 3000, 1, 1, 30, 100] {
        for _ in 0..gap {
            log.happen(&state);
            assert_eq!(state.version(), log.version());
        }
        for version in &asked {
            assert_eq!(state.changed_since(*version), log.changed_since(*version), "since {version}");
        }
        assert!(state.changed_since(log.version()).is_empty());
        asked.push(log.version());
        let n = log.random(USERS);
        asked.push(log.version_of(n));
        assert_eq!(state.user(&user(n)).version, log.version_of(n));
    }
    assert_eq!(state.totals().version, log.version());
}

#[test]
fn the_first_the_last_and_the_only_one_leave_the_order() {
    let (state, mut log) = Log::new();
    for n in [0, USERS - 1, USERS / 2, 1, USERS - 2] {
        state.own(&endpoint(&name(n)), None, at(9));
        log.changes.push(n);
        log.forgotten[n] = log.changes.len();
        assert_eq!(state.changed_since(0), log.changed_since(0));
    }
    for n in 0..USERS - 1 {
        state.own(&endpoint(&name(n)), None, at(9));
    }
    assert!(state.changed_since(0).is_empty());
    let before = state.version();
    // in the rows of those who left, and without a change of their own
    let new: Vec<_> = (0..USERS).map(|n| (endpoint(&format!("new {n}")), user(n))).collect();
    state.assign(new, at(10));
    assert!(state.changed_since(0).is_empty());
    assert_eq!((state.version(), state.user(&user(3)).version), (before, 0));
    apply(&state, Event::Call(call(CallPhase::Up, "new 3", "leg", "", 11)), 11);
    assert_eq!((state.changed_since(0), state.user(&user(3)).version), (vec![user(3)], before + 1));
}

#[test]
fn a_copy_is_made_again_after_each_change_and_only_then() {
    let (state, mut log) = Log::new();
    let others: Vec<_> = (0..USERS).map(|n| state.user(&user(n))).collect();
    for round in 1..600 {
        let n = 7;
        let before = state.user(&user(n));
        assert!(Arc::ptr_eq(&before, &state.user(&user(n))), "nothing happened");
        // others' changes are none of this user's
        for _ in 0..round % 5 {
            log.talk(&state, 8);
            log.refresh(&state, 9);
        }
        assert!(Arc::ptr_eq(&before, &state.user(&user(n))));
        match round % 3 {
            0 => log.talk(&state, n),
            1 => log.refresh(&state, n),
            _ => {
                log.second += 1;
                let mut qualify = registration(RegistrationStep::Reachable, &name(n), "sip:a", log.second);
                qualify.round_trip = Some(round);
                apply(&state, Event::Registration(qualify), log.second);
                if round == 2 {
                    log.changes.push(n);
                }
            }
        }
        assert_eq!(state.version(), log.version());
        if round % 7 == 0 {
            state.changed_since(log.version() - 1);
        }
        let after = state.user(&user(n));
        assert_eq!(after.version, log.version_of(n));
        let shown = (after.contacts[0].refreshed, after.contacts[0].round_trip, after.legs.first());
        assert_ne!(shown, (before.contacts[0].refreshed, before.contacts[0].round_trip, before.legs.first()));
        assert!(
            match round % 3 {
                0 => after.legs[0].linked.parse::<i64>().unwrap() == log.second,
                1 => after.contacts[0].refreshed == at(log.second),
                _ => after.contacts[0].round_trip == Some(round),
            },
            "round {round}"
        );
    }
    for (n, before) in others.iter().enumerate().skip(10) {
        assert!(Arc::ptr_eq(before, &state.user(&user(n))));
    }
}
