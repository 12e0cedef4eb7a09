//! The data folder: made 0700 if it is not there, refused when anybody on the machine may write to it.
//! Called by whatever keeps files in it, before it opens the first.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use crate::error::{Error, Result};

/// Makes `dir` (and what leads to it) with mode 0700 if it is absent.
///
/// An existing folder that others may read, or its group may write, stays as it is with a line in the log.
///
/// # Errors
/// When it can't be made, is no folder, or is writable for everybody: whoever may write there may put files of
/// their own in the place of ours.
pub fn prepare(dir: &Path) -> Result<()> {
    let found = match std::fs::metadata(dir) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|source| Error::io("make the data folder", dir, source))?;
            std::fs::metadata(dir)
        }
        other => other,
    };
    let found = found.map_err(|source| Error::io("open the data folder", dir, source))?;
    let shown = dir.display();
    if !found.is_dir() {
        let what = "is no folder; set data_dir to a folder of usermon's own".to_owned();
        return Err(Error::Stored { path: dir.to_owned(), what });
    }
    let mode = permissions(&found);
    if mode & 0o002 != 0 {
        let what = format!(
            "everybody may write there (mode {mode:04o}); run `chmod 0700 {shown}`, or set data_dir to a folder of usermon's own"
        );
        return Err(Error::Stored { path: dir.to_owned(), what });
    }
    if mode & 0o077 != 0 {
        tracing::warn!(
            "{shown}: other accounts may read or write there (mode {mode:04o}); run `chmod 0700 {shown}`"
        );
    }
    Ok(())
}

fn permissions(found: &Metadata) -> u32 {
    found.mode() & 0o7777
}
