//! The one exported symbol, and the functions of its table. A PBX calls them; each goes through the guard, takes what
//! the host gave with `read` and calls the module. They hold no state and take no lock.

use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::sync::Arc;
use std::time::Duration;

use crate::abi::guard::{self, Entry, Opened};
use crate::abi::host::{self, Link};
use crate::abi::read::Struct;
use crate::abi::types::{self, Api, Bytes, Handle, Host, HttpReply, Write};
use crate::abi::{Refused, http, read, slots};
use crate::error::{Error, Result};
use crate::event::{Event, Host as _, LogLevel};
use crate::module::Module;

/// How long `close` waits for calls under way, for the module's own threads, and for callbacks.
const CALLS: Duration = Duration::from_secs(4);
const THREADS: Duration = Duration::from_secs(5);
const CALLBACKS: Duration = Duration::from_secs(1);

/// The module's functions: a static table, valid for the life of the process.
#[unsafe(no_mangle)]
pub extern "C" fn usermon_entry() -> *const Api {
    &raw const API
}

#[expect(clippy::cast_possible_truncation, reason = "a table of pointers is far below 4 GiB")]
static API: Api = Api {
    size: size_of::<Api>() as u32,
    abi_version: types::ABI_VERSION,
    open: Some(open),
    close: Some(close),
    on_user: Some(on_user),
    on_terminal: Some(on_terminal),
    on_registration: Some(on_registration),
    on_call: Some(on_call),
    on_quality: Some(on_quality),
    on_packet: Some(on_packet),
    http: Some(http),
    reload: Some(reload),
    status_text: Some(status_text),
};

/// What an error of the module is in C.
fn status_of(error: &Error) -> i32 {
    match error {
        Error::Io { .. } => types::ERR_IO,
        Error::Config { .. } => types::ERR_CONFIG,
        Error::Stored { .. } => types::ERR_STORED,
        Error::Busy(_) => types::ERR_BUSY,
        Error::Invalid(_) => types::ERR_ARGUMENT,
        Error::Stopped(_) => types::ERR_HANDLE,
    }
}

/// Logs an error where it leaves the library, and gives its status.
fn status(link: &Link, what: &str, result: Result<()>) -> i32 {
    match result {
        Ok(()) => types::OK,
        Err(error) => {
            link.log(LogLevel::Error, &format!("{what}: {error}"));
            status_of(&error)
        }
    }
}

unsafe extern "C" fn open(host: *const Host, config_path: Bytes, handle: *mut Handle) -> i32 {
    guard::prepare();
    if let Some(status) = guard::refuse_reentry(Entry::Open) {
        return status;
    }
    // SAFETY: the host vouches for its table, its name, the path and the place of the handle.
    let opened = guard::catch(|| unsafe { open_inside(host, config_path, handle) });
    opened.unwrap_or(types::ERR_PANIC)
}

/// # Safety
/// As the header says of `open`.
unsafe fn open_inside(host: *const Host, config_path: Bytes, handle: *mut Handle) -> i32 {
    // SAFETY: passed on to the caller.
    let link = match unsafe { greet(host) } {
        Ok(link) => link,
        Err(status) => return status,
    };
    let refuse = |refused: Refused| {
        link.log(LogLevel::Error, &format!("open is refused with {}: {}", refused.status, refused.advice));
        refused.status
    };
    if handle.is_null() {
        return refuse(Refused::new(types::ERR_NULL, "there is no place for the handle"));
    }
    // SAFETY: not null; the caller vouches that a handle may be written there.
    unsafe { handle.write(0) };
    // SAFETY: passed on to the caller.
    let path = match unsafe { read::path(config_path) } {
        Ok(path) => path,
        Err(refused) => return refuse(refused),
    };
    let Some(slot) = slots::reserve() else {
        return refuse(Refused::new(types::ERR_TOO_MANY, "too many modules are open; close one"));
    };
    link.join();
    let _working = link.work();
    let made = guard::catch(|| {
        guard::fault(Entry::Open, &link);
        Module::open(&path, Arc::<Link>::clone(&link))
    });
    let status = match made {
        Ok(Ok(module)) => {
            let opened = slot.fill(Box::new(Opened::new(module, Arc::clone(&link))));
            // SAFETY: as above.
            unsafe { handle.write(opened) };
            guard::opened(&link);
            return types::OK;
        }
        Ok(Err(error)) => self::status(&link, "the module cannot be opened", Err(error)),
        Err(place) => {
            link.log(LogLevel::Error, &format!("open panicked at {place}; nothing is open"));
            types::ERR_PANIC
        }
    };
    link.cut(CALLBACKS);
    status
}

/// Copies the host's table and makes the link to it. A host of another major version, or whose table is too short, is
/// told so through `log`, if its table reaches that far: its place never changes.
///
/// # Safety
/// `host` is null or a host's table with as many readable bytes as its `size` says.
unsafe fn greet(host: *const Host) -> Result<Arc<Link>, i32> {
    const NUMBERS: usize = offset_of!(Host, ctx);
    const HEAD: usize = offset_of!(Host, round_trip);
    if host.is_null() {
        return Err(types::ERR_NULL);
    }
    // SAFETY: a table begins with its size, which the caller vouches for.
    let size = usize::try_from(unsafe { host.cast::<u32>().read_unaligned() }).unwrap_or(usize::MAX);
    if size < NUMBERS {
        return Err(types::ERR_SIZE);
    }
    let copy = |most: usize| {
        let mut table = MaybeUninit::<Host>::zeroed();
        // SAFETY: `size` bytes are readable, no more than `most` are written, and all zero bytes are a valid table.
        unsafe {
            std::ptr::copy_nonoverlapping(host.cast::<u8>(), table.as_mut_ptr().cast::<u8>(), size.min(most));
            table.assume_init()
        }
    };
    let version = copy(NUMBERS).abi_version;
    let wrong = if version / 1000 != types::ABI_VERSION / 1000 {
        Some((types::ERR_VERSION, format!("the host is made for version {version} of the boundary")))
    } else if size < Host::FIRST {
        Some((types::ERR_SIZE, format!("the host's table has {size} bytes; set its size to sizeof")))
    } else {
        None
    };
    if let Some((status, words)) = wrong {
        if size >= HEAD {
            let link = Link::new(copy(HEAD), "");
            let own = types::ABI_VERSION;
            link.log(
                LogLevel::Error,
                &format!("open is refused with {status}: {words}; this module has {own}"),
            );
        }
        return Err(status);
    }
    let table = copy(size_of::<Host>());
    // SAFETY: the caller vouches for the name.
    let name = unsafe { read::text(table.name, 200) }.map_err(|refused| {
        let line = format!("open is refused with {}: the host's name: {}", refused.status, refused.advice);
        Link::new(table, "").log(LogLevel::Error, &line);
        refused.status
    })?;
    Ok(Link::new(table, &name))
}

unsafe extern "C" fn close(handle: Handle) -> i32 {
    if let Some(status) = guard::refuse_reentry(Entry::Close) {
        return status;
    }
    let Some(closing) = slots::close(handle) else { return guard::stray(Entry::Close) };
    let link = Arc::clone(&closing.link);
    let _working = link.work();
    let quiet = closing.wait(CALLS);
    let closed = guard::catch(|| {
        guard::fault(Entry::Close, &link);
        closing.module.close(THREADS)
    });
    let status = match closed {
        Ok(result) => self::status(&link, "the module was closed, but", result),
        Err(place) => {
            link.log(
                LogLevel::Error,
                &format!("close panicked at {place}; the module is closed all the same"),
            );
            types::ERR_PANIC
        }
    };
    if !quiet {
        link.log(
            LogLevel::Warning,
            "the module is closed, but calls are still under way; the last one frees it",
        );
    }
    let cut = link.cut(CALLBACKS);
    drop(closing);
    if status == types::OK && !(quiet && cut) { types::ERR_DEADLINE } else { status }
}

/// An `on_...` but `on_packet`.
fn tell(entry: Entry, handle: Handle, event: impl FnOnce() -> Result<Event, Refused>) -> i32 {
    guard::call(entry, handle, |opened| {
        opened.module.event(event()?);
        Ok(types::OK)
    })
}

unsafe extern "C" fn on_user(handle: Handle, user: *const types::User) -> i32 {
    // SAFETY: the host vouches for the struct and its bytes while this call lasts.
    tell(Entry::OnUser, handle, || unsafe { read::user(user) })
}

unsafe extern "C" fn on_terminal(handle: Handle, terminal: *const types::Terminal) -> i32 {
    // SAFETY: as in on_user.
    tell(Entry::OnTerminal, handle, || unsafe { read::terminal(terminal) })
}

unsafe extern "C" fn on_registration(handle: Handle, registration: *const types::Registration) -> i32 {
    // SAFETY: as in on_user.
    tell(Entry::OnRegistration, handle, || unsafe { read::registration(registration) })
}

unsafe extern "C" fn on_call(handle: Handle, call: *const types::Call) -> i32 {
    // SAFETY: as in on_user.
    tell(Entry::OnCall, handle, || unsafe { read::call(call) })
}

unsafe extern "C" fn on_quality(handle: Handle, quality: *const types::Quality) -> i32 {
    // SAFETY: as in on_user.
    tell(Entry::OnQuality, handle, || unsafe { read::quality(quality) })
}

unsafe extern "C" fn on_packet(handle: Handle, packet: *const types::Packet) -> i32 {
    guard::call(Entry::OnPacket, handle, |opened| {
        // SAFETY: as in on_user; the borrow ends before this call does.
        let packet = unsafe { read::packet(packet) }?;
        Ok(if opened.module.packet(packet) { types::OK } else { types::DROPPED })
    })
}

unsafe extern "C" fn http(
    handle: Handle,
    request: *const types::HttpRequest,
    reply: HttpReply,
    ctx: *mut c_void,
) -> i32 {
    guard::call(Entry::Http, handle, |opened| {
        let to = reply.ok_or(Refused::new(types::ERR_NULL, "there is no reply to call"))?;
        // SAFETY: as in on_user.
        let answer = match unsafe { http::request(request) }? {
            Ok(request) => opened.module.http(request),
            Err(status) => http::refusal(status),
        };
        // SAFETY: the host vouches for its function and context while this call lasts.
        unsafe { http::answer(&answer, to, ctx) };
        Ok(types::OK)
    })
}

unsafe extern "C" fn reload(handle: Handle) -> i32 {
    guard::call(Entry::Reload, handle, |opened| {
        Ok(status(&opened.link, "nothing was reloaded", opened.module.reload()))
    })
}

unsafe extern "C" fn status_text(handle: Handle, topic: u32, write: Write, ctx: *mut c_void) -> i32 {
    guard::call(Entry::StatusText, handle, |opened| {
        let write = write.ok_or(Refused::new(types::ERR_NULL, "there is no write to call"))?;
        let text = match topic {
            1 => opened.module.status_text(),
            2 => opened.module.users_text(),
            _ => return Err(Refused::new(types::ERR_ARGUMENT, "topic is 1 (status) or 2 (users)")),
        };
        for line in text.split_inclusive('\n') {
            // SAFETY: the host vouches for its function and context while this call lasts.
            host::callback(|| unsafe { write(ctx, host::bytes(line.as_bytes())) });
        }
        Ok(types::OK)
    })
}
