//! If this breaks, some order of events makes the wall lie, or something stays behind after the last call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use usermon::clock::Timestamp;
use usermon::event::{
    Call, CallDirection, CallPhase, Change, EndpointKey, Event, FailureCause, Registration, RegistrationStep,
    Sticker, Transport, UserKey,
};
use usermon::state::{Changes, State, UserState};

const USERS: usize = 3;
const ENDPOINTS: usize = 4;
const GRACE: i64 = 5_000_000;

/// What may happen. Times are seconds; an event may be up to a few seconds old.
#[derive(Debug, Clone)]
enum Act {
    Register { step: RegistrationStep, endpoint: usize, contact: usize, age: i64, lasts: Option<i64> },
    Call { phase: CallPhase, endpoint: usize, leg: usize, linked: usize, age: i64 },
    Assign(Vec<Option<usize>>),
    Own { endpoint: usize, user: Option<usize> },
    Activate { user: usize, terminal: usize, active: Option<bool> },
    Expire,
    Pass(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    use RegistrationStep::{Expired, Failed, Reachable, Registered, Unreachable, Unregistered};
    let step = prop_oneof![
        4 => Just(Registered), 2 => Just(Unregistered), 1 => Just(Expired), 1 => Just(Reachable),
        1 => Just(Unreachable), 1 => Just(Failed(FailureCause::WrongPassword)),
    ];
    let phase = prop_oneof![
        3 => Just(CallPhase::Ringing), 2 => Just(CallPhase::Up), 1 => Just(CallPhase::Held),
        2 => Just(CallPhase::Ended),
    ];
    let age = prop_oneof![3 => Just(0_i64), 1 => 1..20_i64];
    let register = (step, 0..ENDPOINTS, 0..3_usize, age.clone(), proptest::option::of(1..60_i64)).prop_map(
        |(step, endpoint, contact, age, lasts)| Act::Register { step, endpoint, contact, age, lasts },
    );
    // endpoint ENDPOINTS is the empty one; linked 0 is the empty one
    let call = (phase, 0..=ENDPOINTS, 0..8_usize, 0..4_usize, age)
        .prop_map(|(phase, endpoint, leg, linked, age)| Act::Call { phase, endpoint, leg, linked, age });
    let user = || proptest::option::of(0..USERS);
    let act = prop_oneof![
        8 => register, 10 => call,
        1 => proptest::collection::vec(user(), ENDPOINTS).prop_map(Act::Assign),
        1 => (0..ENDPOINTS, user()).prop_map(|(endpoint, user)| Act::Own { endpoint, user }),
        1 => (0..USERS, 0..2_usize, any::<Option<bool>>())
            .prop_map(|(user, terminal, active)| Act::Activate { user, terminal, active }),
        2 => Just(Act::Expire),
        3 => (0..40_i64).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 1..120)
}

fn user(n: usize) -> Arc<UserKey> {
    Arc::new(UserKey::new("acme", &format!("u{n}")))
}

fn endpoint(n: usize) -> Arc<EndpointKey> {
    Arc::new(if n == ENDPOINTS { EndpointKey::default() } else { EndpointKey::new("acme", &format!("e{n}")) })
}

/// The naive twin: flat lists, everything computed again at each question.
#[derive(Default)]
struct Twin {
    owners: BTreeMap<usize, usize>,
    /// endpoint, contact -> last refreshed, expires
    contacts: BTreeMap<(usize, usize), (Timestamp, Option<Timestamp>)>,
    /// endpoint, contact -> removed
    removed: BTreeMap<(usize, usize), Timestamp>,
    /// leg -> endpoint, linked, phase, since
    legs: BTreeMap<usize, (usize, String, CallPhase, Timestamp)>,
    ended: BTreeSet<usize>,
    active: BTreeSet<(usize, usize)>,
}

impl Twin {
    fn register(
        &mut self,
        step: RegistrationStep,
        at: (usize, usize),
        time: Timestamp,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) {
        let refreshed = self.contacts.get(&at).map(|contact| contact.0);
        match step {
            RegistrationStep::Registered => {
                let gone_later = self.removed.get(&at).is_some_and(|removed| time < *removed);
                let over = expires.is_some_and(|expires| expires.0 + GRACE <= now.0);
                let fresh = match refreshed {
                    Some(refreshed) => time >= refreshed,
                    None => !gone_later && !over,
                };
                if fresh {
                    self.contacts.insert(at, (time, expires));
                    self.removed.remove(&at);
                }
            }
            RegistrationStep::Unregistered | RegistrationStep::Expired => match refreshed {
                Some(refreshed) if time < refreshed => {}
                Some(_) => self.remove(at, time),
                // an endpoint that nobody owns and that has nothing is not remembered
                None if self.exists(at.0) => self.remove(at, time),
                None => {}
            },
            _ => {}
        }
    }

    fn remove(&mut self, at: (usize, usize), time: Timestamp) {
        self.contacts.remove(&at);
        let removed = self.removed.entry(at).or_insert(time);
        *removed = time.max(*removed);
    }

    fn call(&mut self, phase: CallPhase, endpoint: usize, leg: usize, linked: &str, time: Timestamp) {
        let nowhere = endpoint == ENDPOINTS;
        let known = self.legs.get(&leg).cloned();
        if self.ended.contains(&leg) || (known.is_none() && nowhere) {
            return;
        }
        if phase == CallPhase::Ended {
            self.legs.remove(&leg);
            self.ended.insert(leg);
            return;
        }
        match known {
            Some((place, before, old, since)) if nowhere || place == endpoint => {
                let back = phase == CallPhase::Ringing && old != CallPhase::Ringing;
                if !back && time >= since {
                    let linked = if linked.is_empty() { before } else { linked.to_owned() };
                    let since = if old == phase { since } else { time };
                    self.legs.insert(leg, (place, linked, phase, since));
                }
            }
            _ => {
                self.legs.insert(leg, (endpoint, linked.to_owned(), phase, time));
            }
        }
    }

    fn exists(&self, endpoint: usize) -> bool {
        self.owners.contains_key(&endpoint)
            || self.contacts.keys().any(|at| at.0 == endpoint)
            || self.legs.values().any(|leg| leg.0 == endpoint)
    }

    /// An endpoint that nobody owns and that has nothing forgets.
    fn forget(&mut self) {
        let kept: BTreeSet<_> = (0..ENDPOINTS).filter(|endpoint| self.exists(*endpoint)).collect();
        self.removed.retain(|at, _| kept.contains(&at.0));
    }

    fn expire(&mut self, now: Timestamp) {
        let over: Vec<_> = self
            .contacts
            .iter()
            .filter_map(|(at, (refreshed, expires))| {
                expires.is_some_and(|expires| expires.0 + GRACE <= now.0).then_some((*at, *refreshed))
            })
            .collect();
        over.into_iter().for_each(|(at, refreshed)| self.remove(at, refreshed));
    }

    fn shown(&self, user: usize) -> (Sticker, u32) {
        let own = |endpoint: &usize| self.owners.get(endpoint) == Some(&user);
        let legs: Vec<_> = self.legs.iter().filter(|(_, leg)| own(&leg.0)).collect();
        let calls: BTreeSet<_> = legs
            .iter()
            .map(|(id, leg)| if leg.1.is_empty() { format!("leg {id}") } else { leg.1.clone() })
            .collect();
        let sticker = if legs.iter().any(|(_, leg)| leg.2 != CallPhase::Ringing) {
            Sticker::Busy
        } else if !legs.is_empty() {
            Sticker::Ringing
        } else if self.contacts.keys().any(|at| own(&at.0)) || self.active.iter().any(|at| at.0 == user) {
            Sticker::Free
        } else {
            Sticker::Offline
        };
        (sticker, u32::try_from(calls.len()).unwrap())
    }
}

fn act(state: &State, twin: &mut Twin, act: &Act, now: &mut Timestamp) -> Changes {
    let ago = |seconds: i64| Timestamp(now.0 - seconds * 1_000_000);
    let changes = match act {
        Act::Register { step, endpoint: e, contact, age, lasts } => {
            let (time, expires) = (ago(*age), lasts.map(|lasts| Timestamp(ago(*age).0 + lasts * 1_000_000)));
            twin.register(*step, (*e, *contact), time, expires, *now);
            let event = Registration {
                step: *step,
                time,
                key: (*endpoint(*e)).clone(),
                contact: format!("sip:{contact}").into(),
                far: None,
                transport: Transport::Udp,
                user_agent: "x".into(),
                path: "".into(),
                call_id: "c".into(),
                expires,
                round_trip: None,
                detail: "".into(),
            };
            state.apply(&Event::Registration(event), *now)
        }
        Act::Call { phase, endpoint: e, leg, linked, age } => {
            let linked = if *linked == 0 { String::new() } else { format!("call {linked}") };
            twin.call(*phase, *e, *leg, &linked, ago(*age));
            let event = Call {
                phase: *phase,
                time: ago(*age),
                key: (*endpoint(*e)).clone(),
                leg: format!("leg {leg}").into(),
                linked: linked.into(),
                call_id: "".into(),
                direction: CallDirection::Incoming,
                far_number: "".into(),
                far_name: "".into(),
                cause: 0,
            };
            state.apply(&Event::Call(event), *now)
        }
        Act::Assign(owners) => {
            let owners = owners.iter().enumerate().filter_map(|(e, user)| user.map(|user| (e, user)));
            twin.owners = owners.collect();
            let owners = twin.owners.iter().map(|(e, u)| (endpoint(*e), user(*u))).collect();
            state.assign(owners, *now)
        }
        Act::Own { endpoint: e, user: None } => {
            twin.owners.remove(e);
            state.own(&endpoint(*e), None, *now)
        }
        Act::Own { endpoint: e, user: Some(u) } => {
            twin.owners.insert(*e, *u);
            state.own(&endpoint(*e), Some(&user(*u)), *now)
        }
        Act::Activate { user: u, terminal, active } => {
            if *active == Some(true) {
                twin.active.insert((*u, *terminal));
            } else {
                twin.active.remove(&(*u, *terminal));
            }
            state.activate(&user(*u), &format!("t{terminal}"), *active, *now)
        }
        Act::Expire => {
            twin.expire(*now);
            state.expire(*now)
        }
        Act::Pass(seconds) => {
            now.0 += seconds * 1_000_000;
            Changes::new()
        }
    };
    twin.forget();
    changes
}

/// What a page shows of a user.
fn visible(state: &UserState) -> UserState {
    let mut state = state.clone();
    state.version = 0;
    for contact in &mut state.contacts {
        contact.refreshed = Timestamp(0);
    }
    // one more of the equal ones is not worth a row, but comes first in the list
    for failure in &mut state.failures {
        (failure.count, failure.time) = (0, Timestamp(0));
    }
    state.failures.sort_by_key(|failure| Arc::clone(&failure.endpoint));
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_shows_what_a_naive_twin_computes(acts in acts()) {
        let (state, mut twin) = (State::new(), Twin::default());
        let mut now = Timestamp(1_790_000_000_000_000);
        let mut told = [(Sticker::Offline, 0); USERS];
        for one in &acts {
            let version = state.version();
            let before: Vec<_> = (0..USERS).map(|n| state.user(&user(n))).collect();
            let changes = act(&state, &mut twin, one, &mut now);
            prop_assert!(state.version() >= version);
            let changed = state.changed_since(version);
            let totals = state.totals();
            for n in 0..USERS {
                let (key, after) = (user(n), state.user(&user(n)));
                let shown = (after.sticker, after.calls);
                prop_assert_eq!(shown, twin.shown(n), "user {} after {:?}", n, one);

                // what was told adds up to what is shown, and is told only when it changes
                let stickers: Vec<_> = changes.iter().filter(|change| change.0 == key).filter_map(|change| {
                    if let Change::Sticker { sticker, calls } = change.2 { Some((sticker, calls)) } else { None }
                }).collect();
                prop_assert!(stickers.len() <= 1);
                prop_assert_eq!(!stickers.is_empty(), shown != told[n]);
                told[n] = stickers.first().copied().unwrap_or(told[n]);
                prop_assert_eq!(told[n], shown);

                // pages that ask for changes miss none; a user who owns nothing any more is forgotten
                let owns = twin.owners.values().any(|owner| *owner == n);
                if visible(&before[n]) != visible(&after) && (owns || !after.active.is_empty()) {
                    prop_assert!(changed.contains(&key), "user {} changed by {:?}", n, one);
                }
                prop_assert_eq!(changed.iter().filter(|other| **other == key).count() == 1, after.version > version);
                prop_assert!(after.version <= state.version());
                if before[n].sticker == after.sticker && owns && before[n].version > 0 && after.version > 0 {
                    prop_assert_eq!(before[n].since, after.since);
                }
            }
            prop_assert_eq!(totals.legs, twin.legs.len());
            prop_assert_eq!(totals.registrations, twin.contacts.len());
            let owned = |e: &usize| twin.owners.contains_key(e);
            prop_assert_eq!(totals.unowned_legs, twin.legs.values().filter(|leg| !owned(&leg.0)).count());
            prop_assert_eq!(totals.unowned_registrations, twin.contacts.keys().filter(|at| !owned(&at.0)).count());
            prop_assert_eq!(totals.endpoints, twin.owners.len());
        }
        // the end of everything leaves nothing
        for leg in 0..8 {
            let end = Act::Call { phase: CallPhase::Ended, endpoint: 0, leg, linked: 0, age: 0 };
            act(&state, &mut twin, &end, &mut now);
        }
        for (e, contact) in (0..ENDPOINTS).flat_map(|e| (0..3).map(move |contact| (e, contact))) {
            let step = RegistrationStep::Unregistered;
            act(&state, &mut twin, &Act::Register { step, endpoint: e, contact, age: 0, lasts: None }, &mut now);
        }
        state.assign(vec![], now);
        let totals = state.totals();
        prop_assert_eq!((totals.legs, totals.calls, totals.registrations), (0, 0, 0));
        prop_assert_eq!((totals.unowned_endpoints, totals.endpoints, totals.ringing + totals.busy), (0, 0, 0));
    }
}

/// A million calls on 100 users, up to 50 at once; then nothing but the bounded memory of ended legs is left.
#[test]
fn a_million_calls_leave_nothing() {
    let state = State::new();
    let users: Vec<_> = (0..100).map(user).collect();
    let owners =
        (0..100).map(|n| (Arc::new(EndpointKey::new("acme", &format!("e{n}"))), Arc::clone(&users[n])));
    let owners: Vec<_> = owners.collect();
    state.assign(owners.clone(), Timestamp(1));
    let empty: Arc<str> = "".into();
    let mut event = Call {
        phase: CallPhase::Ringing,
        time: Timestamp(1),
        key: EndpointKey::default(),
        leg: Arc::clone(&empty),
        linked: Arc::clone(&empty),
        call_id: Arc::clone(&empty),
        direction: CallDirection::Incoming,
        far_number: Arc::clone(&empty),
        far_name: empty,
        cause: 0,
    };
    let mut live = std::collections::VecDeque::new();
    let end = |event: Event, n: i64| assert_eq!(state.apply(&event, Timestamp(n)).len(), 2);
    for n in 1..=1_000_000_i64 {
        event.phase = if n % 2 == 0 { CallPhase::Up } else { CallPhase::Ringing };
        event.time = Timestamp(n);
        event.key = (*owners[usize::try_from(n % 100).unwrap()].0).clone();
        event.leg = n.to_string().into();
        state.apply(&Event::Call(event.clone()), Timestamp(n));
        live.push_back(event.clone());
        if live.len() > 50
            && let Some(mut over) = live.pop_front()
        {
            over.phase = CallPhase::Ended;
            end(Event::Call(over), n);
        }
    }
    assert_eq!((state.totals().calls, state.totals().legs), (50, 50));
    for mut over in live {
        over.phase = CallPhase::Ended;
        end(Event::Call(over), 2_000_000);
    }
    let totals = state.totals();
    assert_eq!((totals.calls, totals.legs, totals.unowned_endpoints, totals.endpoints), (0, 0, 0, 100));
    assert_eq!((totals.offline, totals.free, totals.ringing, totals.busy), (100, 0, 0, 0));
    assert_eq!((totals.events, totals.ignored, totals.ended_legs), (2_000_000, 0, 4096));
    for key in users {
        assert!(state.user(&key).legs.is_empty());
    }
}
