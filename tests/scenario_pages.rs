//! If this breaks, what a real Asterisk and its phones did is not what an administrator finds: each recorded scenario is looked
//! up on its users' pages, and taken away as files.

use std::time::Duration;

use tokio::runtime::Runtime;
use usermon::config::Role;
use usermon::store::record::Record;
use usermon::web::HostLogin;

mod html;
#[allow(unreachable_pub, reason = "shared with the tests on the real Asterisk")]
mod scenario;
#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
#[expect(dead_code, reason = "the tests of exports take the rest")]
mod wireshark;

#[path = "scenario_pages/mod.rs"]
mod scenario_pages;

use scenario_pages::asked::{ask, is_nobodys, unattributed};
use scenario_pages::taken::{Taken, read};
use scenario_pages::wish::WISHES;
use web_site::{Browser, Site, site_of};

/// A scenario that has just ended, on a site that has its users.
fn played(name: &str) -> (Site, Vec<Record>) {
    let mut about = scenario::about(name);
    about.users.retain(|party| !is_nobodys(name, &party.extension));
    let site = site_of(&scenario::config(&[about]));
    let mut records = scenario::records(name);
    let last = records.last().unwrap().time;
    scenario::shift(&mut records, site.query.now().minus(Duration::from_secs(5)).0 - last.0);
    for record in &mut records {
        record.seq = 0;
    }
    scenario::keep_steps(&records, &site.store);
    // half of it lies in a sealed segment, as after a restart
    let half = records.len() / 2;
    let (before, after) = records.split_at_mut(half);
    site.store.append(before).unwrap();
    site.seal();
    site.store.append(after).unwrap();
    (site, records)
}

fn get(runtime: &Runtime, browser: &mut Browser, path: &str) -> (u16, Vec<u8>) {
    let answer = runtime.block_on(browser.get(path));
    (answer.status.as_u16(), answer.body.to_vec())
}

#[test]
fn each_scenario_is_found_on_its_users_pages_and_in_the_files_taken_away() {
    let runtime = Runtime::new().unwrap();
    let (mut wrong, mut taken) = (Vec::new(), Vec::<Taken>::new());
    for name in scenario::names() {
        let (site, records) = played(&name);
        let chief = HostLogin { role: Role::SuperAdmin, company: None, person: "root".into() };
        let mut browser = Browser { login: Some(chief), ..site.browser() };
        for party in scenario::about(&name).users {
            let user = &party.extension;
            let asked = ask(user, "", &mut |path| get(&runtime, &mut browser, path));
            match asked {
                Some(asked) => wrong.extend(asked.check(&name, &records, &mut taken)),
                None if is_nobodys(&name, user) => {
                    let (_, page) = get(&runtime, &mut browser, "/unattributed");
                    wrong.extend(unattributed(&page, &records).err().map(|what| format!("{name}: {what}")));
                }
                None => wrong.push(format!("{name} {user}: no such page")),
            }
        }
    }
    if wireshark::has_tshark() {
        wrong.extend(read(&taken));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken.len() > 100, "{} files", taken.len());
}

#[test]
fn no_scenario_is_without_a_line() {
    let told: Vec<&str> = WISHES.iter().map(|(name, _)| *name).collect();
    let names = scenario::names();
    assert_eq!(told, names, "in the order of their names");
}
