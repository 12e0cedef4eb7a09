//! The C boundary as this host sees it: `include/usermon.h` written down by hand, as any PBX would that is not in C.
//! The header says what each member means; here are only names, order and types. Used by `usermon.rs` alone.

use std::ffi::c_void;

pub(crate) const ABI_VERSION: u32 = 1000;
pub(crate) const DROPPED: i32 = 1;

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) ptr: *const u8,
    pub(crate) len: usize,
}

impl Bytes {
    pub(crate) const EMPTY: Self = Self { ptr: std::ptr::null(), len: 0 };

    /// Valid as long as `data` is.
    pub(crate) fn of(data: &[u8]) -> Self {
        if data.is_empty() { Self::EMPTY } else { Self { ptr: data.as_ptr(), len: data.len() } }
    }

    /// # Safety
    /// The bytes must stay valid for the chosen lifetime.
    pub(crate) unsafe fn slice<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: not null; the caller of this function vouches for length and lifetime.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Addr {
    pub(crate) ip: [u8; 16],
    pub(crate) port: u16,
    pub(crate) family: u8,
    pub(crate) reserved: u8,
}

#[repr(C)]
pub(crate) struct User {
    pub(crate) size: u32,
    pub(crate) presence: u32,
    pub(crate) company: Bytes,
    pub(crate) user: Bytes,
    pub(crate) extension: Bytes,
    pub(crate) name: Bytes,
    pub(crate) surname: Bytes,
    pub(crate) department: Bytes,
    pub(crate) mobile: Bytes,
}

#[repr(C)]
pub(crate) struct Terminal {
    pub(crate) size: u32,
    pub(crate) presence: u32,
    pub(crate) kind: u32,
    pub(crate) active: u32,
    pub(crate) company: Bytes,
    pub(crate) user: Bytes,
    pub(crate) terminal: Bytes,
    pub(crate) endpoint: Bytes,
    pub(crate) description: Bytes,
}

#[repr(C)]
pub(crate) struct Registration {
    pub(crate) size: u32,
    pub(crate) step: u32,
    pub(crate) cause: u32,
    pub(crate) transport: u32,
    pub(crate) time: i64,
    pub(crate) expires: i64,
    pub(crate) round_trip: u32,
    pub(crate) reserved: u32,
    pub(crate) far: Addr,
    pub(crate) company: Bytes,
    pub(crate) endpoint: Bytes,
    pub(crate) contact: Bytes,
    pub(crate) user_agent: Bytes,
    pub(crate) path: Bytes,
    pub(crate) call_id: Bytes,
    pub(crate) detail: Bytes,
}

#[repr(C)]
pub(crate) struct Call {
    pub(crate) size: u32,
    pub(crate) phase: u32,
    pub(crate) direction: u32,
    pub(crate) cause: u32,
    pub(crate) time: i64,
    pub(crate) company: Bytes,
    pub(crate) endpoint: Bytes,
    pub(crate) leg: Bytes,
    pub(crate) linked: Bytes,
    pub(crate) call_id: Bytes,
    pub(crate) far_number: Bytes,
    pub(crate) far_name: Bytes,
}

#[repr(C)]
pub(crate) struct Packet {
    pub(crate) size: u32,
    pub(crate) direction: u32,
    pub(crate) transport: u32,
    pub(crate) reserved: u32,
    pub(crate) time: i64,
    pub(crate) local: Addr,
    pub(crate) far: Addr,
    pub(crate) company: Bytes,
    pub(crate) endpoint: Bytes,
    pub(crate) data: Bytes,
}

#[repr(C)]
pub(crate) struct HttpRequest {
    pub(crate) size: u32,
    pub(crate) role: u32,
    pub(crate) secure: u32,
    pub(crate) reserved: u32,
    pub(crate) far: Addr,
    pub(crate) method: Bytes,
    pub(crate) target: Bytes,
    pub(crate) mount: Bytes,
    pub(crate) headers: Bytes,
    pub(crate) body: Bytes,
    pub(crate) company: Bytes,
    pub(crate) person: Bytes,
}

pub(crate) type HttpReply = Option<unsafe extern "C" fn(*mut c_void, u32, Bytes, Bytes)>;
pub(crate) type Write = Option<unsafe extern "C" fn(*mut c_void, Bytes)>;

#[repr(C)]
pub(crate) struct Host {
    pub(crate) size: u32,
    pub(crate) abi_version: u32,
    pub(crate) ctx: *mut c_void,
    pub(crate) name: Bytes,
    pub(crate) log: Option<unsafe extern "C" fn(*mut c_void, u32, Bytes)>,
    pub(crate) round_trip: Option<unsafe extern "C" fn(*mut c_void, Bytes, Bytes) -> i64>,
}

type On<T> = Option<unsafe extern "C" fn(u64, *const T) -> i32>;

/// Never made here: it is the library's static table.
#[repr(C)]
pub(crate) struct Api {
    pub(crate) size: u32,
    pub(crate) abi_version: u32,
    pub(crate) open: Option<unsafe extern "C" fn(*const Host, Bytes, *mut u64) -> i32>,
    pub(crate) close: Option<unsafe extern "C" fn(u64) -> i32>,
    pub(crate) on_user: On<User>,
    pub(crate) on_terminal: On<Terminal>,
    pub(crate) on_registration: On<Registration>,
    pub(crate) on_call: On<Call>,
    /// Not called: this PBX relays no media, so it has no RTCP figures to tell.
    pub(crate) on_quality: On<c_void>,
    pub(crate) on_packet: On<Packet>,
    pub(crate) http: Option<unsafe extern "C" fn(u64, *const HttpRequest, HttpReply, *mut c_void) -> i32>,
    pub(crate) reload: Option<unsafe extern "C" fn(u64) -> i32>,
    pub(crate) status_text: Option<unsafe extern "C" fn(u64, u32, Write, *mut c_void) -> i32>,
}
