//! The pages of a scenario's users, asked for as a browser does, and held against what should be on them and what the ring
//! has. The same for the recorded scenarios and for the real Asterisk.

use std::collections::BTreeSet;

use usermon::event::Direction;
use usermon::query::diagnostics::Cursor;
use usermon::query::history::why::TABLES;
use usermon::store::record::{Packet, Payload, Record};
use usermon::web::ladder::label::clock;

use crate::html::{Element, parse};
use crate::scenario::COMPANY;
use crate::scenario_pages::taken::{Taken, brief};
use crate::scenario_pages::wish::{Line, NOBODY};

/// An answer: its status and its body.
pub(crate) type Page = (u16, Vec<u8>);

/// What the pages of one user said.
pub(crate) struct Asked {
    user: String,
    /// Oldest first.
    lines: Vec<Shown>,
    /// What else the list says.
    notes: Vec<String>,
    /// All that is kept, as JSON lines.
    json: Page,
}

/// A line of the list, and what its page said.
struct Shown {
    line: Line,
    words: String,
    packets: usize,
    page: Page,
    pcap: Page,
    json: Page,
}

/// Asks for all pages of a user; `get` takes a path. `None`: there is no such user.
pub(crate) fn ask(user: &str, mount: &str, get: &mut dyn FnMut(&str) -> Page) -> Option<Asked> {
    let here = format!("{mount}/c/{COMPANY}/u/{user}/diag");
    let (status, body) = get(&here);
    if status == 404 {
        return None;
    }
    assert_eq!(status, 200, "{here}: {}", text(&body));
    let page = parse(&text(&body));
    let mut lines = Vec::new();
    for line in page.find("a").into_iter().filter(|a| a.attribute("class") == "line").rev() {
        let path = line.attribute("href");
        lines.push(Shown {
            line: line_of(user, line),
            words: part(line, "re"),
            packets: part(line, "pk").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0),
            page: get(path),
            pcap: get(&format!("{path}/export?form=pcap")),
            json: get(&format!("{path}/export?form=jsonl")),
        });
    }
    let notes = page.find("div").into_iter().filter(|div| div.attribute("class") == "line note");
    let notes = notes.map(|note| format!("{}: {}", note.attribute("data-o"), part(note, "re"))).collect();
    let json = get(&format!("{here}/export?form=jsonl"));
    Some(Asked { user: user.to_owned(), lines, notes, json })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text of a part of a line, by its class.
fn part(line: &Element, class: &str) -> String {
    line.one("span", "class", class).text().trim().to_owned()
}

/// What a line says, but for the rule, of which it shows the sentence.
fn line_of(user: &str, line: &Element) -> Line {
    let (what, far, spans) =
        (part(line, "wh"), line.one("span", "class", "fa"), line.one("span", "class", "du").text());
    let number = ["small", "b"].iter().find_map(|name| far.find(name).pop());
    let what = match (line.attribute("data-k"), what.as_str()) {
        ("call", "Call from") => "incoming".to_owned(),
        ("call", "Call to") => "outgoing".to_owned(),
        ("registration", "Registration") => "registration".to_owned(),
        (_, other) => {
            let (words, way) = if other.ends_with("to the phone") {
                ("to the phone", "to-phone")
            } else {
                ("from the phone", "from-phone")
            };
            let method = other.trim_end_matches(words).split_whitespace().last().unwrap_or_default();
            format!("{method}-{way}")
        }
    };
    Line {
        user: user.to_owned(),
        what,
        far: number.map(Element::text).unwrap_or_default().trim().to_owned(),
        outcome: line.attribute("data-o").to_owned(),
        rule: String::new(),
        whole: String::new(),
        rang: spans.contains("rang "),
        talked: spans.contains("talked "),
        times: spans.split_once(" times").and_then(|(times, _)| times.parse().ok()).unwrap_or(1),
    }
}

impl Asked {
    /// What is wrong: with the lines, with the ladders, with the JSON lines. `records` are those of the scenario, of all its
    /// users and of nobody. The capture files go to `taken`.
    pub(crate) fn check(&self, scenario: &str, records: &[Record], taken: &mut Vec<Taken>) -> Vec<String> {
        let mut wrong = self.lines(scenario);
        let kept: BTreeSet<&str> =
            self.notes.iter().map(String::as_str).filter(|note| note.starts_with("gap")).collect();
        wrong.extend(kept.into_iter().map(|note| format!("the list says {note}")));
        let own = records.iter().filter(|record| *record.user.user == *self.user).collect::<Vec<_>>();
        let packets = own.iter().filter(|record| packet(record).is_some()).count();
        if self.lines.iter().map(|shown| shown.packets).sum::<usize>() != packets {
            wrong.push(format!("the ring has {packets} packets of the user, the lines have another number"));
        }
        wrong.extend(json(&self.json, &own).err().map(|what| format!("all as JSON lines: {what}")));
        for shown in &self.lines {
            let what = format!("{} {} {}", shown.line.user, shown.line.what, shown.line.far);
            let page = match shown.page.0 {
                200 => parse(&text(&shown.page.1)),
                status => {
                    wrong.push(format!("{what}: its page is {status}"));
                    continue;
                }
            };
            let wish = wish(&shown.line, &rows(&page), records);
            if let Err(what_is) = ladder(&page, &wish) {
                wrong.push(format!("{what}: {what_is}"));
            }
            wrong
                .extend(json(&shown.json, &wish).err().map(|wrong| format!("{what} as JSON lines: {wrong}")));
            let file = if shown.pcap.0 == 200 { shown.pcap.1.clone() } else { Vec::new() };
            taken.push(Taken::new(format!("{scenario}: {what}"), file, &wish));
        }
        wrong.into_iter().map(|what| format!("{scenario} {}: {what}", self.user)).collect()
    }

    /// The list against the table.
    fn lines(&self, scenario: &str) -> Vec<String> {
        let wishes = Line::wished(scenario, &self.user);
        let mut wrong = Vec::new();
        let mut wished = wishes.iter();
        for shown in &self.lines {
            let is_coming =
                shown.line.what == "registration" && !wishes.iter().any(|wish| wish.what == "registration");
            let wish = if is_coming { None } else { wished.next() };
            let mut have = Line {
                rule: rule(&shown.words, wish.map_or("registered", |wish| &wish.rule)),
                ..shown.line.clone()
            };
            let page = if shown.page.0 == 200 { parse(&text(&shown.page.1)) } else { Element::default() };
            let verdict =
                page.find("p").into_iter().find(|p| p.attribute("class").starts_with("notice verdict"));
            let strong = verdict.and_then(|p| p.find("strong").pop().cloned()).unwrap_or_default().text();
            have.whole = rule(&strong, wish.map_or("registered", |wish| &wish.whole));
            let line = wish
                .map_or_else(|| format!("{} registration - good registered", self.user), ToString::to_string);
            if have.to_string() != line {
                wrong.push(format!("the line\n    {have}\n  is wished to be\n    {line}"));
            }
        }
        wrong.extend(wished.map(|wish| format!("no line {wish}")));
        wrong
    }
}

/// Sentences of the rules that the tables have no sentence for: what the PBX said, and what all legs show.
const OTHERS: [(&str, &str); 7] = [
    ("wrong-password", "Wrong password: "),
    ("unknown-user", "Unknown user: "),
    ("forbidden-by-acl", "Forbidden: an access list "),
    ("tls-failed", "TLS failed: "),
    ("refused-by-pbx", "Refused: "),
    ("far-hung-up", "Answered; {far}) hung up after {talking}."),
    ("pbx-hung-up", "Answered; the PBX itself hung up after {talking}: no phone did."),
];

/// The rule's name if this sentence is one of its own, else the rules that it may be of and the sentence.
fn rule(words: &str, wish: &str) -> String {
    // the page says of which other leg it is
    let words =
        words.strip_prefix("At ").and_then(|words| words.split_once(": ")).map_or(words, |(_, rest)| rest);
    let tables = TABLES.iter().flat_map(|(_, rules)| rules.iter());
    let all = tables.flat_map(|rule| [(rule.name, rule.out), (rule.name, rule.into)]).chain(OTHERS);
    let names: BTreeSet<&str> =
        all.filter(|(_, sentence)| fits(sentence, words)).map(|(name, _)| name).collect();
    if names.contains(wish) {
        return wish.to_owned();
    }
    format!("{}[{words}]", Vec::from_iter(names).join("|"))
}

/// Whether words begin as this sentence, whose `{}` stand for anything; nothing fits one that has nothing else.
fn fits(sentence: &str, words: &str) -> bool {
    let (sentence, words) = (sentence.to_lowercase(), words.to_lowercase());
    let mut pieces = sentence.split('{').enumerate().map(|(n, piece)| match n {
        0 => piece,
        _ => piece.split_once('}').map_or("", |(_, rest)| rest),
    });
    let Some(mut rest) = pieces.next().and_then(|first| words.strip_prefix(first)) else { return false };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    !sentence.is_empty() && !sentence.starts_with("{failure}")
}

/// A row of the ladder: the places of its messages, and what it says.
struct Row {
    at: Vec<Cursor>,
    title: String,
}

fn rows(page: &Element) -> Vec<Row> {
    let of = |a: &Element| {
        let all = if a.has("data-all") { a.attribute("data-all") } else { a.attribute("data-m") };
        let at = all.split(' ').map(|at| at.parse().unwrap_or_else(|()| panic!("{all:?}"))).collect();
        Row { at, title: a.find("title").first().map(|title| title.text()).unwrap_or_default() }
    };
    let is_message = |a: &&&Element| a.attribute("class").split(' ').next() == Some("m");
    page.find("a").iter().filter(is_message).map(|a| of(a)).collect()
}

fn place(record: &Record) -> Cursor {
    Cursor { time: record.time, seq: record.seq }
}

fn packet(record: &Record) -> Option<&Packet> {
    match &record.payload {
        Payload::Packet(packet) => Some(packet),
        _ => None,
    }
}

/// The value of a header as the PBX and the phones write it.
fn header(packet: &Packet, name: &str) -> String {
    let text = String::from_utf8_lossy(&packet.bytes).into_owned();
    let line = text.lines().find(|line| line.starts_with(name) && line[name.len()..].starts_with(':'));
    line.map(|line| line[name.len() + 1..].trim().to_owned()).unwrap_or_default()
}

fn start_line(packet: &Packet) -> String {
    String::from_utf8_lossy(&packet.bytes).lines().next().unwrap_or_default().to_owned()
}

/// The messages that the page should have. Of a call: of all legs of the scenario's call, whoever's. Of others: what the
/// user's dialog has from the first message that is shown to the last.
fn wish<'a>(line: &Line, rows: &[Row], records: &'a [Record]) -> Vec<&'a Record> {
    let packets = || records.iter().filter_map(|record| Some((record, packet(record)?)));
    let call_ids: BTreeSet<String>;
    let (from, to);
    if matches!(line.what.as_str(), "incoming" | "outgoing") {
        let invites = packets().filter(|(_, packet)| start_line(packet).starts_with("INVITE "));
        call_ids = invites.map(|(_, packet)| header(packet, "Call-ID")).collect();
        (from, to) = (i64::MIN, i64::MAX);
    } else {
        let shown: BTreeSet<Cursor> = rows.iter().flat_map(|row| row.at.iter().copied()).collect();
        let its = |record: &&Record| *record.user.user == *line.user && shown.contains(&place(record));
        let first = records.iter().find(its).and_then(packet);
        call_ids = first.map(|packet| header(packet, "Call-ID")).into_iter().collect();
        from = shown.first().map_or(0, |at| at.time.micros());
        to = shown.last().map_or(0, |at| at.time.micros());
    }
    let its = |(record, packet): &(&Record, &Packet)| {
        call_ids.contains(&header(packet, "Call-ID")) && (from..=to).contains(&record.time.micros())
    };
    let mut wish: Vec<&Record> = packets().filter(its).map(|(record, _)| record).collect();
    wish.sort_by_key(|record| place(record));
    wish
}

/// The ladder has these messages, each once, in order, each with its time, its way and what it is.
fn ladder(page: &Element, wish: &[&Record]) -> Result<(), String> {
    let rows = rows(page);
    let heads: Vec<Cursor> = rows.iter().filter_map(|row| row.at.first().copied()).collect();
    if !heads.is_sorted() || !rows.iter().all(|row| row.at.is_sorted()) {
        return Err(format!("the ladder is out of order: {heads:?}"));
    }
    let mut have: Vec<Cursor> = rows.iter().flat_map(|row| row.at.iter().copied()).collect();
    have.sort_unstable();
    let want: Vec<Cursor> = wish.iter().map(|record| place(record)).collect();
    if have != want || want.is_empty() {
        let line = |at: &Cursor| {
            let record = wish.iter().find(|record| place(record) == *at);
            record
                .and_then(|record| packet(record))
                .map_or_else(|| format!("?{at}"), |p| format!("{} {}", header(p, "Call-ID"), start_line(p)))
        };
        let lines = |all: &[Cursor], others: &[Cursor]| {
            all.iter().filter(|at| !others.contains(at)).map(line).collect::<Vec<_>>().join(", ")
        };
        return Err(format!(
            "the ladder has {} messages, not {}; not [{}], but [{}]",
            have.len(),
            want.len(),
            lines(&want, &have),
            lines(&have, &want)
        ));
    }
    for row in &rows {
        for at in &row.at {
            let packet = wish.iter().find(|record| place(record) == *at).and_then(|record| packet(record));
            let Some(packet) = packet else { continue };
            let line = start_line(packet);
            let what = match line.strip_prefix("SIP/2.0 ") {
                Some(status) => status.to_owned(),
                None => line.split(' ').next().unwrap_or_default().to_owned(),
            };
            let way = if packet.direction == Direction::In { " to PBX: " } else { " PBX to " };
            let head = row.at.first().map(|at| clock(at.time)).unwrap_or_default();
            if !row.title.contains(&what) || !row.title.contains(way) || !row.title.starts_with(&head) {
                return Err(format!("{line:?} is shown as {:?}", row.title));
            }
        }
    }
    let taken = page.one("p", "class", "taken").text();
    if !taken.contains(&format!("· {} messages", want.len())) && want.len() > 1 {
        return Err(format!("{} messages are told as {taken:?}", want.len()));
    }
    Ok(())
}

/// The file has a line for each of these packets, as it was kept, in order.
fn json((status, file): &Page, wish: &[&Record]) -> Result<(), String> {
    if *status != 200 {
        return Err(format!("{status} {}", brief(file)));
    }
    let mut have = Vec::new();
    for line in text(file).lines() {
        let line: serde_json::Value = serde_json::from_str(line).map_err(|e| format!("{e}: {line}"))?;
        if line["record"] == "packet" {
            have.push([
                line["time"].as_str().unwrap_or_default().to_owned(),
                line["user"].as_str().unwrap_or_default().to_owned(),
                line["direction"].as_str().unwrap_or_default().to_owned(),
                line["call_id"].as_str().unwrap_or_default().to_owned(),
                format!("{} {}", line["cseq"], line["cseq_method"].as_str().unwrap_or_default()),
                line["message"].as_str().unwrap_or_default().to_owned(),
            ]);
        }
    }
    let row = |record: &&Record| {
        let packet = packet(record)?;
        Some([
            jiff::Timestamp::from_microsecond(record.time.micros())
                .map(|at| format!("{at:.6}"))
                .unwrap_or_default(),
            record.user.user.to_string(),
            if packet.direction == Direction::In { "in" } else { "out" }.to_owned(),
            header(packet, "Call-ID"),
            header(packet, "CSeq"),
            text(&packet.bytes),
        ])
    };
    let wish: Vec<_> = wish.iter().filter_map(row).collect();
    if have == wish {
        return Ok(());
    }
    let first = have.iter().zip(&wish).find(|(have, wish)| have != wish);
    Err(format!("{} packets, not {}; the first that differs: {first:?}", have.len(), wish.len()))
}

/// The page of what is nobody's has each message of nobody.
pub(crate) fn unattributed(page: &[u8], records: &[Record]) -> Result<(), String> {
    let page = parse(&text(page));
    let rows: Vec<String> = page
        .find("tr")
        .into_iter()
        .filter(|row| row.attribute("class").split(' ').next() == Some("packet"))
        .map(|row| row.find("code").iter().map(|code| code.attribute("title")).collect())
        .collect();
    let nobodys = records.iter().filter(|record| record.user.user.is_empty()).filter_map(packet);
    let mut wish: Vec<String> = nobodys.map(|packet| header(packet, "Call-ID")).collect();
    wish.reverse();
    let is_same = !wish.is_empty()
        && wish.len() == rows.len()
        && rows.iter().zip(&wish).all(|(row, call_id)| row.contains(call_id.as_str()));
    if is_same { Ok(()) } else { Err(format!("nobody's page has {rows:?}, not {wish:?}")) }
}

/// Whether the PBX does not have this user, so that nobody's page tells of it.
pub(crate) fn is_nobodys(scenario: &str, user: &str) -> bool {
    NOBODY.contains(&(scenario, user))
}
