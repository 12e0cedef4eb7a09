//! Stretches of time for the time line: when the user was offline, and which dump detail was in force. Pure.

use super::History;
use crate::clock::Timestamp;
use crate::event::{Change, DumpDetail, Sticker};

/// Stretches, each from and to, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    /// The sticker was grey.
    pub offline: Vec<(Timestamp, Timestamp)>,
    /// The dump detail that packets were kept with; between packets that of the one before.
    pub details: Vec<(Timestamp, Timestamp, DumpDetail)>,
}

impl Spans {
    pub(super) fn of(history: &History) -> Self {
        let end = history.stretch.1;
        let mut spans = Self::default();
        let offline = |(since, sticker)| (sticker == Sticker::Offline).then_some(since);
        let mut grey = history.sticker.and_then(offline);
        for told in &history.changes {
            let Change::Sticker { sticker, .. } = told.change else { continue };
            match (sticker == Sticker::Offline, grey) {
                (true, None) => grey = Some(told.at.time),
                (false, Some(from)) => {
                    spans.offline.push((from, told.at.time));
                    grey = None;
                }
                _ => {}
            }
        }
        if let Some(from) = grey {
            spans.offline.push((from, end.max(from)));
        }
        for message in &history.messages {
            match spans.details.last_mut() {
                Some((_, to, detail)) if *detail == message.detail => *to = message.at.time,
                last => {
                    if let Some((_, to, _)) = last {
                        *to = message.at.time;
                    }
                    spans.details.push((message.at.time, message.at.time, message.detail));
                }
            }
        }
        if let Some((_, to, detail)) = spans.details.last_mut()
            && *detail == history.detail
        {
            *to = end.max(*to);
        }
        spans
    }
}
