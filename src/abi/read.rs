//! From the host's structs to the module's own events. Called by `entry` with pointers that the host vouches for only
//! as far as the header says: null, short and longer structs, numbers out of their domain and any bytes must come out
//! as a refusal or as bounded text. It copies everything that outlives the call and never touches the module.

use std::ffi::OsStr;
use std::mem::{MaybeUninit, offset_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::abi::Refused;
use crate::abi::types::{self, Addr, Bytes, ERR_ARGUMENT, ERR_NULL, ERR_SIZE};
use crate::clock::{Clock, Timestamp};
use crate::event::{
    Call, CallDirection, CallPhase, Direction, EndpointKey, Event, FailureCause, Kind, PacketRef, Presence,
    Quality, Registration, RegistrationStep, Terminal, Transport, User,
};

/// Most bytes read of a name, number or id; the rest is left out.
const SHORT: usize = 512;
/// Most bytes read of a URI, a User-Agent, a Path or free text.
const LONG: usize = 4096;
/// Longest path of a configuration file, as Linux's PATH_MAX.
const PATH: usize = 4096;

/// A struct of the boundary.
///
/// # Safety
/// The type is `repr(C)`, begins with `size: u32`, and all zero bytes are a valid value of it.
pub unsafe trait Struct: Sized {
    /// Its size in the first version of the contract that had it.
    const FIRST: usize;
}

macro_rules! first_version_ends_with {
    ($($name:ident . $member:ident : $kind:ty),+ $(,)?) => {$(
        // SAFETY: repr(C), `size` first, and only integers, pointers and Option<fn> inside (types.rs).
        unsafe impl Struct for types::$name {
            const FIRST: usize = offset_of!(types::$name, $member) + size_of::<$kind>();
        }
    )+};
}
first_version_ends_with!(
    User.mobile: Bytes,
    Terminal.description: Bytes,
    Registration.detail: Bytes,
    Call.far_name: Bytes,
    Quality.call_id: Bytes,
    Packet.data: Bytes,
    HttpRequest.person: Bytes,
    Host.round_trip: usize,
);

/// Copies a struct of the host's version: members that the host does not have are zero, those that this version does
/// not have are left.
///
/// # Safety
/// `from` is null, or points to a struct of the kind of `T` with as many readable bytes as its `size` says.
pub unsafe fn take<T: Struct>(from: *const T) -> Result<T, Refused> {
    if from.is_null() {
        return Err(Refused::new(ERR_NULL, "the struct's pointer is null"));
    }
    // SAFETY: every struct begins with its size (Struct), readable as the caller vouches.
    let size = usize::try_from(unsafe { from.cast::<u32>().read_unaligned() }).unwrap_or(usize::MAX);
    if size < T::FIRST {
        return Err(Refused::new(
            ERR_SIZE,
            "the struct's size is smaller than its first version; set it to sizeof",
        ));
    }
    let mut own = MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes are readable, no more than size_of::<T>() are written, and what stays zero is valid (Struct).
    unsafe {
        std::ptr::copy_nonoverlapping(
            from.cast::<u8>(),
            own.as_mut_ptr().cast::<u8>(),
            size.min(size_of::<T>()),
        );
        Ok(own.assume_init())
    }
}

/// The host's bytes, borrowed.
///
/// # Safety
/// `bytes.ptr` is null, or `bytes.len` bytes are readable there for all of `'a`.
pub unsafe fn slice<'a>(bytes: Bytes) -> Result<&'a [u8], Refused> {
    if bytes.len == 0 {
        return Ok(&[]);
    }
    if bytes.ptr.is_null() {
        return Err(Refused::new(ERR_NULL, "a length without a pointer; null goes with 0"));
    }
    if isize::try_from(bytes.len).is_err() {
        return Err(Refused::new(ERR_ARGUMENT, "a length above half the address space"));
    }
    // SAFETY: not null, readable as the caller vouches, and no longer than isize::MAX.
    Ok(unsafe { std::slice::from_raw_parts(bytes.ptr, bytes.len) })
}

/// At most `most` bytes as text: what is not UTF-8 becomes U+FFFD, and a character is not cut in the middle.
///
/// # Safety
/// As [`slice`].
pub unsafe fn text(bytes: Bytes, most: usize) -> Result<Arc<str>, Refused> {
    // SAFETY: passed on to the caller.
    let all = unsafe { slice(bytes) }?;
    let head = all.get(..most).unwrap_or(all);
    let whole = match std::str::from_utf8(head) {
        Err(e) if e.error_len().is_none() && head.len() < all.len() => head.get(..e.valid_up_to()),
        _ => None,
    };
    Ok(String::from_utf8_lossy(whole.unwrap_or(head)).into())
}

/// The path of the configuration file; any bytes but NUL.
///
/// # Safety
/// As [`slice`].
pub unsafe fn path(bytes: Bytes) -> Result<PathBuf, Refused> {
    // SAFETY: passed on to the caller.
    let all = unsafe { slice(bytes) }?;
    if all.len() > PATH || all.contains(&0) {
        return Err(Refused::new(ERR_ARGUMENT, "config_path is longer than 4096 bytes or has a NUL in it"));
    }
    Ok(PathBuf::from(OsStr::from_bytes(all)))
}

/// The address; `None` where the host does not know it. IPv4 within IPv6 becomes IPv4, so that one phone has one
/// address whichever socket its packets came by.
pub fn address(addr: Addr) -> Option<SocketAddr> {
    let [a, b, c, d, ..] = addr.ip;
    let ip = match addr.family {
        4 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        6 => IpAddr::V6(Ipv6Addr::from(addr.ip)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, addr.port))
}

fn moment(time: i64) -> Timestamp {
    if time == 0 { Clock::System.now() } else { Timestamp(time) }
}

fn transport(number: u32) -> Transport {
    u8::try_from(number).map_or(Transport::Unknown, Transport::from_number)
}

fn presence(number: u32) -> Result<Presence, Refused> {
    match number {
        1 => Ok(Presence::Here),
        2 => Ok(Presence::Gone),
        _ => Err(Refused::new(ERR_ARGUMENT, "presence is 1 (here) or 2 (gone)")),
    }
}

fn direction(number: u32) -> Result<Direction, Refused> {
    match number {
        0 => Ok(Direction::In),
        1 => Ok(Direction::Out),
        _ => Err(Refused::new(ERR_ARGUMENT, "direction is 0 (in) or 1 (out)")),
    }
}

fn needed(text: Arc<str>, advice: &'static str) -> Result<Arc<str>, Refused> {
    if text.is_empty() { Err(Refused::new(ERR_ARGUMENT, advice)) } else { Ok(text) }
}

/// # Safety
/// As [`take`], and as [`slice`] for each of its members.
pub unsafe fn user(from: *const types::User) -> Result<Event, Refused> {
    // SAFETY: passed on to the caller, for the struct and for its members.
    unsafe {
        let c = take(from)?;
        let presence = presence(c.presence)?;
        let here = |bytes| if presence == Presence::Here { text(bytes, SHORT) } else { Ok(Arc::default()) };
        Ok(Event::User(User {
            presence,
            company: text(c.company, SHORT)?,
            user: needed(text(c.user, SHORT)?, "user is empty; it is the user's id")?,
            extension: here(c.extension)?,
            name: here(c.name)?,
            surname: here(c.surname)?,
            department: here(c.department)?,
            mobile: here(c.mobile)?,
        }))
    }
}

/// # Safety
/// As [`take`], and as [`slice`] for each of its members.
pub unsafe fn terminal(from: *const types::Terminal) -> Result<Event, Refused> {
    // SAFETY: passed on to the caller, for the struct and for its members.
    unsafe {
        let c = take(from)?;
        Ok(Event::Terminal(Terminal {
            presence: presence(c.presence)?,
            company: text(c.company, SHORT)?,
            user: needed(text(c.user, SHORT)?, "user is empty; it is the user's id")?,
            terminal: needed(
                text(c.terminal, SHORT)?,
                "terminal is empty; it is the terminal's id within the user",
            )?,
            kind: match c.kind {
                0 => None,
                1 => Some(Kind::Gui),
                2 => Some(Kind::Mobile),
                3 => Some(Kind::Usb),
                4 => Some(Kind::Sip),
                5 => Some(Kind::Dect),
                _ => return Err(Refused::new(ERR_ARGUMENT, "kind is 0 (not told) to 5 (dect)")),
            },
            endpoint: text(c.endpoint, SHORT)?,
            description: text(c.description, LONG)?,
            active: match c.active {
                0 => None,
                1 => Some(true),
                2 => Some(false),
                _ => return Err(Refused::new(ERR_ARGUMENT, "active is 0 (not told), 1 (active) or 2 (not)")),
            },
        }))
    }
}

/// # Safety
/// As [`take`], and as [`slice`] for each of its members.
pub unsafe fn registration(from: *const types::Registration) -> Result<Event, Refused> {
    // SAFETY: passed on to the caller, for the struct and for its members.
    unsafe {
        let c = take(from)?;
        let step = match (c.step, c.cause) {
            (1, _) => RegistrationStep::Registered,
            (2, _) => RegistrationStep::Unregistered,
            (3, _) => RegistrationStep::Expired,
            (4, 1) => RegistrationStep::Failed(FailureCause::WrongPassword),
            (4, 2) => RegistrationStep::Failed(FailureCause::UnknownUser),
            (4, 3) => RegistrationStep::Failed(FailureCause::Forbidden),
            (4, 4) => RegistrationStep::Failed(FailureCause::Tls),
            (4, 5) => RegistrationStep::Failed(FailureCause::Refused),
            (4, _) => RegistrationStep::Failed(FailureCause::Other),
            (5, _) => RegistrationStep::Reachable,
            (6, _) => RegistrationStep::Unreachable,
            _ => return Err(Refused::new(ERR_ARGUMENT, "step is 1 (registered) to 6 (unreachable)")),
        };
        let failed = matches!(step, RegistrationStep::Failed(_));
        let endpoint = text(c.endpoint, SHORT)?;
        let contact = text(c.contact, LONG)?;
        if !failed && (endpoint.is_empty() || contact.is_empty()) {
            return Err(Refused::new(
                ERR_ARGUMENT,
                "endpoint or contact is empty; only a failure may leave them out",
            ));
        }
        Ok(Event::Registration(Registration {
            step,
            time: moment(c.time),
            key: EndpointKey { company: text(c.company, SHORT)?, endpoint },
            contact,
            far: address(c.far),
            transport: transport(c.transport),
            user_agent: text(c.user_agent, LONG)?,
            path: text(c.path, LONG)?,
            call_id: text(c.call_id, SHORT)?,
            expires: (c.expires != 0).then_some(Timestamp(c.expires)),
            round_trip: (c.round_trip != 0).then_some(c.round_trip),
            detail: text(c.detail, LONG)?,
        }))
    }
}

/// # Safety
/// As [`take`], and as [`slice`] for each of its members.
pub unsafe fn call(from: *const types::Call) -> Result<Event, Refused> {
    // SAFETY: passed on to the caller, for the struct and for its members.
    unsafe {
        let c = take(from)?;
        Ok(Event::Call(Call {
            phase: match c.phase {
                1 => CallPhase::Ringing,
                2 => CallPhase::Up,
                3 => CallPhase::Held,
                4 => CallPhase::Ended,
                _ => return Err(Refused::new(ERR_ARGUMENT, "phase is 1 (ringing) to 4 (ended)")),
            },
            time: moment(c.time),
            key: EndpointKey { company: text(c.company, SHORT)?, endpoint: text(c.endpoint, SHORT)? },
            leg: needed(text(c.leg, SHORT)?, "leg is empty; it is the PBX's unique id of the leg")?,
            linked: text(c.linked, SHORT)?,
            call_id: text(c.call_id, SHORT)?,
            direction: match c.direction {
                1 => CallDirection::Outgoing,
                2 => CallDirection::Incoming,
                _ => {
                    return Err(Refused::new(
                        ERR_ARGUMENT,
                        "direction is 1 (the user calls) or 2 (is called)",
                    ));
                }
            },
            far_number: text(c.far_number, SHORT)?,
            far_name: text(c.far_name, SHORT)?,
            cause: u16::try_from(c.cause)
                .map_err(|_| Refused::new(ERR_ARGUMENT, "cause is a Q.850 cause, below 65536"))?,
        }))
    }
}

/// # Safety
/// As [`take`], and as [`slice`] for each of its members.
pub unsafe fn quality(from: *const types::Quality) -> Result<Event, Refused> {
    // SAFETY: passed on to the caller, for the struct and for its members.
    unsafe {
        let c = take(from)?;
        Ok(Event::Quality(Quality {
            time: moment(c.time),
            key: EndpointKey { company: text(c.company, SHORT)?, endpoint: text(c.endpoint, SHORT)? },
            leg: needed(text(c.leg, SHORT)?, "leg is empty; it is the PBX's unique id of the leg")?,
            linked: text(c.linked, SHORT)?,
            call_id: text(c.call_id, SHORT)?,
            direction: direction(c.direction)?,
            packets: c.packets,
            lost: c.lost,
            jitter: c.jitter,
            round_trip: c.round_trip,
        }))
    }
}

/// Borrows; allocates nothing. A company or endpoint that is not UTF-8, or longer than any that an event can name, is
/// taken as not told.
///
/// # Safety
/// As [`take`], and as [`slice`] for each of its members, for all of `'a`.
pub unsafe fn packet<'a>(from: *const types::Packet) -> Result<PacketRef<'a>, Refused> {
    const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let name = |bytes: &'a [u8]| {
        if bytes.len() > SHORT { "" } else { std::str::from_utf8(bytes).unwrap_or_default() }
    };
    // SAFETY: passed on to the caller, for the struct and for its members.
    unsafe {
        let c = take(from)?;
        Ok(PacketRef {
            time: moment(c.time),
            direction: direction(c.direction)?,
            transport: transport(c.transport),
            local: address(c.local).unwrap_or(UNKNOWN),
            far: address(c.far).unwrap_or(UNKNOWN),
            company: name(slice(c.company)?),
            endpoint: name(slice(c.endpoint)?),
            data: slice(c.data)?,
        })
    }
}
