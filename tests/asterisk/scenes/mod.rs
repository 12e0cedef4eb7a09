//! The calls and registrations that diagnostics must solve, each with what is to be read of it.

mod ends;
mod faults;
mod media;
mod requests;
mod several;
mod within;

use crate::stand::Stand;

/// One scenario: its users are nobody else's, so that all can be played at once.
pub struct Scene {
    pub name: &'static str,
    pub about: &'static str,
    /// Extension, and what the user does.
    pub users: &'static [(&'static str, &'static str)],
    pub legs: &'static [Told],
    /// Users of whom nothing proves that it was them.
    pub unproven: &'static [&'static str],
    /// The phones, until they have come to their ends.
    pub play: fn(&Stand<'_>) -> Result<(), String>,
}

/// What the PBX must tell of one leg: user, direction, far party, what people should read, phases, cause.
pub struct Told(
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub u16,
);

pub use media::LAST;

/// All that can be played at once, the longest first.
pub fn all() -> impl Iterator<Item = &'static Scene> {
    [media::SCENES, faults::SCENES, requests::SCENES, several::SCENES, within::SCENES, ends::SCENES]
        .into_iter()
        .flatten()
}
