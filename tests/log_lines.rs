//! A log line could forge another one, hide text, kill the PBX by a panic, or get lost, if tracing's events did not come
//! to the host as single clean lines.

use std::ffi::c_void;
use std::fmt;
use std::mem::zeroed;
use std::sync::Mutex;

use proptest::prelude::*;
use usermon::abi::entry::usermon_entry;
use usermon::abi::log::Line;
use usermon::abi::types::{ABI_VERSION, Api, Bytes, Handle, Host, OK};

proptest! {
    #[test]
    fn a_line_is_bounded_clean_and_otherwise_as_it_was(text in "(.|\\PC|[\u{0}-\u{1f}\u{7f}-\u{a0}\u{2028}\u{202e}é€😀]){0,1200}") {
        let line = Line::of(&text);
        let line = line.as_str();
        prop_assert!(line.len() <= 1000);
        let forges = line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}'));
        prop_assert!(!forges, "{line:?}");
        if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') && text.len() <= 1000 {
            prop_assert_eq!(line, &text);
        }
        if text.len() > 1000 && text.is_ascii() {
            prop_assert!(line.ends_with("...") && line.len() == 1000);
        }
    }
}

#[test]
fn what_would_forge_or_hide_text_becomes_a_space() {
    assert_eq!(Line::of("a\r\nERROR: b\u{1b}[31mc\u{202e}d\0e\u{85}f").as_str(), "a  ERROR: b [31mc d e f");
    assert_eq!(Line::of(&"€".repeat(333)).as_str(), "€".repeat(333));
    assert_eq!(Line::of(&"€".repeat(334)).as_str(), "€".repeat(332) + "...");
}

/// What a host was told: level and line.
type Told = Mutex<Vec<(u32, String)>>;

extern "C" fn keep(ctx: *mut c_void, level: u32, line: Bytes) {
    // SAFETY: `ctx` is the Told given to `open`, and the line is valid until this returns.
    let (told, line) = unsafe { (&*ctx.cast::<Told>(), std::slice::from_raw_parts(line.ptr, line.len)) };
    told.lock().unwrap().push((level, String::from_utf8(line.to_vec()).unwrap()));
}

fn api() -> &'static Api {
    // SAFETY: the table is static.
    unsafe { &*usermon_entry() }
}

fn open(told: &'static Told, folder: &tempfile::TempDir) -> Handle {
    let config = folder.path().join("usermon.toml");
    std::fs::write(&config, format!("data_dir = {:?}\n", folder.path().join("data"))).unwrap();
    let path = config.to_str().unwrap();
    // SAFETY: all zero bytes are a valid table.
    let mut host: Host = unsafe { zeroed() };
    host.size = u32::try_from(size_of::<Host>()).unwrap();
    host.abi_version = ABI_VERSION;
    host.ctx = std::ptr::from_ref(told).cast_mut().cast();
    host.log = Some(keep);
    let mut handle = 0;
    // SAFETY: table, path and handle are ours.
    let status =
        unsafe { api().open.unwrap()(&host, Bytes { ptr: path.as_ptr(), len: path.len() }, &mut handle) };
    assert_eq!(status, OK, "{:?}", told.lock().unwrap());
    handle
}

fn close(handle: Handle) {
    // SAFETY: any number may be given.
    assert_eq!(unsafe { api().close.unwrap()(handle) }, OK);
}

struct Wild;

impl fmt::Debug for Wild {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in the middle of a line")
    }
}

/// The lines of one target of this test, so that the module's own do not matter.
fn mine(told: &Told) -> Vec<(u32, String)> {
    told.lock().unwrap().iter().filter(|(_, line)| line.contains("canary")).cloned().collect()
}

#[test]
fn events_come_to_every_open_host_with_their_level_and_to_no_closed_one() {
    static FIRST: Told = Mutex::new(Vec::new());
    static SECOND: Told = Mutex::new(Vec::new());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (first, second) = (open(&FIRST, &folders[0]), open(&SECOND, &folders[1]));
    tracing::error!(target: "usermon::store", path = ?"a\nb", count = 3, "canary {}", "one");
    tracing::debug!(target: "usermon::store", "canary two");
    tracing::trace!(target: "usermon::store", "canary never");
    tracing::debug!(target: "hyper", "canary never");
    tracing::info!(target: "hyper", "canary three");
    tracing::warn!(target: "usermon::store", wild = ?Wild, "canary lost");
    close(first);
    tracing::warn!(target: "usermon::store", "canary four\r\nforged");
    close(second);
    tracing::warn!(target: "usermon::store", "canary to nobody");

    let mut wanted = vec![
        (4, r#"canary one path="a\nb" count=3"#.to_owned()),
        (1, "canary two".to_owned()),
        (2, "canary three".to_owned()),
    ];
    assert_eq!(mine(&FIRST), wanted);
    wanted.push((3, "canary four  forged".to_owned()));
    assert_eq!(mine(&SECOND), wanted);
    let place = "a log line could not be made: panicked at tests/log_lines.rs:";
    assert!(FIRST.lock().unwrap().iter().any(|(level, line)| *level == 3 && line.starts_with(place)));
}
