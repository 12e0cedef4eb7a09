//! What a list, the packets or an export of a history is narrowed to: read from a query string, and written as one, so that
//! an address keeps it. Pure.

use std::time::Duration;

use super::message::Method;
use super::why::Outcome;
use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// What is shown where nothing says of when.
pub const TWO_DAYS: Duration = Duration::from_hours(48);

/// A kind of items, for filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "those of history::Kind")]
pub enum Sort {
    Call,
    Registration,
    Other,
}

impl Sort {
    /// All, in the order of the pages.
    pub const ALL: [Self; 3] = [Self::Call, Self::Registration, Self::Other];

    /// As in a query string.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Registration => "registration",
            Self::Other => "other",
        }
    }
}

/// A stretch that ends now, as in a query string (`last=6h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Last {
    Hour,
    SixHours,
    Day,
    TwoDays,
    /// Whatever is kept.
    All,
}

impl Last {
    /// All, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::SixHours, Self::Day, Self::TwoDays, Self::All];

    /// As in a query string.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::TwoDays => "48h",
            Self::All => "all",
        }
    }

    /// Where it begins.
    pub fn begin(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Hour => now.minus(Duration::from_hours(1)),
            Self::SixHours => now.minus(Duration::from_hours(6)),
            Self::Day => now.minus(Duration::from_hours(24)),
            Self::TwoDays => now.minus(TWO_DAYS),
            Self::All => Timestamp::MIN,
        }
    }
}

/// Statuses of responses: one, or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    /// The lowest.
    pub from: u16,
    /// The highest.
    pub to: u16,
}

impl Statuses {
    /// `486`, or `4xx`; `None` for anything else.
    pub fn of(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let is_number = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|n| is_number && (100..700).contains(n))
        };
        let lower = text.to_ascii_lowercase();
        match lower.strip_suffix("xx") {
            Some(class) => number(&format!("{class}00")).map(|from| Self { from, to: from + 99 }),
            None => number(&lower).map(|only| Self { from: only, to: only }),
        }
    }

    fn words(self) -> String {
        if self.from == self.to { self.from.to_string() } else { format!("{}xx", self.from / 100) }
    }
}

/// What is looked for. What is empty or `None` narrows nothing; the rest must all be so, those of a message (method,
/// status, text) of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Instead of `from`.
    pub last: Option<Last>,
    /// What it is.
    pub kind: Option<Sort>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Name of a method, of requests and of what answers them; upper case.
    pub method: String,
    /// Status of a response.
    pub status: Option<Statuses>,
    /// In number, name or address of the far party, any letter case.
    pub far: String,
    /// Endpoint of a terminal.
    pub terminal: String,
    /// In a Call-ID, any letter case.
    pub call_id: String,
    /// In the bytes of a message as they were kept, any letter case of ASCII.
    pub text: String,
}

/// Longest value, in bytes.
const VALUE_MAX: usize = 200;
const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Good, "good"),
    (Outcome::Missed, "missed"),
    (Outcome::Failed, "failed"),
    (Outcome::Running, "running"),
    (Outcome::Unknown, "unknown"),
];

impl Outcome {
    /// All, in the order of the pages.
    pub fn all() -> impl Iterator<Item = Self> {
        OUTCOMES.iter().map(|(outcome, _)| *outcome)
    }

    /// As in a query string.
    pub fn word(self) -> &'static str {
        OUTCOMES.iter().find(|(outcome, _)| *outcome == self).map_or("unknown", |(_, word)| word)
    }
}

impl Filter {
    /// Reads the fields of a query string; those of other names are left alone, and of a name the last counts.
    ///
    /// # Errors
    /// When a value can't be understood; the words say which, and what to write.
    pub fn parse(fields: &[(String, String)]) -> Result<Self> {
        let mut filter = Self::default();
        for (name, value) in fields {
            let value = value.trim();
            if value.len() > VALUE_MAX {
                return Err(Error::Invalid(format!("{name}: write at most {VALUE_MAX} bytes")));
            }
            let wrong = |what: &str| Error::Invalid(format!("{name}: {value:?} can't be understood; {what}"));
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "from" => filter.from = Some(moment(value).ok_or_else(|| wrong(MOMENT))?),
                "to" => filter.to = Some(moment(value).ok_or_else(|| wrong(MOMENT))?),
                "last" => {
                    let found = Last::ALL.into_iter().find(|last| last.word() == value);
                    filter.last = Some(found.ok_or_else(|| wrong("write 1h, 6h, 24h, 48h or all"))?);
                }
                "kind" => {
                    let found = Sort::ALL.into_iter().find(|sort| sort.word() == value);
                    filter.kind = Some(found.ok_or_else(|| wrong("write call, registration or other"))?);
                }
                "outcome" => {
                    let found = Outcome::all().find(|outcome| outcome.word() == value);
                    let what = "write good, missed, failed, running or unknown";
                    filter.outcome = Some(found.ok_or_else(|| wrong(what))?);
                }
                "method" => filter.method = value.to_ascii_uppercase(),
                "status" => {
                    let found = Statuses::of(value);
                    filter.status = Some(found.ok_or_else(|| wrong("write 486, or 4xx for all of a class"))?);
                }
                "far" => filter.far = value.to_owned(),
                "terminal" => filter.terminal = value.to_owned(),
                "call-id" => filter.call_id = value.to_owned(),
                "text" => filter.text = value.to_owned(),
                _ => {}
            }
        }
        Ok(filter)
    }

    /// The fields of a query string that say the same.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let time = |at: Timestamp| {
            jiff::Timestamp::from_microsecond(at.micros()).map(|at| at.to_string()).unwrap_or_default()
        };
        let mut fields = vec![
            ("from", self.from.map(time).unwrap_or_default()),
            ("to", self.to.map(time).unwrap_or_default()),
            ("last", self.last.map_or("", Last::word).to_owned()),
            ("kind", self.kind.map_or("", Sort::word).to_owned()),
            ("outcome", self.outcome.map_or("", Outcome::word).to_owned()),
            ("method", self.method.clone()),
            ("status", self.status.map(Statuses::words).unwrap_or_default()),
            ("far", self.far.clone()),
            ("terminal", self.terminal.clone()),
            ("call-id", self.call_id.clone()),
            ("text", self.text.clone()),
        ];
        fields.retain(|(_, value)| !value.is_empty());
        fields
    }

    /// First and last moment; two days where nothing says of when.
    pub fn window(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let to = self.to.unwrap_or(Timestamp::MAX);
        let last = self.last.unwrap_or(Last::TwoDays);
        (self.from.unwrap_or_else(|| last.begin(to.min(now))), to)
    }

    /// Whether it narrows what is shown by anything but the time.
    pub fn is_narrow(&self) -> bool {
        let time = ["from", "to", "last"];
        self.fields().iter().any(|(name, _)| !time.contains(name))
    }

    /// Whether it asks something of each message.
    pub fn is_of_messages(&self) -> bool {
        !self.method.is_empty() || self.status.is_some() || !self.text.is_empty()
    }

    /// The known method it asks for.
    pub(super) fn known_method(&self) -> Method {
        Method::of(self.method.as_bytes())
    }
}

const MOMENT: &str = "write a time as 2026-11-23T10:00 (UTC) or 2026-11-23T10:00:00Z";

/// A moment with its zone, or one of UTC without.
fn moment(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let found = zoned.or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        format!("{civil}Z").parse::<jiff::Timestamp>().ok()
    })?;
    Some(Timestamp(found.as_microsecond()))
}
