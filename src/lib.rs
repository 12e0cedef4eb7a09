//! usermon: the User Monitoring section of a SIP PBX, as a plugin inside the PBX process.
//!
//! Data flows one way: the PBX's threads call [`abi`]; events go to [`state`], packets to [`capture`], whose drain
//! thread scans, attributes, redacts and hands them to [`store`]; [`web`] serves pages out of [`query`].
//! A module imports only from those before it in this list (a test reads the `use` lines):
//! `error clock` < `event config` < `directory settings audit password` < `state` | `capture` | `store` < `query` < `web` <
//! `module` < `abi`.
//!
//! Threads: `usermon-drain`, `usermon-journal`, `usermon-seal`, `usermon-web`; all owned and joined by
//! [`module::Module`].

#![deny(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)]

pub mod abi;
pub mod audit;
pub mod capture;
pub mod clock;
pub mod config;
pub mod directory;
pub mod error;
pub mod event;
pub mod module;
pub mod password;
pub mod query;
pub mod settings;
pub mod state;
pub mod store;
pub mod web;
