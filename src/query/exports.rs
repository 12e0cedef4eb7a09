//! Histories as files: one packet, an item with all its legs, what a filter finds, the two days. Each is audited as an
//! export before its first byte is made. A file is made piece by piece, by whoever takes it away: between two pieces no
//! thread, lock or file is held.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use crate::capture::message::scan;
use crate::clock::Timestamp;
use crate::directory::User;
use crate::error::{Error, Result};
use crate::event::UserKey;
use crate::query::diagnostics::Cursor;
use crate::query::export::{About, Export, Form};
use crate::query::exports::forward::Forward;
use crate::query::history::filter::Filter;
use crate::query::history::joined::Joined;
use crate::query::history::{Asked, History, Item};
use crate::query::{Query, Viewer};
use crate::store::record::{Attribution, Payload, Record};

pub mod bundle;
mod forward;

/// What is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// One packet.
    Packet(Cursor),
    /// The item that has this record, with all its legs.
    Item(Cursor),
    /// What happened and fits: of the user's own legs all packets. Where nothing but the time narrows it, all records.
    Items(Filter),
    /// The packets that fit.
    Packets(Filter),
}

impl What {
    /// For the audit log and for a file's title.
    fn words(&self) -> String {
        match self {
            Self::Packet(at) => format!("packet {at}"),
            Self::Item(at) => format!("item {at}"),
            Self::Items(filter) => format!("history {}", filter.words()),
            Self::Packets(filter) => format!("packets {}", filter.words()),
        }
        .trim_end()
        .to_owned()
    }
}

/// A file that is being taken away.
pub struct Taking {
    query: Query,
    user: Arc<User>,
    form: Form,
    at: Timestamp,
    /// `None`: the file is at its end.
    export: Option<Export<Vec<u8>>>,
    source: Source,
    /// Call-IDs that the last piece proved to be the user's.
    proven: HashSet<Vec<u8>>,
}

/// Where the records come from.
#[derive(Debug)]
enum Source {
    /// All at once.
    Whole(Vec<Record>),
    /// Piece by piece; of a filter those that fit.
    Ring(Forward, Option<Fits>),
}

/// The records that fit a filter.
#[derive(Debug)]
struct Fits {
    packets: HashSet<Cursor>,
    /// Steps of legs.
    changes: HashSet<Cursor>,
    /// Of which reports of media are wanted.
    call_ids: HashSet<Arc<str>>,
    window: (Timestamp, Timestamp),
}

impl Query {
    /// Begins to take something away. Super-admins and the administrators of the company: the caller has made sure of that,
    /// as for every page. `None` where there is no such user, packet or item. Cost: of a filter a pass over all that is
    /// kept of the stretch.
    ///
    /// # Errors
    /// When the two-day ring can't be read or the audit log can't be written.
    pub fn take(&self, viewer: &Viewer, user: &UserKey, what: &What, form: Form) -> Result<Option<Taking>> {
        let Some(user) = self.user(user) else { return Ok(None) };
        self.audit_export(viewer, &user, form.word(), what)?;
        let source = match what {
            What::Packet(at) => {
                let Some(mut record) = self.0.store.get(&user.key, at.time, at.seq)? else { return Ok(None) };
                let proven = self.proven(&user.key, std::slice::from_ref(&record))?;
                prove(std::slice::from_mut(&mut record), &proven);
                Source::Whole(vec![record])
            }
            What::Item(at) => {
                let Some(joined) = self.joined_of(&user, *at)? else { return Ok(None) };
                Source::Whole(self.records_of(&joined)?)
            }
            What::Items(filter) | What::Packets(filter) => {
                let fits = match filter.is_narrow() {
                    true => Some(self.fits(&user, filter, matches!(what, What::Items(_)))?),
                    false => None,
                };
                let asked = Asked { filter: filter.clone(), ..Asked::default() };
                let (from, to) = match &fits {
                    // an item is taken whole
                    Some(_) => asked.stretch(self.now()),
                    None => filter.window(self.now()),
                };
                Source::Ring(Forward::new(&user.key, from, to), fits)
            }
        };
        let about = self.about(&user, what);
        let at = about.at;
        let export = Some(Export::new(form, Vec::new(), &about).map_err(unwritten)?);
        Ok(Some(Taking { query: self.clone(), user, form, at, export, source, proven: HashSet::new() }))
    }

    fn audit_export(&self, viewer: &Viewer, user: &User, form: &str, what: &What) -> Result<()> {
        self.audit_reading(viewer, "export-packets", Some(user), &format!("{form}: {}", what.words()))
    }

    /// What the file says of itself.
    fn about(&self, user: &User, what: &What) -> About {
        let company = self.company(&user.key.company);
        let company = company.as_ref().map_or(&*user.key.company, |company| &*company.name);
        let User { name, surname, extension, .. } = user;
        About { title: format!("{name} {surname} {extension}, {company}: {}", what.words()), at: self.now() }
    }

    /// The records of an item, oldest first.
    fn records_of(&self, joined: &Joined) -> Result<Vec<Record>> {
        let mut records = joined.records();
        let own: Vec<Record> = records.iter().filter(|r| r.user == joined.user.key).cloned().collect();
        let mut proven = self.proven(&joined.user.key, &own)?;
        proven.extend(call_ids(&records));
        prove(&mut records, &proven);
        Ok(records)
    }

    fn fits(&self, user: &Arc<User>, filter: &Filter, are_items: bool) -> Result<Fits> {
        let mut fits = Fits {
            packets: HashSet::new(),
            changes: HashSet::new(),
            call_ids: HashSet::new(),
            window: filter.window(self.now()),
        };
        self.slices(user, filter, &mut |slice| {
            if are_items {
                slice.items().for_each(|item| fits.add(&slice.history, item));
            } else {
                fits.packets.extend(slice.packets());
            }
            true
        })?;
        Ok(fits)
    }
}

impl Fits {
    fn add(&mut self, history: &History, item: &Item) {
        self.packets.extend(history.messages_of(item).map(|message| message.at));
        for dialog in item.dialogs.iter().filter_map(|n| history.dialogs.get(*n)) {
            let steps = dialog.steps.iter().filter_map(|n| history.changes.get(*n));
            self.changes.extend(steps.map(|told| told.at));
            self.call_ids.insert(Arc::clone(&dialog.call_id));
        }
    }

    fn has(&self, record: &Record) -> bool {
        let at = Cursor { time: record.time, seq: record.seq };
        match &record.payload {
            Payload::Packet(_) => self.packets.contains(&at),
            Payload::Change(_) => self.changes.contains(&at),
            Payload::Quality(quality) => self.call_ids.contains(&quality.call_id),
            Payload::Gap(gap) => gap.from <= self.window.1 && gap.to >= self.window.0,
        }
    }
}

impl Taking {
    /// Whose it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// When it was asked for.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What is written.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The next bytes of the file; `None`: it is whole. Blocks for the disk. Cost: at most 1,000 records.
    ///
    /// # Errors
    /// When the two-day ring can't be read; the file is then not whole.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        while let Some(mut export) = self.export.take() {
            let Some(records) = self.records()? else {
                return Ok(Some(export.finish().map_err(unwritten)?).filter(|rest| !rest.is_empty()));
            };
            for record in &records {
                export.record(record).map_err(unwritten)?;
            }
            let bytes = std::mem::take(export.out());
            self.export = Some(export);
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// The next records, marked as pages mark them.
    fn records(&mut self) -> Result<Option<Vec<Record>>> {
        let (forward, fits) = match &mut self.source {
            Source::Whole(records) => {
                return Ok(Some(std::mem::take(records)).filter(|records| !records.is_empty()));
            }
            Source::Ring(forward, fits) => (forward, fits),
        };
        let Some(mut records) = forward.next(&self.query)? else { return Ok(None) };
        let proven = self.query.proven(&self.user.key, &records)?;
        let before = std::mem::replace(&mut self.proven, proven);
        if let Some(fits) = fits {
            records.retain(|record| fits.has(record));
        }
        prove(&mut records, &self.proven);
        prove(&mut records, &before);
        Ok(Some(records))
    }
}

/// Marks packets as proven whose Call-ID is.
fn prove(records: &mut [Record], proven: &HashSet<Vec<u8>>) {
    for record in records {
        if let Payload::Packet(packet) = &mut record.payload
            && packet.attribution == Attribution::Claimed
            && proven.contains(scan(&packet.bytes).call_id)
        {
            packet.attribution = Attribution::Proven;
        }
    }
}

/// The Call-IDs of packets that are proven.
fn call_ids(records: &[Record]) -> HashSet<Vec<u8>> {
    let id = |record: &Record| match &record.payload {
        Payload::Packet(packet) if packet.attribution == Attribution::Proven => {
            Some(scan(&packet.bytes).call_id.to_vec()).filter(|id| !id.is_empty())
        }
        _ => None,
    };
    records.iter().filter_map(id).collect()
}

/// Writing to memory fails only where a record has no form, which is a fault of ours.
fn unwritten(error: io::Error) -> Error {
    Error::Invalid(format!("a record can't be written in this form: {error}; take another form"))
}
