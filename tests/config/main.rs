//! Breaks if a mistake in usermon.toml is taken silently, or is reported without file, line, key
//! and what to write.

mod csv;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use usermon::config::{Config, Role};
use usermon::directory::Directory;
use usermon::error::Error;
use usermon::event::{DumpDetail, Kind};

const SAMPLE: &str = include_str!("../../src/shim/asterisk/usermon.toml");
const HASH: &str = "$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$qfHf0ZqU5OEKNnZAoaTiRSOOfLoA9VoBrODbjLS0nw4";

/// Config and directory as at open.
fn open(text: &str, file: &Path) -> Result<Config, Error> {
    let config = Config::parse(text, file)?;
    Directory::new(&config)?;
    Ok(config)
}

fn error(text: &str) -> String {
    match open(text, Path::new("/etc/usermon.toml")) {
        Err(error) => error.to_string(),
        Ok(config) => panic!("was taken: {text}\n{config:?}"),
    }
}

#[track_caller]
fn wrong(text: &str, want: &str) {
    let found = error(&text.replace("HASH", HASH));
    let want = format!("/etc/usermon.toml:{want}");
    assert!(found.starts_with(&want), "\nfound: {found}\n want: {want}");
}

#[test]
fn nothing_written_is_the_defaults() {
    let config = Config::load(Path::new("")).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/var/lib/usermon"));
    assert_eq!((&*config.default_company, config.listener), ("default", None));
    assert_eq!((config.capture.queue_packets, config.capture.queue_bytes), (65_536, 32 << 20));
    assert_eq!((config.capture.unknown_packets, config.capture.unknown_bytes), (600, 512 << 10));
    assert_eq!((config.capture.claimed_packets, config.capture.claimed_bytes), (300, 256 << 10));
    assert_eq!((config.store.max_bytes, config.store.min_free_bytes), (10 << 30, 1 << 30));
    assert_eq!(config.store.retention, Duration::from_secs(48 * 3600));
    assert_eq!((config.store.seal_interval, config.store.seal_bytes), (Duration::from_secs(300), 16 << 20));
    assert_eq!(config.dump_detail, DumpDetail::Headers);
    let empty = Config::parse("", Path::new("")).unwrap();
    assert_eq!(format!("{empty:?}"), format!("{config:?}"));
}

#[test]
fn every_key_arrives() {
    let text = r#"
data_dir = "data"
default_company = "main"
dump_detail = "full"
[listener]
address = "[::1]:8089"
[capture]
queue_packets = 1_000
queue_mib = 0x10
unknown_per_minute = 0
unknown_kib_per_minute = 100
claimed_per_minute = 1
claimed_kib_per_minute = 64
[store]
max_mib = 100
min_free_mib = 0
retention_hours = 24
seal_minutes = 2
seal_mib = 3
[directory]
csv = ["a.csv", "/b.csv"]
[[company]]
id = "acme"
domains = ["Acme.Example."]
[[user]]
company = "acme"
extension = "101"
id = "anna"
name = " Anna "
mobile = ""
endpoints = ["anna-1", "anna-2"]
[[user.terminal]]
kind = "DECT"
endpoint = "anna-2"
user_agent = "N670"
[[user]]
extension = "102"
[[administrator]]
name = "anna"
role = "administrator"
company = "acme"
password_hash = "HASH"
[[administrator]]
name = "root"
role = "super-admin"
password_hash = "HASH"
"#;
    let config = Config::parse(&text.replace("HASH", HASH), Path::new("/etc/asterisk/usermon.toml")).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/etc/asterisk/data"));
    assert_eq!(config.csv, [PathBuf::from("/etc/asterisk/a.csv"), PathBuf::from("/b.csv")]);
    assert_eq!(config.listener, Some("[::1]:8089".parse::<SocketAddr>().unwrap()));
    assert_eq!((config.capture.queue_packets, config.capture.queue_bytes), (1000, 16 << 20));
    assert_eq!((config.capture.unknown_packets, config.capture.unknown_bytes), (0, 100 << 10));
    assert_eq!((config.capture.claimed_packets, config.capture.claimed_bytes), (1, 64 << 10));
    assert_eq!((config.store.max_bytes, config.store.min_free_bytes), (100 << 20, 0));
    assert_eq!(config.store.retention, Duration::from_secs(24 * 3600));
    assert_eq!((config.store.seal_interval, config.store.seal_bytes), (Duration::from_secs(120), 3 << 20));
    assert_eq!((&*config.companies[0].name, &*config.companies[0].domains[0]), ("acme", "acme.example"));
    let anna = &config.users[0];
    assert_eq!((&*anna.company, &*anna.extension, &*anna.id, &*anna.name), ("acme", "101", "anna", "Anna"));
    assert_eq!((anna.line, anna.mobile.as_deref()), (25, None));
    let terminal = &anna.terminals[0];
    assert_eq!((terminal.kind, terminal.endpoint.as_deref()), (Kind::Dect, Some("anna-2")));
    assert_eq!(terminal.user_agent.as_deref(), Some("N670"));
    let other = &config.users[1];
    assert_eq!((&*other.company, &*other.id, &*other.endpoints[0]), ("main", "102", "102"));
    let [anna, root] = &config.administrators[..] else { panic!("{:?}", config.administrators) };
    assert_eq!(
        (anna.role, anna.company.as_deref(), &*anna.password_hash),
        (Role::Administrator, Some("acme"), HASH)
    );
    assert_eq!((root.role, root.company.as_deref()), (Role::SuperAdmin, None));
    assert!(!format!("{config:?}").contains("argon2id"), "hashes must not reach a log by way of Debug");
}

#[test]
fn unknown_keys_are_refused_with_the_key_that_was_meant() {
    wrong("\n\nport = 1", "3: port: unknown key; remove it. Known here: data_dir, default_company, ");
    wrong("datadir = 'x'", "1: datadir: unknown key; did you mean data_dir? ");
    wrong("[store]\nmax_mb = 1", "2: store.max_mb: unknown key; did you mean max_mib? ");
    wrong("[store]\nretention = 1", "2: store.retention: unknown key; did you mean retention_hours? ");
    wrong("[stor]\nmax_mib = 1", "1: stor: unknown key; did you mean store? ");
    wrong("[[users]]\nextension = '1'", "1: users: unknown key; did you mean user? ");
    wrong("[[user]]\nextention = '1'", "2: user.extention: unknown key; did you mean extension?");
    wrong("[[user]]\nname = '1'", "1: user.extension: is missing or empty; write extension = \"101\"");
    wrong("[[user]]\nextension = '1'\nusername = 'x'", "3: user.username: unknown key; ");
    wrong(
        "[[user]]\nextension = '1'\n[[user.terminal]]\nkind='sip'\nuser-agent = 'x'",
        "5: user.terminal.user-agent: unknown key; did you mean user_agent? ",
    );
    wrong("b = 1\na = 1", "1: b: ");
}

#[test]
fn wrong_types_and_numbers_say_what_to_write() {
    wrong(
        "data_dir = 5",
        "1: data_dir: must be a text in quotes, such as \"/var/lib/usermon\", not a whole number",
    );
    wrong("data_dir = ''", "1: data_dir: is empty; ");
    wrong(
        "[[user]]\nextension = 101",
        "2: user.extension: must be a text in quotes, such as \"101\", not a whole",
    );
    wrong("[store]\nmax_mib = '10'", "2: store.max_mib: must be a whole number of MiB from 16 to ");
    wrong("[store]\nmax_mib = 1.5", "2: store.max_mib: must be a whole number of MiB from 16 to ");
    wrong(
        "[store]\nmax_mib = -1",
        "2: store.max_mib: must be a whole number of MiB from 16 to 1073741824, not -1",
    );
    wrong(
        "[store]\nmax_mib = 99999999999999999999",
        "2: store.max_mib: must be a whole number of MiB from 16 to 1073741824, not 99999999999999999999",
    );
    wrong(
        "[store]\nretention_hours = 0",
        "2: store.retention_hours: must be a whole number of hours from 1 to 720",
    );
    wrong(
        "[store]\nretention_hours = 721",
        "2: store.retention_hours: must be a whole number of hours from 1 to 720",
    );
    wrong(
        "[capture]\nqueue_packets = 1",
        "2: capture.queue_packets: must be a whole number of packets from 64 to ",
    );
    wrong(
        "[capture]\nunknown_kib_per_minute = 63",
        "2: capture.unknown_kib_per_minute: must be a whole number of KiB from 64 to ",
    );
    wrong("store = 1", "1: store: must be a section, [store], not a whole number");
    wrong(
        "[user]\nextension = '1'",
        "1: user: must be a list, each entry under a line [[user]], not a section",
    );
    wrong("user = [1]", "1: user: must be a list, each entry under a line [[user]], not a whole number");
    wrong(
        "[directory]\ncsv = 'users.csv'",
        "2: directory.csv: must be a list of texts, such as [\"users.csv\"], not",
    );
    wrong(
        "[directory]\ncsv = [\n'a',\n1]",
        "4: directory.csv: must be a list of texts, such as [\"users.csv\"], not",
    );
    wrong("dump_detail = 'all'", "1: dump_detail: must be \"off\", \"summary\", \"headers\" or \"full\"");
    wrong("dump_detail = true", "1: dump_detail: must be a text in quotes");
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    wrong("data_dir = \"x\"\n[store\n", "2: TOML: not TOML: ");
    wrong("data_dir = /var/lib", "1: TOML: not TOML: ");
    wrong("data_dir = 'a'\ndata_dir = 'b'", "2: TOML: not TOML: duplicate key");
    assert!(!error("x = \"\u{7}\n").contains('\n'), "an error is one line");
}

#[test]
fn a_listener_address_needs_an_address_and_a_port() {
    for address in ["127.0.0.1", "localhost:8089", ":8089", "8089", "::1:8089:", "127.0.0.1:70000", ""] {
        let want = "2: listener.address: must be an IP address and a port, such as \"127.0.0.1:8089\"";
        wrong(&format!("[listener]\naddress = '{address}'"), want);
    }
}

#[test]
fn companies_have_ids_that_fit_in_an_address_and_no_twins() {
    let two = "[[company]]\nid = 'acme'\ndomains = ['a.example']\n[[company]]\n";
    wrong(&format!("{two}id = 'acme'"), "5: company.id: company \"acme\" is there twice; ");
    wrong(
        &format!("{two}id = 'beta'\ndomains = ['b.example', 'A.EXAMPLE']"),
        "6: company.domains: \"a.example\" is a domain of company \"acme\" too; ",
    );
    wrong("[[company]]\nname = 'x'", "1: company.id: is missing; write id = \"acme\"");
    for id in ["", "a b", "a/b", "..", "città", &"x".repeat(65)] {
        wrong(
            &format!("[[company]]\nid = '{id}'"),
            "2: company.id: must be 1 to 64 letters (a-z, A-Z), digits, - _ or .",
        );
    }
    wrong("default_company = 'a/b'", "1: default_company: must be 1 to 64 letters");
}

#[test]
fn users_of_a_company_have_no_twins() {
    let first = "[[company]]\nid = 'acme'\n[[user]]\ncompany = 'acme'\nextension = '101'\n[[user]]\n";
    wrong(
        &format!("{first}company = 'acme'\nextension = '102'\nid = '101'"),
        "6: user.id: company \"acme\" has a user \"101\" already (/etc/usermon.toml:3); ",
    );
    wrong(
        &format!("{first}company = 'acme'\nextension = '101'\nid = 'anna'"),
        "6: user.extension: extension \"101\" of company \"acme\" is that of user \"101\" already (/etc/usermon.toml:3); ",
    );
    wrong(
        &format!("{first}company = 'acme'\nextension = '102'\nendpoints = ['102', '101']"),
        "6: user.endpoints: endpoint \"101\" of company \"acme\" is that of user \"101\" already (/etc/usermon.toml:3); ",
    );
    open(&format!("{first}extension = '101'"), Path::new("")).unwrap();
}

#[test]
fn users_refer_to_what_is_there() {
    wrong(
        "[[company]]\nid = 'acme'\n[[user]]\ncompany = 'acne'\nextension = '1'",
        "3: user.company: there is no company \"acne\"; did you mean \"acme\"? If not, add [[company]] with id = \"acne\"",
    );
    wrong(
        "[[user]]\ncompany = 'zzz'\nextension = '1'",
        "1: user.company: there is no company \"zzz\"; add [[company]]",
    );
    let user = "[[user]]\nextension = '1'\nendpoints = ['a', 'b']\n";
    wrong(
        &format!("{user}[[user.terminal]]\nkind = 'sip'\nendpoint = 'c'"),
        "6: user.terminal.endpoint: \"c\" is none of the user's endpoints (a, b); ",
    );
    wrong(
        &format!("{user}[[user.terminal]]\nkind = 'dekt'"),
        "5: user.terminal.kind: \"dekt\" is no kind of terminal; write gui, mobile, usb, sip or dect; did you mean dect?",
    );
    wrong(
        &format!("{user}[[user.terminal]]\ndescription = 'x'"),
        "4: user.terminal.kind: is missing or empty; ",
    );
    wrong(
        "[[user]]\nextension = '1'\nendpoints = ['a', 'a']",
        "3: user.endpoints: has \"a\" twice; remove one",
    );
    wrong("[[user]]\nextension = '1'\nendpoints = ['']", "3: user.endpoints: has an empty text in it; ");
    wrong("[[user]]\nextension = '1'\nname = \"a\\nb\"", "3: user.name: has a control character (\\u{a}); ");
    wrong(
        &format!("[[user]]\nextension = '{}'", "1".repeat(257)),
        "2: user.extension: is longer than 256 bytes; ",
    );
}

#[test]
fn administrators_are_checked() {
    let entry = |lines: &str| format!("[[company]]\nid = 'acme'\n[[administrator]]\n{lines}");
    let hash = "password_hash = 'HASH'\n";
    wrong(
        &entry(&format!("name = 'a b'\n{hash}")),
        "4: administrator.name: must be 1 to 64 printable characters",
    );
    wrong(&entry(hash), "3: administrator.name: is missing or empty; write name = \"anna\"");
    wrong(
        &entry("name='a'\nrole = 'admin'"),
        "5: administrator.role: must be \"administrator\" or \"super-admin\", not \"admin\"",
    );
    wrong(&entry("name='a'\nrole='administrator'"), "3: administrator.company: is missing; ");
    wrong(
        &entry("name='a'\nrole='administrator'\ncompany='acmi'"),
        "6: administrator.company: there is no company \"acmi\"; did you mean \"acme\"?",
    );
    wrong(
        &entry("name='a'\nrole='super-admin'\ncompany='acme'"),
        "6: administrator.company: a super-admin is of all",
    );
    for bad in ["secret", "$argon2id$", "$6$salt$hash", "$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ", ""] {
        let text = entry(&format!("name='a'\nrole='super-admin'\npassword_hash='{bad}'"));
        let found = error(&text);
        assert!(found.starts_with("/etc/usermon.toml:"), "{found}");
        assert!(found.contains(": administrator.password_hash: is "), "{found}");
        assert!(
            bad.is_empty() || !found.contains(bad) || bad == "$argon2id$",
            "the error repeats the secret: {found}"
        );
    }
    let twice = format!(
        "name='Anna'\nrole='super-admin'\n{hash}[[administrator]]\nname='anna'\nrole='super-admin'\n{hash}"
    );
    wrong(&entry(&twice), "8: administrator.name: \"anna\" is there twice; ");
}

#[test]
fn files_that_can_t_be_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("usermon.toml");
    let found = Config::load(&path).unwrap_err().to_string();
    assert!(
        found.starts_with(&format!("{}: read the configuration: No such file", path.display())),
        "{found}"
    );
    fs::write(&path, b"data_dir = 'a'\n# caff\xe8\n").unwrap();
    let found = Config::load(&path).unwrap_err().to_string();
    assert_eq!(found, format!("{}:2: text: is not UTF-8; save the file in UTF-8", path.display()));
    fs::write(&path, "\u{feff}[directory]\r\ncsv = ['users.csv']\r\n").unwrap();
    let config = Config::load(&path).unwrap();
    let found = Directory::new(&config).unwrap_err().to_string();
    let csv = dir.path().join("users.csv");
    assert!(
        found.starts_with(&format!("{}: read the CSV file of users: No such file", csv.display())),
        "{found}"
    );
}

#[test]
fn the_sample_is_taken_as_it_is_and_with_each_example() {
    let file = Path::new("/etc/asterisk/usermon.toml");
    let plain = open(SAMPLE, file).unwrap();
    assert_eq!((plain.users.len(), plain.listener), (0, None));
    // "#key" is an example, "# words" are words
    let is_example =
        |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| !c.is_whitespace());
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    for (at, line) in SAMPLE.lines().enumerate().filter(|(_, line)| is_example(line)) {
        // a terminal is of the user above
        let joins = blocks.last().and_then(|block| block.last()).is_some_and(|last| last + 1 == at);
        match blocks.last_mut().filter(|_| joins || line.contains("user.terminal")) {
            Some(block) => block.push(at),
            None => blocks.push(vec![at]),
        }
    }
    assert!(blocks.len() >= 9, "{blocks:?}");
    let activated = |chosen: &[usize]| -> String {
        let lines = SAMPLE.lines().enumerate();
        lines
            .map(
                |(at, line)| {
                    if chosen.contains(&at) { format!("{}\n", &line[1..]) } else { format!("{line}\n") }
                },
            )
            .collect()
    };
    for block in &blocks {
        Config::parse(&activated(block), file).unwrap_or_else(|error| panic!("{error}"));
    }
    let all = Config::parse(&activated(&blocks.concat()), file).unwrap();
    assert_eq!((all.companies.len(), all.users.len(), all.administrators.len(), all.csv.len()), (1, 1, 1, 1));
    assert_eq!(all.users[0].terminals.len(), 1);
    let mut again = all.clone();
    again.listener = None;
    (again.companies, again.users, again.administrators, again.csv) = Default::default();
    assert_eq!(format!("{again:?}"), format!("{plain:?}"), "an example that is a default shows the default");
}
