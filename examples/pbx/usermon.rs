//! Opens the built library and calls it as any PBX does: one exported symbol, a table of functions, plain C structs.
//! All `unsafe` of this host is here, in `abi.rs` and in the callbacks below. Knows nothing of SIP.

use std::ffi::c_void;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::abi::{self, Addr, Bytes};
use crate::told::{CallTold, PacketTold, RegistrationTold, Reply, Request, Step};

/// Answers the library's question for a contact's round trip, in microseconds.
pub(crate) type RoundTrip = Box<dyn Fn(&str, &str) -> Option<u32> + Send + Sync>;

/// What the library's callbacks reach. It stays for ever: one that `close` gave up waiting for may still be at it.
struct Sink {
    round_trip: RoundTrip,
    first_password: Mutex<Option<String>>,
}

/// An open module.
pub(crate) struct Usermon {
    api: &'static abi::Api,
    handle: u64,
    closed: AtomicBool,
    dropped: AtomicU64,
    refused: Mutex<Vec<(&'static str, i32)>>,
    company: String,
    sink: &'static Sink,
    // last: the table and the functions live in it
    _library: libloading::Library,
}

impl Usermon {
    /// Loads the library at `path` and opens it with the configuration file `config`.
    pub(crate) fn open(
        path: &Path,
        config: &Path,
        company: &str,
        round_trip: RoundTrip,
    ) -> Result<Self, String> {
        // SAFETY: the library's initialisers are those of a Rust cdylib, which run nothing of ours.
        let library = unsafe { libloading::Library::new(path) }.map_err(|e| {
            format!("{} can't be opened: {e}; build it again with `cargo build`", path.display())
        })?;
        // SAFETY: the symbol's type is fixed by the header since its first version.
        let entry: libloading::Symbol<'_, unsafe extern "C" fn() -> *const abi::Api> =
            unsafe { library.get(b"usermon_entry\0") }
                .map_err(|e| format!("{} is not usermon: {e}", path.display()))?;
        // SAFETY: `usermon_entry` may be called at any time and returns a static table or null.
        let api = unsafe { entry().as_ref() }.ok_or("usermon_entry returned no table")?;
        if api.abi_version / 1000 != abi::ABI_VERSION / 1000 || (api.size as usize) < size_of::<abi::Api>() {
            return Err(format!(
                "the library speaks version {} of the boundary, this host {}; build both from the same source",
                api.abi_version,
                abi::ABI_VERSION
            ));
        }
        let sink: &'static Sink = Box::leak(Box::new(Sink { round_trip, first_password: Mutex::new(None) }));
        let name = concat!("reference PBX ", env!("CARGO_PKG_VERSION"));
        let host = abi::Host {
            size: size_of::<abi::Host>() as u32,
            abi_version: abi::ABI_VERSION,
            ctx: std::ptr::from_ref::<Sink>(sink).cast_mut().cast(),
            name: Bytes::of(name.as_bytes()),
            log: Some(log),
            round_trip: Some(answer_round_trip),
        };
        let config_path = config.to_str().ok_or("the data folder's path must be UTF-8")?;
        let mut handle = 0;
        let open = api.open.ok_or("the library's table has no `open`")?;
        // SAFETY: all pointers are valid for the call; `sink` is never freed.
        let status = unsafe { open(&host, Bytes::of(config_path.as_bytes()), &mut handle) };
        if status != 0 {
            return Err(format!("usermon refused to open (status {status}); its log line above says why"));
        }
        Ok(Self {
            api,
            handle,
            closed: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            refused: Mutex::new(Vec::new()),
            company: company.to_owned(),
            sink,
            _library: library,
        })
    }

    /// The password of the first super-admin, if this start made it.
    pub(crate) fn first_password(&self) -> Option<String> {
        self.sink.first_password.lock().clone()
    }

    /// Packets that the module had no room for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn user(&self, user: &crate::directory::Person) {
        let told = abi::User {
            size: size_of::<abi::User>() as u32,
            presence: 1,
            company: text(&self.company),
            user: text(&user.extension),
            extension: text(&user.extension),
            name: text(user.name),
            surname: text(user.surname),
            department: text(user.department),
            mobile: text(&user.mobile),
        };
        // SAFETY: the handle is the module's own; the struct is whole and valid for the call.
        self.check("on_user", self.api.on_user.map(|f| unsafe { f(self.handle, &told) }));
    }

    pub(crate) fn terminal(&self, terminal: &crate::directory::Terminal, active: bool) {
        let told = abi::Terminal {
            size: size_of::<abi::Terminal>() as u32,
            presence: 1,
            kind: terminal.kind as u32,
            active: match (terminal.endpoint.is_empty(), active) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => 2,
            },
            company: text(&self.company),
            user: text(&terminal.user),
            terminal: text(&terminal.id),
            endpoint: text(&terminal.endpoint),
            description: text(terminal.description),
        };
        // SAFETY: as in `user`.
        self.check("on_terminal", self.api.on_terminal.map(|f| unsafe { f(self.handle, &told) }));
    }

    pub(crate) fn registration(&self, told: &RegistrationTold<'_>) {
        let (step, cause) = match told.step {
            Step::Registered => (1, 0),
            Step::Unregistered => (2, 0),
            Step::Expired => (3, 0),
            Step::WrongPassword => (4, 1),
            Step::UnknownUser => (4, 2),
            Step::Refused => (4, 5),
            Step::Reachable => (5, 0),
            Step::Unreachable => (6, 0),
        };
        let told = abi::Registration {
            size: size_of::<abi::Registration>() as u32,
            step,
            cause,
            transport: 1,
            time: 0,
            expires: told.expires.map_or(0, micros),
            round_trip: told.round_trip.unwrap_or(0),
            reserved: 0,
            far: told.far.map(address).unwrap_or_default(),
            company: text(&self.company),
            endpoint: text(told.endpoint),
            contact: text(told.contact),
            user_agent: text(told.user_agent),
            path: text(told.path),
            call_id: text(told.call_id),
            detail: text(told.detail),
        };
        // SAFETY: as in `user`.
        self.check("on_registration", self.api.on_registration.map(|f| unsafe { f(self.handle, &told) }));
    }

    pub(crate) fn call(&self, told: &CallTold<'_>) {
        let told = abi::Call {
            size: size_of::<abi::Call>() as u32,
            phase: told.phase as u32,
            direction: if told.outgoing { 1 } else { 2 },
            cause: told.cause,
            time: 0,
            company: text(&self.company),
            endpoint: text(told.endpoint),
            leg: text(told.leg),
            linked: text(told.linked),
            call_id: text(told.call_id),
            far_number: text(told.far_number),
            far_name: text(told.far_name),
        };
        // SAFETY: as in `user`.
        self.check("on_call", self.api.on_call.map(|f| unsafe { f(self.handle, &told) }));
    }

    pub(crate) fn packet(&self, told: &PacketTold<'_>) {
        let told = abi::Packet {
            size: size_of::<abi::Packet>() as u32,
            direction: u32::from(told.sent),
            transport: 1,
            reserved: 0,
            time: micros(told.time),
            local: address(told.local),
            far: address(told.far),
            company: if told.endpoint.is_empty() { Bytes::EMPTY } else { text(&self.company) },
            endpoint: text(told.endpoint),
            data: Bytes::of(told.data),
        };
        // SAFETY: as in `user`.
        let status = self.api.on_packet.map(|f| unsafe { f(self.handle, &told) });
        if status == Some(abi::DROPPED) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.check("on_packet", status);
        }
    }

    /// Serves one request; blocks while the library works, so it belongs on a thread that may wait.
    pub(crate) fn http(&self, request: &Request<'_>) -> Result<Reply, i32> {
        let told = abi::HttpRequest {
            size: size_of::<abi::HttpRequest>() as u32,
            role: 0,
            secure: 0,
            reserved: 0,
            far: address(request.far),
            method: text(request.method),
            target: text(request.target),
            mount: text(request.mount),
            headers: Bytes::of(request.headers),
            body: Bytes::of(request.body),
            company: Bytes::EMPTY,
            person: Bytes::EMPTY,
        };
        let mut reply = Reply::default();
        let ctx: *mut c_void = (&raw mut reply).cast();
        // SAFETY: the library calls `take_reply` with this `ctx` on this thread before it returns.
        match self.api.http.map(|f| unsafe { f(self.handle, &told, Some(take_reply), ctx) }) {
            Some(0) => Ok(reply),
            status => Err(status.unwrap_or(-1)),
        }
    }

    /// The text that a PBX's command line would show. Topic 1: status, 2: users.
    pub(crate) fn status_text(&self, topic: u32) -> String {
        let mut out: Vec<u8> = Vec::new();
        let ctx: *mut c_void = (&raw mut out).cast();
        // SAFETY: the library calls `take_text` with this `ctx` only before it returns.
        let status = self.api.status_text.map(|f| unsafe { f(self.handle, topic, Some(take_text), ctx) });
        self.check("status_text", status);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Closes the module and hands back its status. Nothing of it may be called afterwards; what is, gets a status.
    pub(crate) fn close(&self) -> i32 {
        if self.closed.swap(true, Ordering::SeqCst) {
            return 0;
        }
        // SAFETY: not called from a callback; the handle is the module's own.
        self.api.close.map_or(-1, |f| unsafe { f(self.handle) })
    }

    /// Says once for each function and status that the library refused something.
    fn check(&self, function: &'static str, status: Option<i32>) {
        let status = status.unwrap_or(-1);
        if status == 0 || self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut refused = self.refused.lock();
        let new = !refused.contains(&(function, status));
        if new {
            refused.push((function, status));
        }
        drop(refused);
        if new {
            crate::say(&format!("usermon answers {function} with status {status}"));
        }
    }
}

impl Drop for Usermon {
    fn drop(&mut self) {
        self.close();
    }
}

fn text(text: &str) -> Bytes {
    Bytes::of(text.as_bytes())
}

fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn address(address: SocketAddr) -> Addr {
    let mut told = Addr { port: address.port(), ..Addr::default() };
    match address.ip() {
        IpAddr::V4(ip) => {
            told.family = 4;
            for (to, from) in told.ip.iter_mut().zip(ip.octets()) {
                *to = from;
            }
        }
        IpAddr::V6(ip) => {
            told.family = 6;
            told.ip = ip.octets();
        }
    }
    told
}

/// The line's form is part of the library's contract: the PBX's log is where the first password is shown.
fn first_password(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("first start: super-admin account \"super-admin\" has the password ")?;
    rest.split(';').next()
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, line: Bytes) {
    // SAFETY: `ctx` is the `Sink` given to `open`, which is never freed.
    let sink = unsafe { &*ctx.cast::<Sink>() };
    // SAFETY: the line is valid until this callback returns.
    let line = String::from_utf8_lossy(unsafe { line.slice() });
    if let Some(password) = first_password(&line) {
        *sink.first_password.lock() = Some(password.to_owned());
        return;
    }
    if level >= 2 {
        crate::say(&format!("usermon: {line}"));
    }
}

unsafe extern "C" fn answer_round_trip(ctx: *mut c_void, endpoint: Bytes, contact: Bytes) -> i64 {
    // SAFETY: as in `log`.
    let (sink, endpoint, contact) = unsafe { (&*ctx.cast::<Sink>(), endpoint.slice(), contact.slice()) };
    match (std::str::from_utf8(endpoint), std::str::from_utf8(contact)) {
        (Ok(endpoint), Ok(contact)) => (sink.round_trip)(endpoint, contact).map_or(0, i64::from),
        _ => 0,
    }
}

unsafe extern "C" fn take_reply(ctx: *mut c_void, status: u32, headers: Bytes, body: Bytes) {
    // SAFETY: `ctx` is the `Reply` of the `http` call under way on this thread; headers and body are valid until we return.
    let (reply, headers, body) = unsafe { (&mut *ctx.cast::<Reply>(), headers.slice(), body.slice()) };
    *reply = Reply {
        status: u16::try_from(status).unwrap_or(500),
        headers: headers.to_vec(),
        body: body.to_vec(),
    };
}

unsafe extern "C" fn take_text(ctx: *mut c_void, text: Bytes) {
    // SAFETY: `ctx` is the `Vec` of the `status_text` call under way; the text is valid until we return.
    let (out, text) = unsafe { (&mut *ctx.cast::<Vec<u8>>(), text.slice()) };
    out.extend_from_slice(text);
}
