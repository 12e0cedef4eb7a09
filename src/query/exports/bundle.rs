//! The support bundle: what happened to a user, or one item, with all legs, for somebody outside who has no access. Held
//! in memory whole, so there is a limit; names and numbers may be replaced by tokens. The pages are made by `web`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::{What, prove};
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::{Error, Result};
use crate::event::{DumpDetail, UserKey};
use crate::query::diagnostics::Cursor;
use crate::query::export::token::Tokens;
use crate::query::export::{About, Export, Form};
use crate::query::history::filter::Filter;
use crate::query::history::joined::Joined;
use crate::query::history::{History, Item, Message};
use crate::query::{Query, Viewer};
use crate::store::record::{Payload, Record};

/// Items of one bundle; of more, the newest.
const MOST_ITEMS: usize = 200;
/// Messages of one bundle, and their bytes: no item is begun beyond that.
const MOST_MESSAGES: usize = 5_000;
const MOST_BYTES: usize = 8 << 20;

/// What is hidden behind tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// Nothing.
    Nothing,
    /// Names and numbers.
    Names,
    /// IP addresses too.
    Addresses,
}

/// One item of a bundle.
#[derive(Debug, Clone)]
pub struct Part {
    /// As in the list: several equal ones in a row are one.
    pub item: Item,
    /// With all legs; of several equal ones in a row the first.
    pub joined: Joined,
}

/// What is taken away.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Whose history it is.
    pub user: Arc<User>,
    /// Its company's name.
    pub company: String,
    /// What narrows it, by the fields of an address.
    pub asked: Vec<(&'static str, String)>,
    /// Newest first.
    pub parts: Vec<Part>,
    /// How many items fit besides, at least.
    pub left_out: usize,
    /// All packets and gaps of the parts, oldest first, each once.
    pub records: Vec<Record>,
    /// The dump detail in force now.
    pub detail: DumpDetail,
    /// The PBX's name.
    pub host: String,
    /// What has tokens.
    pub hidden: Hidden,
    /// When it was made.
    pub at: Timestamp,
}

impl Query {
    /// Puts together an item or what fits a filter. Audited as an export. `None` where there is no such user or item.
    /// Cost: as [`Query::joined`] for each item.
    ///
    /// # Errors
    /// When the two-day ring can't be read, the audit log can't be written, or the system gives no random bytes.
    pub fn bundle(
        &self,
        viewer: &Viewer,
        user: &UserKey,
        what: &What,
        hidden: Hidden,
    ) -> Result<Option<Bundle>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        let form = match hidden {
            Hidden::Nothing => "bundle",
            Hidden::Names => "bundle without names",
            Hidden::Addresses => "bundle without names and addresses",
        };
        self.audit_export(viewer, &user, form, what)?;
        let company = self.company(&user.key.company);
        let mut bundle = Bundle {
            company: company.map_or_else(String::new, |company| company.name.to_string()),
            asked: Vec::new(),
            parts: Vec::new(),
            left_out: 0,
            records: Vec::new(),
            detail: self.0.settings.dump_detail(&user.key.company),
            host: self.0.host.name(),
            hidden,
            at: self.now(),
            user,
        };
        match what {
            What::Packet(at) | What::Item(at) => {
                let Some(joined) = self.joined_of(&bundle.user, *at)? else { return Ok(None) };
                let mut records = Records::default();
                records.add(self.records_of(&joined)?);
                bundle.parts.push(Part { item: joined.item.clone(), joined });
                bundle.records = records.into_vec();
            }
            What::Items(filter) | What::Packets(filter) => {
                bundle.asked = filter.fields();
                self.fill(&mut bundle, filter)?;
            }
        }
        if hidden != Hidden::Nothing {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|error| {
                Error::Invalid(format!("the system gives no random bytes for the tokens: {error}; try again"))
            })?;
            self.hide(&mut bundle, &mut Tokens::new(secret, hidden == Hidden::Addresses));
        }
        Ok(Some(bundle))
    }

    /// Adds the items that fit, the newest first, until there are enough.
    fn fill(&self, bundle: &mut Bundle, filter: &Filter) -> Result<()> {
        let user = Arc::clone(&bundle.user);
        let mut records = Records::default();
        let mut failed = None;
        self.slices(&user, filter, &mut |slice| {
            for item in slice.items() {
                if bundle.parts.len() >= MOST_ITEMS || records.is_full() {
                    bundle.left_out += 1;
                    continue;
                }
                match self.part(&user, &slice.history, item) {
                    Ok(Some((part, found))) => {
                        records.add(found);
                        bundle.parts.push(part);
                    }
                    // the retention took it meanwhile
                    Ok(None) => {}
                    Err(error) => {
                        failed = Some(error);
                        return false;
                    }
                }
            }
            bundle.left_out == 0
        })?;
        bundle.records = records.into_vec();
        failed.map_or(Ok(()), Err)
    }

    /// An item with all legs, and its records: of several equal ones in a row those of all.
    fn part(&self, user: &Arc<User>, history: &History, item: &Item) -> Result<Option<(Part, Vec<Record>)>> {
        let Some(mut joined) = self.joined_of(user, item.id)? else { return Ok(None) };
        let mut records = self.records_of(&joined)?;
        let record = |message: &Message| Record {
            seq: message.at.seq,
            time: message.at.time,
            user: Arc::clone(&user.key),
            payload: Payload::Packet(message.packet()),
        };
        let mut own: Vec<Record> = history.messages_of(item).map(record).collect();
        let proven = self.proven(&user.key, &own)?;
        prove(&mut own, &proven);
        records.extend(own);
        if item.times == 1 {
            // all legs know better how it ended
            joined.item.quality.clone_from(&item.quality);
            return Ok(Some((Part { item: joined.item.clone(), joined }, records)));
        }
        Ok(Some((Part { item: item.clone(), joined }, records)))
    }

    /// Replaces what is to be hidden, everywhere by the same tokens.
    fn hide(&self, bundle: &mut Bundle, tokens: &mut Tokens) {
        for user in self.0.directory.users(Some(&bundle.user.key.company)).iter() {
            tokens.know_user(user);
        }
        tokens.know(&bundle.company);
        bundle.records.iter().for_each(|record| tokens.learn(record));
        for part in &bundle.parts {
            tokens.learn_item(&part.item);
            tokens.learn_joined(&part.joined);
        }
        bundle.user = tokens.user(&bundle.user);
        bundle.company = tokens.name(&bundle.company).to_string();
        for (name, value) in &mut bundle.asked {
            if matches!(*name, "far" | "terminal" | "call-id" | "text") {
                *value = tokens.name(value).to_string();
            }
        }
        for part in &mut bundle.parts {
            part.item = tokens.item(&part.item);
            part.joined = tokens.joined(&part.joined);
        }
        for record in &mut bundle.records {
            *record = tokens.replace(record);
        }
    }
}

impl Bundle {
    /// The packets as a capture file.
    ///
    /// # Errors
    /// When they can't be written, which is a fault of ours.
    pub fn capture(&self) -> Result<Vec<u8>> {
        let about = About { title: self.title(), at: self.at };
        let mut export = Export::new(Form::Pcap, Vec::new(), &about).map_err(super::unwritten)?;
        for record in &self.records {
            export.record(record).map_err(super::unwritten)?;
        }
        export.finish().map_err(super::unwritten)
    }

    /// Whose it is, in a line.
    pub fn title(&self) -> String {
        let User { name, surname, extension, .. } = &*self.user;
        format!("{name} {surname} {extension}, {}", self.company)
    }
}

/// Packets and gaps of several items, each once.
#[derive(Default)]
struct Records {
    all: BTreeMap<Cursor, Record>,
    bytes: usize,
}

impl Records {
    fn add(&mut self, records: Vec<Record>) {
        for record in records {
            let bytes = match &record.payload {
                Payload::Packet(packet) => packet.bytes.len(),
                Payload::Gap(_) => 0,
                Payload::Change(_) | Payload::Quality(_) => continue,
            };
            if let Entry::Vacant(place) = self.all.entry(Cursor { time: record.time, seq: record.seq }) {
                self.bytes += bytes;
                place.insert(record);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.all.len() >= MOST_MESSAGES || self.bytes >= MOST_BYTES
    }

    fn into_vec(self) -> Vec<Record> {
        self.all.into_values().collect()
    }
}
