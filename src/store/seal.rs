//! Writes a tier as a segment. Runs on the seal thread; takes no lock.

use super::folder::Folder;
use super::output::{Failed, Output};
use super::segment::Segment;
use super::summary::Part;
use super::tier::{Entry, Tier};
use super::wire::salt;
use crate::error::Error;

/// Writes the tier as the segment of its number, and makes it durable under its name.
pub(super) fn write(folder: &Folder, tier: &Tier) -> Result<Segment, Failed> {
    let mut output = Output::begin(folder, tier.number, salt())?;
    let mut order: Vec<&Entry> = tier.entries().iter().collect();
    order.sort_unstable_by_key(|entry| (entry.place, entry.time, entry.seq));
    for entry in order {
        let Some(row) = tier.row(entry) else { continue };
        if let Err(e) = output.push(entry.place, &row) {
            let error = Error::io("write a segment in", folder.dir(), e);
            output.abandon(folder);
            return Err(Failed::Write(error));
        }
    }
    let seqs = tier.seqs.unwrap_or_default();
    output.finish(folder, seqs, vec![Part { seqs, stretch: tier.stretch }], Vec::new())
}
