//! The two-day ring on disk.

pub mod record;
