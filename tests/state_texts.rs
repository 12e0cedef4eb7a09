//! If this breaks, texts of one phone or call are shown at another one, or cut where they are not too long.

use std::sync::Arc;

use proptest::prelude::*;
use usermon::clock::Timestamp;
use usermon::event::{
    Call, CallDirection, CallPhase, Change, EndpointKey, Event, Registration, RegistrationStep, Sticker,
    Transport, UserKey,
};
use usermon::state::{Contact, Leg, State};

use CallPhase::{Ended, Held, Ringing, Up};
use RegistrationStep::{Registered, Unregistered};

const SHORT: usize = 256;
const LONG: usize = 1024;

/// Lengths at which something ends: the memory of a text within its row, and what is kept of one.
const LENGTHS: [usize; 20] =
    [0, 1, 7, 31, 32, 33, 40, 64, 100, 127, 128, 129, 200, 255, 256, 257, 1023, 1024, 1025, 3000];
const LETTERS: [&str; 7] = ["a", "è", "€", "😀", "\0", "\u{202e}", "</td>"];

/// Two texts of one length differ at the end or at the beginning.
fn text(which: usize, length: usize, letters: usize) -> Arc<str> {
    let letter = LETTERS[letters];
    let mut text = letter.repeat(length / letter.len());
    let number = "xyz".get(which..=which).unwrap();
    while text.len() < length {
        text.push_str(number);
    }
    if letters == 0 && length > 0 {
        text.replace_range(..1, number);
    }
    text.into()
}

fn texts() -> impl Strategy<Value = Arc<str>> {
    let length = prop_oneof![3 => Just(0), 8 => (0..20_usize).prop_map(|n| LENGTHS[n])];
    (0..3_usize, length, 0..LETTERS.len()).prop_map(|(which, length, letters)| text(which, length, letters))
}

fn cut(text: &Arc<str>, most: usize) -> Arc<str> {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

/// An event of one endpoint; numbers choose among what is there.
#[derive(Debug, Clone)]
enum Act {
    Bind { contact: Arc<str>, known: Option<usize>, user_agent: Arc<str>, path: Arc<str>, call_id: Arc<str> },
    Unbind { known: usize, is_late: bool },
    Talk { leg: Arc<str>, known: Option<usize>, phase: CallPhase, texts: [Arc<str>; 4] },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let known = || proptest::option::weighted(0.7, 0..100_usize);
    let bind = (texts(), known(), texts(), texts(), texts()).prop_map(
        |(contact, known, user_agent, path, call_id)| Act::Bind { contact, known, user_agent, path, call_id },
    );
    let phase = prop_oneof![Just(Ringing), Just(Up), Just(Held), Just(Ended)];
    let talk = (texts(), known(), phase, [texts(), texts(), texts(), texts()])
        .prop_map(|(leg, known, phase, texts)| Act::Talk { leg, known, phase, texts });
    let unbind = (0..100_usize, any::<bool>()).prop_map(|(known, is_late)| Act::Unbind { known, is_late });
    proptest::collection::vec(prop_oneof![4 => bind, 1 => unbind, 5 => talk], 1..60)
}

/// The naive twin: contacts and legs as pages get them.
struct Twin {
    number: usize,
    key: Arc<EndpointKey>,
    now: Timestamp,
    contacts: Vec<Contact>,
    legs: Vec<Leg>,
    ended: Vec<Arc<str>>,
    shown: (Sticker, u32),
}

fn fill(known: &mut Arc<str>, told: &Arc<str>, most: usize) -> bool {
    let told = cut(told, most);
    let is_news = !told.is_empty() && *known != told;
    if is_news {
        *known = told;
    }
    is_news
}

impl Twin {
    fn registration(&self, step: RegistrationStep, contact: &Arc<str>) -> Registration {
        Registration {
            step,
            time: self.now,
            key: (*self.key).clone(),
            contact: Arc::clone(contact),
            far: None,
            transport: Transport::Tls,
            user_agent: "".into(),
            path: "".into(),
            call_id: "".into(),
            expires: None,
            round_trip: None,
            detail: "".into(),
        }
    }

    fn unregistered(&self, contact: &Arc<str>) -> Change {
        let endpoint = Arc::clone(&self.key.endpoint);
        Change::Unregistered { endpoint, contact: cut(contact, LONG), expired: false }
    }

    /// What a registration changes, and whether somebody is elsewhere now.
    fn bind(&mut self, event: &Registration) -> (Vec<Change>, bool) {
        let uri = cut(&event.contact, LONG);
        if let Some(contact) = self.contacts.iter_mut().find(|contact| contact.contact == uri) {
            contact.refreshed = event.time;
            contact.path = cut(&event.path, LONG);
            fill(&mut contact.user_agent, &event.user_agent, SHORT);
            return (vec![], fill(&mut contact.call_id, &event.call_id, SHORT));
        }
        let mut changes = vec![];
        if self.contacts.len() == 64 {
            let stalest = (0..64).min_by_key(|at| self.contacts[*at].refreshed).unwrap();
            let gone = self.contacts.remove(stalest).contact;
            changes.push(self.unregistered(&gone));
        }
        let contact = Contact {
            endpoint: Arc::clone(&self.key),
            contact: uri,
            far: None,
            transport: event.transport,
            user_agent: cut(&event.user_agent, SHORT),
            path: cut(&event.path, LONG),
            call_id: cut(&event.call_id, SHORT),
            since: event.time,
            refreshed: event.time,
            expires: None,
            round_trip: None,
            reachable: None,
        };
        changes.push(Change::Registered {
            endpoint: Arc::clone(&self.key.endpoint),
            contact: Arc::clone(&contact.contact),
            far: None,
            transport: event.transport,
            user_agent: Arc::clone(&contact.user_agent),
        });
        self.contacts.push(contact);
        (changes, true)
    }

    fn talk(&mut self, event: &Call) -> Vec<Change> {
        let known = self.legs.iter().position(|leg| leg.leg == event.leg);
        if event.leg.is_empty() || self.ended.contains(&event.leg) {
            return vec![];
        }
        if known.is_none() && event.phase == Ended {
            self.ended.push(Arc::clone(&event.leg));
            return vec![];
        }
        let new = Leg {
            leg: Arc::clone(&event.leg),
            linked: "".into(),
            call_id: "".into(),
            phase: event.phase,
            direction: event.direction,
            far_number: "".into(),
            far_name: "".into(),
            began: event.time,
            since: event.time,
            answered: (event.phase != Ringing).then_some(event.time),
            endpoint: Arc::clone(&self.key),
        };
        let at = known.unwrap_or(self.legs.len());
        if known.is_none() {
            self.legs.push(new);
        }
        let leg = &mut self.legs[at];
        if event.phase == Ringing && leg.phase != Ringing {
            return vec![];
        }
        let mut is_news = known.is_none() || event.phase != leg.phase;
        is_news |= fill(&mut leg.linked, &event.linked, usize::MAX);
        is_news |= fill(&mut leg.call_id, &event.call_id, SHORT);
        is_news |= fill(&mut leg.far_number, &event.far_number, SHORT);
        is_news |= fill(&mut leg.far_name, &event.far_name, SHORT);
        if leg.phase != event.phase && event.phase != Ended {
            (leg.phase, leg.since) = (event.phase, event.time);
            leg.answered.get_or_insert(event.time);
        }
        let told = Change::Call {
            leg: Arc::clone(&leg.leg),
            linked: Arc::clone(&leg.linked),
            call_id: Arc::clone(&leg.call_id),
            phase: event.phase,
            direction: leg.direction,
            far_number: Arc::clone(&leg.far_number),
            far_name: Arc::clone(&leg.far_name),
            cause: event.cause,
        };
        if event.phase == Ended {
            self.ended.push(self.legs.remove(at).leg);
        }
        if is_news { vec![told] } else { vec![] }
    }

    /// The sticker's change, if it is another one now.
    fn sticker(&mut self) -> Option<Change> {
        let mut calls: Vec<&str> = self.legs.iter().map(|leg| &**leg.call()).collect();
        calls.sort_unstable();
        calls.dedup();
        let sticker = if self.legs.iter().any(|leg| leg.phase != Ringing) {
            Sticker::Busy
        } else if !self.legs.is_empty() {
            Sticker::Ringing
        } else if self.contacts.is_empty() {
            Sticker::Offline
        } else {
            Sticker::Free
        };
        let shown = (sticker, u32::try_from(calls.len()).unwrap());
        let is_other = std::mem::replace(&mut self.shown, shown) != shown;
        is_other.then_some(Change::Sticker { sticker: shown.0, calls: shown.1 })
    }

    /// Takes in what happens, and says it as an event, with what it changes and whether it moves somebody.
    fn take(&mut self, act: &Act) -> (Event, Vec<Change>, bool) {
        self.now.0 += 1;
        let (event, mut changes, moved) = match act {
            Act::Bind { contact, known, user_agent, path, call_id } => {
                let known = known.and_then(|n| self.contacts.get(n % self.contacts.len().max(1)));
                let contact = known.map_or(contact, |known| &known.contact);
                let (user_agent, path) = (Arc::clone(user_agent), Arc::clone(path));
                let call_id = Arc::clone(call_id);
                let event =
                    Registration { user_agent, path, call_id, ..self.registration(Registered, contact) };
                let (changes, moved) = self.bind(&event);
                (Event::Registration(event), changes, moved)
            }
            Act::Unbind { known, is_late } => {
                let at = known % self.contacts.len().max(1);
                let Some(contact) = self.contacts.get(at) else {
                    let event = self.registration(Unregistered, &"sip:nobody".into());
                    return (Event::Registration(event), vec![], true);
                };
                // what is over the limit does not make it another one
                let told: Arc<str> = match contact.contact.len() {
                    LONG => format!("{}more", contact.contact).into(),
                    _ => Arc::clone(&contact.contact),
                };
                let mut event = self.registration(Unregistered, &told);
                if *is_late {
                    event.time = Timestamp(1);
                    return (Event::Registration(event), vec![], false);
                }
                let gone = self.unregistered(&told);
                self.contacts.remove(at);
                (Event::Registration(event), vec![gone], true)
            }
            Act::Talk { leg, known, phase, texts } => {
                let known = known.and_then(|n| self.legs.get(n % self.legs.len().max(1)));
                let [linked, call_id, far_number, far_name] = texts.clone();
                // ids of legs are the PBX's, not an endpoint's
                let leg =
                    if leg.is_empty() { Arc::clone(leg) } else { format!("{leg}{}", self.number).into() };
                let event = Call {
                    phase: *phase,
                    time: self.now,
                    key: (*self.key).clone(),
                    leg: known.map_or(leg, |known| Arc::clone(&known.leg)),
                    linked,
                    call_id,
                    direction: CallDirection::Outgoing,
                    far_number,
                    far_name,
                    cause: 16,
                };
                let changes = self.talk(&event);
                (Event::Call(event), changes, true)
            }
        };
        changes.extend(self.sticker());
        (event, changes, moved)
    }
}

/// Users whose keys look alike, but for where the first name ends; the last are too long for their row.
fn keys() -> Vec<(Arc<EndpointKey>, Arc<UserKey>)> {
    let long = "n".repeat(60);
    let names = [
        ("ab", "c"),
        ("a", "bc"),
        ("", "abc"),
        (&*long, "1"),
        ("n", &*long),
        (&long[..45], "1"),
        (&long[..46], "1"),
    ];
    names
        .iter()
        .map(|(company, name)| (EndpointKey::new(company, name), UserKey::new(company, name)))
        .map(|(endpoint, user)| (Arc::new(endpoint), Arc::new(user)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_stands_where_it_was_told(
        acts in acts(),
        contacts in prop_oneof![Just(0), Just(1), Just(2), Just(3), Just(63), Just(64), Just(65)],
    ) {
        let state = State::new();
        let keys = keys();
        state.assign(keys.clone(), Timestamp(1));
        let empty: Arc<str> = "".into();
        let first = (0..contacts).map(|n| Act::Bind {
            contact: format!("sip:{n}").into(),
            known: None,
            user_agent: Arc::clone(&empty),
            path: Arc::clone(&empty),
            call_id: Arc::clone(&empty),
        });
        let all: Vec<Act> = first.chain(acts).collect();
        let twin = |(number, (key, _)): (usize, &(Arc<EndpointKey>, _))| Twin {
            number,
            key: Arc::clone(key),
            now: Timestamp(1_790_000_000_000_000),
            contacts: vec![],
            legs: vec![],
            ended: vec![],
            shown: (Sticker::Offline, 0),
        };
        let mut twins: Vec<Twin> = keys.iter().enumerate().map(twin).collect();
        for (n, act) in all.iter().enumerate() {
            // mostly one endpoint, and one of the others
            let which = if n % 4 == 3 { n / 4 % twins.len() } else { 0 };
            let (event, changes, moved) = twins[which].take(act);
            let (told, did_move) = state.apply_moves(&event, twins[which].now);
            prop_assert!(told.iter().all(|change| change.0 == keys[which].1));
            prop_assert_eq!(told.into_iter().map(|change| change.2).collect::<Vec<_>>(), changes);
            prop_assert_eq!(did_move, moved, "{:?}", act);

            let twin = &twins[which];
            let shown = state.user(&keys[which].1);
            prop_assert_eq!((shown.sticker, shown.calls), twin.shown);
            let mut contacts = twin.contacts.clone();
            contacts.sort_by_key(|contact| std::cmp::Reverse(contact.since));
            prop_assert_eq!(&shown.contacts, &contacts);
            prop_assert_eq!(&shown.legs, &twin.legs);
            prop_assert_eq!(state.shown(&keys[which].1).contacts.len(), contacts.len());
        }
        for (twin, (_, user)) in twins.iter().zip(&keys) {
            prop_assert_eq!(state.user(user).contacts.len(), twin.contacts.len());
            prop_assert_eq!(state.user(user).legs.len(), twin.legs.len());
        }
    }
}
