//! All legs of a recorded call together say more than one of them.

use std::sync::Arc;

use usermon::clock::Timestamp;
use usermon::event::UserKey;
use usermon::query::history::Kind;

use super::flow::viewer;
use super::scenario;
use super::web_site::site_with_users;

/// Scenario, user, rule, and what the sentence has to hold, with all legs at hand.
const WHOLE: &[(&str, &str, &str, &str)] = &[
    ("answered", "1101", "user-hung-up", "the user hung up"),
    ("answered", "1102", "far-hung-up", "(101) hung up"),
    ("callee-hangs-up", "1103", "far-hung-up", "(102) hung up"),
    ("pbx-hangs-up", "1105", "pbx-hung-up", "the PBX itself hung up"),
    ("pbx-hangs-up", "1106", "pbx-hung-up", "the PBX itself hung up"),
    ("declined", "1117", "declined", "(102): Declined at the phone (603 Decline)."),
    ("busy", "1107", "busy", "(102): The phone said that it is busy (486 Busy Here)."),
    ("unavailable", "1111", "unavailable", "(102): The phone said that it takes no call now"),
    ("timed-out", "1113", "no-answer", "(102): Nobody answered"),
    ("deaf", "1147", "no-response", "(102): The phone did not respond at all: the INVITE was sent 7 times"),
    ("no-codec-callee", "1143", "no-common-codec", "(102): No common codec (488 Not Acceptable Here)"),
    ("session-timer", "1156", "session-timer", "(101): The session timer ended the call"),
    ("follow-me", "1138", "far-hung-up", "(103) hung up"),
    ("blind-transfer", "1125", "far-hung-up", "(103) hung up"),
    ("offline", "1160", "no-route", "The PBX found no way to 5161"),
];

#[test]
fn the_item_says_what_only_another_leg_shows() {
    let mut wrong = Vec::new();
    for (name, user, rule, words) in WHOLE {
        let about = scenario::about(name);
        let ids: Vec<&str> = about.users.iter().map(|party| &*party.extension).collect();
        let site = site_with_users(&ids);
        let mut records = scenario::records(name);
        let by = site.query.now().0 - 3_600_000_000 - records[0].time.0;
        for record in &mut records {
            record.time.0 += by;
            record.seq = 0;
            let user = Arc::clone(&record.user.user);
            record.user = Arc::new(UserKey::new("acme", &user));
        }
        scenario::keep_steps(&records, &site.store);
        site.store.append(&mut records).unwrap();
        let key = UserKey::new("acme", user);
        let history = site.query.history(&viewer(), &key, Timestamp::MIN, None).unwrap().unwrap();
        let call = history.items.iter().find(|item| item.kind == Kind::Call).unwrap();
        let joined = site.query.joined(&viewer(), &key, call.id).unwrap().unwrap();
        let verdict = &joined.item.verdict;
        let shown = joined.messages.iter().any(|placed| Some(placed.message.at) == verdict.at);
        if verdict.rule != *rule || !verdict.words.contains(words) || !shown {
            wrong.push(format!("{name} {user}: {rule} {words}\n  got {verdict:?}, shown: {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
