//! Which segments are merged into one: [`FAN`] neighbours of one level, so that a record is written again once for
//! each level, that is once or twice in its life. A segment that was merged of so many journals spans at most a
//! part of the longest retention and of the budget, so that retention still removes whole segments.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Store;
use super::segment::Segment;

/// How many segments become one.
pub(super) const FAN: usize = 16;
/// Neighbours that can't become so many any more are merged too, if there are at least so many.
const FEW: usize = 4;
/// A merged segment spans at most this part of the longest retention, and of the budget.
const SHARE: u32 = 16;

/// How often a segment's records were merged.
fn level(segment: &Segment) -> u32 {
    segment.summary.parts.len().checked_ilog(FAN).unwrap_or(0)
}

/// The first neighbours to merge, of segments in the order of time.
fn choose(segments: &[Arc<Segment>], span: i64, bytes: u64) -> Option<&[Arc<Segment>]> {
    let mut start = 0;
    let is_good = |segment: &&Arc<Segment>| !segment.damaged.load(Ordering::Relaxed);
    while let Some(first) = segments.get(start) {
        if !is_good(&first) {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        let (mut size, mut capped) = (first.size, false);
        while let Some(next) = segments.get(end).filter(|_| end - start < FAN) {
            if level(next) != level(first) || !is_good(&next) {
                break;
            }
            size = size.saturating_add(next.size);
            let (from, to) = (first.facts.stretch.from, next.facts.stretch.to);
            capped = to.saturating_sub(from) > span || size > bytes;
            if capped {
                break;
            }
            end += 1;
        }
        let count = end - start;
        if count == FAN || capped && count >= FEW {
            return segments.get(start..end);
        }
        start = end;
    }
    None
}

impl Store {
    /// What is to be merged next, of segments in the order of time.
    pub(super) fn next_merge(&self, segments: &[Arc<Segment>]) -> Option<Vec<Arc<Segment>>> {
        let longest = self.rules.read().retention.values().max().copied().unwrap_or(Duration::ZERO);
        let span = i64::try_from((longest / SHARE).as_micros()).unwrap_or(i64::MAX);
        choose(segments, span, self.options.max_bytes / u64::from(SHARE)).map(<[_]>::to_vec)
    }
}
