//! What the pages, the JSON API and the tests ask: one function a question, over state, store and directory.
//! Called by `web` on its own threads; returns owned values, holds no lock across calls.

pub mod diagnostics;
pub mod terminal;
pub mod wall;
