//! A PBX would crash, hang or be lied to if a wrong call at the C boundary were not answered with a status; and no host
//! would compile, or would read other memory than the library, if the header were not C or its offsets were not Rust's.

mod common;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{library, root};
use usermon::abi::types;

/// Runs a program and fails with what it said.
fn run(program: &mut Command) -> Output {
    let output = program.output().unwrap_or_else(|e| panic!("{program:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Compiles a program of tests/c or examples into `folder`.
fn compile(source: &str, folder: &Path, options: &[&str]) -> PathBuf {
    let program = folder.join(Path::new(source).file_stem().unwrap());
    let mut gcc = Command::new("gcc");
    gcc.args(WARNINGS).args(options).arg("-I").arg(root().join("include")).arg("-I").arg(folder);
    run(gcc.arg(root().join(source)).arg("-o").arg(&program).args(["-ldl", "-lpthread"]));
    program
}

#[test]
fn the_header_alone_compiles_as_every_c_and_cpp_without_a_warning() {
    let header = root().join("include/usermon.h");
    let mut compiled = 0;
    for (compilers, language, standards) in [
        (["gcc", "clang"], "c", ["c99", "c11", "c17"].as_slice()),
        (["g++", "clang++"], "c++", ["c++11", "c++17"].as_slice()),
    ] {
        for compiler in compilers.into_iter().filter(|c| exists(c)) {
            for standard in standards {
                let mut command = Command::new(compiler);
                command.args(WARNINGS).arg(format!("-std={standard}")).args([
                    "-x",
                    language,
                    "-fsyntax-only",
                ]);
                run(command.arg(&header));
                compiled += 1;
            }
        }
    }
    assert!(compiled >= 5, "gcc and g++ are needed: apt-get install build-essential");
}

/// Lines for tests/c/layout.c; the pattern names every member, so that a new one cannot be forgotten.
macro_rules! layout {
    ($out:ident, $c:literal, $rust:ident { $($member:ident),+ $(,)? }) => {
        let _ = |all: types::$rust| { let types::$rust { $($member: _),+ } = all; };
        writeln!($out, "SIZE({}, {})", $c, size_of::<types::$rust>()).unwrap();
        $(writeln!($out, "OFFSET({}, {}, {})", $c, stringify!($member), offset_of!(types::$rust, $member)).unwrap();)+
    };
}

#[test]
fn sizes_and_offsets_in_c_are_those_in_rust() {
    let mut out = String::new();
    layout!(out, "usermon_bytes", Bytes { ptr, len });
    layout!(out, "usermon_addr", Addr { ip, port, family, reserved });
    layout!(out, "usermon_host", Host { size, abi_version, ctx, name, log, round_trip });
    layout!(
        out,
        "usermon_user",
        User { size, presence, company, user, extension, name, surname, department, mobile }
    );
    layout!(
        out,
        "usermon_terminal",
        Terminal { size, presence, kind, active, company, user, terminal, endpoint, description }
    );
    layout!(
        out,
        "usermon_registration",
        Registration {
            size,
            step,
            cause,
            transport,
            time,
            expires,
            round_trip,
            reserved,
            far,
            company,
            endpoint,
            contact,
            user_agent,
            path,
            call_id,
            detail,
        }
    );
    layout!(
        out,
        "usermon_call",
        Call {
            size,
            phase,
            direction,
            cause,
            time,
            company,
            endpoint,
            leg,
            linked,
            call_id,
            far_number,
            far_name,
        }
    );
    layout!(
        out,
        "usermon_quality",
        Quality {
            size,
            direction,
            time,
            packets,
            lost,
            jitter,
            round_trip,
            company,
            endpoint,
            leg,
            linked,
            call_id,
        }
    );
    layout!(
        out,
        "usermon_packet",
        Packet { size, direction, transport, reserved, time, local, far, company, endpoint, data }
    );
    layout!(
        out,
        "usermon_http_request",
        HttpRequest {
            size,
            role,
            secure,
            reserved,
            far,
            method,
            target,
            mount,
            headers,
            body,
            company,
            person,
        }
    );
    layout!(
        out,
        "usermon_api",
        Api {
            size,
            abi_version,
            open,
            close,
            on_user,
            on_terminal,
            on_registration,
            on_call,
            on_quality,
            on_packet,
            http,
            reload,
            status_text,
        }
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("layout.inc"), &out).unwrap();
    let said = run(&mut Command::new(compile("tests/c/layout.c", folder.path(), &["-std=c99"]))).stdout;
    let checked = out.lines().count();
    assert_eq!(String::from_utf8(said).unwrap(), format!("{checked} numbers\n"));
}

#[test]
fn the_library_exports_one_symbol_and_stays_mapped() {
    let symbols = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library())).stdout;
    let symbols = String::from_utf8(symbols).unwrap();
    let names: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["usermon_entry"]);
    let dynamic = run(Command::new("readelf").args(["-d", "-W"]).arg(library())).stdout;
    let dynamic = String::from_utf8(dynamic).unwrap();
    let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)")).unwrap_or_default();
    assert!(flags.contains("NODELETE"), "{flags}");
}

/// The example as README has it: plain C11, against the library as it is.
#[test]
fn a_c_host_of_under_60_lines_opens_tells_asks_and_closes() {
    let source = "examples/host.c";
    assert!(fs::read_to_string(root().join(source)).unwrap().lines().count() < 60);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("usermon.toml");
    fs::write(&config, format!("data_dir = {:?}\n", folder.path().join("data"))).unwrap();
    let program = compile(source, folder.path(), &["-std=c11"]);
    let said = String::from_utf8(run(Command::new(program).arg(library()).arg(&config)).stdout).unwrap();
    assert!(said.starts_with("200\n") && said.ends_with(" bytes\n"), "{said}");
    assert!(said.to_lowercase().contains("content-type: text/html"), "{said}");
}

/// Runs a program of tests/c in both ways: as it is, and with its memory (and the leaks of both sides) watched.
fn host(name: &str) {
    let sanitizers = "-fsanitize=address,undefined";
    for options in [["-std=gnu11", "-g", "-O1"].as_slice(), &["-std=gnu11", "-g", sanitizers]] {
        let folder = tempfile::tempdir().unwrap();
        let program = compile(&format!("tests/c/{name}.c"), folder.path(), options);
        let output = run(Command::new(program).arg(library()).arg(folder.path()));
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.stderr.is_empty(), "the process's standard error is not ours: {words}");
    }
}

/// Whose a thread is, an administrator sees by its name; and one left behind would run on in an unloaded module.
#[test]
fn threads_are_named_and_end_with_close() {
    host("threads");
}

/// What each reload of the module left behind would fill a PBX that runs for years.
#[test]
fn opened_and_closed_again_and_again_it_leaves_nothing_behind() {
    host("cycles");
}

macro_rules! wrong_hosts {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { host(stringify!($name)); })+

        #[test]
        fn every_wrong_host_is_run() {
            let files = fs::read_dir(root().join("tests/c")).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<_> = files.filter_map(|f| Some(f.file_stem().and_then(OsStr::to_str)?.to_owned())).collect();
            files.retain(|name| name.starts_with("wrong_"));
            files.sort();
            let mut run = vec!["wrong_panic", $(stringify!($name)),+];
            run.sort_unstable();
            assert_eq!(files, run);
        }
    };
}
wrong_hosts!(
    wrong_after_close,
    wrong_bytes,
    wrong_close_twice,
    wrong_deadline,
    wrong_null_table,
    wrong_number,
    wrong_reentry,
    wrong_size,
    wrong_threads_at_close,
    wrong_too_many,
    wrong_version,
);

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only a debug build of the library panics when asked to")]
fn wrong_panic() {
    host("wrong_panic");
}
