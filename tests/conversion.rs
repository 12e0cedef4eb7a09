//! What a PBX tells would arrive as something else: another user, another time, another address, or another company's
//! page, if the reading of its structs were wrong, or lost what it need not lose.

use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::ptr::null;

use proptest::prelude::*;
use usermon::abi::types::{self, Addr, Bytes, ERR_ARGUMENT, ERR_NULL, ERR_SIZE};
use usermon::abi::{http, read};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Role;
use usermon::event::{
    CallDirection, CallPhase, Direction, Event, FailureCause, Kind, PacketRef, Presence, RegistrationStep,
    Transport,
};

fn bytes(own: &[u8]) -> Bytes {
    Bytes { ptr: own.as_ptr(), len: own.len() }
}

fn v4(ip: [u8; 4], port: u16) -> Addr {
    let mut addr = Addr { port, family: 4, ..Addr::default() };
    addr.ip[..4].copy_from_slice(&ip);
    addr
}

/// A struct of zeros but for its size.
macro_rules! blank {
    ($name:ident) => {{
        // SAFETY: integers, pointers and Option<fn>: all zero bytes are valid.
        let mut all: types::$name = unsafe { zeroed() };
        all.size = size_of::<types::$name>() as u32;
        all
    }};
}

fn packet_of(c: &types::Packet) -> PacketRef<'_> {
    // SAFETY: the tests' structs point to what outlives them.
    unsafe { read::packet(c) }.unwrap()
}

#[test]
fn every_member_of_a_user_and_of_a_terminal_arrives_at_its_place() {
    let mut c = blank!(User);
    c.presence = 1;
    c.company = bytes(b"acme");
    c.user = bytes(b"anna");
    c.extension = bytes(b"101");
    c.name = bytes("Zoë".as_bytes());
    c.surname = bytes(b"Rossi");
    c.department = bytes(b"Sales");
    c.mobile = bytes(b"+39 1");
    // SAFETY: a struct of ours.
    let Ok(Event::User(user)) = (unsafe { read::user(&c) }) else { panic!() };
    let told = [
        &user.company,
        &user.user,
        &user.extension,
        &user.name,
        &user.surname,
        &user.department,
        &user.mobile,
    ];
    assert_eq!(told.map(|t| &**t), ["acme", "anna", "101", "Zoë", "Rossi", "Sales", "+39 1"]);
    assert_eq!(user.presence, Presence::Here);
    c.presence = 2;
    c.name = Bytes { ptr: null(), len: 9 };
    // SAFETY: of a user who is gone only the key is read.
    let Ok(Event::User(gone)) = (unsafe { read::user(&c) }) else { panic!() };
    assert_eq!((gone.presence, &*gone.user, &*gone.name), (Presence::Gone, "anna", ""));

    let mut c = blank!(Terminal);
    (c.presence, c.kind, c.active) = (1, 5, 2);
    c.company = bytes(b"acme");
    c.user = bytes(b"anna");
    c.terminal = bytes(b"t1");
    c.endpoint = bytes(b"101b");
    c.description = bytes(b"Handset");
    // SAFETY: a struct of ours.
    let Ok(Event::Terminal(terminal)) = (unsafe { read::terminal(&c) }) else { panic!() };
    let told =
        [&terminal.company, &terminal.user, &terminal.terminal, &terminal.endpoint, &terminal.description];
    assert_eq!(told.map(|t| &**t), ["acme", "anna", "t1", "101b", "Handset"]);
    assert_eq!((terminal.kind, terminal.active), (Some(Kind::Dect), Some(false)));
}

#[test]
fn every_member_of_a_registration_arrives_at_its_place() {
    let mut c = blank!(Registration);
    (c.step, c.cause, c.transport, c.time, c.expires, c.round_trip) = (4, 3, 5, 11, 12, 13);
    c.far = v4([192, 0, 2, 7], 5061);
    c.company = bytes(b"acme");
    c.endpoint = bytes(b"101");
    c.contact = bytes(b"sip:101@192.0.2.7");
    c.user_agent = bytes(b"Phone");
    c.path = bytes(b"<sip:edge;lr>");
    c.call_id = bytes(b"id@x");
    c.detail = bytes(b"words");
    // SAFETY: a struct of ours.
    let Ok(Event::Registration(r)) = (unsafe { read::registration(&c) }) else { panic!() };
    assert_eq!(r.step, RegistrationStep::Failed(FailureCause::Forbidden));
    assert_eq!((r.time, r.expires, r.round_trip), (Timestamp(11), Some(Timestamp(12)), Some(13)));
    assert_eq!((r.transport, r.far), (Transport::Wss, Some(SocketAddr::from(([192, 0, 2, 7], 5061)))));
    let told = [&r.key.company, &r.key.endpoint, &r.contact, &r.user_agent, &r.path, &r.call_id, &r.detail];
    assert_eq!(
        told.map(|t| &**t),
        ["acme", "101", "sip:101@192.0.2.7", "Phone", "<sip:edge;lr>", "id@x", "words"]
    );
    (c.step, c.expires, c.round_trip) = (1, 0, 0);
    c.far = Addr::default();
    // SAFETY: a struct of ours.
    let Ok(Event::Registration(r)) = (unsafe { read::registration(&c) }) else { panic!() };
    assert_eq!((r.step, r.expires, r.round_trip, r.far), (RegistrationStep::Registered, None, None, None));
}

#[test]
fn every_member_of_a_call_and_of_a_quality_report_arrives_at_its_place() {
    let mut c = blank!(Call);
    (c.phase, c.direction, c.cause, c.time) = (4, 2, 486, 21);
    c.company = bytes(b"acme");
    c.endpoint = bytes(b"101");
    c.leg = bytes(b"leg");
    c.linked = bytes(b"linked");
    c.call_id = bytes(b"id@x");
    c.far_number = bytes(b"102");
    c.far_name = bytes(b"Bruno");
    // SAFETY: a struct of ours.
    let Ok(Event::Call(call)) = (unsafe { read::call(&c) }) else { panic!() };
    assert_eq!((call.phase, call.direction, call.cause), (CallPhase::Ended, CallDirection::Incoming, 486));
    let told =
        [&call.key.company, &call.key.endpoint, &call.leg, &call.linked, &call.call_id, &call.far_number];
    assert_eq!(told.map(|t| &**t), ["acme", "101", "leg", "linked", "id@x", "102"]);
    assert_eq!((&*call.far_name, call.time), ("Bruno", Timestamp(21)));

    let mut c = blank!(Quality);
    (c.direction, c.time, c.packets, c.lost, c.jitter, c.round_trip) = (1, 31, u64::MAX, 32, 33, 34);
    c.company = bytes(b"acme");
    c.endpoint = bytes(b"101");
    c.leg = bytes(b"leg");
    c.linked = bytes(b"linked");
    c.call_id = bytes(b"id@x");
    // SAFETY: a struct of ours.
    let Ok(Event::Quality(q)) = (unsafe { read::quality(&c) }) else { panic!() };
    assert_eq!((q.direction, q.time, q.packets, q.lost), (Direction::Out, Timestamp(31), u64::MAX, 32));
    assert_eq!((q.jitter, q.round_trip), (33, 34));
    let told = [&q.key.company, &q.key.endpoint, &q.leg, &q.linked, &q.call_id];
    assert_eq!(told.map(|t| &**t), ["acme", "101", "leg", "linked", "id@x"]);
}

#[test]
fn a_packet_is_borrowed_as_it_is_and_its_names_are_exact_or_nothing() {
    let data = [0_u8, 255, 13, 10, 128];
    let long = [b'x'; 513];
    let mut c = blank!(Packet);
    (c.direction, c.transport, c.time) = (1, 3, 41);
    c.local = v4([10, 0, 0, 1], 5060);
    c.far = v4([192, 0, 2, 7], 1);
    c.company = bytes(b"acme");
    c.endpoint = bytes(b"101");
    c.data = bytes(&data);
    let packet = packet_of(&c);
    assert!(std::ptr::eq(packet.data, &data[..]) && packet.data == data);
    assert_eq!(
        (packet.direction, packet.transport, packet.time),
        (Direction::Out, Transport::Tls, Timestamp(41))
    );
    assert_eq!(
        (packet.local.to_string(), packet.far.to_string()),
        ("10.0.0.1:5060".into(), "192.0.2.7:1".into())
    );
    assert_eq!((packet.company, packet.endpoint), ("acme", "101"));
    c.company = bytes(b"ac\xffme");
    c.endpoint = bytes(&long);
    c.far = Addr::default();
    let packet = packet_of(&c);
    assert_eq!((packet.company, packet.endpoint, packet.far.to_string().as_str()), ("", "", "0.0.0.0:0"));
    c.time = 0;
    let before = Clock::System.now();
    let time = packet_of(&c).time;
    assert!(before <= time && time <= Clock::System.now());
}

#[test]
fn an_address_is_one_whichever_socket_it_came_by() {
    let mut mapped = Addr { port: 5060, family: 6, ..Addr::default() };
    mapped.ip[10..12].fill(0xff);
    mapped.ip[12..].copy_from_slice(&[192, 0, 2, 7]);
    assert_eq!(read::address(mapped), read::address(v4([192, 0, 2, 7], 5060)));
    let six = Addr {
        ip: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        port: 1,
        family: 6,
        reserved: 0,
    };
    assert_eq!(read::address(six).unwrap().to_string(), "[2001:db8::1]:1");
    assert_eq!(read::address(Addr { family: 5, ..six }), None);
}

#[test]
fn a_path_keeps_its_bytes_and_refuses_what_no_path_can_be() {
    // SAFETY: bytes of ours, or the pointers and lengths that must be refused.
    let path = |bytes| unsafe { read::path(bytes) };
    assert_eq!(path(bytes(b"/tmp/\xff.toml")).unwrap().as_os_str().as_bytes(), b"/tmp/\xff.toml");
    assert_eq!(path(Bytes { ptr: null(), len: 0 }).unwrap().as_os_str(), "");
    assert_eq!(path(bytes(b"/tmp/a\0b")).unwrap_err().status, ERR_ARGUMENT);
    assert_eq!(path(bytes(&[b'x'; 4097])).unwrap_err().status, ERR_ARGUMENT);
    assert_eq!(path(Bytes { ptr: null(), len: 1 }).unwrap_err().status, ERR_NULL);
    assert_eq!(path(Bytes { ptr: b"x".as_ptr(), len: usize::MAX }).unwrap_err().status, ERR_ARGUMENT);
}

#[test]
fn a_struct_is_read_as_far_as_both_sides_know_it() {
    let mut longer = (blank!(Call), [0xff_u8; 64]);
    (longer.0.phase, longer.0.direction) = (1, 1);
    longer.0.leg = bytes(b"leg");
    for size in 0..longer.0.size + 64 {
        longer.0.size = size;
        // SAFETY: as many bytes as the size says are there.
        let read = unsafe { read::call(&raw const longer.0) };
        let known = size as usize >= size_of::<types::Call>();
        assert_eq!(read.map_err(|r| r.status).err(), (!known).then_some(ERR_SIZE), "size {size}");
    }
}

proptest! {
    #[test]
    fn a_text_is_bounded_and_loses_only_what_is_no_text(text in ".{0,40}", raw: Vec<u8>, most in 0_usize..60) {
        // SAFETY: bytes of ours.
        let (clean, dirty) = unsafe { (read::text(bytes(text.as_bytes()), most), read::text(bytes(&raw), most)) };
        let clean = clean.unwrap();
        prop_assert!(clean.len() <= most && text.starts_with(&*clean));
        prop_assert!(clean.len() + 3 >= most.min(text.len()));
        prop_assert!(clean.len() == text.len() || clean.len() + text[clean.len()..].chars().next().unwrap().len_utf8() > most);
        prop_assert!(dirty.unwrap().len() <= 3 * most);
        if raw.len() <= most {
            // SAFETY: bytes of ours.
            prop_assert_eq!(&*unsafe { read::text(bytes(&raw), most) }.unwrap(), &*String::from_utf8_lossy(&raw));
        }
    }
}

/// A request that is good as it is.
fn a_request() -> types::HttpRequest {
    let mut c = blank!(HttpRequest);
    c.method = bytes(b"POST");
    c.target = bytes(b"/c/acme/?q=%20");
    c
}

fn asked(c: &types::HttpRequest) -> Result<http::Asked, i32> {
    // SAFETY: the tests' structs point to what outlives them.
    unsafe { http::request(c) }.map_err(|refused| refused.status)
}

#[test]
fn a_request_arrives_with_its_headers_its_login_and_its_bytes() {
    let mut c = a_request();
    c.mount = bytes(b"/usermon");
    c.headers = bytes(
        b"Host: pbx\r\nCookie: a=b; c=d\nX-Raw:\t\xff \r\nno header\r\n folded: no\r\nBad Name: x\r\nE:\r\n",
    );
    c.body = bytes(b"\0body");
    c.far = v4([127, 0, 0, 1], 9);
    (c.role, c.secure) = (1, 1);
    c.company = bytes(b"acme");
    c.person = bytes("Zoë".as_bytes());
    let request = asked(&c).unwrap().unwrap();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/c/acme/?q=%20"));
    assert_eq!(
        (request.mount.as_str(), request.body.as_slice(), request.secure),
        ("/usermon", &b"\0body"[..], true)
    );
    assert_eq!(request.far.unwrap().to_string(), "127.0.0.1:9");
    let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    let headers =
        [header("Host", b"pbx"), header("Cookie", b"a=b; c=d"), header("X-Raw", b"\xff"), header("E", b"")];
    assert_eq!(request.headers, headers);
    let login = request.login.unwrap();
    assert_eq!(
        (login.role, login.company.as_deref(), &*login.person),
        (Role::Administrator, Some("acme"), "Zoë")
    );
    c.role = 2;
    let login = asked(&c).unwrap().unwrap().login.unwrap();
    assert_eq!((login.role, login.company), (Role::SuperAdmin, None));
    c.role = 0;
    assert_eq!(asked(&c).unwrap().unwrap().login, None);
}

#[test]
fn what_a_browser_does_wrong_is_answered_and_not_the_hosts_fault() {
    let long = vec![b'x'; 2_000_000];
    let status = |spoil: &dyn Fn(&mut types::HttpRequest)| {
        let mut c = a_request();
        spoil(&mut c);
        asked(&c).unwrap().err()
    };
    for wrong in [&b""[..], b"get", b"GE T", b"GET\n", b"\xff"] {
        assert_eq!(status(&|c| c.method = bytes(wrong)), Some(400), "{wrong:?}");
    }
    for wrong in [&b""[..], b"login", b"/a b", b"/a\r\nX: y", b"/\xff", b"/\0"] {
        assert_eq!(status(&|c| c.target = bytes(wrong)), Some(400), "{wrong:?}");
    }
    assert_eq!(status(&|c| c.target = bytes(&long)), Some(414));
    assert_eq!(status(&|c| c.headers = bytes(&long)), Some(431));
    assert_eq!(status(&|c| c.body = bytes(&long)), Some(413));
}
