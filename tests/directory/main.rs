//! Breaks if a user is shown in the wrong company, under the wrong name, or an endpoint is given to somebody else.

mod kind;
mod terminals;
mod twin;

use std::path::Path;
use std::sync::Arc;

use usermon::config::Config;
use usermon::directory::{Directory, User};
use usermon::event::{self, EndpointKey, Event, Presence, UserKey};

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

#[test]
fn a_reload_keeps_what_the_host_told() {
    let directory = directory("");
    directory.apply(&Event::User(event::User { name: "Dora".into(), ..told("", "200") }));
    directory.apply(&Event::User(event::User { name: "Emil".into(), ..told("", "300") }));
    let before = directory.generation();
    directory
        .reload(&config("[[user]]\nextension = '7'\nendpoints = ['300']\nsurname = 'Esposito'\n"))
        .unwrap();
    assert!(directory.generation() > before);
    assert_eq!(&*user(&directory, "default", "200").name, "Dora");
    let emil = user(&directory, "default", "7");
    assert_eq!((&*emil.name, &*emil.surname), ("Emil", "Esposito"));
    assert!(directory.user(&UserKey::new("default", "300")).is_none());

    directory.reload(&config("default_company = 'main'")).unwrap();
    assert_eq!(&*user(&directory, "main", "200").name, "Dora", "the default company has another id now");
    assert_eq!(&*user(&directory, "main", "300").name, "Emil");
    assert_eq!(owner(&directory, "", "300").as_deref(), Some("main/300"));
    assert!(directory.companies().iter().all(|company| &*company.id == "main"));
    assert!(directory.apply(&gone("", "200")), "and can still be taken back");
    assert_eq!(directory.users(None).len(), 1);
}

#[test]
fn a_reload_with_a_mistake_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("users.csv");
    std::fs::write(&csv, "extension,name\n101,Anna\n").unwrap();
    let file = dir.path().join("usermon.toml");
    let config = |text: &str| Config::parse(text, &file).unwrap();
    let text = "[directory]\ncsv = ['users.csv']\n";
    let directory = Directory::new(&config(text)).unwrap();
    directory.apply(&Event::User(told("", "200")));
    let (users, generation) = (directory.users(None), directory.generation());

    std::fs::write(&csv, "extension,name\n102,Bruno\n102,Carla\n").unwrap();
    let found = directory.reload(&config(text)).unwrap_err().to_string();
    assert!(found.starts_with(&format!("{}:3: column id: ", csv.display())), "{found}");
    std::fs::remove_file(&csv).unwrap();
    directory.reload(&config(text)).unwrap_err();
    assert!(Arc::ptr_eq(&users, &directory.users(None)));
    assert_eq!(directory.generation(), generation);

    std::fs::write(&csv, "extension,name\n102,Bruno\n").unwrap();
    directory.reload(&config(text)).unwrap();
    assert_eq!(&*user(&directory, "default", "102").name, "Bruno");
    assert!(directory.user(&UserKey::new("default", "101")).is_none());
}

#[test]
fn users_are_sorted_by_number_and_kept_until_a_change() {
    let directory = directory(TWO);
    for extension in ["1000", "99", "beta", "20", "alfa", "0020"] {
        let id = format!("id-{extension}");
        directory.apply(&Event::User(event::User { extension: extension.into(), ..told("acme", &id) }));
    }
    let extensions =
        |users: &[Arc<User>]| users.iter().map(|user| user.extension.to_string()).collect::<Vec<_>>();
    let acme = directory.users(Some("acme"));
    assert_eq!(extensions(&acme), ["20", "99", "101", "0020", "1000", "alfa", "beta"]);
    let all = directory.users(None);
    assert_eq!(extensions(&all)[6..], ["beta", "101", "102"]);
    assert!(Arc::ptr_eq(&acme, &directory.users(Some("acme"))), "sorted once");
    assert!(Arc::ptr_eq(&all, &directory.users(None)));
    let beta = directory.users(Some("beta"));
    directory.apply(&Event::User(event::User { surname: "Rossi".into(), ..told("acme", "101") }));
    assert!(!Arc::ptr_eq(&acme, &directory.users(Some("acme"))));
    assert!(!Arc::ptr_eq(&all, &directory.users(None)));
    assert!(Arc::ptr_eq(&beta, &directory.users(Some("beta"))), "the other company did not change");
}

#[test]
fn ten_thousand_users_one_by_one() {
    let directory = directory("");
    for n in 0..10_000 {
        let id = format!("{}", 10_000 + n);
        assert!(directory.apply(&Event::User(told("", &id))));
        assert_eq!(owner(&directory, "", &id), Some(format!("default/{id}")));
    }
    assert_eq!(directory.users(None).len(), 10_000);
    assert_eq!(directory.assignment().len(), 10_000);
    for n in 0..10_000 {
        assert!(directory.apply(&gone("", &format!("{}", 10_000 + n))));
    }
    assert_eq!(directory.users(None).len(), 0);
}

#[test]
fn readers_and_reloads_at_once_see_whole_directories() {
    let one = config("[[user]]\nextension='1'\nname='one'\n[[user]]\nextension='2'\nname='one'\n");
    let two = config("[[user]]\nextension='1'\nname='two'\n[[user]]\nextension='2'\nname='two'\n");
    let directory = Directory::new(&one).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..200 {
                directory.reload(if n % 2 == 0 { &two } else { &one }).unwrap();
            }
        });
        scope.spawn(|| {
            for n in 0..500 {
                directory.apply(&Event::User(told("", &format!("h{n}"))));
            }
        });
        for _ in 0..500 {
            let users = directory.users(None);
            let names: Vec<_> =
                users.iter().filter(|user| !user.name.is_empty()).map(|user| &user.name).collect();
            assert_eq!(names.len(), 2);
            assert_eq!(names[0], names[1], "half of one directory and half of the other");
        }
    });
    assert_eq!(directory.users(None).len(), 502, "no event was lost in a reload");
}

#[test]
fn a_host_that_forgot_a_users_company_can_still_say_that_the_user_is_gone() {
    let directory = directory("[[company]]\nid = \"acme\"\n[[company]]\nid = \"beta\"\n");
    directory.apply(&Event::User(told("acme", "501")));
    assert!(directory.apply(&gone("", "501")));
    assert!(directory.user(&UserKey::new("acme", "501")).is_none());

    directory.apply(&Event::User(told("acme", "502")));
    directory.apply(&Event::User(told("beta", "502")));
    assert!(!directory.apply(&gone("", "502")), "of two companies neither is guessed");
    user(&directory, "acme", "502");
    user(&directory, "beta", "502");
}
