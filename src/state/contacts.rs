//! The contacts of one endpoint, and those it lost lately. Pure: `registrations` calls it. What a refresh reads and
//! writes of the one contact that nearly every endpoint has lies in the endpoint's row: no allocation, no pointer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::snapshot::Contact;
use super::texts::Texts;
use super::{LONG, SHORT, clipped, late};
use crate::clock::Timestamp;
use crate::event::{self, Change, EndpointKey, Registration, Transport};

/// Removed contacts that an endpoint remembers, so that a late event does not bring one back.
const GONE: usize = 8;

const CONTACT: usize = 0;
const USER_AGENT: usize = 1;
const PATH: usize = 2;
const CALL_ID: usize = 3;

/// A contact and what the table of deadlines needs to know of it; first what a refresh touches.
#[repr(C)]
pub(super) struct Bound {
    pub(super) refreshed: Timestamp,
    pub(super) expires: Option<Timestamp>,
    /// Where its entry in the queue of deadlines stands.
    pub(super) queued: Option<Timestamp>,
    round_trip: Option<u32>,
    transport: Transport,
    /// A user was told that it is bound.
    told: bool,
    reachable: Option<bool>,
    far: Option<SocketAddr>,
    texts: Texts<4, [u8; 128]>,
    pub(super) id: u64,
    since: Timestamp,
    /// When qualify last spoke.
    heard: Timestamp,
}

/// The contacts of one endpoint, the oldest binding first.
#[derive(Default)]
pub(super) struct Contacts {
    pub(super) bound: SmallVec<[Bound; 1]>,
    gone: VecDeque<(Arc<str>, Timestamp)>,
}

/// What a refresh changed.
#[derive(Clone, Copy)]
pub(super) struct Refreshed {
    /// Something that pages show.
    pub(super) visible: bool,
    /// Its address or Call-ID.
    pub(super) moved: bool,
}

impl Bound {
    /// As its first event tells of it. `told`: a user will be told of it.
    pub(super) fn new(id: u64, event: &Registration, time: Timestamp, told: bool) -> Self {
        Self {
            id,
            expires: event.expires,
            queued: None,
            refreshed: time,
            far: event.far,
            round_trip: event.round_trip,
            transport: event.transport,
            told,
            reachable: None,
            heard: Timestamp::MIN,
            since: time,
            texts: Texts::new([
                clipped(&event.contact, LONG),
                clipped(&event.user_agent, SHORT),
                clipped(&event.path, LONG),
                clipped(&event.call_id, SHORT),
            ]),
        }
    }

    /// The Contact URI.
    pub(super) fn uri(&self) -> Arc<str> {
        self.texts.get(CONTACT)
    }

    pub(super) fn is(&self, uri: &str) -> bool {
        self.texts.is(CONTACT, uri)
    }

    /// Takes in a refresh; what it does not tell stays.
    pub(super) fn refresh(&mut self, event: &Registration, time: Timestamp) -> Refreshed {
        self.refreshed = time;
        self.round_trip = event.round_trip.or(self.round_trip);
        let mut moved = !event.call_id.is_empty() && self.texts.set(CALL_ID, clipped(&event.call_id, SHORT));
        let mut visible = self.texts.set(PATH, clipped(&event.path, LONG));
        if !event.user_agent.is_empty() {
            visible |= self.texts.set(USER_AGENT, clipped(&event.user_agent, SHORT));
        }
        if event.far.is_some() {
            visible |= self.far != event.far;
            moved |= self.far != event.far;
            self.far = event.far;
        }
        if event.transport != Transport::Unknown {
            visible |= self.transport != event.transport;
            self.transport = event.transport;
        }
        visible |= self.expires != event.expires;
        self.expires = event.expires;
        Refreshed { visible, moved }
    }

    /// Takes in what qualify says, and what it said before; `None`: the word came too late.
    pub(super) fn reach(
        &mut self,
        event: &Registration,
        reachable: bool,
        (time, now): (Timestamp, Timestamp),
    ) -> Option<Option<bool>> {
        if late(time, self.heard, now) {
            return None;
        }
        self.heard = time;
        self.round_trip = if reachable { event.round_trip.or(self.round_trip) } else { None };
        Some(self.reachable.replace(reachable))
    }

    /// The contact as pages get it.
    fn contact(&self, endpoint: &Arc<EndpointKey>) -> Contact {
        Contact {
            endpoint: Arc::clone(endpoint),
            contact: self.uri(),
            far: self.far,
            transport: self.transport,
            user_agent: self.texts.get(USER_AGENT),
            path: self.texts.get(PATH),
            call_id: self.texts.get(CALL_ID),
            since: self.since,
            refreshed: self.refreshed,
            expires: self.expires,
            round_trip: self.round_trip,
            reachable: self.reachable,
        }
    }

    /// The contact as the ring keeps it.
    fn shown(&self, endpoint: &Arc<str>) -> event::Bound {
        event::Bound {
            endpoint: Arc::clone(endpoint),
            contact: self.uri(),
            far: self.far,
            transport: self.transport,
            user_agent: self.texts.get(USER_AGENT),
            since: self.since,
            reachable: self.reachable,
        }
    }

    /// The change that says that the contact was bound.
    pub(super) fn registered(&self, endpoint: &Arc<str>) -> Change {
        Change::Registered {
            endpoint: Arc::clone(endpoint),
            contact: self.uri(),
            far: self.far,
            transport: self.transport,
            user_agent: self.texts.get(USER_AGENT),
        }
    }
}

impl Contacts {
    pub(super) fn len(&self) -> usize {
        self.bound.len()
    }

    /// Whether this contact is bound.
    pub(super) fn has(&self, uri: &str) -> bool {
        let uri = clipped(uri, LONG);
        self.bound.iter().any(|bound| bound.is(uri))
    }

    pub(super) fn find(&mut self, uri: &str) -> Option<&mut Bound> {
        self.bound.iter_mut().find(|bound| bound.is(uri))
    }

    /// Copies for pages.
    pub(super) fn contacts(&self, endpoint: &Arc<EndpointKey>) -> impl Iterator<Item = Contact> {
        self.bound.iter().map(|bound| bound.contact(endpoint))
    }

    /// Copies for the ring.
    pub(super) fn shown(&self, endpoint: &Arc<str>) -> impl Iterator<Item = event::Bound> {
        self.bound.iter().map(|bound| bound.shown(endpoint))
    }

    /// What is to be told of those that no user was told of, and when they were bound; from now on they count as told.
    pub(super) fn untold(&mut self, endpoint: &Arc<str>) -> impl Iterator<Item = (Timestamp, Change)> {
        self.bound.iter_mut().filter(|bound| !bound.told).map(|bound| {
            bound.told = true;
            (bound.since, bound.registered(endpoint))
        })
    }

    pub(super) fn was_removed_after(&self, uri: &str, time: Timestamp, now: Timestamp) -> bool {
        self.gone.iter().any(|(gone, at)| **gone == *uri && late(time, *at, now))
    }

    /// Remembers that a contact was removed.
    pub(super) fn remember(&mut self, uri: &str, (time, now): (Timestamp, Timestamp)) {
        if self.was_removed_after(uri, time, now) {
            return;
        }
        self.forget(uri);
        self.gone.truncate(GONE - 1);
        self.gone.push_front((uri.into(), time));
    }

    /// Forgets that a contact was removed.
    pub(super) fn forget(&mut self, uri: &str) {
        self.gone.retain(|(gone, _)| **gone != *uri);
    }
}
