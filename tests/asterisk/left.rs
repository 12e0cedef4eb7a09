//! What a scenario left in the ring: held against what its phones saw, and written down for the tests of diagnostics.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use usermon::clock::Timestamp;
use usermon::event::{CallPhase, Change, Direction, DumpDetail, UserKey};
use usermon::store::record::{Attribution, Packet, Payload, Record};

use crate::phone::Message;
use crate::scenario::{About, COMPANY, Dialog, Leg, Line, Party};
use crate::scenarios::{Ring, open};
use crate::scenes::{Scene, Told};
use crate::stand::{Seen, UNHEARD};

/// Within this the packets of a leg know of what the PBX told of it.
const TELLS: Duration = Duration::from_millis(200);

/// What was told of a leg.
#[derive(Default)]
struct Course {
    direction: String,
    phases: Vec<String>,
    cause: u16,
    /// Linked id and far number, as told last.
    last: (String, String),
}

/// What a scenario left.
pub struct Left<'a> {
    scene: &'static Scene,
    seen: &'a Seen,
    pbx: &'a str,
    /// By user, oldest first; the empty name has what is nobody's.
    records: BTreeMap<String, Vec<Record>>,
}

impl<'a> Left<'a> {
    /// Out of the ring, before `until`.
    pub fn of(scene: &'static Scene, seen: &'a Seen, ring: &'a Ring, until: Timestamp) -> Self {
        let mut records = BTreeMap::new();
        for (user, _) in scene.users {
            let mut of_user = ring.of(&UserKey::new(COMPANY, user));
            of_user.retain(|record| record.time < until);
            if !of_user.is_empty() {
                records.insert((*user).to_owned(), of_user);
            }
        }
        let of_phones = |packet: &Packet| {
            let text = String::from_utf8_lossy(&packet.bytes);
            seen.iter().flat_map(|(_, messages)| messages).any(|message| text.contains(&message.call_id))
        };
        let mut nobody = ring.of(&UserKey::default());
        nobody.retain(|record| matches!(&record.payload, Payload::Packet(packet) if of_phones(packet)));
        if !nobody.is_empty() {
            records.insert(String::new(), nobody);
        }
        Self { scene, seen, pbx: &ring.pbx, records }
    }

    /// All records, by time and seq.
    pub fn all(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.records.values().flatten().cloned().collect();
        records.sort_by_key(|record| (record.time, record.seq));
        records
    }

    fn packets(&self, user: &str) -> impl Iterator<Item = &Packet> {
        let user = if self.records.contains_key(user) { user } else { "" };
        self.records.get(user).into_iter().flatten().filter_map(|record| match &record.payload {
            Payload::Packet(packet) => Some(packet),
            _ => None,
        })
    }

    /// Whether it is as it should be, and how much.
    pub fn check(&self) -> Result<String, String> {
        let mut wrong = Vec::new();
        let mut packets = 0;
        for (user, _) in self.scene.users {
            packets += self.packets(user).count();
            wrong.extend(self.same_messages(user).err());
            wrong.extend(self.linked(user).err());
        }
        wrong.extend(self.legs().err());
        wrong.extend(self.quality().err());
        if wrong.is_empty() {
            Ok(format!("{packets} packets, {} legs", self.scene.legs.len()))
        } else {
            Err(wrong.join("; "))
        }
    }

    /// The packets are what the phones saw, each once, and of each dialog and direction in the same order.
    fn same_messages(&self, user: &str) -> Result<(), String> {
        let mut wish: BTreeMap<(String, bool), Vec<&Message>> = BTreeMap::new();
        for message in self.seen.iter().filter(|(of, _)| of == user).flat_map(|(_, messages)| messages) {
            let of = wish.entry((message.call_id.clone(), message.out)).or_default();
            if !of.last().is_some_and(|last| is_again(last, message)) {
                of.push(message);
            }
        }
        // a REGISTER is proven by the contact that it leads to, which a busy machine may be late to tell
        let registers = |packet: &Packet| String::from_utf8_lossy(&packet.bytes).contains(" REGISTER\r\n");
        let is_unproven = |packet: &&Packet| packet.attribution != Attribution::Proven && !registers(packet);
        let unproven = self.packets(user).filter(is_unproven).count();
        if (unproven > 0) != self.scene.unproven.contains(&user) {
            return Err(format!("{user}: {unproven} packets are not proven"));
        }
        let unheard = (Message::of(true, UNHEARD).call_id, true);
        let mut have: BTreeMap<(String, bool), Vec<(&Packet, Message)>> = BTreeMap::new();
        for packet in self.packets(user) {
            let out = packet.direction == Direction::Out;
            let message = Message::of(out, &String::from_utf8_lossy(&packet.bytes));
            let of = have.entry((message.call_id.clone(), out)).or_default();
            if !of.last().is_some_and(|(_, last)| is_again(last, &message)) {
                of.push((packet, message));
            }
        }
        let keys: BTreeSet<_> = wish.keys().chain(have.keys()).filter(|key| **key != unheard).collect();
        for key in keys {
            let (seen, kept) =
                (wish.get(key).map_or(&[][..], Vec::as_slice), have.get(key).map_or(&[][..], Vec::as_slice));
            let is_same = |seen: &Message, (packet, kept): &(&Packet, Message)| {
                // what is nobody's is not kept in full
                seen.size == packet.original_len
                    && seen.start_line == kept.start_line
                    && (packet.detail != DumpDetail::Full || is_kept(&kept.text, &seen.text))
            };
            let mut rest = kept.iter();
            let same = seen.iter().all(|seen| rest.by_ref().any(|kept| is_same(seen, kept)))
                && (wish.contains_key(&unheard) || seen.len() == kept.len());
            if !same {
                let lines = |messages: &mut dyn Iterator<Item = &Message>| {
                    messages.map(|m| format!("{} ({})", m.start_line, m.size)).collect::<Vec<_>>().join(", ")
                };
                return Err(format!(
                    "{user}: of {key:?} the phones saw [{}] and the ring has [{}]",
                    lines(&mut seen.iter().copied()),
                    lines(&mut kept.iter().map(|(_, message)| message))
                ));
            }
        }
        Ok(())
    }

    /// The packets of a leg say which call it is of, once the PBX has told of it; what came before is joined by the
    /// Call-ID, so that a change must have it.
    fn linked(&self, user: &str) -> Result<(), String> {
        let mut calls: BTreeMap<&str, (Timestamp, Vec<&str>)> = BTreeMap::new();
        let records = self.records.get(user).map_or(&[][..], Vec::as_slice);
        for record in records {
            if let Payload::Change(Change::Call { call_id, linked, .. }) = &record.payload {
                calls.entry(call_id).or_insert((record.time, Vec::new())).1.push(linked);
            }
        }
        let mut wrong = Vec::new();
        if calls.contains_key("") {
            wrong.push("a leg without a Call-ID".to_owned());
        }
        for record in records {
            let Payload::Packet(packet) = &record.payload else { continue };
            let message = Message::of(false, &String::from_utf8_lossy(&packet.bytes));
            let Some((told, linked)) = calls.get(message.call_id.as_str()) else { continue };
            let early = packet.linked.is_empty() && record.time < told.plus(TELLS);
            if !early && !linked.contains(&&*packet.linked) {
                wrong.push(format!("{} has linked {:?}", message.start_line, packet.linked));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("{user}: {}", wrong.join(", "))) }
    }

    /// The changes tell each leg as it was, and its end tells nothing but the cause that was not told before.
    fn legs(&self) -> Result<(), String> {
        let mut wrong = Vec::new();
        for (user, _) in self.scene.users {
            let mut have: BTreeMap<&str, Course> = BTreeMap::new();
            for record in self.records.get(*user).into_iter().flatten() {
                let Payload::Change(Change::Call {
                    leg, linked, phase, direction, far_number, cause, ..
                }) = &record.payload
                else {
                    continue;
                };
                let told = have.entry(leg).or_default();
                let now = (linked.to_string(), far_number.to_string());
                if *phase == CallPhase::Ended && told.last != now {
                    wrong
                        .push(format!("{user}: only the end of a leg tells {now:?}, before {:?}", told.last));
                }
                told.last = now;
                told.direction = format!("{direction:?}").to_lowercase();
                let word = format!("{phase:?}").to_lowercase();
                if told.phases.last() != Some(&word) {
                    told.phases.push(word);
                }
                told.cause = *cause;
            }
            let mut have: Vec<_> = have
                .into_values()
                .map(|told| (told.direction, told.last.1, told.phases.join(" "), told.cause))
                .collect();
            have.sort();
            let wish = self.scene.legs.iter().filter(|told| told.0 == *user && !told.4.is_empty());
            let mut wish: Vec<_> =
                wish.map(|told| (told.1.to_owned(), told.2.to_owned(), told.4.to_owned(), told.5)).collect();
            wish.sort();
            if have != wish {
                wrong.push(format!("{user}: legs {have:?}, not {wish:?}"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    /// Where there was media, both directions of each leg have figures.
    fn quality(&self) -> Result<(), String> {
        for Told(user, _, _, result, ..) in self.scene.legs.iter().filter(|told| told.3.contains("quality")) {
            for direction in [Direction::In, Direction::Out] {
                let mut reports = self.records.get(*user).into_iter().flatten().filter_map(|record| {
                    match &record.payload {
                        Payload::Quality(quality) if quality.direction == direction => Some(quality),
                        _ => None,
                    }
                });
                let fits = reports.any(|report| {
                    report.packets > 100
                        && !report.linked.is_empty()
                        && (report.lost > 10) == result.contains("poor")
                });
                if !fits {
                    return Err(format!("{user}: no such quality of what goes {direction:?}"));
                }
            }
        }
        Ok(())
    }

    fn about(&self) -> About {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (user, messages) in self.seen {
            for message in messages.iter().filter(|message| message.start_line != UNHEARD) {
                *counts.entry((user, &message.call_id)).or_default() += 1;
            }
        }
        let leg = |&Told(user, direction, far, result, phases, cause): &Told| Leg {
            user: user.into(),
            direction: direction.into(),
            far: far.into(),
            result: result.into(),
            phases: phases.into(),
            cause,
        };
        About {
            scenario: self.scene.name.to_owned(),
            about: self.scene.about.to_owned(),
            pbx: self.pbx.to_owned(),
            users: self
                .scene
                .users
                .iter()
                .map(|(user, part)| Party {
                    extension: (*user).to_owned(),
                    name: format!("User {user}"),
                    part: (*part).to_owned(),
                })
                .collect(),
            legs: self.scene.legs.iter().map(leg).collect(),
            messages: counts
                .into_iter()
                .map(|((user, call_id), messages)| Dialog {
                    user: user.to_owned(),
                    call_id: call_id.to_owned(),
                    messages,
                })
                .collect(),
        }
    }

    /// `NAME.json`, `NAME.jsonl`, and `NAME/`, a ring of its own.
    pub fn record(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let name = self.scene.name;
        let about = serde_json::to_string_pretty(&self.about()).unwrap() + "\n";
        fs::write(folder.join(format!("{name}.json")), about).unwrap();
        let mut records = self.all();
        let mut lines = String::new();
        for record in &records {
            writeln!(lines, "{}", serde_json::to_string(&Line::of(record)).unwrap()).unwrap();
        }
        fs::write(folder.join(format!("{name}.jsonl")), lines).unwrap();
        let ring = folder.join(name);
        let _ = fs::remove_dir_all(&ring);
        let store = open(&ring);
        store.append(&mut records).unwrap();
        store.close().unwrap();
    }
}

/// Whether the text is the one that was seen, but for what was blacked out.
fn is_kept(kept: &str, seen: &str) -> bool {
    let (mut kept, mut seen) = (kept.trim_end().bytes(), seen.trim_end().bytes());
    loop {
        match (kept.next(), seen.next()) {
            (None, None) => return true,
            (Some(k), Some(s)) if k == s || k == b'x' => {}
            _ => return false,
        }
    }
}

/// Whether a message is the answer before it to a REGISTER once more. A phone on a busy machine sends its REGISTER again, and
/// does not wait for the second answer.
fn is_again(last: &Message, message: &Message) -> bool {
    let same = message.out && last.start_line == message.start_line && last.size == message.size;
    same && last.text == message.text && message.text.contains(" REGISTER\r\n")
}
