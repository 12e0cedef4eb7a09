//! The C boundary: what a PBX written in any language calls, and the only folder with `unsafe`.
//!
//! `entry` is the table of functions; each of them goes through `guard` (liveness by `slots`, poison, panics), takes
//! the host's structs with `read` and `http`, and calls [`crate::module::Module`]. `host` is the way back: the
//! host's functions and its log, which `log` feeds with tracing's events. It must never let a panic out, hand out
//! memory to free, or call the host under a lock.
#![expect(unsafe_code, reason = "pointers from C; each block says what it relies on")]

pub mod entry;
mod guard;
pub mod host;
pub mod http;
pub mod log;
pub mod read;
mod slots;
pub mod types;

/// A call that is refused: what it returns, and what the host's programmer should do about it. Told once per entry
/// and status through the host's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// One of the `ERR_` numbers.
    pub status: i32,
    /// What is wrong, and what would be right.
    pub advice: &'static str,
}

impl Refused {
    const fn new(status: i32, advice: &'static str) -> Self {
        Self { status, advice }
    }
}
