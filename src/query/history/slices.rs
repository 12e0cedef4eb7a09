//! A history of any length looked through slice by slice, from the newest: for exports, which hold one slice at a time.

use std::sync::Arc;

use super::filter::Filter;
use super::overview::{Asked, Rest};
use super::sieve::Sieve;
use super::{History, Item};
use crate::directory::User;
use crate::error::Result;
use crate::query::Query;
use crate::query::diagnostics::Cursor;

/// What was read at once.
pub(in crate::query) struct Slice {
    /// All of it.
    pub(in crate::query) history: History,
    asked: Asked,
    rest: Option<Rest>,
}

impl Slice {
    /// The items that fit and are told of this slice, newest first.
    pub(in crate::query) fn items(&self) -> impl Iterator<Item = &Item> {
        let mut sieve = Sieve::new(&self.asked.filter, self.history.at);
        self.history.items.iter().filter(move |item| {
            let end = if item.times > 1 { item.place() } else { item.id };
            self.asked.tells(item.id, end, self.rest) && sieve.item(&self.history, item)
        })
    }

    /// The packets that fit, in no order.
    pub(in crate::query) fn packets(&self) -> impl Iterator<Item = Cursor> {
        let history = &self.history;
        let mut sieve = Sieve::new(&self.asked.filter, history.at);
        let mut found = Vec::new();
        for item in &history.items {
            if !sieve.item(history, item) {
                continue;
            }
            for message in history.messages_of(item) {
                let call_id = history.dialogs.get(message.dialog).map_or("", |dialog| &*dialog.call_id);
                if self.asked.tells(message.at, message.at, self.rest) && sieve.message(message, call_id) {
                    found.push(message.at);
                }
            }
        }
        found.into_iter()
    }
}

impl Query {
    /// Gives `see` one slice after the other, until it has seen enough and says `false`. Not audited: whoever calls does.
    /// Cost of a slice: as [`Query::history`].
    pub(in crate::query) fn slices(
        &self,
        user: &Arc<User>,
        filter: &Filter,
        see: &mut dyn FnMut(&Slice) -> bool,
    ) -> Result<()> {
        let mut asked = Asked { filter: filter.clone(), ..Asked::default() };
        loop {
            let history = self.history_within(user, asked.reach(self.now()))?;
            let rest = history.rest();
            let slice = Slice { history, asked, rest };
            if !see(&slice) || rest.is_none() {
                return Ok(());
            }
            asked = Asked { rest, ..slice.asked };
        }
    }
}
