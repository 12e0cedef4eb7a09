//! The recorded scenarios of the real Asterisk: `tests/golden/scenarios/NAME.json` says in words what happened,
//! `NAME.jsonl` has every record of the ring that it left, one a line, as text. Written by `tests/asterisk/run --record
//! DIR`, read by the tests of diagnostics.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use usermon::clock::Timestamp;
use usermon::event::{Change, Direction, DumpDetail, EndpointKey, Quality, Step, Transport, UserKey};
use usermon::store::Store;
use usermon::store::record::{Attribution, Gap, GapCause, Packet, Payload, Record};

/// What happened, in words; `NAME.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub scenario: String,
    pub about: String,
    /// Version of the PBX it was recorded on.
    pub pbx: String,
    pub users: Vec<Party>,
    pub legs: Vec<Leg>,
    /// SIP messages of each Call-ID, as the phones counted them.
    pub messages: Vec<Dialog>,
}

/// A user who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    pub extension: String,
    pub name: String,
    /// What the user does.
    pub part: String,
}

/// What diagnostics have to say of one leg, or of another dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub user: String,
    /// `outgoing`, `incoming`; or the method of a dialog that is no call.
    pub direction: String,
    /// The far party's number; empty: none.
    pub far: String,
    /// What people should read.
    pub result: String,
    /// The phases that the PBX told, one after the other; empty: it is no call.
    pub phases: String,
    /// ITU-T Q.850 cause of the end.
    pub cause: u16,
}

/// One Call-ID of one user's phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dialog {
    pub user: String,
    pub call_id: String,
    pub messages: usize,
}

/// A line of `NAME.jsonl`. Of a packet, `text` are the bytes that were kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Microseconds since 1970.
    pub time: i64,
    pub seq: u64,
    /// Empty: nobody known.
    pub user: Arc<str>,
    #[serde(flatten)]
    pub what: What,
}

/// What a line holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Packet(PacketLine),
    Change(Change),
    Gap(GapLine),
    Quality { endpoint: Arc<str>, report: Quality },
}

/// [`Packet`], as text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PacketLine {
    pub direction: Direction,
    pub transport: Transport,
    pub local: SocketAddr,
    pub far: SocketAddr,
    pub detail: DumpDetail,
    pub attribution: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
    pub original_len: u32,
    pub endpoint: Arc<str>,
    pub linked: Arc<str>,
    pub text: String,
}

/// [`Gap`], as text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GapLine {
    pub from: i64,
    pub to: i64,
    pub packets: u64,
    pub cause: u8,
}

/// The company of all of them.
pub(crate) const COMPANY: &str = "default";

/// Where the recorded scenarios are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scenarios")
}

/// The names of all scenarios, sorted.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".jsonl")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// What happened in a scenario.
pub(crate) fn about(name: &str) -> About {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The records of a scenario, by time and seq.
pub(crate) fn records(name: &str) -> Vec<Record> {
    let path = folder().join(format!("{name}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let line = |(at, line): (usize, &str)| {
        let line: Line =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{}:{}: {e}", path.display(), at + 1));
        line.record()
    };
    text.lines().enumerate().map(line).collect()
}

/// Appends a scenario's records as they were recorded; says what happened.
pub(crate) fn load(name: &str, store: &Store) -> About {
    store.append(&mut records(name)).unwrap();
    about(name)
}

/// The same with all times moved, so that the first record is at `start`.
pub(crate) fn load_at(name: &str, store: &Store, start: Timestamp) -> About {
    let mut records = records(name);
    let first = records.first().map_or(start, |record| record.time);
    shift(&mut records, start.0 - first.0);
    store.append(&mut records).unwrap();
    about(name)
}

/// Moves all times, by microseconds.
pub(crate) fn shift(records: &mut [Record], by: i64) {
    for record in records {
        record.time.0 += by;
        match &mut record.payload {
            Payload::Gap(gap) => (gap.from.0, gap.to.0) = (gap.from.0 + by, gap.to.0 + by),
            Payload::Quality(quality) => quality.time.0 += by,
            Payload::Packet(_) | Payload::Change(_) => {}
        }
    }
}

/// Appends what the PBX told of the legs once more, as the module keeps it for the calls of the whole company.
pub(crate) fn keep_steps(records: &[Record], store: &Store) {
    for record in records {
        let Payload::Change(Change::Call {
            leg,
            linked,
            call_id,
            phase,
            direction,
            far_number,
            far_name,
            cause,
        }) = record.payload.clone()
        else {
            continue;
        };
        let UserKey { company, user } = &*record.user;
        let step = Step {
            user: Arc::clone(user),
            endpoint: Arc::clone(user),
            leg,
            linked,
            call_id,
            phase,
            direction,
            far_number,
            far_name,
            cause,
            heard: None,
            sent: None,
        };
        store.append_step(record.time, company, &step).unwrap();
    }
}

/// What `usermon.toml` says of the users of some scenarios.
pub(crate) fn config(scenarios: &[About]) -> String {
    let mut text = format!("[[company]]\nid = \"{COMPANY}\"\n");
    for party in scenarios.iter().flat_map(|about| &about.users) {
        write!(
            text,
            "[[user]]\ncompany = \"{COMPANY}\"\nextension = \"{}\"\nname = \"{}\"\n",
            party.extension, party.name
        )
        .unwrap();
    }
    text
}

impl Line {
    /// A record as a line. Panics on bytes that are no text: there are none in the scenarios.
    pub(crate) fn of(record: &Record) -> Self {
        let what = match &record.payload {
            Payload::Packet(packet) => What::Packet(PacketLine {
                direction: packet.direction,
                transport: packet.transport,
                local: packet.local,
                far: packet.far,
                detail: packet.detail,
                attribution: format!("{:?}", packet.attribution).to_lowercase(),
                cut: packet.cut,
                unsure: packet.unsure,
                original_len: packet.original_len,
                endpoint: Arc::clone(&packet.endpoint),
                linked: Arc::clone(&packet.linked),
                text: String::from_utf8(packet.bytes.to_vec()).expect("a message is text"),
            }),
            Payload::Change(change) => What::Change(change.clone()),
            Payload::Gap(gap) => What::Gap(GapLine {
                from: gap.from.0,
                to: gap.to.0,
                packets: gap.packets,
                cause: gap.cause as u8,
            }),
            Payload::Quality(quality) => {
                What::Quality { endpoint: Arc::clone(&quality.key.endpoint), report: quality.clone() }
            }
        };
        Self { time: record.time.0, seq: record.seq, user: Arc::clone(&record.user.user), what }
    }

    fn record(self) -> Record {
        let user = if self.user.is_empty() { UserKey::default() } else { UserKey::new(COMPANY, &self.user) };
        let payload = match self.what {
            What::Packet(line) => Payload::Packet(Packet {
                direction: line.direction,
                transport: line.transport,
                local: line.local,
                far: line.far,
                detail: line.detail,
                attribution: match line.attribution.as_str() {
                    "proven" => Attribution::Proven,
                    "claimed" => Attribution::Claimed,
                    _ => Attribution::Unknown,
                },
                cut: line.cut,
                unsure: line.unsure,
                original_len: line.original_len,
                endpoint: line.endpoint,
                linked: line.linked,
                bytes: line.text.into_bytes().into(),
            }),
            What::Change(change) => Payload::Change(change),
            What::Gap(line) => Payload::Gap(Gap {
                from: Timestamp(line.from),
                to: Timestamp(line.to),
                packets: line.packets,
                cause: GAP_CAUSES
                    .into_iter()
                    .find(|cause| *cause as u8 == line.cause)
                    .unwrap_or(GapCause::Other),
            }),
            What::Quality { endpoint, report } => {
                Payload::Quality(Quality { key: EndpointKey::new(COMPANY, &endpoint), ..report })
            }
        };
        Record { seq: self.seq, time: Timestamp(self.time), user: Arc::new(user), payload }
    }
}

const GAP_CAUSES: [GapCause; 10] = [
    GapCause::QueueFull,
    GapCause::Damage,
    GapCause::Disk,
    GapCause::Limit,
    GapCause::Fault,
    GapCause::Share,
    GapCause::Removed,
    GapCause::Overload,
    GapCause::Unproven,
    GapCause::Lowered,
];
