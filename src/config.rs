//! usermon.toml.
