//! Small disks of our own, in a mount namespace of this thread and of what it starts: nobody else sees them, and they
//! end with it, however it ends.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Whether this thread may mount and every program is there. Otherwise it is said aloud that `what` is left out; in CI
/// that is a failure.
pub(crate) fn can(what: &str, programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !exists(program)).collect();
    let why = if !missing.is_empty() {
        format!("missing: {} (tests/run installs what is needed)", missing.join(" "))
    } else if !unshare() {
        "mounting needs root".to_owned()
    } else {
        return true;
    };
    left_out(what, &why);
    false
}

/// Says aloud, past the test harness, that `what` was not tried.
pub(crate) fn left_out(what: &str, why: &str) {
    use std::io::Write;
    std::io::stderr().write_all(format!("\n!! LEFT OUT: {what}: {why}\n").as_bytes()).unwrap();
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "nothing may be left out in CI: {what}: {why}"
    );
}

pub(crate) fn exists(program: &str) -> bool {
    let folders = std::env::var("PATH").unwrap_or_default();
    folders.split(':').chain(["/usr/sbin", "/sbin"]).any(|folder| Path::new(folder).join(program).exists())
}

fn unshare() -> bool {
    // SAFETY: no memory is involved.
    let is_apart = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
    is_apart && Command::new("mount").args(["--make-rprivate", "/"]).status().is_ok_and(|s| s.success())
}

/// Runs a program and fails with what it said.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A mounted folder.
pub(crate) struct Disk {
    folder: PathBuf,
    image: Option<PathBuf>,
}

impl Disk {
    /// A disk in memory.
    pub(crate) fn in_memory(folder: &Path, mib: u32) -> Self {
        std::fs::create_dir(folder).unwrap();
        let size = format!("size={mib}m,mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", folder.to_str().unwrap()]);
        Self { folder: folder.to_owned(), image: None }
    }

    /// An ext4 in a file.
    pub(crate) fn ext4(folder: &Path, image: &Path, mib: u64) -> Self {
        std::fs::File::create(image).unwrap().set_len(mib << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", image.to_str().unwrap()]);
        std::fs::create_dir(folder).unwrap();
        let disk = Self { folder: folder.to_owned(), image: Some(image.to_owned()) };
        disk.mount();
        disk
    }

    fn mount(&self) {
        let image = self.image.as_ref().unwrap().to_str().unwrap();
        run("mount", &["-o", "loop", image, self.folder.to_str().unwrap()]);
    }

    /// The power goes off; with `log`, the disk's own log is whole up to now.
    pub(crate) fn cut_power(&self, log: bool) {
        let what = if log { "shutdown -f" } else { "shutdown" };
        run("xfs_io", &["-x", "-c", what, self.folder.to_str().unwrap()]);
    }

    /// The power is on again. Nobody may use the disk.
    pub(crate) fn mount_again(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while !Command::new("umount").arg(&self.folder).output().is_ok_and(|o| o.status.success()) {
            assert!(Instant::now() < until, "{}: cannot be unmounted", self.folder.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["--lazy", "--quiet"]).arg(&self.folder).output());
    }
}
