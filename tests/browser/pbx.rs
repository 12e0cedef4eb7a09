//! The Asterisk that `tests/asterisk/run --keep` started, as its phones see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where it is, and where phones put their logs.
pub struct Pbx {
    pub sip: u16,
    phones: PathBuf,
}

impl Pbx {
    /// At `ADDRESS:PORT`.
    pub fn at(sip: &str, work: &Path) -> Self {
        let phones = work.join("phones");
        fs::create_dir_all(&phones).unwrap();
        let port = sip.rsplit(':').next().and_then(|port| port.parse().ok());
        Self { sip: port.expect("USERMON_SIP: an address and a port"), phones }
    }

    pub fn phones(&self) -> PathBuf {
        self.phones.clone()
    }

    /// Where a phone of this test listens; those of `--keep` are below.
    pub fn port(&self, n: u16) -> u16 {
        self.sip + 40 + n
    }
}

/// The password of an endpoint.
pub fn password(endpoint: &str) -> String {
    format!("pw{endpoint}")
}

/// Asks until it is so or the time is over.
pub fn wait(deadline: Duration, mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    while !so() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
