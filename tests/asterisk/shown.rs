//! What the module's own pages, over Asterisk's web server, show and give away of each scenario.

use usermon::store::record::Record;

use crate::page::Browser;
use crate::scenario_pages::asked::{Asked, ask, is_nobodys};
use crate::scenario_pages::taken::{Taken, read};
use crate::scenes::Scene;
use crate::wireshark::has_tshark;

/// The answers for the users of a scenario.
pub struct Shown {
    scene: &'static Scene,
    users: Vec<(&'static str, Option<Asked>)>,
}

/// What is wrong, and of which scenario.
pub type Wrong = Vec<(&'static str, String)>;

impl Shown {
    /// Asks for all pages and files.
    pub fn of(scene: &'static Scene, browser: &Browser) -> Self {
        let mut get = |path: &str| {
            let answer = browser.get(path);
            (answer.status, answer.body)
        };
        let users = scene.users.iter().map(|(user, _)| (*user, ask(user, "/usermon", &mut get))).collect();
        Self { scene, users }
    }

    /// Holds them against what the ring has of the scenario.
    pub fn check(&self, records: &[Record], taken: &mut Vec<Taken>) -> Wrong {
        let name = self.scene.name;
        let mut wrong = Vec::new();
        for (user, asked) in &self.users {
            match asked {
                Some(asked) => wrong.extend(asked.check(name, records, taken)),
                None if is_nobodys(name, user) => {}
                None => wrong.push(format!("{user} has no page")),
            }
        }
        wrong.into_iter().map(|what| (name, what)).collect()
    }
}

/// Has tshark read the capture files.
pub fn captures(taken: &[Taken]) -> Vec<String> {
    if has_tshark() { read(taken) } else { Vec::new() }
}
