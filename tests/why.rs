//! If this breaks, the administrator reads a wrong reason: each rule is held against the messages of a case it is for, and
//! against what was recorded of a real Asterisk.

use std::collections::BTreeSet;

use usermon::clock::Timestamp;
use usermon::event::{CallDirection, DumpDetail, UserKey};
use usermon::query::history::why::TABLES;
use usermon::query::history::{History, Item, Kind, Outcome};

#[path = "why/calls.rs"]
mod calls;
#[path = "why/flow.rs"]
mod flow;
#[path = "why/requests.rs"]
mod requests;
#[allow(unreachable_pub, reason = "shared with the tests on the real Asterisk")]
mod scenario;
#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
#[path = "why/whole.rs"]
mod whole;

use flow::{kept, kept_at, recorded, viewer};

/// A case: the table and rule that must say it, the sentence, the messages.
pub(crate) type Story = (&'static str, &'static str, &'static str, &'static str);

fn stories() -> impl Iterator<Item = &'static Story> {
    calls::OUT
        .iter()
        .chain(calls::INTO)
        .chain(calls::ANSWERED)
        .chain(requests::REGISTRATIONS)
        .chain(requests::OTHERS)
}

#[test]
fn each_case_is_told_by_its_rule_and_shown_by_its_message() {
    let mut wrong = Vec::new();
    for (table, rule, words, lines) in stories() {
        let flow = kept(lines);
        let history = flow.history();
        let Some(item) = history.items.first() else {
            wrong.push(format!("{table} {rule}: no item"));
            continue;
        };
        let kind = match *table {
            "answered call" | "call" => Kind::Call,
            "registration" => Kind::Registration,
            _ => item.kind,
        };
        let verdict = &item.verdict;
        if (verdict.rule, &*verdict.words, verdict.at, item.kind) != (*rule, *words, flow.shown, kind) {
            wrong.push(format!(
                "{table} {rule}: {words}\n  got {}: {}\n  at {:?}, not {:?}",
                verdict.rule, verdict.words, verdict.at, flow.shown
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_rule_is_without_a_case_and_no_sentence_without_its_words() {
    let told: BTreeSet<(&str, &str)> = stories().map(|(table, rule, ..)| (*table, *rule)).collect();
    let mut wrong = Vec::new();
    for (table, rules) in TABLES {
        let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), rules.len(), "two rules of one name: {table}");
        for rule in rules {
            let is_recorded = RECORDED.iter().any(|(.., rules)| rules.contains(&rule.name));
            if !told.contains(&(table, rule.name)) && !is_recorded {
                wrong.push(format!("{table} {}", rule.name));
            }
            assert!(!rule.looks_at.is_empty() && !rule.into.is_empty(), "{table} {}", rule.name);
        }
    }
    assert!(wrong.is_empty(), "no case for: {}", wrong.join(", "));
    for (table, rule, words, _) in stories() {
        assert!(!words.contains(['{', '}']) && !words.contains("  "), "{table} {rule}: {words}");
    }
}

/// Scenario, user, and the rules of the user's items, oldest first; `registered` of the phone's own coming and going left out.
const RECORDED: &[(&str, &str, &[&str])] = &[
    ("answered", "1101", &["user-hung-up"]),
    ("answered", "1102", &["other-side-hung-up"]),
    ("attended-transfer", "1128", &["other-side-hung-up"]),
    ("attended-transfer", "1129", &["joined", "transferred"]),
    ("attended-transfer", "1130", &["user-hung-up"]),
    ("blind-transfer", "1125", &["other-side-hung-up"]),
    ("blind-transfer", "1126", &["transferred"]),
    ("blind-transfer", "1127", &["user-hung-up"]),
    ("busy", "1107", &["busy"]),
    ("busy", "1108", &["busy"]),
    ("callee-hangs-up", "1103", &["other-side-hung-up"]),
    ("callee-hangs-up", "1104", &["user-hung-up"]),
    ("cancelled", "1115", &["cancelled"]),
    ("cancelled", "1116", &["cancelled"]),
    ("codec-change", "1133", &["user-hung-up"]),
    ("codec-change", "1134", &["other-side-hung-up"]),
    ("deaf", "1147", &["far-not-reached"]),
    ("deaf", "1148", &["no-response"]),
    ("declined", "1117", &["declined"]),
    ("declined", "1118", &["declined"]),
    ("duplicates", "1174", &["other-side-hung-up"]),
    ("duplicates", "1175", &["user-hung-up"]),
    ("early-media", "1167", &["other-side-hung-up"]),
    ("early-media", "1168", &["user-hung-up"]),
    ("follow-me", "1138", &["other-side-hung-up"]),
    ("follow-me", "1139", &["answered-elsewhere"]),
    ("follow-me", "1140", &["user-hung-up"]),
    ("forbidden", "1159", &["forbidden", "forbidden"]),
    ("forbidden-account", "1173", &["forbidden-by-acl", "forbidden-by-acl"]),
    ("forked", "1119", &["user-hung-up"]),
    ("forked", "1120", &["other-side-hung-up"]),
    ("forwarded", "1169", &["user-hung-up"]),
    ("forwarded", "1170", &["forwarded"]),
    ("forwarded", "1171", &["other-side-hung-up"]),
    ("gone", "1149", &["far-not-reached"]),
    ("gone", "1150", &["no-response"]),
    ("hold", "1131", &["user-hung-up"]),
    ("hold", "1132", &["other-side-hung-up"]),
    ("lasting", "1157", &["user-hung-up"]),
    ("lasting", "1158", &["other-side-hung-up"]),
    ("media", "1165", &["user-hung-up", "unregistered"]),
    ("media", "1166", &["other-side-hung-up", "unregistered"]),
    ("media-bad", "1176", &["user-hung-up"]),
    ("message", "1153", &["answered"]),
    ("message", "1154", &["answered"]),
    ("no-answer", "1109", &["no-answer"]),
    ("no-answer", "1110", &["no-answer"]),
    ("no-codec-callee", "1143", &["no-common-codec"]),
    ("no-codec-callee", "1144", &["no-common-codec"]),
    ("no-codec-caller", "1142", &["no-common-codec"]),
    ("offline", "1160", &["no-route"]),
    ("pbx-hangs-up", "1105", &["other-side-hung-up"]),
    ("pbx-hangs-up", "1106", &["other-side-hung-up"]),
    ("queue", "1135", &["user-hung-up"]),
    ("queue", "1136", &["answered-elsewhere"]),
    ("queue", "1137", &["other-side-hung-up"]),
    ("queue", "1172", &["busy"]),
    ("registrations", "1162", &["expired", "unregistered"]),
    ("retransmissions", "1145", &["user-hung-up"]),
    ("retransmissions", "1146", &["other-side-hung-up"]),
    ("ring-group", "1122", &["user-hung-up"]),
    ("ring-group", "1123", &["answered-elsewhere"]),
    ("ring-group", "1124", &["other-side-hung-up"]),
    ("session-timer", "1155", &["session-timer"]),
    ("session-timer", "1156", &["other-side-hung-up"]),
    ("subscription", "1151", &["unsubscribed"]),
    ("timed-out", "1113", &["no-answer"]),
    ("timed-out", "1114", &["no-answer"]),
    ("trunk", "1164", &["user-hung-up"]),
    ("unavailable", "1111", &["no-answer"]),
    ("unavailable", "1112", &["unavailable"]),
    ("unknown-number", "1141", &["not-found"]),
    ("unreachable", "1163", &["reachable", "unregistered", "unreachable"]),
    ("wrong-password", "1121", &["wrong-password", "wrong-password"]),
];

fn history(site: &web_site::Site) -> History {
    let key = UserKey::new("acme", "101");
    site.query.history(&viewer(), &key, Timestamp::MIN, None).unwrap().unwrap()
}

fn calls(site: &web_site::Site) -> Vec<Item> {
    history(site).items.into_iter().filter(|item| item.kind == Kind::Call).collect()
}

#[test]
fn what_a_real_asterisk_did_is_told_as_it_was() {
    let mut wrong = Vec::new();
    for (name, user, rules) in RECORDED {
        let site = recorded(name, user);
        let history = history(&site);
        let is_shown = |item: &&Item| {
            item.verdict.rule != "registered" && (*name == "registrations" || !is_coming(item))
        };
        let items: Vec<&Item> = history.items.iter().rev().filter(is_shown).collect();
        let told: Vec<&str> = items.iter().map(|item| item.verdict.rule).collect();
        if told != *rules {
            wrong.push(format!("{name} {user}: {rules:?}, got {told:?}"));
        }
        for item in items {
            if item.verdict.at.is_none() {
                wrong.push(format!("{name} {user}: nothing shows {:?}", item.verdict));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let told: BTreeSet<&str> = RECORDED.iter().map(|(name, ..)| *name).collect();
    let others: Vec<String> = scenario::names().into_iter().filter(|name| !told.contains(&**name)).collect();
    assert_eq!(others, ["unknown-user"], "its phone is nobody's");
}

/// The phones of the scenarios come and go without a refresh.
fn is_coming(item: &Item) -> bool {
    item.kind == Kind::Registration && item.verdict.rule == "expired"
}

#[test]
fn a_call_is_with_whom_the_real_asterisk_connected_it_and_talks_as_long() {
    let mut wrong = Vec::new();
    for name in scenario::names() {
        let about = scenario::about(&name);
        for party in &about.users {
            let items = calls(&recorded(&name, &party.extension));
            let is_its = |leg: &&scenario::Leg| {
                leg.user == party.extension && matches!(leg.direction.as_str(), "outgoing" | "incoming")
            };
            for leg in about.legs.iter().filter(is_its) {
                let way = if leg.direction == "outgoing" {
                    CallDirection::Outgoing
                } else {
                    CallDirection::Incoming
                };
                let is_up = leg.phases.contains("up");
                let fits = |item: &&Item| {
                    item.far.number == leg.far
                        && item.direction == Some(way)
                        && (!is_up || item.talking.is_some())
                };
                if items.iter().find(fits).is_none() {
                    let have: Vec<_> =
                        items.iter().map(|i| (&i.far.number, i.direction, i.talking)).collect();
                    wrong.push(format!("{name}: {leg:?}, got {have:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_password_is_told_for_each_registration_and_for_the_call() {
    let history = history(&recorded("wrong-password", "1121"));
    let told: Vec<(Kind, &str, usize)> =
        history.items.iter().map(|item| (item.kind, item.verdict.rule, item.times)).collect();
    assert_eq!(told, [(Kind::Call, "wrong-password", 1), (Kind::Registration, "wrong-password", 2)]);
    assert!(
        history.items.iter().all(|item| history.is_claimed(item)),
        "nothing proves that it was the user's phone"
    );
}

#[test]
fn a_call_that_rang_at_two_terminals_is_one_with_the_times_of_the_one_that_answered() {
    let history = history(&recorded("forked", "1120"));
    let mut calls = history.items.iter().filter(|item| item.kind == Kind::Call);
    let (Some(call), None) = (calls.next(), calls.next()) else { panic!("{:?}", history.items) };
    assert_eq!((call.dialogs.len(), call.messages.len()), (2, 12));
    let at = |title: &str, pick: fn(&[i64]) -> i64| {
        let titled = history.messages_of(call).filter(|m| m.title() == title).map(|m| m.at.time.0);
        pick(&titled.collect::<Vec<_>>())
    };
    let (rang, answered) = (at("180 Ringing", |times| times[0]), at("200 OK", |times| times[0]));
    let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap();
    assert_eq!(call.ringing.map(micros), Some(answered - rang));
    assert_eq!(call.talking.map(micros), Some(at("BYE", |times| times[0]) - answered));
}

#[test]
fn a_summary_is_enough_where_the_start_line_tells_it() {
    for (lines, rule) in [
        (calls::BUSY, "busy"),
        (calls::CANCELLED, "cancelled"),
        (requests::WRONG_PASSWORD, "wrong-password"),
        (requests::REGISTERED, "registered"),
        (calls::HUNG_UP, "user-hung-up"),
    ] {
        let history = kept_at(lines, DumpDetail::Summary).history();
        let rules: Vec<&str> = history.items.iter().map(|item| item.verdict.rule).collect();
        assert_eq!(rules, [rule], "{lines}");
    }
}

#[test]
fn what_only_the_pbx_told_is_a_call_too() {
    for (lines, rule, talking) in [
        ("0 # ringing\n2 # ended 17", "busy", None),
        ("0 # ringing\n2 # ended 20", "not-registered", None),
        ("0 # ringing\n20 # ended 16", "ended-before-answer", None),
        ("0 # ringing\n2 # up\n62 # ended 16", "hung-up", Some(60)),
        ("0 # ringing\n2 # up\n62 # ended 44", "no-media", Some(60)),
        ("0 # ringing\n2 # up\n3 # held\n5 # up\n62 # ended 38", "broken-off", Some(60)),
    ] {
        let history = kept(lines).history();
        let [item] = history.items.as_slice() else { panic!("{lines}: {:?}", history.items) };
        assert_eq!((item.verdict.rule, item.talking.map(|t| t.as_secs())), (rule, talking), "{lines}");
        assert!(item.messages.is_empty() && item.verdict.at.is_some());
    }
}

#[test]
fn across_a_gap_it_is_not_known_and_says_so() {
    let lines = "0 > INVITE sip:102@pbx @1 | sdp: 0\n0.1 < 100 Trying @1 INVITE\n5 # gap 4";
    let history = kept(lines).history();
    let [item] = history.items.as_slice() else { panic!("{:?}", history.items) };
    assert_eq!(
        (item.verdict.rule, &*item.verdict.words, item.verdict.outcome),
        ("not-known", "Not known: packets are missing here.", Outcome::Unknown)
    );
}

#[test]
fn a_phone_that_keeps_an_old_nonce_has_no_wrong_password() {
    let history = kept(requests::STALE).history();
    let told: Vec<(&str, usize, usize)> =
        history.items.iter().map(|item| (item.verdict.rule, item.times, item.messages.len())).collect();
    assert_eq!(told, [("registered", 1, 4)]);
}
