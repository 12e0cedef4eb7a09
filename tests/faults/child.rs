//! Starting this program again as a process of its own, for one of its tests.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::library;

/// Set in the process that plays the host.
const PART: &str = "USERMON_FAULT_FOLDER";

/// The folder to work in, if this is the process that plays the host.
pub(crate) fn part() -> Option<std::path::PathBuf> {
    std::env::var_os(PART).map(Into::into)
}

/// This program again, to run the test `name` in `folder`; `wrapper` goes before it.
pub(crate) fn command(name: &str, folder: &Path, wrapper: &[&str]) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match wrapper.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
        None => Command::new(this),
    };
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(PART, folder).env("USERMON_LIBRARY", library());
    command
}

/// Runs the test `name` in a process of its own, and fails with what it said.
pub(crate) fn run(name: &str, folder: &Path, wrapper: &[&str]) {
    let mut command = command(name, folder, wrapper);
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{name}: {}\n{said}", output.status);
    assert!(said.contains("1 passed"), "{name} did not run:\n{said}");
}

/// A process that is killed when this is dropped, whatever happens before.
pub(crate) struct Victim(pub(crate) Child);

impl Victim {
    pub(crate) fn start(name: &str, folder: &Path, environment: &[(&str, String)]) -> Self {
        let mut command = command(name, folder, &[]);
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        Self(command.spawn().unwrap())
    }

    /// `kill -9`, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until `done` holds.
pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
