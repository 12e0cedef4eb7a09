//! A request from the PBX's web server and the answer to it, between C and [`crate::module`]. Called by `entry`.
//! What comes from the network must never look like a host's fault: a request that is malformed or too large is
//! answered with a 4xx; only what the host itself says (role, mount) is refused.

use std::ffi::c_void;

use crate::abi::Refused;
use crate::abi::host;
use crate::abi::read::{address, slice, take};
use crate::abi::types::{self, Bytes, ERR_ARGUMENT};
use crate::config::Role;
use crate::module::{Reply, Request};
use crate::web::HostLogin;

/// Largest target, all headers, body; the pages themselves need far less.
const TARGET: usize = 8 * 1024;
const HEADERS: usize = 64 * 1024;
const BODY: usize = 1024 * 1024;

/// A request, or the status to answer it with.
pub type Asked = Result<Request, u16>;

/// # Safety
/// As [`take`], and as [`slice`] for each of its members.
pub unsafe fn request(from: *const types::HttpRequest) -> Result<Asked, Refused> {
    // SAFETY: passed on to the caller, for the struct and for its members.
    let (c, method, target, mount, headers, body, company, person) = unsafe {
        let c = take(from)?;
        let (method, target, mount) = (slice(c.method)?, slice(c.target)?, slice(c.mount)?);
        let (headers, body) = (slice(c.headers)?, slice(c.body)?);
        let (company, person) = (slice(c.company)?, slice(c.person)?);
        (c, method, target, mount, headers, body, company, person)
    };
    let login = login(c.role, company, person)?;
    let mount = std::str::from_utf8(mount)
        .ok()
        .filter(|m| m.is_empty() || (m.starts_with('/') && !m.ends_with('/') && visible(m.as_bytes())))
        .ok_or(Refused::new(ERR_ARGUMENT, "mount is empty, or begins with / and does not end with it"))?;
    let secure = match c.secure {
        0 => false,
        1 => true,
        _ => return Err(Refused::new(ERR_ARGUMENT, "secure is 0 or 1")),
    };
    let too_large = [(target.len() > TARGET, 414), (headers.len() > HEADERS, 431), (body.len() > BODY, 413)];
    if let Some((_, status)) = too_large.into_iter().find(|(too, _)| *too) {
        return Ok(Err(status));
    }
    let wrong = method.is_empty()
        || !method.iter().all(u8::is_ascii_uppercase)
        || !target.starts_with(b"/")
        || !visible(target);
    let (Ok(method), Ok(target), false) = (std::str::from_utf8(method), std::str::from_utf8(target), wrong)
    else {
        return Ok(Err(400));
    };
    Ok(Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        mount: mount.to_owned(),
        headers: parse(headers),
        body: body.to_vec(),
        far: address(c.far),
        secure,
        login,
    }))
}

fn visible(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}

fn exact<'a>(bytes: &'a [u8], advice: &'static str) -> Result<&'a str, Refused> {
    let text = std::str::from_utf8(bytes).ok().filter(|t| !t.is_empty() && t.len() <= 512);
    text.filter(|t| !t.contains(char::is_control)).ok_or(Refused::new(ERR_ARGUMENT, advice))
}

/// Whom the PBX vouches for. Strict, and never lossy: a name that turned into another one would open another's pages.
fn login(role: u32, company: &[u8], person: &[u8]) -> Result<Option<HostLogin>, Refused> {
    let who = |role, company| {
        let person =
            exact(person, "with a role, person is a name: UTF-8, 1 to 512 bytes, no control characters")?;
        Ok(Some(HostLogin { role, company, person: person.into() }))
    };
    match role {
        0 => Ok(None),
        1 => {
            let company = exact(
                company,
                "with role 1, company is an id: UTF-8, 1 to 512 bytes, no control characters",
            )?;
            who(Role::Administrator, Some(company.into()))
        }
        2 => who(Role::SuperAdmin, None),
        _ => Err(Refused::new(ERR_ARGUMENT, "role is 0 (nobody), 1 (administrator) or 2 (super-admin)")),
    }
}

/// `Name: value` lines; those that are no header are left out, as are folded ones (RFC 9112 section 5.2).
fn parse(lines: &[u8]) -> Vec<(String, Vec<u8>)> {
    let header = |line: &[u8]| {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..)?.trim_ascii();
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        let clean = value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f));
        let name =
            std::str::from_utf8(name).ok().filter(|n| !n.is_empty() && n.bytes().all(|b| token(&b)))?;
        clean.then(|| (name.to_owned(), value.to_vec()))
    };
    lines.split(|b| *b == b'\n').filter_map(|line| header(line.strip_suffix(b"\r").unwrap_or(line))).collect()
}

/// `Name: value` lines each ended by CR LF, without those that the PBX's web server makes itself.
fn lines(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let own = ["content-length", "transfer-encoding", "connection"];
    let mut out = Vec::new();
    for (name, value) in headers {
        let broken = name.contains(['\r', '\n', '\0', ':']) || value.iter().any(|b| b"\r\n\0".contains(b));
        if !broken && !own.iter().any(|o| name.eq_ignore_ascii_case(o)) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// Hands `reply` over, once.
///
/// # Safety
/// `to` is callable with `ctx` on this thread.
pub(super) unsafe fn answer(
    reply: &Reply,
    to: unsafe extern "C" fn(*mut c_void, u32, Bytes, Bytes),
    ctx: *mut c_void,
) {
    let headers = lines(&reply.headers);
    // SAFETY: passed on to the caller.
    host::callback(|| unsafe {
        to(ctx, u32::from(reply.status), host::bytes(&headers), host::bytes(&reply.body));
    });
}

/// The answer to a request that goes no further.
pub(super) fn refusal(status: u16) -> Reply {
    let headers = vec![("Content-Type".to_owned(), b"text/plain; charset=utf-8".to_vec())];
    let words = match status {
        413 => "The request's body is too large.\n",
        414 => "The address is too long.\n",
        431 => "The request's headers are too large.\n",
        _ => "The request is malformed.\n",
    };
    Reply { status, headers, body: words.as_bytes().to_vec().into() }
}
