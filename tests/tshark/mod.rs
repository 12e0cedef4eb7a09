//! What Wireshark's family reads of a file.

use std::io::Write;
use std::process::Command;

/// Whether tshark is there; where tests must not be left out, it has to be.
pub(crate) fn has_tshark() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(found || !must, "tshark is missing: apt-get install tshark");
    if !found {
        println!("!! SKIPPED: tshark is missing (apt-get install tshark)");
    }
    found
}

/// What tshark says of each frame of a file, field by field.
pub(crate) fn tshark(file: &[u8], fields: &[&str]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::File::create(&path).unwrap().write_all(file).unwrap();
    let mut command = Command::new("tshark");
    // nobody's own preferences
    command.env("WIRESHARK_CONFIG_DIR", folder.path()).env("HOME", folder.path()).arg("-r").arg(&path);
    for check in ["ip.check_checksum", "udp.check_checksum", "tcp.check_checksum"] {
        command.args(["-o", &format!("{check}:TRUE")]);
    }
    command.args(["-T", "fields", "-E", "separator=/t"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("appears to") && !said.contains("cut short"), "{said}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
