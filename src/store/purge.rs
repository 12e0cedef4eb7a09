//! Purging: packets that are to go for good before their time. An order is durable when [`Store::purge`] returns; the
//! seal thread rewrites what it concerns ([`super::chore`]), also after a kill, and then nothing of it is in any
//! file of the folder. What was set aside as damaged can't be looked into and is removed as a whole.
//! Blocks that the disk gives free are not overwritten.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::Store;
use super::board::steps_place;
use super::folder::Name;
use super::front::Stop;
use super::segment::Segment;
use super::sieve::Cut;
use super::upkeep::Turn;
use super::wire::place;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::DumpDetail;

const VERSION: u32 = 1;
/// Orders that were carried out and are still told of.
const TOLD: usize = 50;

/// What is to be purged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Of this company.
    pub company: Arc<str>,
    /// Of this user alone, by id.
    pub user: Option<Arc<str>>,
    /// Only packets that were kept at a higher dump detail; `None`: every record, of every kind.
    pub above: Option<DumpDetail>,
    /// Whether a gap in the history tells how many packets went; for users who are still there.
    pub leaves_gap: bool,
}

/// An order to purge, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Grows with each.
    pub id: u64,
    /// What.
    pub purge: Purge,
    /// When it was given.
    pub asked: Timestamp,
    /// Records of a lower seq are concerned; `None`: not begun.
    until: Option<u64>,
    /// When nothing was left.
    pub ended: Option<Timestamp>,
    /// Packets removed so far.
    pub packets: u64,
    /// Bytes of segments that are still to be looked through. Not kept.
    #[serde(skip)]
    pub bytes_left: u64,
    /// Why it can't go on. Not kept.
    #[serde(skip)]
    pub waits: Option<String>,
}

impl Order {
    /// What a rewriting leaves out for it.
    pub(super) fn cut(&self) -> Option<Cut> {
        let until = self.until.filter(|_| self.ended.is_none())?;
        Some(Cut { id: self.id, purge: self.purge.clone(), until, packets: 0 })
    }

    fn concerns(&self, store: &Store, segment: &Segment) -> bool {
        let Purge { company, user, .. } = &self.purge;
        if self.until.is_none_or(|until| segment.facts.seqs.0 >= until) {
            return false;
        }
        if segment.damaged.load(Ordering::Relaxed) {
            return true;
        }
        if !segment.summary.has(company) {
            return false;
        }
        let Some(user) = user else { return true };
        let file = store.folder.open_file(Name::Segment(segment.facts.number));
        let index = file.ok().and_then(|file| segment.index(&store.folder, &file));
        // what is kept of the steps of his legs stands apart
        let steps = self.purge.above.is_none().then(|| steps_place(company));
        index.is_none_or(|index| {
            index.may_hold(place(company, user)) || steps.is_some_and(|steps| index.may_hold(steps))
        })
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    orders: Vec<Order>,
}

/// Reads what an earlier run was told; and what is wrong, in words.
pub(super) fn load(folder: &super::folder::Folder) -> (Vec<Order>, Option<String>) {
    let path = folder.path(Name::Orders);
    let wrong = |why: String| {
        format!("{}: {why}: what was to be purged is not known, order it again", path.display())
    };
    match folder.read(Name::Orders) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => (Vec::new(), None),
        Err(error) => (Vec::new(), Some(wrong(error.to_string()))),
        Ok(bytes) => match serde_json::from_slice::<File>(&bytes) {
            Ok(file) if file.version == VERSION => (file.orders, None),
            Ok(file) => (Vec::new(), Some(wrong(format!("version {} is of a later usermon", file.version)))),
            Err(error) => (Vec::new(), Some(wrong(format!("damaged ({error})")))),
        },
    }
}

impl Store {
    /// Orders that a company's or a user's packets are removed for good, with all that is stored until the seal
    /// thread begins, within a second or two. Any thread; blocks for the disk. Durable on return; [`Store::purges`]
    /// tells how far it is.
    ///
    /// # Errors
    /// [`Error::Io`] when the order can't be written down; [`Error::Stopped`] after [`Store::close`].
    pub fn purge(&self, purge: Purge) -> Result<u64> {
        let mut turn = self.turn.lock();
        self.front.read().check()?;
        let mut orders = self.orders.lock().clone();
        let id = orders.iter().map(|order| order.id).max().unwrap_or(0).saturating_add(1);
        let asked = self.clock.now();
        let order =
            Order { id, purge, asked, until: None, ended: None, packets: 0, bytes_left: 0, waits: None };
        orders.push(order);
        let ended = orders.iter().filter(|order| order.ended.is_some()).count();
        let mut spare = ended.saturating_sub(TOLD);
        orders.retain(|order| {
            let goes = order.ended.is_some() && spare > 0;
            spare -= usize::from(goes);
            !goes
        });
        self.write_orders(&orders)?;
        *self.orders.lock() = orders;
        self.stop_chores(&mut turn);
        Ok(id)
    }

    /// Orders that are under way, and the last that were carried out; oldest first. Any thread; one short lock.
    pub fn purges(&self) -> Vec<Order> {
        self.orders.lock().clone()
    }

    fn write_orders(&self, orders: &[Order]) -> Result<()> {
        let file = File { version: VERSION, orders: orders.to_vec() };
        let text = serde_json::to_vec(&file).map_err(|wrong| Error::Invalid(wrong.to_string()))?;
        self.folder.write_whole(Name::Orders, Name::UnfinishedOrders, &text)
    }

    /// Changes the orders and writes them; a failure is told, and they are written with the next change.
    fn change_orders(&self, change: impl FnOnce(&mut Vec<Order>)) {
        let orders = {
            let mut orders = self.orders.lock();
            change(&mut orders);
            orders.clone()
        };
        if let Err(error) = self.write_orders(&orders) {
            let text = format!("{error}: after a restart the purge begins again");
            self.trouble.notice(text, self.clock.steady());
        }
    }

    /// Tells on the page why it does not go on.
    pub(super) fn waits(&self, text: Option<String>) {
        for order in self.orders.lock().iter_mut().filter(|order| order.ended.is_none()) {
            order.waits.clone_from(&text);
        }
    }

    /// Whether an order is to be carried out.
    pub(super) fn is_purging(&self) -> bool {
        self.orders.lock().iter().any(|order| order.ended.is_none())
    }

    /// Brings what is in memory into segments, for orders that are new. The seal thread.
    pub(super) fn begin_purges(&self, turn: &mut Turn, now: std::time::Duration) {
        if !self.orders.lock().iter().any(|order| order.until.is_none()) {
            return;
        }
        let is_ready = {
            let front = self.front.read();
            front.sealing.is_empty() && !matches!(front.stopped, Some(Stop::Disk | Stop::Closed))
        };
        if !is_ready {
            return self.waits(Some("the disk does not take what is in memory".to_owned()));
        }
        if !self.rotate(turn, now) {
            // the records are still in the old journal
            return;
        }
        let until = {
            let front = self.front.read();
            front.tier.seqs.map_or(front.next_seq, |(first, _)| first)
        };
        self.change_orders(|orders| {
            for order in orders.iter_mut().filter(|order| order.until.is_none()) {
                order.until = Some(until);
            }
        });
        self.seal_pending(turn, now);
    }

    /// The first segment that an order concerns; the rest are known not to be, and how much is left is told.
    pub(super) fn next_purge(&self, segments: &[Arc<Segment>]) -> Option<Arc<Segment>> {
        let mut orders = self.orders.lock().clone();
        orders.iter_mut().for_each(|order| order.bytes_left = 0);
        let mut found = None;
        for segment in segments {
            let sieved = segment.sieved.load(Ordering::Relaxed);
            let open = orders.iter_mut().filter(|order| order.ended.is_none() && order.id > sieved);
            let mut concerned = false;
            for order in open {
                if order.concerns(self, segment) {
                    order.bytes_left = order.bytes_left.saturating_add(segment.size);
                    concerned = true;
                } else if !concerned && order.until.is_some() {
                    segment.sieved.store(order.id, Ordering::Relaxed);
                }
            }
            if concerned && found.is_none() {
                found = Some(Arc::clone(segment));
            }
        }
        let mut shown = self.orders.lock();
        for (order, told) in shown.iter_mut().zip(&orders) {
            order.bytes_left = told.bytes_left;
        }
        found
    }

    /// A rewriting that left out `cuts` has ended.
    pub(super) fn purged(&self, cuts: &[Cut]) {
        if cuts.iter().all(|cut| cut.packets == 0) {
            return;
        }
        self.change_orders(|orders| {
            for cut in cuts {
                for order in orders.iter_mut().filter(|order| order.id == cut.id) {
                    order.packets = order.packets.saturating_add(cut.packets);
                }
            }
        });
    }

    /// No segment of the list is concerned any more: removes what else the folder has, and ends the orders.
    pub(super) fn end_purges(&self, turn: &mut Turn) {
        let begun: Vec<u64> = {
            let orders = self.orders.lock();
            let open = orders.iter().filter(|order| order.ended.is_none() && order.until.is_some());
            open.map(|order| order.id).collect()
        };
        if begun.is_empty() || !turn.chores.is_idle() || !self.front.read().sealing.is_empty() {
            return;
        }
        match self.clear_aside() {
            Err(error) => self.waits(Some(error.to_string())),
            Ok(Some(text)) => self.waits(Some(text)),
            Ok(None) => {
                let now = self.clock.now();
                let mut told = Vec::new();
                self.change_orders(|orders| {
                    for order in orders.iter_mut().filter(|order| begun.contains(&order.id)) {
                        (order.ended, order.waits, order.bytes_left) = (Some(now), None, 0);
                        told.push(format!("purge {}: {} packets removed", order.id, order.packets));
                    }
                });
                told.into_iter().for_each(|text| self.trouble.say(text));
                self.sweep();
            }
        }
    }

    /// Removes what can't be looked into; gives in words what must not be removed and is in the way.
    fn clear_aside(&self) -> Result<Option<String>> {
        let journal = self.front.read().journal.number;
        let segments = self.segments();
        for (name, _) in self.folder.list()? {
            match name {
                Name::BadJournal(_) | Name::BadSegment(_) | Name::Unfinished(_) => {
                    self.folder.remove(name)?
                }
                // a later version's can't be read, nor may it be removed
                Name::Journal(number) if number != journal => return Ok(Some(self.in_the_way(name))),
                Name::Segment(number) if !segments.iter().any(|known| known.facts.number == number) => {
                    return Ok(Some(self.in_the_way(name)));
                }
                _ => {}
            }
        }
        self.folder.sync()?;
        Ok(None)
    }

    fn in_the_way(&self, name: Name) -> String {
        format!(
            "{} can't be looked into: start the usermon that wrote it, or remove it",
            self.folder.path(name).display()
        )
    }
}
