//! The one error type of the crate. It knows no C and no HTTP: `abi` turns it into a status number,
//! `web` into a page. Errors are logged where the path is known, returned plain, shown once.

use std::path::{Path, PathBuf};

/// What can go wrong in the module, said so that an administrator knows what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something on `path`.
    #[error("{}: {what}: {source}", path.display())]
    Io {
        /// What was being done, as a verb phrase ("open", "write the journal").
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// A line of a configuration or directory file is wrong.
    #[error("{}:{line}: {key}: {advice}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key, or what stands in its place.
        key: String,
        /// What is wrong and what to write instead.
        advice: String,
    },
    /// Stored data is damaged or of a version that this build does not read.
    #[error("{}: {what}", path.display())]
    Stored {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// A resource that only one process may use is in use.
    #[error("{0}")]
    Busy(String),
    /// A caller's argument is out of its domain.
    #[error("{0}")]
    Invalid(String),
    /// The module, or the part asked for, has been stopped.
    #[error("{0} is stopped")]
    Stopped(&'static str),
}

impl Error {
    /// An [`Error::Io`] for `path`.
    pub fn io(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), source }
    }

    /// An [`Error::Config`] at `line` (from 1) of `file`.
    pub fn config(file: &Path, line: usize, key: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Config { file: file.to_owned(), line, key: key.into(), advice: advice.into() }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
