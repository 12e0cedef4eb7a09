//! A call with all its legs, with tokens: for pictures and pages of it.

use std::sync::Arc;

use super::Tokens;
use crate::directory::{Terminal, User};
use crate::event::{EndpointKey, Step, UserKey};
use crate::query::history::joined::{Joined, Lane, Placed};
use crate::query::history::{Item, Party, Verdict};

impl Tokens {
    /// Learns the names and numbers of a user, not what its terminals are called.
    pub fn know_user(&mut self, user: &User) {
        let User { key, extension, name, surname, department, mobile, endpoints, .. } = user;
        for text in [&key.company, &key.user, extension, name, surname, department] {
            self.know(text);
        }
        mobile.iter().for_each(|mobile| self.know(mobile));
        endpoints.iter().for_each(|endpoint| self.know(&endpoint.endpoint));
    }

    /// Learns the names in an item and its legs that are in none of its records.
    pub fn learn_joined(&mut self, joined: &Joined) {
        self.learn_item(&joined.item);
        for (_, step) in &joined.steps {
            [&step.user, &step.endpoint, &step.far_number, &step.far_name].iter().for_each(|t| self.know(t));
        }
        joined.lanes.iter().for_each(|lane| self.know(&lane.endpoint));
        joined.messages.iter().for_each(|placed| self.know(&placed.message.endpoint));
    }

    /// Learns the names in an item.
    pub fn learn_item(&mut self, item: &Item) {
        self.know(&item.far.number);
        self.know(&item.far.name);
        item.endpoints.iter().for_each(|endpoint| self.know(endpoint));
    }

    /// A user with tokens. Kinds of terminals stay.
    pub fn user(&mut self, user: &User) -> Arc<User> {
        let terminal = |tokens: &mut Self, terminal: &Terminal| Terminal {
            description: tokens.name(&terminal.description),
            endpoint: terminal.endpoint.as_ref().map(|endpoint| tokens.name(endpoint)),
            ..terminal.clone()
        };
        Arc::new(User {
            key: Arc::new(UserKey { company: self.name(&user.key.company), user: self.name(&user.key.user) }),
            extension: self.name(&user.extension),
            name: self.name(&user.name),
            surname: self.name(&user.surname),
            department: self.name(&user.department),
            mobile: user.mobile.as_ref().map(|mobile| self.name(mobile)),
            endpoints: user
                .endpoints
                .iter()
                .map(|key| {
                    Arc::new(EndpointKey {
                        company: self.name(&key.company),
                        endpoint: self.name(&key.endpoint),
                    })
                })
                .collect(),
            terminals: user.terminals.iter().map(|one| terminal(self, one)).collect(),
        })
    }

    /// An item with tokens.
    pub fn item(&mut self, item: &Item) -> Item {
        Item {
            far: self.party(&item.far),
            endpoints: item.endpoints.iter().map(|endpoint| self.name(endpoint)).collect(),
            verdict: self.verdict(&item.verdict, &item.far),
            ..item.clone()
        }
    }

    /// A call, registration or other dialog with all its legs, with tokens.
    pub fn joined(&mut self, joined: &Joined) -> Joined {
        Joined {
            user: self.user(&joined.user),
            item: self.item(&joined.item),
            lanes: joined.lanes.iter().map(|lane| self.lane(lane)).collect(),
            messages: joined.messages.iter().map(|placed| self.placed(placed)).collect(),
            call_ids: joined.call_ids.iter().map(|id| self.call_id(id)).collect(),
            steps: joined.steps.iter().map(|(time, step)| (*time, self.step(step))).collect(),
            quality: joined
                .quality
                .iter()
                .map(|(user, quality)| (self.user(user), self.quality(quality)))
                .collect(),
            ..joined.clone()
        }
    }

    fn party(&mut self, party: &Party) -> Party {
        Party {
            number: self.name(&party.number).to_string(),
            name: self.name(&party.name).to_string(),
            user: party.user.as_ref().map(|user| self.user(user)),
        }
    }

    /// Names in a sentence are found as such; a short number of the far party only because it is known to stand there.
    fn verdict(&mut self, verdict: &Verdict, far: &Party) -> Verdict {
        let extension = far.user.as_ref().map_or("", |user| &user.extension);
        let mut sentence = |text: &str| {
            let mut text = text.to_owned();
            for number in [&*far.number, extension] {
                if !number.is_empty() && number.len() < 3 {
                    text = whole_words(&text, number, &self.name(number));
                }
            }
            self.prose(&text).to_string()
        };
        Verdict { words: sentence(&verdict.words), advice: sentence(&verdict.advice), ..verdict.clone() }
    }

    fn lane(&mut self, lane: &Lane) -> Lane {
        Lane {
            user: lane.user.as_ref().map(|user| self.user(user)),
            endpoint: self.name(&lane.endpoint),
            far: lane.far.map(|far| self.address(far)),
            call_ids: lane.call_ids.iter().map(|id| self.call_id(id)).collect(),
        }
    }

    fn placed(&mut self, placed: &Placed) -> Placed {
        let packet = self.packet(&placed.message.packet());
        Placed {
            lane: placed.lane,
            owner: placed.owner.as_ref().map(|owner| self.user(owner)),
            message: placed.message.with(packet),
        }
    }

    fn step(&mut self, step: &Step) -> Step {
        Step {
            user: self.name(&step.user),
            endpoint: self.name(&step.endpoint),
            leg: self.prose(&step.leg),
            linked: self.prose(&step.linked),
            call_id: self.call_id(&step.call_id),
            far_number: self.name(&step.far_number),
            far_name: self.name(&step.far_name),
            ..step.clone()
        }
    }
}

/// `text` with `word` replaced where it stands alone.
fn whole_words(text: &str, word: &str, token: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(word) {
        out.push_str(before);
        let stands_alone = !out.ends_with(is_word) && !behind.starts_with(is_word);
        out.push_str(if stands_alone { token } else { word });
        rest = behind;
    }
    out.push_str(rest);
    out
}
