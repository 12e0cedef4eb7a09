//! Breaks when a page loses a sticker's shape, word or number, shows more than four terminals, or has code in it.

use usermon::config::Role;
use usermon::event::{Direction, DumpDetail, Kind, Sticker};
use usermon::query::diagnostics::{DiagnosticsPage, PacketDetail};
use usermon::query::{CompanySettings, Viewer};
use usermon::settings::Administrator;
use usermon::web::administrators::{self, Done};
use usermon::web::settings::{self, Told};
use usermon::web::text::{count, span};
use usermon::web::view::{Frame, Links};
use usermon::web::{asset, diagnostics, login, message, monitoring, terminal, unattributed};

mod html;
mod samples;

use html::{Element, parse};

fn frame(role: Role) -> Frame {
    let acme = samples::company("acme", "Acme S.p.A.");
    let company = (role == Role::Administrator).then(|| acme.id.clone());
    Frame {
        links: Links::new("/usermon"),
        viewer: Some(Viewer { person: "anna".into(), role, company, from: String::new() }),
        csrf: "token-1".into(),
        company: Some(acme.clone()),
        companies: vec![acme],
        host: "Asterisk 22.10.1".into(),
        ..Frame::default()
    }
}

fn packets(frame: &Frame, page: DiagnosticsPage, later: bool) -> maud::Markup {
    let (data, asked) = samples::packets(page, later);
    diagnostics::packets::page(frame, &data, &asked)
}

fn wall_of(rows: Vec<usermon::query::wall::Row>) -> Element {
    let wall = samples::wall(samples::company("acme", "Acme S.p.A."), rows);
    parse(&monitoring::page(&frame(Role::Administrator), &wall).into_string())
}

fn one_user(sticker: Sticker, calls: u32, terminals: usize) -> Element {
    let terminals =
        (0..terminals).map(|n| samples::terminal(&format!("t{n}"), Kind::Sip, "Desk", true)).collect();
    let user = samples::user("acme", "101", "Anna", "Rossi", "Sales");
    let page = wall_of(vec![samples::row(user, sticker, calls, terminals)]);
    page.one("tr", "id", "u-101").clone()
}

#[test]
fn each_sticker_has_its_shape_its_word_and_its_number() {
    for (sticker, calls, number) in [
        (Sticker::Free, 0, ""),
        (Sticker::Offline, 0, ""),
        (Sticker::Ringing, 1, "1"),
        (Sticker::Busy, 12, "12"),
    ] {
        let row = one_user(sticker, calls, 1);
        let shape = row.one("span", "class", "shape");
        let icon = shape.find("use")[0].attribute("href");
        assert_eq!(icon, format!("#i-s-{}", sticker.word()));
        assert!(
            asset::ICONS.contains(&format!("id=\"i-s-{}\"", sticker.word())),
            "no such shape in the sprite"
        );
        assert_eq!(shape.text(), number);
        assert!(row.one("span", "class", "s").text().ends_with(sticker.word()), "the word is missing");
        assert_eq!(row.attribute("data-s"), sticker.word());
    }
}

#[test]
fn every_icon_that_a_page_uses_is_in_the_sprite() {
    for page in all_pages() {
        for icon in parse(&page).find("use") {
            let name = icon.attribute("href").trim_start_matches('#');
            assert!(asset::ICONS.contains(&format!("id=\"{name}\"")), "{name}");
        }
    }
}

#[test]
fn four_terminals_are_icons_and_the_rest_is_counted() {
    for (terminals, icons, more) in
        [(0, 0, None), (1, 1, None), (4, 4, None), (5, 4, Some("+1")), (9, 4, Some("+5"))]
    {
        let row = one_user(Sticker::Free, 0, terminals);
        let cell = row.one("td", "class", "tm");
        let links = cell.find("a").into_iter().filter(|a| a.attribute("class").starts_with("k ")).count();
        assert_eq!(links, icons, "of {terminals}");
        let counted = cell.find("span").into_iter().find(|s| s.attribute("class") == "k n").map(|s| s.text());
        assert_eq!(counted.as_deref(), more);
        if terminals > 4 {
            let last = cell.find("a").into_iter().last().unwrap().attribute("href").to_owned();
            assert_eq!(last, format!("/usermon/c/acme/u/101/t/t{}", terminals - 1), "the rest is not listed");
        }
    }
}

#[test]
fn only_terminals_with_a_page_are_links_and_all_take_the_focus() {
    let page = wall_of(samples::rows("acme", 0));
    let mut seen = 0;
    for icon in page.find("a").into_iter().chain(page.find("span")) {
        if !icon.attribute("class").starts_with('k') || icon.attribute("class") == "k n" {
            continue;
        }
        let kind = icon.find("use")[0].attribute("href").to_owned();
        let label = icon.attribute("aria-label");
        assert!(!label.is_empty());
        match kind.as_str() {
            "#i-sip" | "#i-dect" => assert_eq!(icon.name, "a", "{label}"),
            "#i-mobile" | "#i-usb" => {
                assert_eq!((icon.name.as_str(), icon.attribute("tabindex")), ("span", "0"), "{label}")
            }
            _ => {}
        }
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn the_detail_of_a_terminal_says_what_product_md_asks() {
    let row = one_user(Sticker::Free, 0, 1);
    let detail = row.one("div", "class", "d").text();
    for part in [
        "SIP phone",
        "Desk",
        "192.0.2.17:5062",
        "Yealink SIP-T46U",
        "Registered since",
        "Expires",
        "in 3 min 32 s",
    ] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

#[test]
fn the_totals_are_of_all_rows() {
    let page = wall_of(samples::rows("acme", 30));
    let totals: Vec<String> =
        page.one("div", "class", "totals").find("button").iter().map(|b| b.text()).collect();
    assert_eq!(totals, ["24 free", "13 offline", "2 ringing", "3 busy"]);
}

#[test]
fn the_page_is_static_until_refresh_is_pressed() {
    let page = wall_of(samples::rows("acme", 0));
    let button = page.one("button", "id", "refresh");
    assert_eq!(button.attribute("aria-pressed"), "false");
    assert_eq!(button.attribute("data-version"), "run.1.7");
    assert_eq!(button.attribute("data-url"), "/usermon/c/acme/wall");
    assert!(page.find("meta").iter().all(|m| m.attribute("http-equiv").is_empty()));
}

#[test]
fn no_page_has_code_or_style_in_it() {
    for page in all_pages() {
        let page = parse(&page);
        for element in page.all() {
            assert!(
                element.attributes.iter().all(|(n, _)| !n.starts_with("on") && n != "style"),
                "{element:?}"
            );
            assert!(element.name != "style");
            if element.name == "script" {
                assert!(element.text().is_empty() && !element.attribute("src").is_empty());
            }
            for link in ["src", "action"] {
                assert!(!element.attribute(link).contains("//"), "{element:?} comes from outside");
            }
        }
        assert_eq!(page.find("h1").len(), 1);
        for form in page.find("form").iter().filter(|f| f.attribute("method") == "post") {
            let login = form.attribute("action").ends_with("/login");
            let token = form
                .find("input")
                .iter()
                .any(|i| i.attribute("name") == "csrf" && i.attribute("value") == "token-1");
            assert!(login || token, "a form without its token");
        }
    }
}

fn all_pages() -> Vec<String> {
    let frame = frame(Role::SuperAdmin);
    let user = samples::user("acme", "101", "Anna", "Rossi", "Sales");
    let acme = samples::company("acme", "Acme S.p.A.");
    let account = |name: &str, from_file| Administrator {
        name: name.into(),
        role: Role::Administrator,
        company: Some("acme".into()),
        password_hash: "$argon2id$secret".into(),
        from_file,
    };
    let accounts = [account("anna", false), account("berta", false), account("carla", true)];
    let now = CompanySettings { dump_detail: DumpDetail::Headers, retention_hours: 48, max_mib: None };
    let done = Done::Password { name: "anna".into(), password: "abc".into() };
    [
        monitoring::page(&frame, &samples::wall(acme.clone(), samples::rows("acme", 3))),
        monitoring::page(&frame, &samples::wall(acme.clone(), vec![])),
        terminal::page(&frame, &samples::terminal_page(user.clone()), &samples::terminal_past()),
        packets(&frame, samples::diagnostics(user.clone()), true),
        diagnostics::page(&frame, &samples::overview::overview(user.clone(), "102")),
        message::page(&frame, &samples::packet(user.clone())),
        message::page(&frame, &PacketDetail { user: None, ..samples::packet(user.clone()) }),
        unattributed::page(&frame, &samples::unattributed(user), false),
        settings::page(&frame, &acme, now, Some(&Told::Refused("why".into()))),
        administrators::page(&frame, &accounts, Some(&done)),
        login::page(&frame.links, "/", "", Some("wrong")),
    ]
    .map(maud::Markup::into_string)
    .to_vec()
}

#[test]
fn no_page_shows_a_password_hash() {
    for page in all_pages() {
        assert!(!page.contains("argon2"));
    }
}

#[test]
fn the_list_says_what_is_missing_claimed_and_cut_in_its_place() {
    let user = samples::user("acme", "101", "Anna", "Rossi", "Sales");
    let page = parse(&packets(&frame(Role::Administrator), samples::diagnostics(user), false).into_string());
    let rows = page.find("tr");
    let kinds: Vec<&str> = rows.iter().map(|r| r.attribute("class")).filter(|c| !c.is_empty()).collect();
    let expected = "day packet change packet packet packet packet packet packet gap packet day packet packet";
    assert_eq!(kinds.join(" "), expected);
    let gap = page.one("tr", "class", "gap").text();
    assert!(gap.contains("1204 packets are missing here"), "{gap}");
    let marks: Vec<String> = rows
        .iter()
        .flat_map(|r| r.find("span"))
        .filter(|s| s.attribute("class") == "mark")
        .map(|s| s.text())
        .collect();
    assert_eq!(marks, ["claimed", "cut", "stump"]);
    assert!(page.one("dl", "class", "legend").text().contains("anybody can write that"));
    let older = page.find("a").into_iter().find(|a| a.attribute("rel") == "next").unwrap();
    assert!(older.attribute("href").starts_with("/usermon/c/acme/u/101/diag/packets?past="));
}

#[test]
fn a_badge_is_coloured_by_what_it_means_and_says_it() {
    for (start, class, words) in [
        ("INVITE sip:a SIP/2.0", "badge m", "INVITE"),
        ("SIP/2.0 180 Ringing", "badge s1", "180 Ringing"),
        ("SIP/2.0 200 OK", "badge s2", "200 OK"),
        ("SIP/2.0 302 Moved", "badge s3", "302 Moved"),
        ("SIP/2.0 401 Unauthorized", "badge s3", "401 Unauthorized"),
        ("SIP/2.0 486 Busy Here", "badge s4", "486 Busy Here"),
        ("SIP/2.0 503 Service Unavailable", "badge s5", "503 Service Unavailable"),
        ("SIP/2.0 603 Decline", "badge s5", "603 Decline"),
    ] {
        let badge =
            parse(&diagnostics::packets::badge(&samples::line(1, 1, Direction::In, start)).into_string());
        let badge = badge.find("span")[0];
        assert_eq!((badge.attribute("class"), badge.text().as_str()), (class, words));
    }
}

#[test]
fn diagnostics_that_are_off_say_so_and_who_can_change_it() {
    let mut data = samples::diagnostics(samples::user("acme", "101", "Anna", "Rossi", "Sales"));
    data.detail = DumpDetail::Off;
    data.entries.clear();
    let page = parse(&packets(&frame(Role::Administrator), data.clone(), false).into_string());
    let words = page.one("div", "class", "notice").text();
    assert!(
        words.contains("not activated") && words.contains("A super-admin can choose another level"),
        "{words}"
    );
    let page = parse(&packets(&frame(Role::SuperAdmin), data, false).into_string());
    let link = page.one("div", "class", "notice").find("a")[0].attribute("href").to_owned();
    assert_eq!(link, "/usermon/configuration/company/acme");
}

#[test]
fn the_settings_show_the_level_in_force() {
    for detail in DumpDetail::ALL {
        let now = CompanySettings { dump_detail: detail, retention_hours: 24, max_mib: Some(64) };
        let company = samples::company("acme", "Acme S.p.A.");
        let page = parse(&settings::page(&frame(Role::SuperAdmin), &company, now, None).into_string());
        let radios: Vec<&Element> =
            page.find("input").into_iter().filter(|i| i.attribute("type") == "radio").collect();
        assert_eq!(radios.len(), 4);
        let checked: Vec<&str> =
            radios.iter().filter(|r| r.has("checked")).map(|r| r.attribute("value")).collect();
        assert_eq!(checked, [detail.word()]);
        assert_eq!(page.one("input", "id", "retention").attribute("value"), "24");
    }
}

#[test]
fn the_phones_own_page_is_linked_by_both_schemes_and_marked_as_outside() {
    let user = samples::user("acme", "101", "Anna", "Rossi", "Sales");
    let page = parse(
        &terminal::page(
            &frame(Role::Administrator),
            &samples::terminal_page(user),
            &samples::terminal_past(),
        )
        .into_string(),
    );
    for scheme in ["http", "https"] {
        let address = format!("{scheme}://192.0.2.17/");
        let links = page.find("a");
        let link = links.iter().find(|a| a.attribute("href") == address).expect("a link");
        assert!(link.text().contains("leaves the PBX"), "{}", link.text());
        assert!(link.attribute("rel").contains("noopener noreferrer"));
    }
}

#[test]
fn an_alarm_of_the_store_is_on_every_page() {
    let mut frame = frame(Role::Administrator);
    frame.alarm = Some("The disk is full: free 1 GiB.".into());
    let wall = samples::wall(samples::company("acme", "Acme"), vec![]);
    let page = parse(&monitoring::page(&frame, &wall).into_string());
    assert!(page.find("p").iter().any(|p| p.attribute("role") == "alert" && p.text().contains("free 1 GiB")));
}

#[test]
fn spans_and_counts_read_well() {
    let words = [0, 59, 60, 61, 3_599, 3_600, 7_260, 86_400, 180_000]
        .map(|s| span(std::time::Duration::from_secs(s)));
    assert_eq!(
        words,
        ["0 s", "59 s", "1 min", "1 min 1 s", "59 min 59 s", "1 h", "2 h 1 min", "1 d", "2 d 2 h"]
    );
    assert_eq!(
        [0, 999, 1_000, 1_234_567].map(count),
        ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
    );
}

#[test]
fn no_id_stands_twice_on_a_page() {
    for page in all_pages() {
        let page = parse(&page);
        let mut ids: Vec<&str> =
            page.all().iter().map(|e| e.attribute("id")).filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "the script would take the wrong element");
    }
}
