//! The reading and writing of records of who did what (privacy.md).
