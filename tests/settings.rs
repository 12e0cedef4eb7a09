//! Breaks if a dump detail, a retention or a password is lost, half-written, readable for others, or taken from a
//! file that somebody else put there.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use usermon::config::{Config, Role};
use usermon::event::DumpDetail;
use usermon::settings::Settings;

const HASH: &str = "$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$qfHf0ZqU5OEKNnZAoaTiRSOOfLoA9VoBrODbjLS0nw4";
const OTHER: &str = "$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$AAHf0ZqU5OEKNnZAoaTiRSOOfLoA9VoBrODbjLS0nw4";
const HOUR: Duration = Duration::from_secs(3600);

fn config(dir: &TempDir, more: &str) -> Config {
    let text = format!("data_dir = 'data'\n{more}");
    Config::parse(&text, &dir.path().join("usermon.toml")).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, usermon::error::Error>, why: &str) {
    let found = result.unwrap_err().to_string();
    assert!(found.contains(why), "{found}");
}

#[test]
fn what_is_set_survives_a_restart() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "dump_detail = 'summary'\n[store]\nretention_hours = 10\n");
    let settings = Settings::open(&config).unwrap();
    assert_eq!(settings.dump_detail("acme"), DumpDetail::Summary);
    assert_eq!(settings.set_dump_detail("acme", DumpDetail::Full).unwrap(), DumpDetail::Summary);
    assert_eq!(settings.set_dump_detail("acme", DumpDetail::Off).unwrap(), DumpDetail::Full);
    assert_eq!(settings.set_retention("acme", 5 * HOUR).unwrap(), 10 * HOUR);
    assert_eq!(settings.set_retention("beta", 20 * HOUR).unwrap(), 10 * HOUR);
    settings.add_administrator("anna", Role::Administrator, Some("acme"), HASH).unwrap();
    settings.add_administrator("root", Role::SuperAdmin, None, HASH).unwrap();
    settings.set_password_hash("anna", OTHER).unwrap();
    for settings in [settings, Settings::open(&config).unwrap()] {
        assert_eq!(settings.dump_detail("acme"), DumpDetail::Off);
        assert_eq!(settings.dump_detail("beta"), DumpDetail::Summary, "another company keeps the default");
        assert_eq!((settings.retention("acme"), settings.retention("beta")), (5 * HOUR, 20 * HOUR));
        assert_eq!(settings.retention("gamma"), 10 * HOUR);
        let people = settings.administrators();
        let shown: Vec<_> =
            people.iter().map(|p| (&*p.name, p.role, p.company.as_deref(), &*p.password_hash)).collect();
        assert_eq!(
            shown,
            [("anna", Role::Administrator, Some("acme"), OTHER), ("root", Role::SuperAdmin, None, HASH)]
        );
        assert!(
            !format!("{people:?}{settings:?}").contains("argon2id"),
            "hashes must not reach a log by Debug"
        );
    }
}

#[test]
fn a_reload_brings_new_defaults_and_keeps_what_was_set() {
    let dir = TempDir::new().unwrap();
    let settings = Settings::open(&config(&dir, "")).unwrap();
    settings.set_dump_detail("acme", DumpDetail::Off).unwrap();
    settings.add_administrator("Anna", Role::SuperAdmin, None, HASH).unwrap();
    let person = format!("[[administrator]]\nname='anna'\nrole='super-admin'\npassword_hash='{OTHER}'\n");
    settings
        .configure(&config(&dir, &format!("dump_detail = 'full'\n[store]\nretention_hours = 1\n{person}")));
    assert_eq!(
        (settings.dump_detail("acme"), settings.dump_detail("beta")),
        (DumpDetail::Off, DumpDetail::Full)
    );
    assert_eq!(settings.retention("acme"), HOUR);
    let people = settings.administrators();
    let [anna] = &people[..] else { panic!("{people:?}") };
    assert_eq!(
        (&*anna.name, &*anna.password_hash, anna.from_file),
        ("anna", OTHER, true),
        "the file's one counts"
    );
    refused(settings.remove_administrator("anna"), "stands in usermon.toml; change it there and reload");
    refused(settings.set_password_hash("anna", HASH), "stands in usermon.toml");
    settings.configure(&config(&dir, ""));
    assert_eq!((settings.dump_detail("beta"), settings.retention("beta")), (DumpDetail::Headers, 48 * HOUR));
    assert_eq!(&*settings.administrators()[0].name, "Anna");
}

#[test]
fn bad_values_are_refused_and_change_nothing() {
    let dir = TempDir::new().unwrap();
    let settings = Settings::open(&config(&dir, "")).unwrap();
    for wrong in
        [Duration::ZERO, HOUR - Duration::from_secs(1), 720 * HOUR + Duration::from_secs(1), Duration::MAX]
    {
        refused(settings.set_retention("acme", wrong), "1 hour to 30 days");
    }
    settings.set_retention("acme", HOUR).unwrap();
    settings.set_retention("acme", 720 * HOUR).unwrap();
    refused(settings.set_dump_detail("", DumpDetail::Full), "the company's id is empty");
    refused(settings.set_dump_detail("a\nb", DumpDetail::Full), "has a control character");
    let add = |name: &str, role, company| settings.add_administrator(name, role, company, HASH);
    let long = "x".repeat(65);
    for name in ["", "a b", "a\u{a0}b", "a\tb", "a\u{7f}", &long] {
        refused(add(name, Role::SuperAdmin, None), "1 to 64 printable characters without spaces");
    }
    add(&long[..64], Role::SuperAdmin, None).unwrap();
    add("città", Role::SuperAdmin, None).unwrap();
    refused(add("anna", Role::Administrator, None), "needs a company");
    refused(add("anna", Role::Administrator, Some("")), "needs a company");
    refused(add("anna", Role::SuperAdmin, Some("acme")), "a super-admin is of all companies");
    refused(settings.add_administrator("anna", Role::SuperAdmin, None, "secret"), "no Argon2 hash");
    add("anna", Role::Administrator, Some("acme")).unwrap();
    refused(add("anna", Role::SuperAdmin, None), "there is an administrator \"anna\" already");
    refused(add("ANNA", Role::SuperAdmin, None), "already");
    refused(settings.set_password_hash("anna", "secret"), "no Argon2 hash");
    refused(settings.set_password_hash("nobody", HASH), "there is no administrator \"nobody\"");
    refused(settings.remove_administrator("nobody"), "there is no administrator");
    assert_eq!(settings.administrators().len(), 3);
    settings.remove_administrator("città").unwrap();
    refused(settings.remove_administrator(&long[..64]), "is the last super-admin; add another one first");
    settings.remove_administrator("anna").unwrap();
    assert_eq!(Settings::open(&config(&dir, "")).unwrap().administrators().len(), 1);
}

#[test]
fn files_are_for_usermon_alone() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "");
    let settings = Settings::open(&config).unwrap();
    settings.set_dump_detail("acme", DumpDetail::Full).unwrap();
    let file = config.data_dir.join("settings.json");
    assert_eq!((mode(&config.data_dir), mode(&file)), (0o700, 0o600));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    Settings::open(&config).unwrap();
    assert_eq!(mode(&file), 0o600, "a restored backup is closed again");

    fs::set_permissions(&config.data_dir, Permissions::from_mode(0o750)).unwrap();
    Settings::open(&config).unwrap();
    assert_eq!(mode(&config.data_dir), 0o750, "what the administrator chose stays");
    for open in [0o702, 0o1777] {
        fs::set_permissions(&config.data_dir, Permissions::from_mode(open)).unwrap();
        refused(Settings::open(&config), "everybody may write there");
    }
    fs::remove_dir_all(&config.data_dir).unwrap();
    fs::write(&config.data_dir, "").unwrap();
    refused(Settings::open(&config), "is no folder; set data_dir");
}

#[test]
fn a_link_or_device_in_the_file_s_place_is_refused() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "");
    Settings::open(&config).unwrap();
    let file = config.data_dir.join("settings.json");
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, r#"{"version":1}"#).unwrap();
    symlink(&elsewhere, &file).unwrap();
    refused(Settings::open(&config), "is no plain file");
    fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    refused(Settings::open(&config), "is no plain file");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused(Settings::open(&config), "is no plain file");
    fs::remove_dir(&file).unwrap();

    // a link where the new file is made: replaced, not followed
    let settings = Settings::open(&config).unwrap();
    symlink(&elsewhere, config.data_dir.join("settings.json.tmp")).unwrap();
    settings.set_dump_detail("acme", DumpDetail::Full).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), r#"{"version":1}"#);
    assert_eq!(Settings::open(&config).unwrap().dump_detail("acme"), DumpDetail::Full);
}

#[test]
fn a_kill_while_writing_leaves_the_old_settings() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "");
    Settings::open(&config).unwrap().set_dump_detail("acme", DumpDetail::Full).unwrap();
    let left = config.data_dir.join("settings.json.tmp");
    fs::write(&left, r#"{"version":1,"comp"#).unwrap();
    let settings = Settings::open(&config).unwrap();
    assert!(!left.exists(), "the leftover goes");
    assert_eq!(settings.dump_detail("acme"), DumpDetail::Full);
}

#[test]
fn a_failed_write_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "");
    let settings = Settings::open(&config).unwrap();
    settings.set_dump_detail("acme", DumpDetail::Full).unwrap();
    // a folder that can't be removed as a file stands in the way, for root too
    let way = config.data_dir.join("settings.json.tmp");
    fs::create_dir_all(way.join("full")).unwrap();
    refused(settings.set_dump_detail("acme", DumpDetail::Off), "make the new settings file");
    refused(settings.add_administrator("a", Role::SuperAdmin, None, HASH), "make the new settings file");
    assert_eq!((settings.dump_detail("acme"), settings.administrators().len()), (DumpDetail::Full, 0));
    fs::remove_dir_all(way).unwrap();
    settings.set_dump_detail("acme", DumpDetail::Off).unwrap();
    assert_eq!(Settings::open(&config).unwrap().dump_detail("acme"), DumpDetail::Off);
}

#[test]
fn a_damaged_file_is_said_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "");
    Settings::open(&config).unwrap();
    let file = config.data_dir.join("settings.json");
    let person =
        r#"{"version":1,"administrators":[{"name":"a","role":"super-admin","password_hash":"PLAIN"}]}"#;
    for text in
        ["", "{", "[]", "null", r#"{"version":1,"more":1}"#, r#"{"companies":{}}"#, person, "\u{0}\u{0}\u{0}"]
    {
        fs::write(&file, text).unwrap();
        let found = Settings::open(&config).unwrap_err().to_string();
        assert!(found.starts_with(&format!("{}: is damaged (", file.display())), "{found}");
        assert!(found.contains("put a backup in its place, or move it away"), "{found}");
        assert!(!found.contains("PLAIN"), "{found}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "the damaged file stays for whoever repairs it");
    }
    fs::write(&file, r#"{"version":3,"companies":[]}"#).unwrap();
    refused(Settings::open(&config), "is of version 3, this usermon reads version 2");
}

#[test]
fn setters_at_once_lose_nothing() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "");
    let settings = Settings::open(&config).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let settings = &settings;
            scope.spawn(move || {
                for n in 0..10 {
                    settings.set_retention(&format!("c{thread}-{n}"), HOUR * (1 + n)).unwrap();
                    settings.set_dump_detail("shared", DumpDetail::ALL[n as usize % 4]).unwrap();
                    let _ = settings.add_administrator(&format!("a{n}"), Role::SuperAdmin, None, HASH);
                }
            });
        }
    });
    let again = Settings::open(&config).unwrap();
    for (thread, n) in (0..8).flat_map(|thread| (0..10).map(move |n| (thread, n))) {
        assert_eq!(again.retention(&format!("c{thread}-{n}")), HOUR * (1 + n));
    }
    assert_eq!(again.dump_detail("shared"), settings.dump_detail("shared"), "disk and memory say the same");
    let names: HashSet<_> = again.administrators().into_iter().map(|person| person.name).collect();
    assert_eq!(
        (names.len(), again.administrators().len()),
        (10, 10),
        "each name was added by one thread only"
    );
}
