//! What belongs to nobody known: failed attempts on accounts that nobody owns, and the bounded pool of packets. For
//! super-admins alone, because nobody can say of which company such a packet is.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{DumpDetail, UserKey};
use crate::query::diagnostics::{Cursor, Entry, PacketDetail};
use crate::query::terminal::{FailureView, failure};
use crate::query::{Query, Viewer};

/// One page of what belongs to nobody known.
#[derive(Debug, Clone)]
pub struct UnattributedPage {
    /// Failed attempts since the module's start, newest first; at most 1,024, and the same on every page.
    pub failures: Vec<FailureView>,
    /// Packets, and the gaps of everybody, newest first.
    pub entries: Vec<Entry>,
    /// Where the next, older page begins; `None`: this is the last.
    pub next: Option<Cursor>,
    /// Packets not kept since the start, because they were over the bound.
    pub dropped: u64,
    /// What is kept of such packets.
    pub detail: DumpDetail,
    /// When it was asked.
    pub at: Timestamp,
}

impl Query {
    /// A page of at most `limit` packets and gaps of nobody known, newest first, older than `before`, with the failed
    /// attempts. Super-admins only; audited as a reading of the packets.
    ///
    /// # Errors
    /// When the viewer may not, the two-day ring can't be read or the audit log can't be written.
    pub fn unattributed(
        &self,
        viewer: &Viewer,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<UnattributedPage> {
        may_read(viewer)?;
        self.audit_reading(viewer, "read-packets", None, "")?;
        let (entries, next) = self.entries(&UserKey::default(), Timestamp::MIN, before, limit)?;
        Ok(UnattributedPage {
            failures: self.0.state.unowned_failures().iter().map(failure).collect(),
            entries,
            next,
            dropped: self.status().unattributed_dropped,
            detail: self.0.settings.dump_detail(""),
            at: self.now(),
        })
    }

    /// One packet of nobody known whole, with its neighbours. Super-admins only; audited as a reading of it. `None`
    /// where there is none.
    ///
    /// # Errors
    /// As [`Self::unattributed`].
    pub fn unattributed_packet(&self, viewer: &Viewer, at: Cursor) -> Result<Option<PacketDetail>> {
        may_read(viewer)?;
        self.one(viewer, None, at, "read-packet")?.map(|detail| self.with_neighbours(detail)).transpose()
    }

    /// One packet of nobody known whole, without its neighbours. Super-admins only; audited as an export of it.
    /// `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::unattributed`].
    pub fn unattributed_export(&self, viewer: &Viewer, at: Cursor) -> Result<Option<PacketDetail>> {
        may_read(viewer)?;
        self.one(viewer, None, at, "export-packet")
    }
}

fn may_read(viewer: &Viewer) -> Result<()> {
    if viewer.is_super() {
        return Ok(());
    }
    Err(Error::Invalid("only a super-admin may read what belongs to nobody known".to_owned()))
}
