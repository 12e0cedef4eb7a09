//! What a real Asterisk and its phones said, in every form.

use std::collections::HashMap;

use usermon::query::export::Form;
use usermon::query::export::token::Tokens;
use usermon::store::record::{Payload, Record};

use crate::capture::round_trip;
use crate::lines::lines;
use crate::record::export;
use crate::scenario;
use crate::wireshark::{has_tshark, messages};

fn all() -> Vec<Record> {
    let mut all: Vec<Record> = scenario::names().iter().flat_map(|name| scenario::records(name)).collect();
    all.sort_by_key(|record| (record.time, record.seq));
    assert!(all.len() > 500, "{} records", all.len());
    all
}

#[test]
fn tshark_reads_each_message_of_every_scenario_once() {
    if has_tshark() {
        round_trip(&all());
    }
}

#[test]
fn each_line_of_every_scenario_is_as_the_schema_says() {
    let records = all();
    assert_eq!(lines(&export(Form::JsonLines, &records)).len(), records.len() + 1);
    let text = String::from_utf8(export(Form::Text, &records)).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("=== ")).count(), records.len());
}

#[test]
fn with_tokens_the_dialogs_are_the_same_and_no_extension_is_left() {
    let records = all();
    let mut tokens = Tokens::new([5; 32], true);
    records.iter().for_each(|record| tokens.learn(record));
    let replaced: Vec<Record> = records.iter().map(|record| tokens.replace(record)).collect();
    // wherever an extension stands as a user, and in the ids that phones make of it
    let packets = replaced.iter().filter_map(|record| match &record.payload {
        Payload::Packet(packet) => Some(String::from_utf8_lossy(&packet.bytes).into_owned()),
        _ => None,
    });
    for text in packets {
        for extension in 1100..1140 {
            let user = [
                format!("sip:{extension}@"),
                format!("User {extension}"),
                format!("username=\"{extension}\""),
                format!("tag=t{extension}"),
            ];
            assert!(!user.iter().any(|user| text.contains(user)), "{extension} is left in\n{text}");
        }
        assert!(!text.contains("asterisk\""), "the realm is left in\n{text}");
    }
    if has_tshark() {
        let [before, after] = [&records, &replaced].map(|records| messages(&export(Form::Pcap, records)));
        assert_eq!(before.len(), after.len());
        let (mut there, mut back) = (HashMap::new(), HashMap::new());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before[0], &before[4]), (&after[0], &after[4]));
            assert_eq!(there.entry(before[5].clone()).or_insert_with(|| after[5].clone()), &after[5]);
            assert_eq!(back.entry(after[5].clone()).or_insert_with(|| before[5].clone()), &before[5]);
        }
    }
}
