//! Quality of the media of a call: the RTCP figures of one leg and direction come together, with an estimate of the mean
//! opinion score by the E-model (ITU-T G.107, 06/2015). Pure.
//!
//! The estimate takes G.107's defaults for all that SIP does not tell: R = Ro - Is - Idd - Ie-eff, with Ro - Is = 93.2
//! (default values of table 2 and the default delay), Idd of section 7.4, Ie-eff of section 7.5 with the codec's Ie and Bpl
//! of ITU-T G.113 (11/2007) appendix I, R to MOS by annex B. Echo is taken as cancelled.

use std::time::Duration;

use super::{History, Item, Kind, Message};
use crate::event::{Direction, Media, Quality};

/// R of a connection with nothing wrong (G.107 section 7.7: all parameters at their default values).
const BEST: f64 = 93.2;
/// A packet of speech, and what a phone's jitter buffer holds beside twice the jitter.
const PACKET: Duration = Duration::from_millis(20);

/// A codec as the E-model sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codec {
    /// As in an SDP `rtpmap`, lower case.
    pub name: &'static str,
    /// Equipment impairment factor.
    ie: f64,
    /// Packet-loss robustness factor.
    bpl: f64,
}

/// G.113 appendix I, tables I.1 and I.4, with packet-loss concealment where the codec has it. The last one is taken for
/// what is not in the list.
const CODECS: [Codec; 8] = [
    Codec { name: "pcma", ie: 0.0, bpl: 25.1 },
    Codec { name: "pcmu", ie: 0.0, bpl: 25.1 },
    Codec { name: "g729", ie: 11.0, bpl: 19.0 },
    Codec { name: "g723", ie: 15.0, bpl: 16.1 },
    Codec { name: "gsm-efr", ie: 5.0, bpl: 10.0 },
    Codec { name: "gsm", ie: 20.0, bpl: 43.0 },
    Codec { name: "g726-32", ie: 7.0, bpl: 25.1 },
    Codec { name: "assumed G.711", ie: 0.0, bpl: 25.1 },
];

impl Codec {
    /// The codec of that name in an `rtpmap` (RFC 4566 section 6); of others and of none, as if it were G.711.
    pub fn of(name: &str) -> Self {
        let found = CODECS.iter().find(|codec| codec.name.eq_ignore_ascii_case(name));
        found.or(CODECS.last()).copied().unwrap_or(Self { name: "", ie: 0.0, bpl: 25.1 })
    }
}

/// How good it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// R of 80 and more: users are satisfied (G.107 annex B, table B.1).
    Good,
    /// R from 70: some users are dissatisfied.
    Fair,
    /// R below 70: many users are dissatisfied.
    Poor,
}

impl Grade {
    /// Of a rating R.
    pub fn of(rating: f64) -> Self {
        match rating {
            r if r >= 80.0 => Self::Good,
            r if r >= 70.0 => Self::Fair,
            _ => Self::Poor,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
        }
    }
}

/// The figures of one leg in one direction, with the estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Which way the media went, seen from the PBX.
    pub direction: Direction,
    /// What was reported.
    pub media: Media,
    /// What the estimate takes for the codec.
    pub codec: Codec,
    /// The rating R.
    pub rating: f64,
    /// The mean opinion score, estimated.
    pub mos: f64,
    /// Its grade.
    pub grade: Grade,
}

impl Figures {
    /// The estimate for what was reported.
    pub fn of(direction: Direction, media: Media, codec: Codec) -> Self {
        let span = |micros: u32| Duration::from_micros(u64::from(micros));
        let delay = span(media.round_trip) / 2 + span(media.jitter) * 2 + PACKET;
        let rating = rating(delay, share(media.packets, media.lost), codec);
        Self { direction, media, codec, rating, mos: opinion(rating), grade: Grade::of(rating) }
    }

    /// The share of packets that were lost, 0 to 1.
    pub fn loss(&self) -> f64 {
        share(self.media.packets, self.media.lost)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
fn share(packets: u64, lost: u64) -> f64 {
    let all = packets.saturating_add(lost);
    if all == 0 { 0.0 } else { lost as f64 / all as f64 }
}

/// Reports of one leg and direction, one by one: they tell totals so far.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    last: Media,
    reports: u64,
    jitters: u64,
    trips: u64,
    trip_sum: u64,
}

impl Sum {
    /// Takes the next report.
    pub fn add(&mut self, report: &Quality) {
        let last = &mut self.last;
        (last.packets, last.lost) = (report.packets, report.lost);
        last.jitter_worst = last.jitter_worst.max(report.jitter);
        last.round_trip_worst = last.round_trip_worst.max(report.round_trip);
        self.reports += 1;
        self.jitters = self.jitters.saturating_add(u64::from(report.jitter));
        if report.round_trip > 0 {
            self.trips += 1;
            self.trip_sum = self.trip_sum.saturating_add(u64::from(report.round_trip));
        }
    }

    /// All in one; `None`: there was no report.
    pub fn media(&self) -> Option<Media> {
        let mean = |sum: u64, n: u64| u32::try_from(sum.checked_div(n).unwrap_or(0)).unwrap_or(u32::MAX);
        let (jitter, round_trip) = (mean(self.jitters, self.reports), mean(self.trip_sum, self.trips));
        (self.reports > 0).then_some(Media { jitter, round_trip, ..self.last })
    }
}

/// Both directions of the reports of one leg, oldest first; a direction without a report is not there.
pub fn figures<'a>(reports: impl Iterator<Item = &'a Quality> + Clone, codec: Codec) -> Vec<Figures> {
    let one = |direction| {
        let mut sum = Sum::default();
        reports.clone().filter(|report| report.direction == direction).for_each(|report| sum.add(report));
        Some(Figures::of(direction, sum.media()?, codec))
    };
    [Direction::In, Direction::Out].into_iter().filter_map(one).collect()
}

/// The figures of an item's legs.
pub(super) fn of_item(history: &History, item: &Item) -> Vec<Figures> {
    if history.quality.is_empty() || item.kind != Kind::Call {
        return Vec::new();
    }
    let mut all = Vec::new();
    for dialog in item.dialogs.iter().filter_map(|n| history.dialogs.get(*n)) {
        let reports = history.quality.iter().filter(|report| report.call_id == dialog.call_id);
        let codec = codec(dialog.messages.iter().filter_map(|n| history.messages.get(*n)));
        all.extend(figures(reports, codec));
    }
    all
}

/// The codec of a dialog: the first one of the last session description that answered (RFC 3264 section 6.1).
pub(super) fn codec<'a>(messages: impl Iterator<Item = &'a Message>) -> Codec {
    let answers = messages.filter(|m| m.sdp && matches!(m.status, Some(180..=299)));
    let last = answers.last().and_then(|m| m.bytes.get(m.scan().body..).and_then(first_codec));
    Codec::of(&last.unwrap_or_default())
}

/// The name of the first audio codec of a session description.
fn first_codec(sdp: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(sdp);
    let media = text.lines().find(|line| line.starts_with("m=audio"))?;
    let payload = media.split_ascii_whitespace().nth(3)?;
    let mapped = text.lines().find_map(|line| {
        let (number, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        (number == payload).then(|| codec.split('/').next().unwrap_or_default().to_owned())
    });
    // RFC 3551 section 6
    let fixed = |payload: &str| match payload {
        "0" => Some("PCMU"),
        "3" => Some("GSM"),
        "4" => Some("G723"),
        "8" => Some("PCMA"),
        "18" => Some("G729"),
        _ => None,
    };
    mapped.or_else(|| fixed(payload).map(str::to_owned))
}

/// The rating R of a connection with this one-way delay and loss (0 to 1).
pub fn rating(delay: Duration, loss: f64, codec: Codec) -> f64 {
    let percent = 100.0 * loss.clamp(0.0, 1.0);
    let equipment = codec.ie + (95.0 - codec.ie) * percent / (percent + codec.bpl);
    (BEST - impairment(delay) - equipment).clamp(0.0, 100.0)
}

/// Idd, the impairment by too long a delay (G.107 section 7.4, equations 7-27 and 7-28).
fn impairment(delay: Duration) -> f64 {
    let ms = delay.as_secs_f64() * 1e3;
    if ms <= 100.0 {
        return 0.0;
    }
    let x = (ms / 100.0).log2();
    25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
}

/// The mean opinion score of a rating (G.107 annex B, equation B-4), 1 to 4.5.
pub fn opinion(rating: f64) -> f64 {
    match rating {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0),
    }
}
