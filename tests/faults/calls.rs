//! System calls that fail (libfiu): each by itself, on the module's own threads, for longer than it waits before it
//! tries again.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::child::{self, part};
use crate::full::{all_accounted_for, push_at, push_until};
use crate::mount::{exists, left_out};
use crate::pbx::Pbx;

/// Host processes that run at once; each of them mostly waits.
const AT_ONCE: usize = 5;

/// How many calls are still to fail.
static LEFT: AtomicI32 = AtomicI32::new(0);

/// Decides whether a call fails.
type Decide = extern "C" fn(*const c_char, *mut c_int, *mut *mut c_void, *mut c_uint) -> c_int;

/// Only the module's threads that work on the disk have a bad one.
extern "C" fn is_ours(_: *const c_char, _: *mut c_int, _: *mut *mut c_void, _: *mut c_uint) -> c_int {
    let mut name = [0u8; 16];
    // SAFETY: the buffer is as long as a thread's name may be.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_bytes();
    let is_ours = [b"usermon-drain".as_slice(), b"usermon-journal", b"usermon-seal"].contains(&name);
    c_int::from(is_ours && LEFT.fetch_sub(1, Ordering::SeqCst) > 0)
}

/// The functions of the library that `fiu-run` has put before ours.
struct Faults(libloading::Library);

impl Faults {
    fn new() -> Self {
        // SAFETY: it is loaded already.
        Self(unsafe { libloading::Library::new("libfiu.so.0") }.unwrap())
    }

    /// From now on calls at `point` fail with the number `errno`.
    fn enable(&self, point: &str, errno: i32) {
        let point = CString::new(point).unwrap();
        // SAFETY: the signature is that of fiu-control.h; `errno` goes through as a number.
        let status = unsafe {
            type Enable = unsafe extern "C" fn(*const c_char, c_int, *mut c_void, c_uint, Decide) -> c_int;
            let enable: libloading::Symbol<'_, Enable> = self.0.get(b"fiu_enable_external").unwrap();
            enable(point.as_ptr(), 1, usize::try_from(errno).unwrap() as *mut c_void, 0, is_ours)
        };
        assert_eq!(status, 0);
    }

    fn disable(&self, point: &str) {
        let point = CString::new(point).unwrap();
        // SAFETY: as above.
        unsafe {
            let disable: libloading::Symbol<'_, unsafe extern "C" fn(*const c_char) -> c_int> =
                self.0.get(b"fiu_disable").unwrap();
            disable(point.as_ptr());
        }
    }
}

/// What comes of a call that fails.
enum Outcome {
    /// Nothing is stored meanwhile; what the alarm says.
    Stopped(&'static str),
    /// All is stored, and something stays to be done; what the alarm says.
    Delayed(&'static str),
    /// All is stored, and it is said for an hour; what the notice says.
    Overcome(&'static str),
    /// Nobody notices.
    Nothing,
}

use Outcome::{Delayed, Nothing, Overcome, Stopped};

/// Point, errno, how many seconds, what comes of it.
const CALLS: [(&str, i32, u64, Outcome); 12] = [
    ("posix/io/rw/pwrite", libc::ENOSPC, 6, Stopped("free some of the disk")),
    ("posix/io/rw/pwrite", libc::EIO, 6, Stopped("look at the disk")),
    ("posix/io/rw/pwrite", libc::EROFS, 6, Stopped("mount the disk writable again")),
    ("posix/io/rw/pwrite/reduce", 0, 6, Nothing),
    ("posix/io/sync/fdatasync", libc::EIO, 12, Stopped("look at the disk")),
    ("posix/io/sync/fdatasync", libc::EIO, 0, Overcome("nothing is lost")),
    ("posix/io/sync/fsync", libc::EIO, 6, Delayed("look at the disk")),
    ("posix/io/rw/write", libc::EIO, 6, Delayed("look at the disk")),
    ("posix/io/rw/write/reduce", 0, 6, Nothing),
    ("posix/io/oc/open", libc::EMFILE, 6, Delayed("a new journal cannot be begun")),
    ("posix/io/dir/rename", libc::EACCES, 6, Delayed("let the PBX's account write there again")),
    ("posix/io/dir/unlink", libc::EPERM, 6, Delayed("old packets stay on the disk")),
];

fn with_a_call_that_fails(folder: &Path, number: usize) {
    let (point, errno, seconds, outcome) = &CALLS[number];
    let data = folder.join("data");
    // no seal in the way of what is to fail once
    let is_once = matches!(outcome, Overcome(_));
    let store = if is_once { "min_free_mib = 0" } else { "min_free_mib = 0\nseal_mib = 4" };
    let pbx = Pbx::open(folder, &data, store).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let segments = || if is_once { u64::MAX } else { pbx.count("segments") };
    let mut next = 0;
    push_until(&pbx, &mut next, Duration::ZERO, || segments() > 0);
    assert_eq!((pbx.alarm(), pbx.faults()), (String::new(), vec![]), "{point}");
    let faults = Faults::new();
    LEFT.store(if is_once { 1 } else { i32::MAX }, Ordering::SeqCst);
    faults.enable(point, *errno);
    let is_said = || matches!(outcome, Nothing) || !pbx.alarm().is_empty();
    push_until(&pbx, &mut next, Duration::ZERO, is_said);
    // slower, so that memory lasts
    let slow = Duration::from_millis(20);
    push_at(slow, &pbx, &mut next, Duration::from_secs(*seconds), is_said);
    let alarm = pbx.alarm();
    pbx.register(0, 1);
    let wall = pbx.wall();
    faults.disable(point);
    assert!(wall.contains(">free<"), "{point}: the state goes on");
    match outcome {
        Stopped(says) | Delayed(says) | Overcome(says) => {
            assert!(alarm.contains(says) && alarm.contains(data.to_str().unwrap()), "{point}: {alarm}");
            assert!(wall.contains("Storing packets:"), "{point}: the page says so");
            assert_eq!(pbx.logged(1).len(), 1, "{point}: one line: {:?}", pbx.faults());
        }
        Nothing => assert_eq!((alarm, pbx.faults()), (String::new(), vec![]), "{point}"),
    }
    push_at(slow, &pbx, &mut next, Duration::ZERO, || is_once || pbx.alarm().is_empty());
    let stored = pbx.count("packets stored");
    push_until(&pbx, &mut next, Duration::ZERO, || pbx.count("packets stored") > stored + 100);
    let told = pbx.faults();
    let missing = all_accounted_for(pbx, &data, next);
    assert!(missing == 0 || matches!(outcome, Stopped(_)), "{point}: {missing} are lost");
    println!("{point}: {next} packets, {missing} of them in gaps; {told:?}");
}

#[test]
fn calls_that_fail_are_said_once_and_overcome() {
    if let Some(folder) = part() {
        let number = folder.file_name().unwrap().to_str().unwrap().parse().unwrap();
        return with_a_call_that_fails(&folder, number);
    }
    if !exists("fiu-run") {
        return left_out("calls that fail", "missing: fiu-run (tests/run installs what is needed)");
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let run = || {
            while let Some(number) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|n| *n < CALLS.len()) {
                let folder = folder.path().join(number.to_string());
                std::fs::create_dir(&folder).unwrap();
                child::run("calls::calls_that_fail_are_said_once_and_overcome", &folder, &["fiu-run", "-x"]);
            }
        };
        let runs: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
        runs.into_iter().for_each(|run| run.join().unwrap());
    });
}
