//! If this breaks, the administrator reads a wrong reason: each rule is held against the messages of a case it is for, and
//! against what was recorded of a real Asterisk.

use std::collections::BTreeSet;

use usermon::clock::Timestamp;
use usermon::event::{DumpDetail, UserKey};
use usermon::query::history::why::TABLES;
use usermon::query::history::{Item, Kind, Outcome};

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
            if !told.contains(&(table, rule.name)) {
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

/// Scenario, user, direction or method, rule, outcome.
const RECORDED: &[(&str, &str, &str, Outcome)] = &[
    ("answered", "1101", "user-hung-up", Outcome::Good),
    ("answered", "1102", "other-side-hung-up", Outcome::Good),
    ("busy", "1107", "busy", Outcome::Missed),
    ("busy", "1108", "busy", Outcome::Missed),
    ("callee-hangs-up", "1103", "other-side-hung-up", Outcome::Good),
    ("callee-hangs-up", "1104", "user-hung-up", Outcome::Good),
    ("cancelled", "1115", "cancelled", Outcome::Missed),
    ("cancelled", "1116", "cancelled", Outcome::Missed),
    ("declined", "1117", "declined", Outcome::Missed),
    ("declined", "1118", "declined", Outcome::Missed),
    ("forked", "1119", "user-hung-up", Outcome::Good),
    ("forked", "1120", "other-side-hung-up", Outcome::Good),
    ("no-answer", "1109", "no-answer", Outcome::Missed),
    ("no-answer", "1110", "no-answer", Outcome::Missed),
    ("pbx-hangs-up", "1105", "other-side-hung-up", Outcome::Good),
    ("pbx-hangs-up", "1106", "other-side-hung-up", Outcome::Good),
    ("timed-out", "1113", "no-answer", Outcome::Missed),
    ("timed-out", "1114", "no-answer", Outcome::Missed),
    ("unavailable", "1111", "no-answer", Outcome::Missed),
    ("unavailable", "1112", "unavailable", Outcome::Missed),
    ("wrong-password", "1121", "wrong-password", Outcome::Failed),
];

fn calls(site: &web_site::Site) -> Vec<Item> {
    let key = UserKey::new("acme", "101");
    let history = site.query.history(&viewer(), &key, Timestamp::MIN, None).unwrap().unwrap();
    history.items.into_iter().filter(|item| item.kind == Kind::Call).collect()
}

#[test]
fn what_a_real_asterisk_did_is_told_as_it_was() {
    let mut wrong = Vec::new();
    for (name, user, rule, outcome) in RECORDED {
        let items = calls(&recorded(name, user));
        let [item] = items.as_slice() else {
            wrong.push(format!("{name} {user}: {} calls", items.len()));
            continue;
        };
        let verdict = &item.verdict;
        if (verdict.rule, verdict.outcome) != (*rule, *outcome) || verdict.at.is_none() {
            wrong.push(format!("{name} {user}: {rule}, got {verdict:?}"));
        }
        let about = scenario::about(name);
        let leg = about.legs.iter().find(|leg| leg.user == *user && leg.direction != "REGISTER").unwrap();
        if item.far.number != leg.far {
            wrong.push(format!("{name} {user}: with {}, not {}", item.far.number, leg.far));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_password_is_told_for_each_registration_and_for_the_call() {
    let site = recorded("wrong-password", "1121");
    let key = UserKey::new("acme", "101");
    let history = site.query.history(&viewer(), &key, Timestamp::MIN, None).unwrap().unwrap();
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
    let items = calls(&recorded("forked", "1120"));
    let [call] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!((call.dialogs.len(), call.messages.len()), (2, 12));
    assert_eq!(call.ringing.map(|span| span.as_millis()), Some(703));
    assert_eq!(call.talking.map(|span| span.as_millis()), Some(510));
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
