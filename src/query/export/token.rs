//! Records with tokens in place of names and numbers, for a file that may be shown to others: the same name has the same
//! token everywhere in an export, a message stays a message. Two goes over the same records: [`Tokens::learn`] all, so
//! that a name is found in whatever text it stands, then [`Tokens::replace`] each.
//!
//! Replaced: user parts, numbers, display names, host names, realms and user names of credentials, SDP's user and session
//! names, headers and bodies that nobody knows; every word that stood in one of these places wherever else it stands, and
//! in Call-IDs, tags and branches as a part too. Short numbers outside of these places stay, as they mean many things;
//! so do User-Agents, media, times, ports and, unless it is wished, IP addresses.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::capture::message::scan;
use crate::event::{Change, EndpointKey, Quality, UserKey};
use crate::store::record::{Packet, Payload, Record};

mod body;
mod hand;
mod header;
mod joined;
mod message;
mod table;

use hand::{Hand, Mode};
use table::Table;

/// The tokens of one export.
#[derive(Debug)]
pub struct Tokens {
    table: Table,
    learns: bool,
}

impl Tokens {
    /// Tokens made with a secret, which is to be random and forgotten: who has it can find names by trying. The same
    /// secret and records give the same tokens. `with_addresses`: IP addresses are replaced too.
    pub fn new(secret: [u8; 32], with_addresses: bool) -> Self {
        Self { table: Table::new(secret, with_addresses), learns: false }
    }

    /// A name or number that is known to be somebody's: from the directory, say.
    pub fn know(&mut self, name: &str) {
        self.learns = true;
        self.name(name);
        self.learns = false;
    }

    /// Learns the names in a record. Cost: as [`Self::replace`]; memory grows with the names.
    pub fn learn(&mut self, record: &Record) {
        self.learns = true;
        self.replace(record);
        self.learns = false;
    }

    /// The record with tokens. Cost: O(length), about 40 us for a usual message.
    pub fn replace(&mut self, record: &Record) -> Record {
        let payload = match &record.payload {
            Payload::Packet(packet) => Payload::Packet(self.packet(packet)),
            Payload::Change(change) => Payload::Change(self.change(change)),
            Payload::Quality(quality) => Payload::Quality(self.quality(quality)),
            Payload::Gap(gap) => Payload::Gap(*gap),
        };
        let user = Arc::new(UserKey {
            company: self.name(&record.user.company),
            user: self.name(&record.user.user),
        });
        Record { seq: record.seq, time: record.time, user, payload }
    }

    /// A name or number: every word of it is replaced.
    pub fn name(&mut self, text: &str) -> Arc<str> {
        self.text(text, |hand, text| hand.text(text, Mode::Name))
    }

    /// A text in which names stand, such as a title: those that were learned are replaced.
    pub fn prose(&mut self, text: &str) -> Arc<str> {
        self.text(text, |hand, text| hand.text(text, Mode::Prose(3)))
    }

    fn call_id(&mut self, text: &str) -> Arc<str> {
        self.text(text, |hand, text| hand.call_id(text))
    }

    fn text(&mut self, text: &str, write: impl Fn(&mut Hand<'_>, &[u8])) -> Arc<str> {
        String::from_utf8_lossy(&self.bytes(text.as_bytes(), write)).into()
    }

    fn bytes(&mut self, text: &[u8], write: impl Fn(&mut Hand<'_>, &[u8])) -> Vec<u8> {
        let out = Vec::with_capacity(text.len());
        let mut hand = Hand { table: &mut self.table, learns: self.learns, out };
        write(&mut hand, text);
        hand.out
    }

    fn address(&mut self, address: SocketAddr) -> SocketAddr {
        match self.table.with_addresses {
            true => SocketAddr::new(self.table.address(address.ip()), address.port()),
            false => address,
        }
    }

    fn packet(&mut self, packet: &Packet) -> Packet {
        let is_sip = scan(&packet.bytes).is_sip();
        let bytes = self.bytes(&packet.bytes, |hand, data| hand.message(data, is_sip));
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // as many bytes are missing as before
        let missing = packet.original_len.saturating_sub(length(&packet.bytes));
        Packet {
            local: self.address(packet.local),
            far: self.address(packet.far),
            original_len: length(&bytes).saturating_add(missing),
            endpoint: self.name(&packet.endpoint),
            linked: self.prose(&packet.linked),
            bytes: bytes.into(),
            ..*packet
        }
    }

    fn change(&mut self, change: &Change) -> Change {
        let mut change = change.clone();
        match &mut change {
            Change::Sticker { .. } => {}
            Change::Registered { endpoint, contact, far, user_agent, .. } => {
                (*endpoint, *contact) = (self.name(endpoint), self.name(contact));
                *far = far.map(|far| self.address(far));
                *user_agent = self.text(user_agent, |hand, text| hand.text(text, Mode::Product));
            }
            Change::Unregistered { endpoint, contact, .. }
            | Change::Reachability { endpoint, contact, .. } => {
                (*endpoint, *contact) = (self.name(endpoint), self.name(contact));
            }
            Change::Failed { endpoint, far, call_id, detail, .. } => {
                (*endpoint, *call_id) = (self.name(endpoint), self.call_id(call_id));
                *far = far.map(|far| self.address(far));
                *detail = self.prose(detail);
            }
            Change::Call { leg, linked, call_id, far_number, far_name, .. } => {
                (*leg, *linked, *call_id) = (self.prose(leg), self.prose(linked), self.call_id(call_id));
                (*far_number, *far_name) = (self.name(far_number), self.name(far_name));
            }
        }
        change
    }

    fn quality(&mut self, quality: &Quality) -> Quality {
        Quality {
            key: EndpointKey {
                company: self.name(&quality.key.company),
                endpoint: self.name(&quality.key.endpoint),
            },
            leg: self.prose(&quality.leg),
            linked: self.prose(&quality.linked),
            call_id: self.call_id(&quality.call_id),
            ..quality.clone()
        }
    }
}
