//! Breaks when a message or a file that somebody once sent, or the fuzzer once found, makes a reader panic, take memory
//! without bound, lose a packet or show a secret. The bodies are those of the fuzz targets (tests/fuzz).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};

#[expect(unreachable_pub, reason = "it is a library for the fuzz targets")]
#[path = "fuzz/body/mod.rs"]
mod body;

/// More than any reader may ask for at once: a unit of these tests is below 64 KiB.
const MOST: usize = 4 << 20;

/// The system's allocator, which remembers the largest piece that each thread asked for.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: it came from there.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(size));
        // SAFETY: it came from there.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("SOURCE.txt") && !path.ends_with("INDEX.tsv"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The unit as it is, and `most` times cut or with a byte changed, at places that differ from unit to unit.
fn variants(unit: &[u8], most: u32) -> Vec<Vec<u8>> {
    let mut all = vec![unit.to_vec()];
    let mut noise = 0x2545_f491_4f6c_dd1d_u64 ^ unit.len() as u64;
    for _ in 0..most {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let mut other = unit.to_vec();
        if let Some(at) = usize::try_from(noise >> 16).unwrap().checked_rem(unit.len()) {
            match noise % 3 {
                0 => other.truncate(at),
                1 => other[at] ^= u8::try_from(noise >> 8 & 0xff).unwrap() | 1,
                _ => other.insert(at, other[(at * 7) % unit.len()]),
            }
        }
        all.push(other);
    }
    all
}

fn hold(target: fn(&[u8]), units: &[(PathBuf, Vec<u8>)], most: u32) {
    for (path, unit) in units {
        for variant in variants(unit, most) {
            println!("{}: {} bytes", path.display(), variant.len());
            target(&variant);
        }
    }
    let largest = LARGEST.get();
    assert!(largest <= MOST, "{largest} bytes asked for at once");
}

/// The seeds of a target, and what the fuzzer found.
fn replay(name: &str, target: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let seeds = files(&root.join("seeds").join(name));
    assert!(!seeds.is_empty(), "no seeds of {name}");
    hold(target, &seeds, 24);
    hold(target, &files(&root.join("found").join(name)), 24);
}

/// The torture messages and naughty strings; none where the folder is missing, which is said.
fn corpora() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let mut all = Vec::new();
    for name in ["rfc4475", "rfc5118-ersip"] {
        let found = files(&root.join(name));
        if found.is_empty() {
            println!("skipped: {} is missing", root.join(name).display());
        }
        all.extend(found);
    }
    let naughty = std::fs::read(root.join("blns/blns.txt")).unwrap_or_default();
    let lines = naughty.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
    for line in lines {
        let message =
            [b"INVITE sip:", line, b"@acme.example SIP/2.0\r\nFrom: \"", line, b"\" <sip:", line].concat();
        let message =
            [&message, &b"@acme.example>\r\nCall-ID: "[..], line, b"\r\nCSeq: 1 INVITE\r\n\r\n", line]
                .concat();
        all.push((root.join("blns"), message));
    }
    all
}

#[test]
fn scan() {
    replay("scan", body::scan);
}

#[test]
fn redact() {
    replay("redact", body::redact);
}

#[test]
fn attribute() {
    replay("attribute", body::attribute);
}

#[test]
fn journal() {
    replay("journal", body::journal);
}

#[test]
fn record() {
    replay("record", body::record);
}

#[test]
fn segment() {
    replay("segment", body::segment);
}

#[test]
fn config() {
    replay("config", body::config);
}

#[test]
fn the_corpora_through_scan_and_redactor() {
    let units = corpora();
    hold(body::scan, &units, 4);
    hold(body::redact, &units, 4);
}

#[test]
fn the_corpora_through_attribution_and_drain() {
    // registered and not, named by the PBX and not, from a known address and not
    let step = |what: u8, who: u8, place: u8, from: u8, bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap();
        [&[what, who, place, from], &length.to_le_bytes()[..], bytes].concat()
    };
    for (path, unit) in corpora() {
        println!("{}", path.display());
        let day = [
            step(0, 1, 1, 1, b"registered"),
            step(5, 0, 0, 1, &unit),
            step(13, 1, 1, 2, &unit),
            step(5, 0, 0, 7, &unit),
            step(4, 0, 0, 255, b""),
            step(5, 4, 3, 9, &unit),
        ];
        body::attribute(&day.concat());
    }
}
