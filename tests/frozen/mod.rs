//! A disk of its own, an ext4 in a file, that can be stopped: every write to it then blocks until it is thawed.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How long a disk stays frozen at most, also when whoever froze it hangs.
const LONGEST: &str = "180";

/// A mounted disk; thawed and unmounted when it is dropped.
pub(crate) struct Disk {
    _folder: tempfile::TempDir,
    mount: PathBuf,
    /// Thaws the disk when its input ends.
    frozen: Option<Child>,
}

fn run(command: &mut Command) -> Result<(), String> {
    let words = format!("{command:?}");
    let output = command.output().map_err(|e| format!("{words}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{words}: {} {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

/// Says loudly that something is left out; in CI that is a failure.
fn leave_out(what: &str, why: &str) {
    eprintln!("!! LEFT OUT: {what}: {why}");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "nothing is left out in CI");
}

impl Disk {
    /// A disk of so many MiB; `None`, loudly, where it can't be made.
    pub(crate) fn new(mib: u64, what: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            leave_out(what, "it needs root (a loop mount)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (image, mount) = (folder.path().join("disk"), folder.path().join("mount"));
        std::fs::create_dir(&mount).unwrap();
        std::fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
        let made = run(Command::new("mkfs.ext4").arg("-q").arg(&image))
            .and_then(|()| run(Command::new("mount").args(["-o", "loop"]).args([&image, &mount])));
        if let Err(error) = made {
            leave_out(what, &error);
            return None;
        }
        Some(Self { _folder: folder, mount, frozen: None })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.mount
    }

    /// Stops the disk.
    pub(crate) fn freeze(&mut self) {
        // apart from whatever ends this process: one that is killed while it waits for the disk can't go until it is thawed
        let thaw =
            format!("trap '' HUP INT TERM; timeout -s KILL {LONGEST} cat; exec fsfreeze --unfreeze \"$0\"");
        let mut guard = Command::new("sh");
        guard.process_group(0);
        guard.arg("-c").arg(thaw).arg(&self.mount).stdin(Stdio::piped()).stdout(Stdio::null());
        self.frozen = Some(guard.spawn().unwrap());
        run(Command::new("fsfreeze").arg("--freeze").arg(&self.mount)).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self) {
        if let Some(mut guard) = self.frozen.take() {
            drop(guard.stdin.take());
            drop(guard.wait());
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.thaw();
        // lazily where somebody still has a file open: it goes when that is closed
        let umount = |option: &[&str]| run(Command::new("umount").args(option).arg(&self.mount));
        if let Err(error) = umount(&[]).or_else(|_| umount(&["--lazy"])) {
            eprintln!("{error}");
        }
    }
}

/// Whether the thread of this process with that name waits for a disk (state `D`, proc(5)).
pub(crate) fn hangs(thread: &str) -> bool {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let name = format!("({thread})");
    stats.into_iter().any(|stat| stat.contains(&name) && stat.contains(&format!("{name} D ")))
}
