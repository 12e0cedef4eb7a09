//! What several tests need: where the built library is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `libusermon.so`: what `USERMON_LIBRARY` names, or else built by cargo in the profile of this test, once.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| env::var_os("USERMON_LIBRARY").map_or_else(build, PathBuf::from))
}

/// Builds it. Tests run from `target/PROFILE/deps`, and cargo puts the library two steps up.
fn build() -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--lib", "--quiet", "--target-dir"])
        .arg(profile.parent().unwrap())
        .current_dir(root());
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "cargo build --lib failed");
    let library = profile.join("libusermon.so");
    assert!(library.exists(), "{} is not there after cargo build --lib", library.display());
    library
}
