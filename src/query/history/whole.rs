//! Why, out of all legs of a call: one leg alone does not show who hung up on the other side, or what the phone said that was
//! called. Pure; called once a call is put together.

use std::time::Duration;

use super::calls::{Leg, StepView};
use super::legs::Joined;
use super::message::Method;
use super::{Kind, Outcome, Party, Verdict, why};
use crate::event::{CallDirection, Direction, Step};
use crate::query::diagnostics::Cursor;

const FAR_HUNG_UP: &str = "far-hung-up";
const PBX_HUNG_UP: &str = "pbx-hung-up";

/// What a leg of its own does not show of a call that the user makes: the leg of the one who is called does.
const UNSURE_OUT: [&str; 12] = [
    "no-answer",
    "busy",
    "declined",
    "rejected",
    "unavailable",
    "far-not-reached",
    "no-common-codec",
    "not-found",
    "no-line",
    "server-error",
    "ended-before-answer",
    "refused",
];
/// What the leg of one who was called does not tell of the others.
const SILENT: [&str; 5] = ["not-known", "cancelled", "answered-elsewhere", "ended-before-answer", "ringing"];

/// The PBX ends all legs of a call within so long.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Another leg of the call: whose, and how it ended.
struct Other<'a> {
    who: String,
    leg: Leg<'a>,
    verdict: Verdict,
}

impl Joined {
    /// Says of the item how it ended as all legs show it, where the user's own does not.
    pub(super) fn judge(&mut self) {
        if let Some(verdict) = self.verdict() {
            self.item.verdict = verdict;
        }
    }

    fn verdict(&self) -> Option<Verdict> {
        if self.item.kind != Kind::Call {
            return None;
        }
        let own = &self.item.verdict;
        let others = self.others();
        match (own.rule, self.item.direction) {
            ("other-side-hung-up", _) => self.who_hung_up(&others),
            (rule, Some(CallDirection::Outgoing)) if UNSURE_OUT.contains(&rule) => {
                let called = others.iter().filter(|other| other.leg.direction == CallDirection::Incoming);
                let telling = |other: &&Other<'_>| {
                    !SILENT.contains(&other.verdict.rule) && other.verdict.outcome != Outcome::Good
                };
                let last = called.clone().filter(telling).max_by_key(|other| other.leg.span.1);
                last.map(at_other).or_else(|| {
                    let is_nobody = called.count() == 0 && self.is_complete();
                    is_nobody.then(|| Verdict {
                        words: format!("{} The PBX called no phone for it.", own.words),
                        ..own.clone()
                    })
                })
            }
            ("no-answer" | "ended-before-answer", Some(CallDirection::Incoming)) => {
                others.iter().find(|other| other.verdict.rule == "cancelled").map(at_other)
            }
            _ => None,
        }
    }

    fn who_hung_up(&self, others: &[Other<'_>]) -> Option<Verdict> {
        let broken = others.iter().find(|o| o.leg.answered.is_some() && o.verdict.outcome == Outcome::Failed);
        if let Some(broken) = broken {
            return Some(at_other(broken));
        }
        let talking = why::brief_span(self.item.talking.unwrap_or(Duration::ZERO));
        // who transfers a call hangs up before it ends
        let end = self.item.verdict.at.map_or(self.item.end, |at| at.time);
        let near = end.minus(AT_ONCE)..=end.plus(AT_ONCE);
        let last = |direction| {
            let byes = others.iter().filter_map(|other| Some((other, other.leg.bye?)));
            byes.filter(|(_, bye)| bye.direction == direction && near.contains(&bye.at.time))
                .max_by_key(|(_, bye)| bye.at)
        };
        if let Some((other, bye)) = last(Direction::In) {
            return Some(Verdict {
                outcome: Outcome::Good,
                rule: FAR_HUNG_UP,
                words: format!("Answered; {} hung up after {talking}.", other.who),
                advice: String::new(),
                at: Some(bye.at),
            });
        }
        (self.is_complete() && last(Direction::Out).is_some()).then(|| Verdict {
            rule: PBX_HUNG_UP,
            words: format!("Answered; the PBX itself hung up after {talking}: no phone did."),
            ..self.item.verdict.clone()
        })
    }

    /// Messages of all legs were kept, as far as it is known which there are.
    fn is_complete(&self) -> bool {
        let has_messages = |step: &Step| {
            step.call_id.is_empty()
                || self.messages.iter().any(|placed| {
                    self.call_ids.get(placed.message.dialog).is_some_and(|id| *id == step.call_id)
                })
        };
        !self.is_cut
            && !self.has_foreign_legs
            && self.gaps.is_empty()
            && self.steps.iter().all(|(_, step)| has_messages(step))
    }

    /// The legs that are not the user's own.
    fn others(&self) -> Vec<Other<'_>> {
        let own = &self.user.key;
        let mut others = Vec::new();
        for (dialog, call_id) in self.call_ids.iter().enumerate() {
            let its: Vec<_> = self.messages.iter().filter(|placed| placed.message.dialog == dialog).collect();
            let Some(first) = its.first() else { continue };
            if first.owner.as_ref().is_some_and(|owner| owner.key == *own) {
                continue;
            }
            let steps = self.steps.iter().filter(|(_, step)| step.call_id == *call_id);
            let steps: Vec<StepView<'_>> = steps.map(view).collect();
            let messages = its.iter().map(|placed| &placed.message).collect();
            let Some(leg) = Leg::new(dialog, messages, steps) else { continue };
            if leg.invite.is_none()
                && leg.bye.is_none()
                && !leg.messages.iter().any(|m| m.method == Method::Ack)
            {
                continue;
            }
            let last = leg.steps.iter().rev().find(|step| !step.far_number.is_empty());
            let far = last.map_or_else(Party::default, |step| Party {
                number: step.far_number.to_owned(),
                name: step.far_name.to_owned(),
                user: None,
            });
            let who = match (&first.owner, self.lanes.get(first.lane)) {
                (Some(owner), _) => why::label(&Party { user: Some(owner.clone()), ..Party::default() }),
                (None, Some(lane)) if !lane.endpoint.is_empty() => lane.endpoint.to_string(),
                (None, _) => first.message.far.to_string(),
            };
            let verdict = why::call(&leg, &far, !self.gaps.is_empty());
            others.push(Other { who, leg, verdict });
        }
        others
    }
}

fn view((time, step): &(crate::clock::Timestamp, Step)) -> StepView<'_> {
    StepView {
        at: Cursor { time: *time, seq: 0 },
        phase: step.phase,
        direction: step.direction,
        far_number: &step.far_number,
        far_name: &step.far_name,
        cause: step.cause,
    }
}

/// The verdict of another leg, said of the call.
fn at_other(other: &Other<'_>) -> Verdict {
    Verdict { words: format!("At {}: {}", other.who, other.verdict.words), ..other.verdict.clone() }
}
