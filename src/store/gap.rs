//! What a gap record says: a stretch of time in which packets are missing, or kept with less than the dump detail.
//! Written by whoever leaves something out; read by `record`.

use crate::clock::Timestamp;

/// Why packets are missing. An earlier version reads what it does not know as `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum GapCause {
    /// The ring between the PBX's threads and the drain was full.
    QueueFull = 1,
    /// A stretch of the disk could not be read.
    Damage = 2,
    /// The disk refused to write, or was too full.
    Disk = 3,
    /// The store's own limits.
    Limit = 4,
    /// A fault of ours.
    Fault = 5,
    /// The user had more than the fair share of a full disk.
    Share = 6,
    /// A super-admin had them removed.
    Removed = 7,
    /// Overload: counted, not kept.
    Overload = 8,
    /// Nothing proved them to be the user's, and of such packets there were more than are kept.
    Unproven = 9,
    /// None is missing: overload, kept with less than the company's dump detail.
    Lowered = 10,
    /// A later version's cause.
    Other = 255,
}

/// A stretch of time in which packets are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
    /// How many packets; 0: not known.
    pub packets: u64,
    /// Why.
    pub cause: GapCause,
}

impl GapCause {
    pub(super) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::QueueFull,
            2 => Self::Damage,
            3 => Self::Disk,
            4 => Self::Limit,
            5 => Self::Fault,
            6 => Self::Share,
            7 => Self::Removed,
            8 => Self::Overload,
            9 => Self::Unproven,
            10 => Self::Lowered,
            _ => Self::Other,
        }
    }
}
