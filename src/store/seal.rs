//! Writes a tier as a segment. Runs on the seal thread; takes no lock.

use super::folder::Folder;
use super::output::{Failed, Output};
use super::segment::Segment;
use super::summary::Part;
use super::tier::Tier;
use super::wire::salt;
use crate::error::Error;

/// After so many bytes of records others are let in.
const BREATH: u64 = 4 << 20;

/// Writes the tier as the segment of its number, and makes it durable under its name. Calls `between` every few
/// megabytes, and before what may wait for the disk.
pub(super) fn write(folder: &Folder, tier: &Tier, between: &mut dyn FnMut()) -> Result<Segment, Failed> {
    let mut output = Output::begin(folder, tier.number, salt())?;
    let mut bytes = 0u64;
    for entry in tier.sorted() {
        let Some(row) = tier.row(entry) else { continue };
        if let Err(e) = output.push(entry.place, &row) {
            let error = Error::io("write a segment in", folder.dir(), e);
            output.abandon(folder);
            return Err(Failed::Write(error));
        }
        bytes = bytes.saturating_add(row.raw());
        if bytes >= BREATH {
            bytes = 0;
            between();
        }
    }
    between();
    let seqs = tier.seqs.unwrap_or_default();
    output.finish(folder, seqs, vec![Part { seqs, stretch: tier.stretch }], Vec::new())
}
