//! Breaks if a user is shown in the wrong company, under the wrong name, or an endpoint is given to somebody else.

use std::path::Path;
use std::sync::Arc;

use usermon::config::Config;
use usermon::directory::{Directory, User};
use usermon::event::{self, EndpointKey, Event, Kind, Presence, UserKey};

fn config(text: &str) -> Config {
    Config::parse(text, Path::new("usermon.toml")).unwrap()
}

fn directory(text: &str) -> Directory {
    Directory::new(&config(text)).unwrap()
}

fn told(company: &str, user: &str) -> event::User {
    event::User {
        presence: Presence::Here,
        company: company.into(),
        user: user.into(),
        extension: "".into(),
        name: "".into(),
        surname: "".into(),
        department: "".into(),
        mobile: "".into(),
    }
}

fn gone(company: &str, user: &str) -> Event {
    Event::User(event::User { presence: Presence::Gone, ..told(company, user) })
}

fn terminal(company: &str, user: &str, id: &str) -> event::Terminal {
    event::Terminal {
        presence: Presence::Here,
        company: company.into(),
        user: user.into(),
        terminal: id.into(),
        kind: None,
        endpoint: "".into(),
        description: "".into(),
        active: None,
    }
}

fn user(directory: &Directory, company: &str, user: &str) -> Arc<User> {
    directory.user(&UserKey::new(company, user)).unwrap_or_else(|| panic!("no user {company}/{user}"))
}

fn owner(directory: &Directory, company: &str, endpoint: &str) -> Option<String> {
    directory.user_of(&EndpointKey::new(company, endpoint)).map(|key| format!("{}/{}", key.company, key.user))
}

fn endpoints(user: &User) -> Vec<&str> {
    user.endpoints.iter().map(|key| &*key.endpoint).collect()
}

fn ids(user: &User) -> Vec<&str> {
    user.terminals.iter().map(|terminal| &*terminal.id).collect()
}

const TWO: &str = r#"
[[company]]
id = "acme"
name = "Acme S.p.A."
domains = ["Acme.Example", "sip.acme.example"]
[[company]]
id = "beta"
[[user]]
company = "acme"
extension = "101"
name = "Anna"
[[user]]
company = "beta"
extension = "101"
name = "Bruno"
[[user]]
company = "beta"
extension = "102"
id = "carla"
endpoints = ["carla-desk", "carla-soft"]
"#;

#[test]
fn two_companies_have_the_same_extension() {
    let directory = directory(TWO);
    assert_eq!(&*user(&directory, "acme", "101").name, "Anna");
    assert_eq!(&*user(&directory, "beta", "101").name, "Bruno");
    assert_eq!(directory.by_extension("beta", "102").unwrap().user.as_ref(), "carla");
    assert_eq!(directory.by_extension("acme", "102"), None);
    assert_eq!(owner(&directory, "acme", "101").as_deref(), Some("acme/101"));
    assert_eq!(owner(&directory, "beta", "101").as_deref(), Some("beta/101"));
    assert_eq!(owner(&directory, "acme", "carla-desk"), None);
    assert_eq!(directory.users(Some("acme")).len(), 1);
    assert_eq!(directory.users(Some("beta")).len(), 2);
    assert_eq!(directory.users(Some("nosuch")).len(), 0);
}

#[test]
fn an_empty_company_is_resolved_by_the_endpoint() {
    let directory = directory(TWO);
    let resolve = |endpoint| directory.resolve(&EndpointKey::new("", endpoint));
    assert_eq!(resolve("carla-soft"), EndpointKey::new("beta", "carla-soft"), "only one company has it");
    assert_eq!(resolve("101"), EndpointKey::new("default", "101"), "two companies have it");
    assert_eq!(resolve("stranger"), EndpointKey::new("default", "stranger"));
    assert_eq!(directory.resolve(&EndpointKey::new("acme", "x")), EndpointKey::new("acme", "x"));
    assert_eq!(owner(&directory, "", "carla-soft").as_deref(), Some("beta/carla"));
    assert_eq!(owner(&directory, "", "101"), None, "the default company has no 101");
}

#[test]
fn companies_are_sorted_and_the_default_one_is_always_there() {
    let directory = directory(TWO);
    let shown = |directory: &Directory| -> Vec<String> {
        directory.companies().iter().map(|company| format!("{}={}", company.id, company.name)).collect()
    };
    assert_eq!(shown(&directory), ["acme=Acme S.p.A.", "beta=beta", "default=default"]);
    directory.apply(&Event::User(told("zeta", "900")));
    assert_eq!(shown(&directory), ["acme=Acme S.p.A.", "beta=beta", "default=default", "zeta=zeta"]);
    directory.apply(&gone("zeta", "900"));
    assert_eq!(shown(&directory).len(), 3, "a company of the host's goes with its last user");
    let named = self::directory("default_company = \"main\"\n[[company]]\nid = \"main\"\nname = \"Main\"\n");
    assert_eq!(shown(&named), ["main=Main"]);
}

#[test]
fn a_domain_is_found_in_any_letter_case() {
    let directory = directory(TWO);
    assert_eq!(directory.company_of_domain("acme.example").as_deref(), Some("acme"));
    assert_eq!(directory.company_of_domain("ACME.example.").as_deref(), Some("acme"));
    assert_eq!(directory.company_of_domain("sip.acme.example").as_deref(), Some("acme"));
    assert_eq!(directory.company_of_domain("example"), None);
}

#[test]
fn the_file_s_user_wins_and_the_host_fills_empty_fields() {
    let directory = directory(TWO);
    let host = event::User {
        extension: "999".into(),
        name: "101 desk".into(),
        surname: "Rossi".into(),
        department: "Sales".into(),
        mobile: "+39".into(),
        ..told("acme", "101")
    };
    assert!(directory.apply(&Event::User(host.clone())));
    let anna = user(&directory, "acme", "101");
    assert_eq!((&*anna.name, &*anna.surname, &*anna.department), ("Anna", "Rossi", "Sales"));
    assert_eq!((&*anna.extension, anna.mobile.as_deref()), ("101", Some("+39")));
    assert!(!directory.apply(&Event::User(host)), "told again: nothing changed");
    assert!(directory.apply(&gone("acme", "101")));
    assert_eq!(
        &*user(&directory, "acme", "101").surname,
        "",
        "the file's user stays, without what the host filled"
    );
    assert!(!directory.apply(&gone("acme", "101")));
}

#[test]
fn a_host_s_user_is_the_file_s_user_who_has_its_endpoint() {
    let directory = directory(TWO);
    // an Asterisk without tenants: no company, one user an endpoint
    for (endpoint, surname) in [("carla-soft", "Soft"), ("carla-desk", "Desk")] {
        let host = event::User { name: "C".into(), surname: surname.into(), ..told("", endpoint) };
        assert!(directory.apply(&Event::User(host)));
    }
    let carla = user(&directory, "beta", "carla");
    assert_eq!((&*carla.name, &*carla.surname), ("C", "Desk"), "the first endpoint of the file fills first");
    assert_eq!(endpoints(&carla), ["carla-desk", "carla-soft"]);
    assert_eq!(directory.users(None).len(), 3, "no user of the endpoint's name beside it");
    assert_eq!(owner(&directory, "", "carla-soft").as_deref(), Some("beta/carla"));
    assert_eq!(directory.companies().len(), 3);
}

#[test]
fn a_host_s_own_user_comes_changes_and_goes() {
    let directory = directory("");
    let before = directory.generation();
    assert!(directory.apply(&Event::User(event::User { name: "Dora".into(), ..told("", "200") })));
    assert!(directory.generation() > before);
    let dora = user(&directory, "default", "200");
    assert_eq!((&*dora.extension, &*dora.name), ("200", "Dora"), "no extension told: the id");
    assert_eq!(endpoints(&dora), ["200"]);
    assert_eq!(owner(&directory, "", "200").as_deref(), Some("default/200"));
    assert!(directory.apply(&Event::User(event::User { extension: "7".into(), ..told("", "200") })));
    assert_eq!(directory.by_extension("default", "7").unwrap().user.as_ref(), "200");
    assert_eq!(directory.by_extension("default", "200"), None, "the old extension is nobody's");
    assert!(directory.apply(&gone("", "200")));
    assert!(directory.user(&UserKey::new("default", "200")).is_none());
    assert_eq!(owner(&directory, "", "200"), None);
    assert_eq!(directory.by_extension("default", "7"), None);
    assert_eq!(directory.assignment(), []);
}
