//! The structs and numbers of the C boundary. `include/usermon.h` is generated from this file; a change here is
//! a change of the contract with every PBX: new members only at the end, with the version that added them, numbers
//! never reused. Plain data for which all zero bytes are valid, or `read` could not take a shorter struct.

use std::ffi::c_void;

/// Version of this contract: major * 1000 + minor. A host of another major is refused.
pub const ABI_VERSION: u32 = 1000;

/// Bytes that belong to the side that passes them, valid until the call returns. Never NUL-ended, of any encoding.
/// A null pointer with length 0 is the empty value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    /// First byte, or null.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

/// An IP address and port. All zero, or another family: not known.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Addr {
    /// The address in network order; an IPv4 address in the first four bytes, the rest zero.
    pub ip: [u8; 16],
    /// The port in host order.
    pub port: u16,
    /// 0: not known, 4: IPv4, 6: IPv6.
    pub family: u8,
    /// Zero.
    pub reserved: u8,
}

/// A handle to an open module; never 0. A handle that was closed stays invalid for ever.
pub type Handle = u64;

/// A company's user as the PBX's own configuration has it.
#[repr(C)]
pub struct User {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 1: here (added or changed), 2: gone. When gone, only company and user are read.
    pub presence: u32,
    /// Id of the company; empty: the only one whose files name this user, else the default one. Of a user that is
    /// gone, empty: the only company that has it.
    pub company: Bytes,
    /// The PBX's id of the user; an endpoint of the same name is the user's own.
    pub user: Bytes,
    /// Extension.
    pub extension: Bytes,
    /// Name.
    pub name: Bytes,
    /// Surname.
    pub surname: Bytes,
    /// Department.
    pub department: Bytes,
    /// Mobile number; empty: none.
    pub mobile: Bytes,
}

/// A terminal of a user.
#[repr(C)]
pub struct Terminal {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 1: here (added or changed), 2: gone.
    pub presence: u32,
    /// 0: not told, 1: gui, 2: mobile, 3: usb, 4: sip, 5: dect.
    pub kind: u32,
    /// For terminals without SIP: 0 not told, 1 active now, 2 not active.
    pub active: u32,
    /// Id of the company; empty: the default company.
    pub company: Bytes,
    /// The PBX's id of the user.
    pub user: Bytes,
    /// The PBX's id of the terminal within the user.
    pub terminal: Bytes,
    /// The endpoint it authenticates as; empty: none.
    pub endpoint: Bytes,
    /// Free text for people.
    pub description: Bytes,
}

/// What happened to one contact of one endpoint.
#[repr(C)]
pub struct Registration {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 1: registered or refreshed, 2: unregistered or replaced, 3: expired, 4: failed, 5: reachable, 6: unreachable.
    pub step: u32,
    /// Of a failure: 1 wrong password, 2 unknown user, 3 forbidden by an access list, 4 TLS, 5 refused, 6 or another
    /// number: other.
    pub cause: u32,
    /// 1: UDP, 2: TCP, 3: TLS, 4: WS, 5: WSS; 0 or another number: unknown.
    pub transport: u32,
    /// When, microseconds since the Unix epoch; 0: now.
    pub time: i64,
    /// When it expires, microseconds since the Unix epoch; 0: not told.
    pub expires: i64,
    /// Round trip in microseconds; 0: not measured.
    pub round_trip: u32,
    /// Zero.
    pub reserved: u32,
    /// Where it came from.
    pub far: Addr,
    /// Id of the company; empty: resolved by the endpoint.
    pub company: Bytes,
    /// The endpoint.
    pub endpoint: Bytes,
    /// The Contact URI.
    pub contact: Bytes,
    /// User-Agent.
    pub user_agent: Bytes,
    /// Path (RFC 3327).
    pub path: Bytes,
    /// Call-ID of the REGISTER.
    pub call_id: Bytes,
    /// The PBX's own words about a failure. Must hold no secret.
    pub detail: Bytes,
}

/// Where one leg of a call stands. Repeating it is allowed.
#[repr(C)]
pub struct Call {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 1: ringing phase, 2: up, 3: held, 4: ended.
    pub phase: u32,
    /// 1: the user of this leg calls, 2: the user of this leg is called.
    pub direction: u32,
    /// ITU-T Q.850 cause of the end; 0: none.
    pub cause: u32,
    /// When, microseconds since the Unix epoch; 0: now.
    pub time: i64,
    /// Id of the company; empty: resolved by the endpoint.
    pub company: Bytes,
    /// The endpoint; empty: a trunk or an inner leg.
    pub endpoint: Bytes,
    /// The PBX's unique id of the leg.
    pub leg: Bytes,
    /// What joins the legs of one call; may change while it lasts.
    pub linked: Bytes,
    /// SIP Call-ID of the leg's dialog.
    pub call_id: Bytes,
    /// The far party's number.
    pub far_number: Bytes,
    /// The far party's name.
    pub far_name: Bytes,
}

/// RTCP figures of one leg, so far.
#[repr(C)]
pub struct Quality {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 0: media received by the PBX, 1: media sent by the PBX.
    pub direction: u32,
    /// When, microseconds since the Unix epoch; 0: now.
    pub time: i64,
    /// Packets.
    pub packets: u64,
    /// Packets lost.
    pub lost: u64,
    /// Interarrival jitter, microseconds.
    pub jitter: u32,
    /// Round trip, microseconds; 0: not known.
    pub round_trip: u32,
    /// Id of the company; empty: resolved by the endpoint.
    pub company: Bytes,
    /// The endpoint.
    pub endpoint: Bytes,
    /// The PBX's unique id of the leg.
    pub leg: Bytes,
    /// What joins the legs of one call.
    pub linked: Bytes,
    /// SIP Call-ID of the leg's dialog.
    pub call_id: Bytes,
}

/// One SIP message, in or out, in clear.
#[repr(C)]
pub struct Packet {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 0: received by the PBX, 1: sent by it.
    pub direction: u32,
    /// 1: UDP, 2: TCP, 3: TLS, 4: WS, 5: WSS; 0 or another number: unknown.
    pub transport: u32,
    /// Zero.
    pub reserved: u32,
    /// When, microseconds since the Unix epoch; 0: now.
    pub time: i64,
    /// The PBX's address.
    pub local: Addr,
    /// The far address.
    pub far: Addr,
    /// Id of the company; empty: not told.
    pub company: Bytes,
    /// The endpoint, where the PBX has identified it; empty: not told.
    pub endpoint: Bytes,
    /// The message as on the wire.
    pub data: Bytes,
}

/// One HTTP request that the PBX's own web server received for the module's pages.
#[repr(C)]
pub struct HttpRequest {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// 0: nobody is logged in at the PBX, the pages ask for a login; 1: an administrator of `company`; 2: a super-admin.
    pub role: u32,
    /// 1: the connection is encrypted (the session cookie is then Secure).
    pub secure: u32,
    /// Zero.
    pub reserved: u32,
    /// Where the request came from.
    pub far: Addr,
    /// Method, upper case.
    pub method: Bytes,
    /// Path below the mount point, beginning with `/`, percent-encoded as received, with `?query` if any.
    pub target: Bytes,
    /// Where the pages are mounted in the PBX's web server, without a slash at the end ("/usermon"); empty: the root.
    pub mount: Bytes,
    /// Header lines, `Name: value` each ended by CR LF or LF.
    pub headers: Bytes,
    /// Body.
    pub body: Bytes,
    /// With a role of 1: the company, UTF-8, not empty. Otherwise empty.
    pub company: Bytes,
    /// With a role: the PBX's name of the person, for the audit log; UTF-8, not empty.
    pub person: Bytes,
}

/// Takes the answer to one request: called exactly once, on the thread that called `http`, before that returns 0;
/// not called when `http` returns anything else. `headers` are `Name: value` lines, each ended by CR LF, without
/// Content-Length. The bytes belong to the module and are valid until the callback returns.
pub type HttpReply = Option<unsafe extern "C" fn(ctx: *mut c_void, status: u32, headers: Bytes, body: Bytes)>;

/// Takes a piece of text: one or more whole lines; called any number of times before the call that was given it
/// returns. The bytes belong to the module and are valid until the callback returns.
pub type Write = Option<unsafe extern "C" fn(ctx: *mut c_void, text: Bytes)>;

/// What the host offers. Copied by `open`; the functions must stay callable until `close` has returned, and none is
/// called after that. A function may tell (`on_...`) from within; everything else answers `USERMON_ERR_REENTRY` there.
/// `size`, `abi_version`, `ctx`, `name` and `log` keep their places in every major version, so that a host of another
/// one can be told.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    /// `sizeof` this struct as the host was compiled.
    pub size: u32,
    /// `USERMON_ABI_VERSION` as the host was compiled.
    pub abi_version: u32,
    /// Handed back to each function below.
    pub ctx: *mut c_void,
    /// Name and version of the PBX; copied.
    pub name: Bytes,
    /// [any thread] One line for the PBX's log. level 1: debug, 2: notice, 3: warning, 4: error. No line end, no
    /// control characters, at most 1000 bytes. May be null.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: u32, line: Bytes)>,
    /// [any thread] Round trip to a contact in microseconds; 0 or less: not known. May be null.
    pub round_trip: Option<unsafe extern "C" fn(ctx: *mut c_void, endpoint: Bytes, contact: Bytes) -> i64>,
}

/// The module's functions. Static; valid for the life of the process.
#[repr(C)]
pub struct Api {
    /// `sizeof` this struct as the module was compiled.
    pub size: u32,
    /// `USERMON_ABI_VERSION` as the module was compiled.
    pub abi_version: u32,
    /// [main thread; not from a callback] Opens a module with the configuration file at `config_path`; an empty
    /// path takes the defaults. Writes the handle, 0 when the status is not 0. Takes up to some seconds (recovery of
    /// the journal).
    pub open: Option<unsafe extern "C" fn(host: *const Host, config_path: Bytes, handle: *mut Handle) -> i32>,
    /// [main thread; not from a callback] Stops the threads, writes what is in memory, frees everything. Calls that
    /// begin meanwhile get `USERMON_ERR_HANDLE`; calls under way are waited for, at most about ten seconds in all.
    pub close: Option<unsafe extern "C" fn(handle: Handle) -> i32>,
    /// [any thread] A user is here, changed, or gone.
    pub on_user: Option<unsafe extern "C" fn(handle: Handle, user: *const User) -> i32>,
    /// [any thread] A terminal is here, changed, or gone.
    pub on_terminal: Option<unsafe extern "C" fn(handle: Handle, terminal: *const Terminal) -> i32>,
    /// [any thread] A contact was bound or removed, or an attempt failed.
    pub on_registration:
        Option<unsafe extern "C" fn(handle: Handle, registration: *const Registration) -> i32>,
    /// [any thread] A leg of a call stands here now.
    pub on_call: Option<unsafe extern "C" fn(handle: Handle, call: *const Call) -> i32>,
    /// [any thread] RTCP figures of a leg.
    pub on_quality: Option<unsafe extern "C" fn(handle: Handle, quality: *const Quality) -> i32>,
    /// [any thread] A SIP message came or went. Never blocks, does no I/O, never logs; may drop, drops are counted
    /// and shown.
    pub on_packet: Option<unsafe extern "C" fn(handle: Handle, packet: *const Packet) -> i32>,
    /// [any thread that may wait, never one that carries calls; not from a callback] Serves one request; the reply
    /// is made before return. `ctx` is handed to `reply`.
    pub http: Option<
        unsafe extern "C" fn(
            handle: Handle,
            request: *const HttpRequest,
            reply: HttpReply,
            ctx: *mut c_void,
        ) -> i32,
    >,
    /// [any thread that may wait; not from a callback] Reads the configuration and directory files again. On an
    /// error everything stays as it was, and the log says what is wrong.
    pub reload: Option<unsafe extern "C" fn(handle: Handle) -> i32>,
    /// [any thread that may wait; not from a callback] Writes a text for the PBX's command line. topic 1: status,
    /// 2: users. `ctx` is handed to `write`.
    pub status_text:
        Option<unsafe extern "C" fn(handle: Handle, topic: u32, write: Write, ctx: *mut c_void) -> i32>,
}

/// 0: done.
pub const OK: i32 = 0;
/// The packet was dropped: the ring was full. It is counted and shown.
pub const DROPPED: i32 = 1;
/// A pointer that must not be null is null, or a length without a pointer.
pub const ERR_NULL: i32 = -100;
/// A struct's `size` is smaller than the first version of that struct.
pub const ERR_SIZE: i32 = -101;
/// The host's major version is not this module's.
pub const ERR_VERSION: i32 = -102;
/// A number or text is out of its domain.
pub const ERR_ARGUMENT: i32 = -103;
/// The handle is not open: never was, or was closed.
pub const ERR_HANDLE: i32 = -200;
/// Not from a callback of this module: only `on_...` may be called there, the rest could wait for itself.
pub const ERR_REENTRY: i32 = -201;
/// Too many modules are open in this process.
pub const ERR_TOO_MANY: i32 = -202;
/// Calls were still under way when the deadline ran out; the module is closed all the same and freed when they end.
pub const ERR_DEADLINE: i32 = -203;
/// The configuration is wrong; the log says file, line, key and what to write.
pub const ERR_CONFIG: i32 = -300;
/// The operating system refused something; the log says what.
pub const ERR_IO: i32 = -301;
/// Another process, or another module of this one, uses the data folder.
pub const ERR_BUSY: i32 = -302;
/// Stored data can't be read by this version; the log says which and what to do.
pub const ERR_STORED: i32 = -303;
/// A panic was caught; the log says where. The part that panicked (events, packets, pages, reload or texts) takes no
/// more calls.
pub const ERR_PANIC: i32 = -400;
/// The part that this call needs panicked before; close and open again.
pub const ERR_POISONED: i32 = -401;
