//! A host process: opens the real library, pushes packets that can be told apart, keeps the lines of the log.

use std::ffi::c_void;
use std::mem::zeroed;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use usermon::abi::types::{
    ABI_VERSION, Addr, Api, Bytes, Handle, Host, HttpRequest, OK, Packet, Registration,
};

use crate::common::library;

/// Lines of the log: level and text.
type Told = Mutex<Vec<(u32, String)>>;

/// The level of an error and of a warning.
const WARNING: u32 = 3;

/// How many users the packets are of.
pub(crate) const USERS: u64 = 4;

pub(crate) struct Pbx {
    api: &'static Api,
    handle: Handle,
    told: &'static Told,
}

extern "C" fn keep(ctx: *mut c_void, level: u32, line: Bytes) {
    // SAFETY: `ctx` is the Told given to `open`, and the line is valid until this returns.
    let (told, line) = unsafe { (&*ctx.cast::<Told>(), std::slice::from_raw_parts(line.ptr, line.len)) };
    told.lock().unwrap().push((level, String::from_utf8(line.to_vec()).unwrap()));
}

extern "C" fn reply(ctx: *mut c_void, status: u32, _headers: Bytes, body: Bytes) {
    // SAFETY: `ctx` is the answer that `page` waits for, and the bytes are valid until this returns.
    let (answer, body) =
        unsafe { (&mut *ctx.cast::<(u32, String)>(), std::slice::from_raw_parts(body.ptr, body.len)) };
    *answer = (status, String::from_utf8(body.to_vec()).unwrap());
}

extern "C" fn write(ctx: *mut c_void, text: Bytes) {
    // SAFETY: as in `reply`.
    let (all, text) = unsafe { (&mut *ctx.cast::<String>(), std::slice::from_raw_parts(text.ptr, text.len)) };
    all.push_str(std::str::from_utf8(text).unwrap());
}

fn bytes(text: &[u8]) -> Bytes {
    Bytes { ptr: text.as_ptr(), len: text.len() }
}

/// Microseconds since the epoch.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// The user of packet `n`.
pub(crate) fn user(n: u64) -> String {
    format!("{}", 101 + n % USERS)
}

/// Packet `n`: about 1,800 bytes that are the same each time and cannot be compressed much.
pub(crate) fn message(n: u64) -> Vec<u8> {
    let mut noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = format!(
        "OPTIONS sip:pbx@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{n}\r\n\
         From: <sip:{0}@127.0.0.1>;tag={n}\r\nTo: <sip:pbx@127.0.0.1>\r\nCall-ID: number-{n}\r\nCSeq: 1 OPTIONS\r\nX-Noise: ",
        user(n)
    );
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-+";
    for _ in 0..160 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        text.extend((0..10).map(|at| char::from(letters[usize::try_from(noise >> (6 * at) & 63).unwrap()])));
    }
    text += "\r\nContent-Length: 0\r\n\r\n";
    text.into_bytes()
}

fn config(folder: &Path, data: &Path, store: &str) -> PathBuf {
    let path = folder.join("usermon.toml");
    let users: String = (0..USERS)
        .map(|n| {
            let user = user(n);
            format!(
                "[[user]]\ncompany = \"default\"\nextension = \"{user}\"\nname = \"U\"\nendpoints = [\"{user}\"]\n"
            )
        })
        .collect();
    std::fs::write(&path, format!("data_dir = {data:?}\ndump_detail = \"full\"\n[store]\n{store}\n{users}"))
        .unwrap();
    path
}

impl Pbx {
    /// Opens the library with its data in `data`; or the status and what the log says.
    pub(crate) fn open(folder: &Path, data: &Path, store: &str) -> Result<Self, (i32, Vec<String>)> {
        // SAFETY: the library's only symbol; it is never unloaded.
        let api: &'static Api = unsafe {
            let library = Box::leak(Box::new(libloading::Library::new(library()).unwrap()));
            let entry: libloading::Symbol<'_, extern "C" fn() -> *const Api> =
                library.get(b"usermon_entry").unwrap();
            &*entry()
        };
        let told: &'static Told = Box::leak(Box::default());
        let path = config(folder, data, store);
        // SAFETY: all zero bytes are a valid table.
        let mut host: Host = unsafe { zeroed() };
        host.size = u32::try_from(size_of::<Host>()).unwrap();
        host.abi_version = ABI_VERSION;
        host.ctx = std::ptr::from_ref(told).cast_mut().cast();
        host.log = Some(keep);
        let mut handle = 0;
        let path = bytes(path.to_str().unwrap().as_bytes());
        // SAFETY: table, path and handle are ours.
        let status = unsafe { api.open.unwrap()(&host, path, &mut handle) };
        let this = Self { api, handle, told };
        if status == OK { Ok(this) } else { Err((status, this.faults())) }
    }

    /// Pushes packet `n` and gives its time, if it was taken.
    pub(crate) fn push(&self, n: u64) -> Option<i64> {
        let time = now();
        let (data, endpoint) = (message(n), user(n));
        let address = |port: u16| {
            let mut ip = [0u8; 16];
            ip[..4].copy_from_slice(&[127, 0, 0, 1]);
            Addr { ip, port, family: 4, reserved: 0 }
        };
        // SAFETY: all zero bytes are a valid packet.
        let mut packet: Packet = unsafe { zeroed() };
        packet.size = u32::try_from(size_of::<Packet>()).unwrap();
        packet.transport = 1;
        packet.time = time;
        packet.local = address(5060);
        packet.far = address(40_000 + u16::try_from(n % USERS).unwrap());
        packet.endpoint = bytes(endpoint.as_bytes());
        packet.data = bytes(&data);
        // SAFETY: the packet and what it points at live until the call returns.
        let status = unsafe { self.api.on_packet.unwrap()(self.handle, &packet) };
        assert!(status >= OK, "on_packet: {status}");
        (status == OK).then_some(time)
    }

    /// A user's phone registers (`step` 1) or goes (2).
    pub(crate) fn register(&self, n: u64, step: u32) {
        let (endpoint, contact) = (user(n), format!("sip:{}@127.0.0.1:5062", user(n)));
        // SAFETY: all zero bytes are a valid registration.
        let mut registration: Registration = unsafe { zeroed() };
        registration.size = u32::try_from(size_of::<Registration>()).unwrap();
        registration.step = step;
        registration.expires = now() + 3_600_000_000;
        registration.endpoint = bytes(endpoint.as_bytes());
        registration.contact = bytes(contact.as_bytes());
        // SAFETY: the registration and what it points at live until the call returns.
        let status = unsafe { self.api.on_registration.unwrap()(self.handle, &registration) };
        assert_eq!(status, OK);
    }

    /// A page as the super-admin sees it.
    pub(crate) fn page(&self, target: &str) -> String {
        // SAFETY: all zero bytes are a valid request.
        let mut request: HttpRequest = unsafe { zeroed() };
        request.size = u32::try_from(size_of::<HttpRequest>()).unwrap();
        request.role = 2;
        request.method = bytes(b"GET");
        request.target = bytes(target.as_bytes());
        request.person = bytes(b"root");
        let mut answer = (0u32, String::new());
        let ctx = std::ptr::from_mut(&mut answer).cast();
        // SAFETY: the request and the answer live until the call returns.
        let status = unsafe { self.api.http.unwrap()(self.handle, &request, Some(reply), ctx) };
        assert_eq!((status, answer.0), (OK, 200), "{target}: {}", answer.1);
        answer.1
    }

    /// The wall of the company.
    pub(crate) fn wall(&self) -> String {
        self.page("/c/default/")
    }

    /// The diagnostics of the user of packet `n`.
    pub(crate) fn diagnostics(&self, n: u64) -> String {
        self.page(&format!("/c/default/u/{}/diag", user(n)))
    }

    /// One line of the status text.
    pub(crate) fn status(&self, name: &str) -> String {
        let mut text = String::new();
        let ctx = std::ptr::from_mut(&mut text).cast();
        // SAFETY: the text lives until the call returns.
        let status = unsafe { self.api.status_text.unwrap()(self.handle, 1, Some(write), ctx) };
        assert_eq!(status, OK);
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    }

    /// A number of the status text.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.status(name).parse().unwrap()
    }

    /// What the page says is wrong; empty: nothing.
    pub(crate) fn alarm(&self) -> String {
        let alarm = self.status("alarm");
        if alarm == "none" { String::new() } else { alarm }
    }

    /// The warnings and errors of the log, but for those of a machine that is too slow for the packets.
    pub(crate) fn faults(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let is_fault = |line: &&(u32, String)| line.0 >= WARNING && !line.1.starts_with("overload:");
        told.iter().filter(is_fault).map(|(_, line)| line.clone()).collect()
    }

    /// As [`Self::faults`], once there are so many: the page knows of one a moment before the log.
    pub(crate) fn logged(&self, faults: usize) -> Vec<String> {
        super::child::wait("a line in the log", || self.faults().len() >= faults);
        self.faults()
    }

    /// Every line of the log.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.told.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        // SAFETY: any number may be given.
        unsafe { self.api.close.unwrap()(self.handle) };
    }
}
