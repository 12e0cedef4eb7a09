//! The C boundary: the only folder with `unsafe`.

pub mod types;
