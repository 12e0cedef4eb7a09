//! What holds for any bytes: one function a fuzz target. The targets call them with what the fuzzer invents,
//! `tests/fuzz_replay.rs` with the seeds, what the fuzzer once found, and the corpora.

mod attribute;
#[expect(dead_code, reason = "the tests of the redactor take the rest")]
#[path = "../../canary/mod.rs"]
mod canary;
mod forge;
mod redact;
mod ring;

use usermon::capture::message::scan as scanned;
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::Direction;

pub use attribute::attribute;
pub use redact::redact;
pub use ring::{journal, record, segment};

/// The scan never panics, and gives parts of the message only.
pub fn scan(data: &[u8]) {
    let found = scanned(data);
    let range = data.as_ptr_range();
    for part in [
        found.start_line,
        found.method,
        found.call_id,
        found.cseq_method,
        found.from_user,
        found.from_host,
        found.to_user,
        found.to_host,
        found.branch(),
        found.content_type,
    ] {
        assert!(part.is_empty() || range.start <= part.as_ptr() && part.as_ptr_range().end <= range.end);
    }
    assert!(found.body <= data.len());
    assert!(found.is_sip() || found.status.is_none() || found.method.is_empty());
    for direction in [Direction::In, Direction::Out] {
        let _parties = (found.our_party(direction), found.transaction_method());
    }
    // a scan of what was scanned finds the same
    let again = scanned(data).call_id.to_vec();
    assert_eq!(again, found.call_id);
}

/// A configuration, and a CSV file of users, are taken or refused with an error that names the file.
pub fn config(data: &[u8]) {
    let dir = ring::scratch();
    let (kind, text) = data.split_first().unwrap_or((&0, data));
    let toml = dir.path().join("usermon.toml");
    if kind % 2 == 0 {
        let Ok(text) = std::str::from_utf8(text) else { return };
        match Config::parse(text, &toml) {
            // no CSV file of this machine is read
            Ok(config) if config.csv.is_empty() => drop(Directory::new(&config)),
            Ok(_) => {}
            Err(error) => assert!(error.to_string().contains("usermon.toml"), "{error}"),
        }
    } else {
        let csv = dir.path().join("users.csv");
        std::fs::write(&csv, text).unwrap();
        let config =
            Config::parse("[directory]\ncsv = [\"users.csv\"]\n[[company]]\nid = \"acme\"\n", &toml).unwrap();
        match Directory::new(&config) {
            Ok(directory) => {
                let users = directory.users(None);
                assert!(users.iter().all(|user| !user.extension.is_empty() && !user.key.company.is_empty()));
            }
            Err(error) => assert!(error.to_string().contains("users.csv"), "{error}"),
        }
    }
}
