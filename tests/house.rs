//! The shape of the code would rot unseen: who may import whom, how long a file is, where `unsafe` is, what a thread is
//! called, and what a plugin may not do to the process it lives in.

use std::fs;
use std::path::{Path, PathBuf};

/// The import rule of src/lib.rs: a module imports from those above it and from its own row. Modules of a row marked
/// `apart` know nothing of each other.
const ROWS: [(bool, &[&str]); 9] = [
    (false, &["error", "clock"]),
    (false, &["event", "config"]),
    (false, &["directory", "settings", "audit", "password"]),
    (true, &["state", "capture", "store"]),
    (false, &["query"]),
    (false, &["web"]),
    (false, &["module"]),
    (false, &["abi"]),
    (false, &["lib"]),
];

/// What pages must not see: they get it from `query`.
const NOT_FOR_WEB: [&str; 4] = ["state", "store", "capture", "audit"];

const TOP: [&str; 11] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "benches",
    "build.rs",
    "examples",
    "include",
    "src",
    "tests",
    "web",
];

struct Source {
    /// From the package's folder.
    path: String,
    text: String,
}

impl Source {
    /// The module of the crate it belongs to.
    fn module(&self) -> &str {
        self.path.trim_start_matches("src/").trim_end_matches(".rs").split('/').next().unwrap()
    }

    /// Number, from 1, and text of each line that is no comment.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        lines.filter(|(_, line)| !line.starts_with("//"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    paths.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
    };
    let sources: Vec<_> = paths.into_iter().map(read).collect();
    assert!(sources.len() > 15, "the sources were not found");
    sources
}

fn hold(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|(_, modules)| modules.contains(&module))
}

fn may_import(from: &str, to: &str) -> bool {
    let (Some(a), Some(b)) = (row(from), row(to)) else { return false };
    let above = b < a || from == to || (a == b && !ROWS[a].0);
    above && (from != "web" || !NOT_FOR_WEB.contains(&to))
}

/// The crate's modules that a piece of code names: `crate::a::b`, `crate::{a::b, c}`.
fn named(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if code[..at].ends_with(|c: char| c == '$' || c == '_' || c.is_alphanumeric()) {
            continue;
        }
        let word = |s: &str| s.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(s.len());
        let Some(group) = rest.strip_prefix('{') else {
            names.push(&rest[..word(rest)]);
            continue;
        };
        let mut depth = 0;
        let mut fresh = true;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => fresh = true,
                c if fresh && c.is_alphabetic() => {
                    names.push(&group[i..i + word(&group[i..])]);
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn the_import_rule_is_read_as_it_is_written() {
    let code = "use crate::event::{Event, User};\nuse crate::{clock::{Clock, Timestamp}, error::Error};\nlet a = crate::store::open();";
    assert_eq!(named(code), ["event", "clock", "error", "store"]);
    assert!(may_import("store", "event") && may_import("settings", "audit") && may_import("abi", "module"));
    for (from, to) in
        [("state", "store"), ("event", "state"), ("web", "store"), ("module", "abi"), ("x", "error")]
    {
        assert!(!may_import(from, to), "{from} {to}");
    }
}

#[test]
fn imports_go_down_the_list_only() {
    let mut broken = Vec::new();
    for source in sources() {
        let from = source.module();
        if row(from).is_none() {
            broken.push(format!("{}: `{from}` has no row in tests/house.rs; see src/lib.rs", source.path));
        }
        let code: Vec<&str> = source.code().map(|(_, line)| line).collect();
        for to in named(&code.join("\n")) {
            // what is not a module is an item of lib.rs itself, such as a macro
            if from != "lib" && row(to).is_some() && !may_import(from, to) {
                broken.push(format!("{}: `{from}` imports `{to}`", source.path));
            }
        }
    }
    hold("the import rule of src/lib.rs", &broken);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > 400 {
            broken.push(format!("{}: {lines} lines, at most 400", source.path));
        }
        let head = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        if !(1..=10).contains(&head) {
            broken.push(format!("{}: opens with {head} lines of //!", source.path));
        }
        let vague = ["util", "helper", "common", "manager", "service"];
        if vague.iter().any(|word| source.path.contains(word)) {
            broken.push(format!("{}: a name that says nothing", source.path));
        }
    }
    hold("a file has a subject, is short, and says what it is", &broken);
}

#[test]
fn tests_say_what_would_break() {
    let mut broken = Vec::new();
    for entry in fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "rs")
            && !fs::read_to_string(&path).unwrap().starts_with("//! ")
        {
            broken.push(path.display().to_string());
        }
    }
    hold("a test file opens with a line that says what would break", &broken);
}

#[test]
fn unsafe_is_in_abi_only() {
    const FORMS: [&str; 8] = [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe trait",
        "unsafe extern",
        "unsafe(",
        "allow(unsafe",
        "expect(unsafe",
    ];
    let mut broken = Vec::new();
    for source in sources().iter().filter(|s| !s.path.starts_with("src/abi/")) {
        for (number, line) in source.code() {
            if FORMS.iter().any(|form| line.contains(form)) {
                broken.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    hold("unsafe is in src/abi only", &broken);
}

#[test]
fn every_thread_is_named() {
    let mut broken = Vec::new();
    for source in sources() {
        let code: Vec<(usize, &str)> = source.code().collect();
        for (at, (number, line)) in code.iter().enumerate() {
            let next: String = code[at..].iter().take(8).map(|(_, line)| *line).collect();
            let unnamed = line.contains("thread::spawn(") || line.contains("Runtime::new(");
            let nameless = (line.contains("thread::Builder::new()") && !next.contains(".name("))
                || (line.contains("Builder::new_") && !next.contains(".thread_name(\"usermon-"));
            // a runtime of one thread runs on the thread that is there
            if unnamed || (nameless && !line.contains("new_current_thread")) {
                broken.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    // which names they are is seen on the running module, in tests/c/threads.c
    hold("a thread has a name, so that an administrator knows whose it is", &broken);
}

#[test]
fn the_process_is_the_hosts() {
    const NOT_OURS: [&str; 15] = [
        "println!(",
        "print!(",
        "dbg!(",
        "process::exit",
        "process::abort",
        "process::Command",
        "set_var(",
        "remove_var(",
        "set_current_dir",
        "stdout()",
        "stderr()",
        "libc::signal",
        "sigaction",
        "libc::fork",
        "libc::_exit",
    ];
    let mut broken = Vec::new();
    for source in sources() {
        for (number, line) in source.code() {
            let asks_the_time = line.contains("SystemTime::now") && source.path != "src/clock.rs";
            if asks_the_time || line.contains("#[allow(") || NOT_OURS.iter().any(|call| line.contains(call)) {
                broken.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    hold(
        "no output, exit, signal, fork or environment; the time comes from clock.rs; #[expect], not #[allow]",
        &broken,
    );
}

#[test]
fn the_top_of_the_package_is_what_design_lays_out() {
    let mut broken = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with('.') && name != "target" && !TOP.contains(&name.as_str()) {
            broken.push(name);
        }
    }
    hold("not at the top of the package; see design.md", &broken);
}

#[test]
fn each_promise_of_the_readme_names_tests_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("## What the two-day ring promises").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let (mut broken, mut promises) = (Vec::new(), 0);
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        promises += 1;
        let held = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut files = PathBuf::new();
        for name in held.split('`').skip(1).step_by(2) {
            let (file, folder) =
                (root().join("tests").join(format!("{name}.rs")), root().join("tests").join(name));
            if file.is_file() || folder.is_dir() {
                files = if file.is_file() { file } else { folder };
            } else if !functions(&files).contains(&format!("fn {name}(")) {
                broken.push(format!("{name}: no such test in {}", files.display()));
            }
        }
        if held.matches('`').count() < 4 {
            broken.push(format!("no test: {row}"));
        }
    }
    assert!(promises > 10, "{promises} promises were found in README.md");
    hold("a promise without the test that holds it", &broken);
}

/// The text of a test: a file, or all files of a folder.
fn functions(of: &Path) -> String {
    if of.is_file() {
        return fs::read_to_string(of).unwrap();
    }
    let Ok(entries) = fs::read_dir(of) else { return String::new() };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
}
