//! The C boundary: the only folder with `unsafe`.
#![expect(unsafe_code, reason = "pointers from C")]

pub mod entry;
pub mod types;
