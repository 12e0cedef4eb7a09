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

#[test]
fn terminals_of_the_host_join_the_declared_ones() {
    let text = "[[user]]\nextension = '101'\nmobile = '+39'\n\
                [[user.terminal]]\nkind = 'sip'\ndescription = 'Desk'\n\
                [[user.terminal]]\nkind = 'sip'\ndescription = 'Lab'\n\
                [[user.terminal]]\nkind = 'gui'\n";
    let directory = directory(text);
    assert_eq!(ids(&user(&directory, "default", "101")), ["sip", "sip-2", "gui", "mobile"]);
    let client = event::Terminal {
        kind: Some(Kind::Gui),
        description: "Client 4.1".into(),
        active: Some(true),
        ..terminal("", "101", "Client/7")
    };
    assert!(directory.apply(&Event::Terminal(client.clone())), "before the host has told of the user itself");
    let anna = user(&directory, "default", "101");
    assert_eq!(
        ids(&anna),
        ["sip", "sip-2", "gui", "mobile"],
        "the declared gui terminal is the host's client"
    );
    assert_eq!((&*anna.terminals[2].description, anna.terminals[2].active), ("Client 4.1", Some(true)));
    assert_eq!(anna.terminals[2].endpoint.as_deref(), Some("101"));
    let (key, id) = directory.shown_terminal("", "101", "Client/7").unwrap();
    assert_eq!((&*key.company, &*key.user, &*id), ("default", "101", "gui"));
    assert!(directory.apply(&Event::Terminal(event::Terminal { active: Some(false), ..client.clone() })));
    assert_eq!(user(&directory, "default", "101").terminals[2].active, Some(false));

    let lab = event::Terminal { endpoint: "101".into(), active: Some(true), ..terminal("", "101", "dev-1") };
    directory.apply(&Event::Terminal(lab));
    assert_eq!(directory.shown_terminal("", "101", "dev-1").unwrap().1.as_ref(), "sip", "by its endpoint");
    directory.apply(&Event::Terminal(event::Terminal {
        presence: Presence::Gone,
        ..terminal("", "101", "dev-1")
    }));

    let headset = event::Terminal { kind: Some(Kind::Usb), ..terminal("default", "101", "Jabra 65/b") };
    assert!(
        directory.apply(&Event::Terminal(headset.clone())),
        "the company named and not named is one user"
    );
    let shown = user(&directory, "default", "101");
    assert_eq!(shown.terminals.len(), 5);
    let id = &*shown.terminals[3].id;
    assert_eq!(shown.terminals[3].kind, Some(Kind::Usb));
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{id}");
    let other = event::Terminal { terminal: "Jabra 65/c".into(), ..headset.clone() };
    directory.apply(&Event::Terminal(other));
    let both = user(&directory, "default", "101");
    assert_ne!(both.terminals[3].id, both.terminals[4].id);

    let gone = event::Terminal { presence: Presence::Gone, ..client };
    assert!(directory.apply(&Event::Terminal(gone.clone())));
    assert!(!directory.apply(&Event::Terminal(gone)));
    let anna = user(&directory, "default", "101");
    assert_eq!((anna.terminals[2].active, &*anna.terminals[2].description), (None, ""));
    assert_eq!(directory.shown_terminal("", "101", "Client/7"), None);
}

#[test]
fn terminals_told_before_their_user_wait_for_it() {
    let directory = directory("");
    let desk = event::Terminal { endpoint: "anna-desk".into(), ..terminal("", "anna", "desk") };
    assert!(!directory.apply(&Event::Terminal(desk.clone())), "there is no such user yet");
    assert_eq!(owner(&directory, "", "anna-desk"), None);
    assert!(directory.apply(&Event::User(told("", "anna"))));
    assert_eq!(endpoints(&user(&directory, "default", "anna")), ["anna", "anna-desk"]);
    assert_eq!(owner(&directory, "", "anna-desk").as_deref(), Some("default/anna"));

    assert!(
        directory.apply(&Event::User(told("", "anna-desk"))),
        "an endpoint of a user's own name is that user's"
    );
    assert_eq!(owner(&directory, "", "anna-desk").as_deref(), Some("default/anna-desk"));
    assert_eq!(endpoints(&user(&directory, "default", "anna")), ["anna"]);
    assert!(directory.apply(&gone("", "anna-desk")));
    assert_eq!(endpoints(&user(&directory, "default", "anna")), ["anna", "anna-desk"], "and comes back");
    assert!(directory.apply(&Event::Terminal(event::Terminal { presence: Presence::Gone, ..desk })));
    assert_eq!(owner(&directory, "", "anna-desk"), None);
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

mod twin {
    //! Kept up to date event by event, the directory must be what it would be if built anew; a reload builds anew.

    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "[[company]]\nid='c1'\n[[company]]\nid='c2'\n\
                        [[user]]\ncompany='c1'\nextension='1'\nid='a'\nendpoints=['a','b']\n\
                        [[user]]\ncompany='c2'\nextension='1'\nid='b'\nendpoints=['x']\n\
                        [[user]]\nextension='3'\nid='c'\n";
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "x", ""];

    fn event() -> impl Strategy<Value = Event> {
        let company = prop::sample::select(vec!["", "c1", "c2", "c3", "default"]);
        let name = || prop::sample::select(NAMES.to_vec());
        (company, 0..5_usize, name(), name(), any::<bool>(), any::<bool>()).prop_map(
            |(company, user, extra, other, here, is_user)| {
                let presence = if here { Presence::Here } else { Presence::Gone };
                let user = NAMES[user];
                if is_user {
                    Event::User(event::User {
                        presence,
                        name: extra.into(),
                        extension: other.into(),
                        ..told(company, user)
                    })
                } else {
                    Event::Terminal(event::Terminal {
                        presence,
                        endpoint: other.into(),
                        ..terminal(company, user, if extra.is_empty() { "t" } else { extra })
                    })
                }
            },
        )
    }

    fn picture(directory: &Directory) -> String {
        let mut text = format!("{:#?}\n{:#?}\n", directory.companies(), directory.users(None));
        let mut assignment = directory.assignment();
        assignment.sort();
        text += &format!("{assignment:#?}\n");
        for company in ["", "c1", "c2", "c3", "default"] {
            for name in NAMES {
                let key = EndpointKey::new(company, name);
                let by_extension = directory.by_extension(company, name);
                text += &format!(
                    "{company}/{name}: {:?} {:?} {by_extension:?}\n",
                    directory.resolve(&key),
                    directory.user_of(&key)
                );
            }
        }
        text
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn event_by_event_is_as_built_anew(events in prop::collection::vec(event(), 0..30)) {
            let config = config(FILE);
            let directory = Directory::new(&config).unwrap();
            for event in &events {
                let (before, generation) = (picture(&directory), directory.generation());
                let changed = directory.apply(event);
                let after = picture(&directory);
                prop_assert!(changed || before == after, "a change was not told");
                prop_assert_eq!(changed, directory.generation() > generation);
            }
            for (endpoint, user) in directory.assignment() {
                prop_assert_eq!(directory.user_of(&endpoint), Some(user));
            }
            let kept = picture(&directory);
            directory.reload(&config).unwrap();
            prop_assert_eq!(kept, picture(&directory));
        }
    }
}

#[test]
fn the_kind_of_a_contact_that_nobody_declared() {
    use usermon::directory::kind::of_user_agent;
    let plain = "<sip:101@192.0.2.7:5060>";
    for (user_agent, kind) in [
        ("Yealink SIP-T46S 66.86.0.15", Kind::Sip),
        ("snomD785/10.1.127.11", Kind::Sip),
        ("snom821/8.9.3.80", Kind::Sip),
        ("Grandstream GXP2170 1.0.11.64", Kind::Sip),
        ("Grandstream HT802 1.0.17.5", Kind::Sip),
        ("Cisco/SPA504G-7.6.2", Kind::Sip),
        ("Fanvil X4U 2.4.5", Kind::Sip),
        ("PolycomVVX-VVX_411-UA/5.9.5", Kind::Sip),
        ("Gigaset DE310 IP PRO/02.00", Kind::Sip),
        ("Gigaset Maxwell 3/2.22.1", Kind::Sip),
        ("Aastra 6731i/3.3.1", Kind::Sip),
        ("Mitel 6867i/5.1.0", Kind::Sip),
        ("AVM FRITZ!Box 7590", Kind::Sip),
        ("IP Telephone 300", Kind::Sip),
        ("Umbria phone 2.0", Kind::Sip),
        ("Asterisk PBX 22.1.0", Kind::Sip),
        ("", Kind::Sip),
        ("\u{e9}\u{1f4de}", Kind::Sip),
        ("N510 IP PRO/42.270.00.000.000", Kind::Dect),
        ("Gigaset N670 IP PRO/83.V2.48", Kind::Dect),
        ("Gigaset N870 IP PRO", Kind::Dect),
        ("Gigaset C610A IP/42.075", Kind::Dect),
        ("Yealink W52P 25.81.0.60", Kind::Dect),
        ("Yealink W60B 77.85.0.25", Kind::Dect),
        ("Yealink W70B 146.85.0.37", Kind::Dect),
        ("Yealink W80B 103.83.0.80", Kind::Dect),
        ("YEALINK w90dm 130.85.0.15", Kind::Dect),
        ("snomM300/03.24.0014", Kind::Dect),
        ("snom M400/0530", Kind::Dect),
        ("Snom-M700/04.50", Kind::Dect),
        ("snom M900/0590", Kind::Dect),
        ("Panasonic_KX-TGP600_09.110", Kind::Dect),
        ("Panasonic KX-UDS124CE/02.00", Kind::Dect),
        ("Grandstream DP750 1.0.9.8", Kind::Dect),
        ("Mitel SIP-DECT (SW-Version=8.1SP1)", Kind::Dect),
        ("Aastra RFP35/OMM 5.0", Kind::Dect),
        ("Spectralink IP-DECT Server 400/PCS19A", Kind::Dect),
        ("RTX8660 0405", Kind::Dect),
        ("Z 5.6.1 v2.10.19.9", Kind::Gui),
        ("Zoiper rv2.10.20.4", Kind::Gui),
        ("Linphone-Desktop/5.2.4 (Debian) LinphoneCore/5.3.0", Kind::Gui),
        ("MicroSIP/3.21.3", Kind::Gui),
        ("Bria 5 release 5.8.3", Kind::Gui),
        ("X-Lite release 5.8.3 stamp 103094", Kind::Gui),
        ("Jitsi2.10.5550Linux", Kind::Gui),
        ("baresip v3.10.1 (x86_64/Linux)", Kind::Gui),
        ("PJSUA v2.14 Linux-6.1", Kind::Gui),
        ("Blink Pro 5.9.0 (MacOSX)", Kind::Gui),
        ("Telephone 1.6", Kind::Gui),
        ("Acrobits Softphone/6.21", Kind::Gui),
        ("Groundwire/24.3", Kind::Gui),
        ("Grandstream Wave 1.0.23.20", Kind::Gui),
        ("SIP.js/0.21.2", Kind::Gui),
        ("JsSIP 3.10.0", Kind::Gui),
    ] {
        assert_eq!(of_user_agent(user_agent, plain), kind, "{user_agent}");
    }
    for (contact, kind) in [
        ("sip:q1w2e3@192.0.2.9:53210;transport=ws", Kind::Gui),
        ("<sip:q1w2e3@192.0.2.9:53210;Transport=WSS;ob>", Kind::Gui),
        ("<sip:k3j4h5@df7jal23ls0d.invalid>", Kind::Gui),
        ("sip:k3j4h5@df7jal23ls0d.INVALID;rtcweb-breaker=no", Kind::Gui),
        ("sip:101@192.0.2.9;transport=tls", Kind::Sip),
        ("sip:101@192.0.2.9;transport=wsx", Kind::Sip),
        ("sip:101@phone.invalid.example", Kind::Sip),
        ("", Kind::Sip),
    ] {
        assert_eq!(of_user_agent("Some Phone 1.0", contact), kind, "{contact}");
    }
    assert_eq!(
        of_user_agent("Yealink W60B", "sip:1@a.invalid;transport=ws"),
        Kind::Gui,
        "no base speaks WebSocket"
    );
}
