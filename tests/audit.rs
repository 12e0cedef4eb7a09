//! Breaks if an entry of the audit log is lost, forged by what stands in a field, or readable for others.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;
use usermon::audit::{Audit, Entry};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Role;

fn entry(action: &str) -> Entry {
    Entry { action: action.into(), ..Entry::default() }
}

fn actions(audit: &Audit, n: usize) -> Vec<String> {
    audit.newest(n).unwrap().into_iter().map(|entry| entry.action).collect()
}

#[test]
fn entries_come_back_newest_first_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let clock = Clock::fixed(Timestamp(1_795_420_800_000_001));
    let audit = Audit::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(audit.newest(10).unwrap(), []);
    let first = Entry {
        time: Timestamp(7),
        person: "anna".into(),
        role: Some(Role::SuperAdmin),
        company: "acme".into(),
        action: "set-dump-detail".into(),
        subject: "acme".into(),
        detail: "headers -> full".into(),
        from: "192.0.2.7".into(),
    };
    audit.record(first.clone()).unwrap();
    let path = dir.path().join("audit.jsonl");
    let want = r#"{"time":"2026-11-23T08:00:00.000001Z","person":"anna","role":"super-admin","company":"acme","action":"set-dump-detail","subject":"acme","detail":"headers -> full","from":"192.0.2.7"}"#;
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{want}\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    drop(audit);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let audit = Audit::open(dir.path(), clock.clone()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    clock.set(Timestamp(1_795_420_801_000_000));
    audit.record(entry("login")).unwrap();
    let found = audit.newest(10).unwrap();
    assert_eq!(
        found[1],
        Entry { time: Timestamp(1_795_420_800_000_001), ..first },
        "the time is the clock's"
    );
    assert_eq!((found.len(), &*found[0].action, found[0].role), (2, "login", None));
    assert_eq!(actions(&audit, 1), ["login"]);
    assert_eq!(actions(&audit, 0), [""; 0]);
}

#[test]
fn no_field_makes_a_second_line() {
    let dir = TempDir::new().unwrap();
    let audit = Audit::open(dir.path(), Clock::System).unwrap();
    let forged = "x\"}\n{\"action\":\"forged\"}\r\n\u{0}\u{85}\u{2028}\u{2029}\u{202e}\u{1b}[2J";
    let all = Entry {
        person: forged.into(),
        company: forged.into(),
        action: forged.into(),
        subject: forged.into(),
        detail: "x".repeat(100_000),
        from: forged.into(),
        ..Entry::default()
    };
    audit.record(all).unwrap();
    let text = fs::read_to_string(dir.path().join("audit.jsonl")).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.strip_suffix('\n').unwrap().chars().all(|c| !c.is_control()), "{text:?}");
    assert!(!text.contains(['\u{2028}', '\u{2029}', '\u{202e}']));
    let found = audit.newest(10).unwrap();
    assert_eq!((found.len(), &*found[0].person), (1, forged), "and still says what was there");
    assert_eq!(found[0].detail.chars().count(), 501);
}

#[test]
fn a_torn_or_foreign_line_costs_no_other_entry() {
    let dir = TempDir::new().unwrap();
    let audit = Audit::open(dir.path(), Clock::System).unwrap();
    audit.record(entry("one")).unwrap();
    let mut file = OpenOptions::new().append(true).open(dir.path().join("audit.jsonl")).unwrap();
    file.write_all(b"\n\xff\xff\nnull\n{\"time\":\"2026-11-23T0").unwrap();
    let audit = Audit::open(dir.path(), Clock::System).unwrap();
    audit.record(entry("two")).unwrap();
    audit.record(entry("three")).unwrap();
    assert_eq!(actions(&audit, 10), ["three", "two", "one"]);
}

#[test]
fn the_newest_are_found_at_the_end_of_a_long_log() {
    let dir = TempDir::new().unwrap();
    let audit = Audit::open(dir.path(), Clock::System).unwrap();
    for n in 0..3000 {
        audit.record(Entry { detail: "é".repeat(n % 200), ..entry(&n.to_string()) }).unwrap();
    }
    for n in [1, 10, 400, 700, 2999, 3000, 5000] {
        let want: Vec<String> = (0..3000).rev().take(n).map(|n| n.to_string()).collect();
        assert_eq!(actions(&audit, n), want);
    }
}

#[test]
fn entries_at_once_are_whole_lines() {
    let dir = TempDir::new().unwrap();
    let audit = Audit::open(dir.path(), Clock::System).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let audit = &audit;
            scope.spawn(move || {
                for n in 0..200 {
                    audit.record(Entry { detail: "y".repeat(n), ..entry(&format!("{thread}-{n}")) }).unwrap();
                }
            });
        }
    });
    let mut found = actions(&audit, 10_000);
    found.sort();
    let mut want: Vec<_> = (0..4).flat_map(|thread| (0..200).map(move |n| format!("{thread}-{n}"))).collect();
    want.sort();
    assert_eq!(found, want);
}

#[test]
fn a_link_in_the_log_s_place_is_refused() {
    let dir = TempDir::new().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, dir.path().join("audit.jsonl")).unwrap();
    let found = Audit::open(dir.path(), Clock::System).unwrap_err().to_string();
    assert!(found.contains("is no plain file"), "{found}");
    let absent = dir.path().join("a/b");
    Audit::open(&absent, Clock::System).unwrap();
    assert_eq!(fs::metadata(&absent).unwrap().permissions().mode() & 0o7777, 0o700);
}
