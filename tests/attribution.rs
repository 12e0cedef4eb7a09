//! If a packet is given to the wrong user, one user's calls show in another's diagnostics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use usermon::capture::message::scan;
use usermon::capture::{Attributed, Attributor, Caught, Certainty, Drain, Owned, Tap};
use usermon::clock::{Clock, Timestamp};
use usermon::config::Config;
use usermon::directory::Directory;
use usermon::event::{
    Call, CallDirection, CallPhase, Direction, DumpDetail, EndpointKey, Event, FailureCause, PacketRef,
    Registration, RegistrationStep, Transport, UserKey,
};
use usermon::settings::Settings;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// Two companies with a 101 each; 102's phones have endpoints with other names.
const USERS: &str = r#"
dump_detail = "full"
[[company]]
id = "acme"
name = "Acme"
domains = ["acme.example"]
[[company]]
id = "beta"
name = "Beta"
domains = ["beta.example"]
[[user]]
company = "acme"
extension = "101"
name = "Anna"
surname = "Rossi"
[[user]]
company = "acme"
extension = "102"
name = "Ugo"
surname = "Neri"
endpoints = ["ugo-desk", "ugo-home"]
[[user]]
company = "beta"
extension = "101"
name = "Bea"
surname = "Verdi"
[[user]]
extension = "300"
name = "Dora"
surname = "Gallo"
"#;

struct Bench {
    attributor: Arc<Attributor>,
    settings: Arc<Settings>,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("data_dir = \"{}\"\n{USERS}", folder.path().display());
    let config = Config::parse(&text, &folder.path().join("usermon.toml")).unwrap();
    let attributor = Arc::new(Attributor::new(Arc::new(Directory::new(&config).unwrap())));
    Bench { attributor, settings: Arc::new(Settings::open(&config).unwrap()), _folder: folder }
}

fn far(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

/// A request that comes in, as `from` from `far(port)`.
fn request(method: &str, from: &str, to: &str, call_id: &str) -> String {
    format!(
        "{method} sip:x@y SIP/2.0\r\nFrom: <sip:{from}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
    )
}

fn packet<'a>(text: &'a str, port: u16, direction: Direction, named: (&'a str, &'a str)) -> PacketRef<'a> {
    PacketRef {
        time: NOW,
        direction,
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        far: far(port),
        company: named.0,
        endpoint: named.1,
        data: text.as_bytes(),
    }
}

impl Bench {
    fn ask(&self, text: &str, port: u16, direction: Direction, named: (&str, &str)) -> Attributed {
        let owned = Owned::copy(&packet(text, port, direction, named));
        self.attributor.attribute(&owned, &scan(owned.data()))
    }

    /// An INVITE that comes in; who it is said to be of, and how sure.
    fn invite(&self, from: &str, call_id: &str, port: u16) -> (String, Certainty) {
        who(&self.ask(&request("INVITE", from, "999@acme.example", call_id), port, Direction::In, ("", "")))
    }

    fn register(&self, company: &str, endpoint: &str, port: u16, call_id: &str) {
        self.registration(company, endpoint, port, call_id, RegistrationStep::Registered);
    }

    fn registration(&self, company: &str, endpoint: &str, port: u16, call_id: &str, step: RegistrationStep) {
        self.attributor.observe(&Event::Registration(Registration {
            step,
            time: NOW,
            key: EndpointKey::new(company, endpoint),
            contact: format!("sip:{endpoint}@192.0.2.7:{port}").into(),
            far: Some(far(port)),
            transport: Transport::Udp,
            user_agent: "".into(),
            path: "".into(),
            call_id: call_id.into(),
            expires: None,
            round_trip: None,
            detail: "".into(),
        }));
    }

    fn call(&self, company: &str, endpoint: &str, call_id: &str, linked: &str) {
        self.attributor.observe(&Event::Call(Call {
            phase: CallPhase::Ringing,
            time: NOW,
            key: EndpointKey::new(company, endpoint),
            leg: format!("leg-{endpoint}").into(),
            linked: linked.into(),
            call_id: call_id.into(),
            direction: CallDirection::Outgoing,
            far_number: "".into(),
            far_name: "".into(),
            cause: 0,
        }));
    }
}

fn name(user: &UserKey) -> String {
    format!("{}/{}", user.company, user.user)
}

fn who(found: &Attributed) -> (String, Certainty) {
    (found.user.as_ref().map_or_else(|| "nobody".to_owned(), |user| name(user)), found.certainty)
}

fn is(user: &str, certainty: Certainty) -> (String, Certainty) {
    (user.to_owned(), certainty)
}

#[test]
fn the_best_evidence_wins() {
    let bench = bench();
    // four pieces of evidence, each for somebody else
    let text = request("INVITE", "300@192.0.2.1", "999@x", "call-1");
    let ask = |named| who(&bench.ask(&text, 5070, Direction::In, named));
    assert_eq!(ask(("", "")), is("default/300", Certainty::Claimed));
    bench.register("beta", "101", 5070, "reg-b");
    let registered = bench.invite("anonymous@anonymous.invalid", "other", 5070);
    assert_eq!(registered, is("beta/101", Certainty::Proven), "the registered contact");
    bench.call("acme", "ugo-home", "call-1", "linked-1");
    assert_eq!(ask(("", "")), is("acme/102", Certainty::Proven), "the Call-ID before the contact");
    assert_eq!(ask(("acme", "101")), is("acme/101", Certainty::Proven), "the PBX's word before all");
    let found = bench.ask(&text, 5070, Direction::In, ("", ""));
    assert_eq!((&*found.endpoint, &*found.linked), ("ugo-home", "linked-1"));
}

#[test]
fn a_spoofed_from_is_only_claimed() {
    let bench = bench();
    bench.register("acme", "101", 5070, "reg-1");
    for n in 0..50 {
        let found = bench.invite("101@acme.example", &format!("spoof-{}", n % 5), 6666);
        assert_eq!(found, is("acme/101", Certainty::Claimed), "and it teaches nothing");
    }
    // a registered phone that pretends to be another is not that other either
    assert_eq!(bench.invite("102@acme.example", "spoof-x", 5070), is("acme/102", Certainty::Claimed));
}

#[test]
fn the_domain_picks_the_company() {
    let bench = bench();
    let of = |from: &str| bench.invite(from, "c", 6000).0;
    assert_eq!(of("101@acme.example"), "acme/101");
    assert_eq!(of("101@BETA.example"), "beta/101");
    assert_eq!(of("102@acme.example"), "acme/102", "by extension");
    assert_eq!(of("ugo-desk@acme.example"), "acme/102", "by endpoint");
    assert_eq!(of("300@192.0.2.1"), "default/300", "an address is the default company");
    assert_eq!(of("300@other.example"), "default/300");
    assert_eq!(of("102@192.0.2.1"), "nobody");
    assert_eq!(of("102@beta.example"), "nobody");
    assert_eq!(of("%31%30%31@acme.example"), "acme/101", "escapes are decoded");
}

#[test]
fn which_party_is_ours() {
    let bench = bench();
    let (ours, theirs) = ("101@acme.example", "102@acme.example");
    let ask = |text: String, direction| who(&bench.ask(&text, 6000, direction, ("", ""))).0;
    assert_eq!(ask(request("INVITE", ours, theirs, "1"), Direction::In), "acme/101");
    assert_eq!(ask(request("INVITE", theirs, ours, "2"), Direction::Out), "acme/101");
    let response =
        |from, to| request("INVITE", from, to, "3").replace("INVITE sip:x@y SIP/2.0", "SIP/2.0 200 OK");
    assert_eq!(ask(response(theirs, ours), Direction::In), "acme/101");
    assert_eq!(ask(response(ours, theirs), Direction::Out), "acme/101");
    assert_eq!(ask(request("REGISTER", theirs, ours, "4"), Direction::In), "acme/101");
}

#[test]
fn a_shared_address_proves_only_whom_the_party_picks() {
    let bench = bench();
    bench.register("acme", "101", 5070, "r1");
    bench.register("acme", "ugo-desk", 5070, "r2");
    assert_eq!(bench.invite("101@acme.example", "a", 5070), is("acme/101", Certainty::Proven));
    assert_eq!(bench.invite("102@acme.example", "b", 5070), is("acme/102", Certainty::Proven));
    assert_eq!(bench.invite("anonymous@x", "c", 5070), is("nobody", Certainty::Unknown));
    bench.register("beta", "101", 5070, "r3");
    assert_eq!(bench.invite("101@192.0.2.1", "d", 5070).1, Certainty::Unknown, "two of that name are there");
    assert_eq!(bench.invite("101@beta.example", "e", 5070), is("beta/101", Certainty::Proven));
}

#[test]
fn a_proxy_in_front_of_one_registered_user_does_not_get_the_others() {
    let bench = bench();
    bench.register("acme", "101", 5070, "r1");
    let text = request("REGISTER", "102@acme.example", "102@acme.example", "r2");
    let found = bench.ask(&text, 5070, Direction::In, ("", ""));
    assert_eq!(who(&found), is("acme/102", Certainty::Claimed));
}

#[test]
fn an_address_that_many_share() {
    let bench = bench();
    for n in 0..200 {
        bench.register("acme", &format!("unowned-{n}"), 5070, "");
    }
    bench.register("acme", "ugo-home", 5070, "r2");
    assert_eq!(bench.invite("102@acme.example", "b", 5070), is("acme/102", Certainty::Proven));
    assert_eq!(bench.invite("101@acme.example", "c", 5070), is("acme/101", Certainty::Claimed));
}

#[test]
fn each_leg_of_a_call_is_its_own_users() {
    let bench = bench();
    bench.register("acme", "101", 5070, "r1");
    bench.register("acme", "ugo-desk", 5080, "r2");
    bench.call("acme", "101", "leg-a", "call");
    bench.call("acme", "ugo-desk", "leg-b", "call");
    let (a, b) = ("101@acme.example", "102@acme.example");
    for (call_id, port, user) in [("leg-a", 5070, "acme/101"), ("leg-b", 5080, "acme/102")] {
        for (method, direction) in [
            ("INVITE", Direction::In),
            ("INVITE", Direction::Out),
            ("BYE", Direction::In),
            ("BYE", Direction::Out),
        ] {
            // in whatever way the parties stand in it
            for (from, to) in [(a, b), (b, a)] {
                let found = bench.ask(&request(method, from, to, call_id), port, direction, ("", ""));
                assert_eq!(
                    who(&found),
                    is(user, Certainty::Proven),
                    "{call_id} {method} {direction:?} {from}"
                );
                assert_eq!(&*found.linked, "call");
            }
        }
    }
}

#[test]
fn two_legs_with_one_call_id_are_told_apart() {
    let bench = bench();
    bench.register("acme", "101", 5070, "r1");
    bench.register("acme", "ugo-desk", 5080, "r2");
    let (a, b) = ("101@acme.example", "102@acme.example");
    let check = || {
        let of = |method, from, to, port, direction| {
            who(&bench.ask(&request(method, from, to, "same"), port, direction, ("", "")))
        };
        assert_eq!(of("INVITE", a, b, 5070, Direction::In), is("acme/101", Certainty::Proven));
        assert_eq!(of("INVITE", a, b, 5080, Direction::Out), is("acme/102", Certainty::Proven));
        assert_eq!(of("BYE", b, a, 5080, Direction::In), is("acme/102", Certainty::Proven));
        assert_eq!(of("BYE", b, a, 5070, Direction::Out), is("acme/101", Certainty::Proven));
    };
    bench.call("acme", "101", "same", "l");
    check();
    bench.call("acme", "ugo-desk", "same", "l");
    check();
}

#[test]
fn a_proven_packet_teaches_its_call_id() {
    let bench = bench();
    let text = request("INVITE", "x@y", "999@z", "dialog");
    assert_eq!(who(&bench.ask(&text, 7000, Direction::In, ("acme", "101"))).0, "acme/101");
    let response = text.replace("INVITE sip:x@y SIP/2.0", "SIP/2.0 200 OK");
    let found = bench.ask(&response, 7000, Direction::Out, ("", ""));
    assert_eq!(who(&found), is("acme/101", Certainty::Proven));
}

#[test]
fn a_registrations_call_id_is_its_endpoints_also_shortly_after_its_end() {
    let bench = bench();
    bench.register("acme", "ugo-home", 5070, "reg");
    let text = request("REGISTER", "q@q", "q@q", "reg");
    let ask = || who(&bench.ask(&text, 9, Direction::In, ("", "")));
    assert_eq!(ask(), is("acme/102", Certainty::Proven));
    bench.registration("acme", "ugo-home", 5070, "", RegistrationStep::Unregistered);
    assert_eq!(ask(), is("acme/102", Certainty::Proven));
    assert_eq!(bench.invite("anonymous@x", "other", 5070).1, Certainty::Unknown, "its address is free");
}

#[test]
fn a_failed_registration_proves_nothing() {
    let bench = bench();
    let step = RegistrationStep::Failed(FailureCause::WrongPassword);
    bench.registration("acme", "101", 5070, "reg", step);
    let text = request("REGISTER", "101@acme.example", "101@acme.example", "reg");
    assert_eq!(who(&bench.ask(&text, 5070, Direction::In, ("", ""))), is("acme/101", Certainty::Claimed));
}

#[test]
fn a_trunks_leg_is_nobodys_whatever_its_from_says() {
    let bench = bench();
    bench.call("acme", "", "trunk", "l");
    let found = bench.ask(&request("INVITE", "101@acme.example", "1@2", "trunk"), 1, Direction::In, ("", ""));
    assert_eq!((who(&found), &*found.linked), (is("nobody", Certainty::Unknown), "l"));
}

#[test]
fn a_flood_of_invented_call_ids_pushes_nobody_out() {
    let bench = bench();
    bench.register("acme", "101", 5070, "reg-1");
    bench.call("acme", "ugo-desk", "live-call", "l");
    let early = request("INVITE", "x@y", "z@w", "learnt");
    bench.ask(&early, 1, Direction::In, ("beta", "101"));
    // as 300, whom the PBX even names before it has checked a password
    let mut data = "INVITE sip:x SIP/2.0\r\nf:<sip:300@h>\r\ni:0000000000\r\n\r\n".to_owned();
    let at = data.find("0000000000").unwrap();
    for n in 0..1_000_000_u32 {
        data.replace_range(at..at + 10, &format!("{n:010}"));
        let named = if n % 4 == 0 { ("default", "300") } else { ("", "") };
        bench.ask(&data, 6666, Direction::In, named);
    }
    assert_eq!(bench.invite("q@q", "x1", 5070), is("acme/101", Certainty::Proven), "the contact");
    assert_eq!(
        bench.invite("q@q", "reg-1", 1),
        is("acme/101", Certainty::Proven),
        "the registration's Call-ID"
    );
    assert_eq!(bench.invite("q@q", "live-call", 1), is("acme/102", Certainty::Proven), "the call");
    assert_eq!(
        bench.invite("q@q", "learnt", 1),
        is("beta/101", Certainty::Proven),
        "what another's packet taught"
    );
}

#[test]
fn call_ids_are_bounded_and_those_in_use_stay() {
    let bench = bench();
    bench.call("acme", "101", "old-and-quiet", "l");
    bench.call("acme", "ugo-desk", "old-in-use", "l");
    // calls of many endpoints, as on a big PBX after days
    for n in 0..150_000_u32 {
        bench.call("acme", &format!("e{}", n % 5_000), &format!("c{n}"), "l");
        if n % 10_000 == 0 {
            assert_eq!(bench.invite("q@q", "old-in-use", 1).0, "acme/102");
            bench.attributor.tend();
        }
    }
    assert_eq!(bench.invite("q@q", "old-in-use", 1).0, "acme/102");
    assert_eq!(bench.invite("q@q", "old-and-quiet", 1).0, "nobody");
}

/// A tap and a drain, and what the drain hands on as (user, certainty).
struct Line {
    bench: Bench,
    tap: Arc<Tap>,
    drain: Drain,
}

fn line() -> Line {
    let bench = bench();
    let tap = Arc::new(Tap::new(65_536, 1 << 25, Clock::fixed(NOW)));
    let drain = Drain::new(tap.clone(), bench.attributor.clone(), bench.settings.clone());
    Line { bench, tap, drain }
}

impl Line {
    fn push(&self, text: &str, port: u16) {
        assert!(self.tap.push(packet(text, port, Direction::In, ("", ""))));
    }

    fn round(&mut self, after: Duration) -> Vec<(String, Certainty)> {
        let mut seen = Vec::new();
        self.drain.round(NOW.plus(after), &mut |caught| {
            let Caught::Packet(captured) = caught else { panic!("{caught:?}") };
            seen.push((name(captured.user), captured.certainty));
        });
        seen
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_packet_waits_for_the_event_that_proves_it() {
    let mut line = line();
    line.push(&request("INVITE", "101@acme.example", "1@2", "c1"), 1);
    line.push(&request("INVITE", "101@acme.example", "1@2", "c2"), 1);
    assert_eq!(line.round(ms(0)), []);
    assert_eq!(line.round(ms(100)), []);
    line.bench.call("acme", "101", "c1", "l");
    assert_eq!(line.round(ms(200)), [is("acme/101", Certainty::Proven)]);
    assert_eq!(line.round(ms(399)), []);
    assert_eq!(line.round(ms(400)), [is("acme/101", Certainty::Claimed)], "not longer than 400 ms");
    assert_eq!(line.round(ms(900)), []);
}

#[test]
fn a_clock_that_is_set_back_keeps_no_packet() {
    let mut line = line();
    line.push(&request("INVITE", "101@acme.example", "1@2", "c1"), 1);
    line.drain.round(NOW.plus(Duration::from_secs(3600)), &mut |_| panic!("it waits"));
    assert_eq!(line.round(ms(0)).len(), 1);
}

#[test]
fn waiting_is_bounded_and_nothing_is_lost_at_the_end() {
    let mut line = line();
    for n in 0..5_000 {
        line.push(&request("INVITE", "101@acme.example", "1@2", &format!("c{n}")), 1);
    }
    let mut early = 0;
    for _ in 0..4 {
        early += line.round(ms(0)).len();
    }
    assert!((2_000..5_000).contains(&early), "{early}");
    let mut late = 0;
    line.drain.finish(NOW, &mut |_| late += 1);
    assert_eq!(early + late, 5_000);
}

#[test]
fn each_company_has_its_own_detail() {
    let mut line = line();
    line.bench.settings.set_dump_detail("acme", DumpDetail::Off).unwrap();
    line.bench.settings.set_dump_detail("beta", DumpDetail::Summary).unwrap();
    for domain in ["acme", "beta"] {
        line.push(&request("INVITE", &format!("101@{domain}.example"), "1@2", domain), 1);
    }
    line.push(&request("INVITE", "stranger@far.example", "1@2", "s"), 1);
    let mut seen = Vec::new();
    line.drain.finish(NOW, &mut |caught| {
        let Caught::Packet(captured) = caught else { panic!("{caught:?}") };
        seen.push((name(captured.user), captured.detail, captured.cut));
    });
    let expected = [("beta/101", DumpDetail::Summary, true), ("/", DumpDetail::Full, false)];
    assert_eq!(seen, expected.map(|(user, detail, cut)| (user.to_owned(), detail, cut)));
}
