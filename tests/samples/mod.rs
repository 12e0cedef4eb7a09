//! Data for pages: a small company with every sticker, kind of terminal and kind of packet.

pub(crate) mod overview;

use std::net::SocketAddr;
use std::sync::Arc;

use usermon::clock::Timestamp;
use usermon::directory::{Company, User};
use usermon::event::{
    CallDirection, CallPhase, Direction, DumpDetail, FailureCause, Grey, Kind, Sticker, Transport, UserKey,
};
use usermon::query::diagnostics::{Cursor, DiagnosticsPage, Entry, PacketDetail, PacketLine};
use usermon::query::history::Asked;
use usermon::query::history::packets::Packets;
use usermon::query::terminal::lasted::{End, Flapping, Lasted};
use usermon::query::terminal::past::{AttemptView, Check, TerminalPast};
use usermon::query::terminal::{ContactView, FailureView, HistoryView, TerminalPage};
use usermon::query::unattributed::UnattributedPage;
use usermon::query::wall::{CallView, Row, TerminalView, Totals, Wall};

/// 2026-11-23T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_435_200_000_000);

pub(crate) fn at(seconds_before: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds_before * 1_000_000)
}

pub(crate) fn company(id: &str, name: &str) -> Arc<Company> {
    Arc::new(Company { id: id.into(), name: name.into(), domains: vec![] })
}

pub(crate) fn user(company: &str, extension: &str, name: &str, surname: &str, department: &str) -> Arc<User> {
    Arc::new(User {
        key: Arc::new(UserKey::new(company, extension)),
        extension: extension.into(),
        name: name.into(),
        surname: surname.into(),
        department: department.into(),
        mobile: None,
        endpoints: vec![],
        terminals: vec![],
    })
}

pub(crate) fn terminal(id: &str, kind: Kind, description: &str, online: bool) -> TerminalView {
    let sip = online && kind != Kind::Mobile && kind != Kind::Usb;
    TerminalView {
        id: id.into(),
        kind,
        description: description.into(),
        online,
        address: match kind {
            Kind::Mobile => Some("+39 333 1234567".into()),
            _ => sip.then(|| "192.0.2.17:5062".into()),
        },
        transport: if sip { Transport::Tls } else { Transport::Unknown },
        user_agent: if sip { "Yealink SIP-T46U 108.86.0.20".into() } else { String::new() },
        registered: sip.then(|| at(7_300)),
        expires: sip.then(|| at(-212)),
        has_page: matches!(kind, Kind::Sip | Kind::Dect) || sip,
        contacts: u32::from(sip),
    }
}

pub(crate) fn row(user: Arc<User>, sticker: Sticker, calls: u32, terminals: Vec<TerminalView>) -> Row {
    let call = |n: u32| CallView {
        far: format!("Paolo Conti (10{n})"),
        direction: if n == 0 { CallDirection::Incoming } else { CallDirection::Outgoing },
        phase: if sticker == Sticker::Busy && n == 0 { CallPhase::Up } else { CallPhase::Ringing },
        since: at(95),
    };
    let id = format!("u-{}", user.key.user);
    let grey = (sticker == Sticker::Offline).then_some(Grey::Never);
    Row { id, user, sticker, calls, since: at(95), grey, terminals, now: (0..calls).map(call).collect() }
}

pub(crate) fn wall(company: Arc<Company>, rows: Vec<Row>) -> Wall {
    let mut totals = Totals::default();
    let mut departments: Vec<Arc<str>> = vec![];
    for row in &rows {
        match row.sticker {
            Sticker::Free => totals.free += 1,
            Sticker::Offline => totals.offline += 1,
            Sticker::Ringing => totals.ringing += 1,
            Sticker::Busy => totals.busy += 1,
        }
        departments.push(Arc::clone(&row.user.department));
    }
    departments.sort();
    departments.dedup();
    departments.retain(|d| !d.is_empty());
    Wall { version: "run.1.7".into(), company, rows, totals, departments, at: NOW }
}

/// Name, surname, department, sticker, calls, terminals.
type Person = (&'static str, &'static str, &'static str, Sticker, u32, Vec<TerminalView>);

/// Twelve users with every sticker and kind, then `more` plain ones.
pub(crate) fn rows(company: &str, more: u32) -> Vec<Row> {
    use Kind::{Dect, Gui, Mobile, Sip, Usb};
    let t = terminal;
    let people: [Person; 12] = [
        (
            "Anna",
            "Rossi",
            "Sales",
            Sticker::Free,
            0,
            vec![t("d1", Sip, "Desk phone", true), t("m", Mobile, "", false)],
        ),
        (
            "Paolo",
            "Conti",
            "Sales",
            Sticker::Busy,
            2,
            vec![t("d1", Sip, "Desk phone", true), t("g", Gui, "", true), t("u", Usb, "Jabra Evolve2", true)],
        ),
        (
            "Giulia",
            "Ferrari",
            "Support",
            Sticker::Ringing,
            1,
            vec![t("d1", Sip, "Snom at the counter", true)],
        ),
        ("Marco", "Bianchi", "Support", Sticker::Offline, 0, vec![t("d1", Sip, "", false)]),
        (
            "Sofia",
            "Romano",
            "Support",
            Sticker::Free,
            0,
            vec![t("d1", Dect, "Handset 3", true), t("d2", Sip, "", false)],
        ),
        ("Luca", "Colombo", "Warehouse", Sticker::Busy, 1, vec![t("d1", Dect, "Handset in the yard", true)]),
        (
            "Chiara",
            "Ricci",
            "Warehouse",
            Sticker::Free,
            0,
            vec![
                t("d1", Sip, "", true),
                t("g", Gui, "", true),
                t("m", Mobile, "", false),
                t("u", Usb, "Plantronics", true),
                t("x", Dect, "Gate", true),
                t("y", Sip, "Spare", false),
            ],
        ),
        ("Matteo", "Marino", "Direction", Sticker::Offline, 0, vec![t("m", Mobile, "", false)]),
        (
            "Elena",
            "Greco",
            "Direction",
            Sticker::Ringing,
            3,
            vec![t("g", Gui, "Laptop", true), t("u", Usb, "", false)],
        ),
        ("Davide", "Gallo", "", Sticker::Free, 0, vec![t("d1", Sip, "Meeting room", true)]),
        (
            "Maximiliana Theodora",
            "Schmidt-Rottluff von Hohenstein",
            "Customer relations and complaints",
            Sticker::Busy,
            12,
            vec![t("d1", Sip, "", true)],
        ),
        ("Nobody", "Yet", "Sales", Sticker::Offline, 0, vec![]),
    ];
    let mut all: Vec<Row> = people
        .into_iter()
        .zip(101..)
        .map(|((name, surname, department, sticker, calls, terminals), n)| {
            row(user(company, &n.to_string(), name, surname, department), sticker, calls, terminals)
        })
        .collect();
    for n in 0..more {
        let sticker = if n % 3 == 0 { Sticker::Offline } else { Sticker::Free };
        let online = sticker == Sticker::Free;
        let who =
            user(company, &(1_000 + n).to_string(), &format!("Name{n}"), &format!("Surname{n}"), "Field");
        all.push(row(who, sticker, 0, vec![t("d1", Sip, "Desk phone", online)]));
    }
    all
}

pub(crate) fn far() -> SocketAddr {
    "192.0.2.17:5062".parse().unwrap()
}

pub(crate) fn terminal_page(user: Arc<User>) -> TerminalPage {
    let failure = |seconds, cause, count, words: &str| FailureView {
        time: at(seconds),
        account: "e101".into(),
        cause,
        words: words.into(),
        far: Some(far()),
        user_agent: "Yealink SIP-T46U 108.86.0.20".into(),
        call_id: "0_3748392@192.0.2.17".into(),
        count,
    };
    let history = |seconds, words: &str| HistoryView { time: at(seconds), words: words.into() };
    let lasted = |since, until: Option<i64>, end| Lasted {
        since: Some(at(since)),
        until: until.map(at),
        end,
        contact: "sip:101@192.0.2.17:5062".into(),
        far: Some(far()),
        transport: Transport::Tls,
        user_agent: "Yealink SIP-T46U 108.86.0.20".into(),
        silent: 2,
    };
    TerminalPage {
        user,
        terminal: terminal("d1", Kind::Sip, "Desk phone", true),
        contacts: vec![ContactView {
            contact: "sip:101@192.0.2.17:5062;transport=tls".into(),
            far: Some(far()),
            transport: Transport::Tls,
            user_agent: "Yealink SIP-T46U 108.86.0.20".into(),
            path: "<sip:edge.example;lr>".into(),
            since: at(7_300),
            refreshed: at(60),
            expires: Some(at(-212)),
            round_trip: Some(12_345),
            reachable: Some(true),
        }],
        failures: vec![
            failure(
                8_000,
                FailureCause::WrongPassword,
                14,
                "Wrong password: the digest response does not match the one on the PBX.",
            ),
            failure(
                9_000,
                FailureCause::Forbidden,
                1,
                "Forbidden: an access list of the PBX refuses this address.",
            ),
        ],
        calls: row(
            Arc::new(User { ..(*self::user("acme", "101", "", "", "")).clone() }),
            Sticker::Busy,
            1,
            vec![],
        )
        .now,
        history: vec![
            history(
                7_300,
                "Registered from 192.0.2.17:5062 TLS: sip:101@192.0.2.17:5062 (Yealink SIP-T46U).",
            ),
            history(90_000, "Registration expired: sip:101@192.0.2.17:5062."),
        ],
        lasted: vec![
            lasted(7_300, None, End::Goes),
            lasted(95_000, Some(90_000), End::Expired),
            Lasted { since: None, ..lasted(0, Some(120_000), End::Unregistered) },
        ],
        flapping: Some(Flapping { worst: 14, at: at(91_000), total: 60, since: at(172_000) }),
        web_address: Some("192.0.2.17".into()),
        at: NOW,
    }
}

/// Two days of checks, a minute apart, some of them not answered.
pub(crate) fn terminal_past() -> TerminalPast {
    let check = |n: i64| Check {
        at: at(172_800 - 60 * n),
        round_trip: (n % 700 > 5)
            .then(|| std::time::Duration::from_micros(12_000 + u64::try_from(n * 7_919 % 9_000).unwrap())),
        again: n % 97 == 0,
    };
    let cursor = Cursor { time: at(8_000), seq: 7 };
    TerminalPast {
        attempts: vec![AttemptView {
            first: at(9_000),
            last: at(8_000),
            times: 14,
            words: "Wrong password: the digest response does not match the one on the PBX.".into(),
            advice: "Compare the password on the phone with the PBX's.".into(),
            far: Some(far()),
            user_agent: "Yealink SIP-T46U 108.86.0.20".into(),
            item: Some(cursor),
            shown: Some(cursor),
        }],
        checks: (0..2_880).map(check).collect(),
        detail: DumpDetail::Headers,
    }
}

pub(crate) fn line(seq: u64, seconds: i64, direction: Direction, start_line: &str) -> PacketLine {
    let status = start_line.strip_prefix("SIP/2.0 ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    PacketLine {
        at: Cursor { time: Timestamp(at(seconds).0 + 1_234 * i64::try_from(seq).unwrap()), seq },
        direction,
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        far: far(),
        start_line: start_line.into(),
        method: status.is_none().then(|| start_line.split(' ').next().unwrap_or_default().into()),
        status,
        cseq: "2 INVITE".into(),
        call_id: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@192.0.2.17".into(),
        from_user: "101".into(),
        to_user: "102".into(),
        size: 1_184,
        claimed: false,
        cut: false,
        unsure: false,
        detail: DumpDetail::Headers,
    }
}

pub(crate) fn diagnostics(user: Arc<User>) -> DiagnosticsPage {
    use Direction::{In, Out};
    let packet = |seq, seconds, way, start: &str| Entry::Packet(line(seq, seconds, way, start));
    let mut claimed = line(3, 4_000, In, "OPTIONS sip:102@pbx.example SIP/2.0");
    claimed.claimed = true;
    claimed.call_id = "other-1@198.51.100.9".into();
    let mut cut = line(2, 50_000, Out, "SIP/2.0 401 Unauthorized");
    cut.cut = true;
    cut.cseq = "1 REGISTER".into();
    let mut unsure = line(1, 50_001, In, "xxxx");
    unsure.unsure = true;
    unsure.method = None;
    DiagnosticsPage {
        user,
        detail: DumpDetail::Headers,
        entries: vec![
            packet(12, 40, In, "BYE sip:102@pbx.example SIP/2.0"),
            Entry::Change {
                at: Cursor { time: at(41), seq: 11 },
                words: "Call to Paolo Conti (102) is answered.".into(),
            },
            packet(10, 42, Out, "SIP/2.0 200 OK"),
            packet(9, 46, Out, "SIP/2.0 180 Ringing"),
            packet(8, 47, Out, "SIP/2.0 100 Trying"),
            packet(7, 47, In, "INVITE sip:102@pbx.example SIP/2.0"),
            packet(6, 48, Out, "SIP/2.0 486 Busy Here"),
            packet(5, 49, Out, "SIP/2.0 503 Service Unavailable"),
            Entry::Gap {
                from: at(3_800),
                to: at(3_700),
                packets: 1_204,
                words: "1204 packets are missing here: the queue between the PBX and the capture was full."
                    .into(),
            },
            Entry::Packet(claimed),
            Entry::Packet(cut),
            Entry::Packet(unsure),
        ],
        next: Some(Cursor { time: at(50_001), seq: 1 }),
        at: NOW,
    }
}

/// As a page of packets shows it; `later`: not the newest.
pub(crate) fn packets(page: DiagnosticsPage, later: bool) -> (Packets, Asked) {
    let asked = Asked { past: page.next.filter(|_| later), ..Asked::default() };
    (Packets { past: page.next, rest: None, page }, asked)
}

pub(crate) fn unattributed(user: Arc<User>) -> UnattributedPage {
    let failures = terminal_page(user.clone()).failures.into_iter();
    UnattributedPage {
        failures: failures.cycle().take(23).collect(),
        entries: diagnostics(user).entries,
        next: Some(Cursor { time: at(50_001), seq: 1 }),
        dropped: 12_345,
        detail: DumpDetail::Headers,
        at: NOW,
    }
}

pub(crate) fn packet(user: Arc<User>) -> PacketDetail {
    let raw = b"INVITE sip:102@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.17:5062;branch=z9hG4bK776asdhds\r\n\
        Max-Forwards: 70\r\nTo: <sip:102@pbx.example>\r\nFrom: \"Anna Rossi\" <sip:101@pbx.example>;tag=1928301774\r\n\
        Call-ID: f81d4fae-7dec-11d0-a765-00a0c91e6bf6@192.0.2.17\r\nCSeq: 2 INVITE\r\n\
        Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"84a4cc6f3082121f32b42a2187831a9e\", response=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\r\n\
        Contact: <sip:101@192.0.2.17:5062>\r\nX-Odd: \xff\x07\r\nContent-Length: 0\r\n\r\n";
    let text = String::from_utf8_lossy(raw).into_owned();
    let headers =
        text.lines().skip(1).filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned()));
    PacketDetail {
        user: Some(user),
        line: line(7, 47, Direction::In, "INVITE sip:102@pbx.example SIP/2.0"),
        raw: raw.to_vec(),
        headers: Some(headers.collect()),
        newer: Some(Cursor { time: at(42), seq: 10 }),
        older: Some(Cursor { time: at(49), seq: 5 }),
    }
}
