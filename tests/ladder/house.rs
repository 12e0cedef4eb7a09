//! The recorded scenarios in a site, each with what the PBX told of the legs, as the module would have kept it.

use std::time::Duration;

use usermon::clock::Timestamp;
use usermon::config::Role;
use usermon::event::{CallDirection, CallPhase, Change, Step, UserKey};
use usermon::query::Viewer;
use usermon::query::history::joined::Joined;
use usermon::query::history::{History, Item};
use usermon::store::record::Payload;

use crate::scenario::{self, About};
use crate::web_site::{Site, site_of};

pub(crate) fn viewer() -> Viewer {
    Viewer { person: "root".into(), role: Role::SuperAdmin, company: None, from: "".into() }
}

/// A site with these scenarios, an hour apart.
pub(crate) fn site_with(names: &[&str]) -> (Site, Vec<About>) {
    let abouts: Vec<About> = names.iter().map(|name| scenario::about(name)).collect();
    let accounts = "[[company]]\nid = \"acme\"\n[[company]]\nid = \"beta\"\n";
    let site = site_of(&format!("{accounts}{}", scenario::config(&abouts)));
    for name in names {
        load(&site, name);
    }
    (site, abouts)
}

/// A scenario as it was left: the steps of the users' legs are those of their changes, of others what the packets tell.
fn load(site: &Site, name: &str) {
    site.later(Duration::from_hours(1));
    let start = site.query.now();
    scenario::load_at(name, &site.store, start);
    let records = scenario::records(name);
    let by = start.0 - records[0].time.0;
    let mut trunks: Vec<String> = Vec::new();
    for record in records {
        let step = match record.payload {
            Payload::Change(Change::Call {
                leg,
                linked,
                call_id,
                phase,
                direction,
                far_number,
                far_name,
                cause,
            }) => Step {
                user: record.user.user.clone(),
                endpoint: record.user.user.clone(),
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
            },
            Payload::Packet(packet) if record.user.is_nobody() && !packet.linked.is_empty() => {
                let text = String::from_utf8_lossy(&packet.bytes).into_owned();
                let call_id =
                    text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap().to_owned();
                if trunks.contains(&call_id) {
                    continue;
                }
                trunks.push(call_id.clone());
                Step {
                    user: "".into(),
                    endpoint: packet.endpoint,
                    leg: format!("leg of {call_id}").into(),
                    linked: packet.linked,
                    call_id: call_id.into(),
                    phase: CallPhase::Ringing,
                    direction: CallDirection::Incoming,
                    far_number: "".into(),
                    far_name: "".into(),
                    cause: 0,
                    heard: None,
                    sent: None,
                }
            }
            _ => continue,
        };
        site.store.append_step(Timestamp(record.time.0 + by), scenario::COMPANY, &step).unwrap();
    }
    site.later(Duration::from_hours(1));
}

/// A user's history.
pub(crate) fn history(site: &Site, extension: &str) -> History {
    let key = UserKey::new(scenario::COMPANY, extension);
    site.query.history(&viewer(), &key, Timestamp::MIN, None).unwrap().unwrap()
}

/// The item joined with all its legs.
pub(crate) fn joined(site: &Site, history: &History, item: &Item) -> Joined {
    site.query.joined(&viewer(), &history.user.key, item.id).unwrap().expect("it is kept")
}
