//! A host compiled against a header that is not the library's would read and write other memory than the library.

use std::fs;
use std::path::Path;

/// Rust names that are not `usermon_` and the lower-case name.
const RENAMED: [(&str, &str); 2] = [("HttpRequest", "http_request"), ("HttpReply", "http_reply")];

const HEAD: &str = "\
/* SPDX-License-Identifier: MIT */
/*
 * usermon: the boundary between a SIP PBX (the host) and the User Monitoring module.
 * Generated from src/abi by tests/header.rs; do not edit.
 *
 *  1. One exported symbol, usermon_entry(): a static table of functions. Every struct begins with its size; new
 *     members come only at the end, with the version that added them; a reader takes the smaller of both sizes.
 *  2. open(host_table, config_path, &handle). The host's table offers log and, optionally, answers to questions. Open
 *     and close repeat, in any order, twice too; several modules may be open at once.
 *  3. Each function has a thread tag in its comment. Everything but open and close: any thread, at once.
 *  4. Bytes are pointer and length, never assumed UTF-8 or NUL-ended; null with 0 is empty. What the host passes is
 *     copied before the call returns. No allocation crosses.
 *  5. The status is an int32_t: 0 done, above 0 done with a remark, below 0 refused or failed, in blocks of 100;
 *     numbers are never reused.
 *  6. One guard for every entry. A panic is logged once through the host with its place, poisons the part where it
 *     happened (USERMON_ERR_POISONED from then on) and never leaves the library. What a host does wrong is answered
 *     by a status and logged once.
 *  7. on_packet never blocks, never does I/O, never logs. It may drop; drops are counted and shown.
 *  8. http(request, reply, ctx) serves one request without a socket, so that the PBX's own web server serves the
 *     pages; the PBX may pass the role and company of its own logged-in administrator.
 *  9. Linked with -z nodelete: dlclose leaves the library mapped. No signal handlers, no fork, no exit, no
 *     environment, no standard output: the process is the host's.
 */";

/// The header as it should be.
fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let types = fs::read_to_string(root.join("src/abi/types.rs")).unwrap();
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(HEAD.to_owned()),
        include_guard: Some("USERMON_H".to_owned()),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        line_length: 110,
        usize_is_size_t: true,
        style: cbindgen::Style::Both,
        ..cbindgen::Config::default()
    };
    let declared = types.lines().filter_map(|line| {
        let rest = line.strip_prefix("pub ")?;
        let (kind, rest) = rest.split_once(' ')?;
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let renamed = RENAMED.iter().find(|(rust, _)| *rust == name).map(|(_, c)| (*c).to_owned());
        Some(match kind {
            "const" => (name.clone(), format!("USERMON_{name}")),
            _ => (name.clone(), format!("usermon_{}", renamed.unwrap_or_else(|| name.to_lowercase()))),
        })
    });
    config.export.rename.extend(declared);
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(root.join("src/abi/types.rs"))
        .with_src(root.join("src/abi/entry.rs"))
        .generate()
        .unwrap()
        .write(&mut text);
    compact(&String::from_utf8(text).unwrap())
}

/// Comments of one line on one line, negative numbers in brackets.
fn compact(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        let indent = &lines[at][..lines[at].len() - lines[at].trim_start().len()];
        if lines[at].trim() == "/**" && lines.get(at + 2).is_some_and(|l| l.trim() == "*/") {
            out += &format!("{indent}/** {} */", lines[at + 1].trim().trim_start_matches("* "));
            at += 2;
        } else if let Some((name, number)) =
            lines[at].rsplit_once(" -").filter(|(n, _)| n.starts_with("#define"))
        {
            out += &format!("{name} (-{number})");
        } else {
            out += lines[at];
        }
        out.push('\n');
        at += 1;
    }
    out
}

#[test]
fn the_committed_header_is_the_one_generated_from_src_abi() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/usermon.h");
    let now = generate();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    for (number, (ours, theirs)) in now.lines().zip(committed.lines()).enumerate() {
        assert_eq!(
            ours,
            theirs,
            "include/usermon.h line {}: run with UPDATE_GOLDEN=1 and review the diff",
            number + 1
        );
    }
    assert_eq!(now, committed, "include/usermon.h: run with UPDATE_GOLDEN=1 and review the diff");
}
