//! If this breaks, one phone is taken for another, or is not found, once thousands have come and gone.

#[expect(dead_code, reason = "the tests of the state take the rest")]
#[path = "state/events.rs"]
mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use events::{at, call, registration};
use usermon::event::{Call, CallPhase, EndpointKey, Event, Registration, RegistrationStep, Sticker, UserKey};
use usermon::state::State;

use CallPhase::{Ended, Ringing, Up};
use RegistrationStep::{Registered, Unregistered};

const ENDPOINTS: usize = 4000;
const USERS: usize = 1500;

/// Names of all lengths up to more than a row has room for; those of a company begin as those of another.
fn names(n: usize) -> (String, String) {
    let company = "k".repeat([1, 2, 20, 44, 45, 46, 47, 90][n % 8]);
    let name = format!("{n}{}", "k".repeat(n / 8 % 60));
    (company, name)
}

fn endpoint(n: usize) -> Arc<EndpointKey> {
    let (company, name) = names(n);
    Arc::new(EndpointKey::new(&company, &name))
}

fn user(n: usize) -> Arc<UserKey> {
    let (company, name) = names(n);
    Arc::new(UserKey::new(&company, &name))
}

/// Ids from shorter to longer than those for which there is room in a row.
fn leg(n: usize) -> String {
    format!("{n}{}", "-".repeat(n % 160))
}

/// The naive twin.
struct Twin {
    random: u64,
    second: i64,
    owners: BTreeMap<usize, usize>,
    contacts: BTreeSet<(usize, usize)>,
    /// leg -> endpoint, call, established
    legs: BTreeMap<usize, (usize, usize, bool)>,
    next_leg: usize,
}

impl Twin {
    fn random(&mut self, below: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % below
    }

    /// Says who changed.
    fn own(&mut self, state: &State, e: usize, u: Option<usize>) -> Vec<usize> {
        let before = match u {
            Some(u) => self.owners.insert(e, u),
            None => self.owners.remove(&e),
        };
        state.own(&endpoint(e), u.map(user).as_ref(), at(self.second));
        before.into_iter().chain(u).collect()
    }

    fn register(&mut self, state: &State, step: RegistrationStep, e: usize, contact: usize) {
        if step == Registered {
            self.contacts.insert((e, contact))
        } else {
            self.contacts.remove(&(e, contact))
        };
        let event = registration(step, "", &format!("sip:{contact}"), self.second);
        let event = Registration { key: (*endpoint(e)).clone(), expires: None, ..event };
        state.apply(&Event::Registration(event), at(self.second));
    }

    fn call(&mut self, state: &State, phase: CallPhase, id: usize, (e, linked): (usize, usize)) {
        let event = call(phase, "", &leg(id), &format!("call {linked}"), self.second);
        state.apply(&Event::Call(Call { key: (*endpoint(e)).clone(), ..event }), at(self.second));
        match phase {
            Ended => self.legs.remove(&id),
            _ => self.legs.insert(id, (e, linked, phase == Up)),
        };
    }

    /// Something of a few happens; says who changed. `grows`: more come than go.
    fn happen(&mut self, state: &State, grows: bool) -> Vec<usize> {
        self.second += 1;
        let (e, u, likely) = (self.random(ENDPOINTS), self.random(USERS), self.random(10) < 8);
        let comes = grows == likely;
        let owner = self.owners.get(&e).copied();
        match self.random(10) {
            0..4 => return self.own(state, e, comes.then_some(u)),
            4..7 => {
                let contact = self.random(2);
                self.register(state, if comes { Registered } else { Unregistered }, e, contact);
            }
            _ if comes && self.legs.len() < 1500 => {
                self.next_leg += 1;
                let linked = self.next_leg / 3;
                self.call(state, Ringing, self.next_leg, (e, linked));
            }
            _ => {
                let first = self.random(self.next_leg + 1);
                let Some((&id, &(e, linked, _))) = self.legs.range(first..).next() else { return vec![] };
                let owner = self.owners.get(&e).copied();
                self.call(state, if comes { Up } else { Ended }, id, (e, linked));
                return owner.into_iter().collect();
            }
        }
        owner.into_iter().collect()
    }

    fn check(&self, state: &State, u: usize) {
        let own: BTreeSet<usize> =
            self.owners.iter().filter(|(_, owner)| **owner == u).map(|(e, _)| *e).collect();
        let shown = state.user(&user(u));
        let contact = |(e, n): &(usize, usize)| (endpoint(*e), format!("sip:{n}"));
        let mut contacts: Vec<_> =
            self.contacts.iter().filter(|at| own.contains(&at.0)).map(contact).collect();
        let mut told: Vec<_> =
            shown.contacts.iter().map(|c| (Arc::clone(&c.endpoint), c.contact.to_string())).collect();
        contacts.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, contacts, "contacts of {u}");

        let legs: Vec<_> = self.legs.iter().filter(|(_, leg)| own.contains(&leg.0)).collect();
        let mut ids: Vec<_> = legs.iter().map(|(id, (e, _, up))| (leg(**id), endpoint(*e), *up)).collect();
        let up = |phase| phase == Up;
        let mut told: Vec<_> =
            shown.legs.iter().map(|l| (l.leg.to_string(), Arc::clone(&l.endpoint), up(l.phase))).collect();
        ids.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, ids, "legs of {u}");

        let calls: BTreeSet<_> = legs.iter().map(|(_, leg)| leg.1).collect();
        let sticker = match (legs.iter().any(|(_, leg)| leg.2), legs.is_empty(), contacts.is_empty()) {
            (true, ..) => Sticker::Busy,
            (false, false, _) => Sticker::Ringing,
            (false, true, false) => Sticker::Free,
            (false, true, true) => Sticker::Offline,
        };
        assert_eq!((shown.sticker, shown.calls), (sticker, u32::try_from(calls.len()).unwrap()));
    }

    fn check_all(&self, state: &State) {
        (0..USERS).for_each(|u| self.check(state, u));
        let totals = state.totals();
        let owned = |e: &usize| self.owners.contains_key(e);
        let calls: BTreeSet<_> = self.legs.values().map(|leg| leg.1).collect();
        let users: BTreeSet<_> = self.owners.values().collect();
        assert_eq!((totals.legs, totals.calls), (self.legs.len(), calls.len()));
        assert_eq!((totals.registrations, totals.endpoints), (self.contacts.len(), self.owners.len()));
        assert_eq!(totals.free + totals.offline + totals.ringing + totals.busy, users.len());
        let legs: Vec<_> = self.legs.values().filter(|leg| !owned(&leg.0)).map(|leg| leg.0).collect();
        let contacts: Vec<_> = self.contacts.iter().filter(|at| !owned(&at.0)).map(|at| at.0).collect();
        assert_eq!((totals.unowned_legs, totals.unowned_registrations), (legs.len(), contacts.len()));
        let unowned: BTreeSet<_> = legs.into_iter().chain(contacts).collect();
        assert_eq!((totals.unowned_endpoints, totals.unowned_dropped), (unowned.len(), 0));
    }
}

#[test]
fn thousands_come_and_go_and_each_is_itself() {
    let state = State::new();
    let mut twin = Twin {
        random: 7,
        second: 0,
        owners: BTreeMap::new(),
        contacts: BTreeSet::new(),
        legs: BTreeMap::new(),
        next_leg: 0,
    };
    for wave in 0..4 {
        for n in 0..9000 {
            let changed = twin.happen(&state, wave % 2 == 0);
            if n % 40 == 0 {
                changed.into_iter().for_each(|u| twin.check(&state, u));
            }
        }
        assert!(wave % 2 == 1 || twin.owners.len() > 1500, "{}", twin.owners.len());
        twin.check_all(&state);
    }
    for (id, (e, linked, _)) in twin.legs.clone() {
        twin.call(&state, Ended, id, (e, linked));
    }
    for (e, contact) in twin.contacts.clone() {
        twin.second += 1;
        twin.register(&state, Unregistered, e, contact);
    }
    twin.check_all(&state);
    for e in 0..ENDPOINTS {
        twin.own(&state, e, None);
    }
    twin.check_all(&state);
    assert!(state.changed_since(0).is_empty());
}

/// The oldest memory goes for each new one, and no other.
#[test]
fn the_last_4096_legs_that_ended_do_not_come_back() {
    let state = State::new();
    let key = |n: usize| (*endpoint(n % 7)).clone();
    state.assign((0..7).map(|n| (endpoint(n), user(n))).collect(), at(0));
    let tell = |phase, n: usize| {
        let event = Call { key: key(n), ..call(phase, "", &leg(n), "", 1) };
        !state.apply(&Event::Call(event), at(1)).is_empty()
    };
    // three in a row have one id, but for a letter at the end
    for n in 0..9000 {
        assert!(tell(Ringing, n), "{n} is new");
        if n % 3 > 0 {
            assert!(tell(Up, n));
        }
        assert!(tell(Ended, n), "{n} ends");
        assert!(!tell(Ended, n));
        if n % 50 == 0 {
            let kept = n.saturating_sub(4095)..=n;
            assert!(kept.into_iter().all(|n| !tell(Ringing, n)), "after {n}");
        }
    }
    assert_eq!((state.totals().legs, state.totals().ended_legs), (0, 4096));
    // whose end came before its beginning
    for n in 9000..9010 {
        assert!(!tell(Ended, n));
        assert!(!tell(Ringing, n) && !tell(Up, n));
    }
    let forgotten = 9010 - 4096;
    assert!((forgotten..9010).all(|n| !tell(Ringing, n)));
    assert!((0..forgotten).rev().take(1500).all(|n| tell(Ringing, n)));
    assert!((forgotten..9010).all(|n| !tell(Ringing, n)));
    assert_eq!(state.totals().legs, 1500);
}

/// The place of a leg that went is another leg's, of another endpoint.
#[test]
fn a_leg_in_the_place_of_another_has_nothing_of_it() {
    let state = State::new();
    state.assign((0..40).map(|n| (endpoint(n), user(n))).collect(), at(0));
    let tell = |phase, n: usize, id: usize, second: i64| {
        let event = Call { key: (*endpoint(n)).clone(), ..call(phase, "", &leg(id), "", second) };
        state.apply(&Event::Call(event), at(second));
    };
    for round in 0..200 {
        let first = round * 100;
        let second = i64::try_from(first).unwrap();
        for n in 0..40 {
            tell(Ringing, n, first + n, second + 1);
            tell(Up, n, first + n, second + 2);
        }
        // out of order, so that the places are taken in another one
        for n in (0..40).map(|n| n * 7 % 40).filter(|n| n % 3 > 0) {
            tell(Ended, n, first + n, second + 3);
        }
        for n in (0..40).filter(|n| n % 3 > 0) {
            tell(Ringing, 39 - n, first + 40 + n, second + 4);
        }
        for n in 0..40 {
            let shown = state.user(&user(n));
            let mut expected = vec![];
            if n % 3 == 0 {
                expected.push((leg(first + n), Up, at(second + 1), Some(at(second + 2))));
            }
            if (39 - n) % 3 > 0 {
                expected.push((leg(first + 40 + 39 - n), Ringing, at(second + 4), None));
            }
            let told: Vec<_> =
                shown.legs.iter().map(|l| (l.leg.to_string(), l.phase, l.began, l.answered)).collect();
            assert_eq!(told, expected, "user {n}");
            assert!(shown.legs.iter().all(|l| *l.endpoint == *endpoint(n)));
        }
        for n in 0..40 {
            tell(Ended, n, first + n, second + 5);
            tell(Ended, 39 - n, first + 40 + n, second + 5);
        }
    }
    assert_eq!((state.totals().legs, state.totals().busy, state.totals().ringing), (0, 0, 0));
}

/// A reload moves an endpoint while a call lasts; where one name ends and the other begins tells two keys apart.
#[test]
fn a_leg_moves_between_endpoints_whose_keys_look_alike() {
    let long = "n".repeat(60);
    let alike: [[(&str, &str); 2]; 8] = [
        [("ab", "c"), ("a", "bc")],
        [("aa", "c"), ("ab", "c")],
        [("a", "ca"), ("a", "cb")],
        [("", "abc"), ("abc", "abc")],
        [(&long, "1"), ("n", "1")],
        [(&long, "1"), (&long, "2")],
        [("n", &long), ("m", &long)],
        [(&long[..45], "1"), (&long[..46], "1")],
    ];
    for pair in alike {
        for (from, to) in [(0, 1), (1, 0)] {
            let keys = [from, to].map(|n: usize| EndpointKey::new(pair[n].0, pair[n].1));
            let users = keys.clone().map(|key| Arc::new(UserKey::new(&key.company, &key.endpoint)));
            let state = State::new();
            let owner = |n: usize| (Arc::new(keys[n].clone()), Arc::clone(&users[n]));
            state.assign(vec![owner(0), owner(1)], at(0));
            for (n, phase) in [(0, Ringing), (1, Up), (1, Up)] {
                let event = Call { key: keys[n].clone(), ..call(phase, "", "leg", "", 1) };
                state.apply(&Event::Call(event), at(1));
            }
            let stickers = [0, 1].map(|n| state.user(&users[n]).sticker);
            assert_eq!(stickers, [Sticker::Offline, Sticker::Busy], "{keys:?}");
            assert_eq!(*state.user(&users[1]).legs[0].endpoint, keys[1]);
        }
    }
}
