//! What the users' pages show and give away of the scenarios of a real Asterisk, recorded or played just now.

pub(crate) mod asked;
pub(crate) mod taken;
pub(crate) mod wish;
