//! Breaks when a name, a header or a packet becomes markup, hides text or turns it around.

use maud::Render as _;
use usermon::event::{Kind, Sticker};
use usermon::query::diagnostics::Entry;
use usermon::query::unattributed::UnattributedPage;
use usermon::web::text::{Line, plain, raw, segment, unsegment};
use usermon::web::view::{Frame, Links};
use usermon::web::{diagnostics, login, message, monitoring, terminal, unattributed};

#[expect(dead_code, reason = "pages.rs takes the rest")]
mod html;
#[expect(dead_code, reason = "pages.rs takes the rest")]
mod samples;

use html::{Element, parse};

/// What an element looks like without its texts.
fn bones(element: &Element) -> String {
    element.all().iter().filter(|e| e.attribute("class") != "ctl").map(|e| format!("<{}>", e.name)).collect()
}

/// The big list of naughty strings, and what it has not.
fn naughty() -> Vec<String> {
    let mut all: Vec<String> = [
        "\u{202e}evil\u{202c}",
        "<b>\u{202e}<i>&",
        "a\u{0}b",
        "</td></tr></table><script>alert(1)</script>",
        "\"' onfocus=x",
        "&lt;&amp;&#60;",
        "\r\n\t",
    ]
    .map(str::to_owned)
    .to_vec();
    match std::fs::read_to_string("../shared/corpora/blns/blns.json") {
        Ok(text) => all.extend(serde_json::from_str::<Vec<String>>(&text).unwrap()),
        Err(error) => println!("skipped: ../shared/corpora/blns: {error}"),
    }
    all.retain(|s| !s.is_empty());
    all
}

#[test]
fn hostile_texts_stay_texts_on_every_page() {
    let page_of = |s: &str| {
        let user = samples::user("acme", "101", s, s, s);
        let mut row =
            samples::row(user.clone(), Sticker::Busy, 1, vec![samples::terminal("t", Kind::Sip, s, true)]);
        row.terminals[0].user_agent = s.into();
        row.now[0].far = s.into();
        let mut page = samples::terminal_page(user.clone());
        page.terminal.description = s.into();
        page.contacts[0].contact = s.into();
        page.contacts[0].path = s.into();
        page.failures[0].user_agent = s.into();
        page.failures[0].call_id = s.into();
        page.failures[0].account = s.into();
        page.history[0].words = s.into();
        for one in &mut page.lasted {
            (one.contact, one.user_agent) = (s.into(), s.into());
        }
        let mut past = samples::terminal_past();
        for attempt in &mut past.attempts {
            (attempt.words, attempt.user_agent) = (s.into(), s.into());
        }
        let mut list = samples::diagnostics(user.clone());
        for entry in &mut list.entries {
            match entry {
                Entry::Packet(line) => {
                    line.start_line = s.into();
                    line.method = line.method.as_ref().map(|_| s.into());
                    (line.call_id, line.cseq) = (s.into(), s.into());
                    (line.from_user, line.to_user) = (s.into(), s.into());
                }
                Entry::Gap { words, .. } | Entry::Change { words, .. } => *words = s.into(),
                Entry::Lowered { .. } => {}
            }
        }
        let failures = page.failures.clone();
        let strays = UnattributedPage {
            failures,
            entries: list.entries.clone(),
            ..samples::unattributed(user.clone())
        };
        let list = samples::packets(list, false);
        let mut packet = samples::packet(user.clone());
        packet.headers = Some(vec![(s.into(), s.into())]);
        packet.raw = s.as_bytes().to_vec();
        let frame = Frame { links: Links::new("/usermon"), ..Frame::default() };
        [
            monitoring::page(&frame, &samples::wall(samples::company("acme", s), vec![row])),
            terminal::page(&frame, &page, &past),
            diagnostics::packets::page(&frame, &list.0, &list.1),
            diagnostics::page(&frame, &samples::overview::overview(user, s)),
            message::page(&frame, &packet),
            unattributed::page(&frame, &strays, false),
            login::page(&frame.links, "/", s, None),
        ]
        .map(|page| parse(&page.into_string()))
    };
    let harmless = page_of("1 2 3").map(|p| bones(&p));
    for s in naughty() {
        let pages = page_of(&s);
        for (page, harmless) in pages.iter().zip(&harmless) {
            // a reason phrase that is empty makes no element, so only more of them is wrong
            assert_eq!(&bones(page), harmless, "{s:?} became markup");
        }
        if !s.chars().any(|c| plain(&c.to_string()) != c.to_string()) && s.chars().count() < 240 {
            let shown = pages[0].one("th", "class", "nm").text();
            assert_eq!(shown, s, "not shown as it is");
        }
    }
}

#[test]
fn what_turns_or_hides_text_is_marked() {
    for bad in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\0', '\u{1b}', '\n', '\u{2028}', '\u{e0041}']
    {
        let html = Line(&format!("a{bad}b")).render().into_string();
        assert!(!html.contains(bad), "{html:?}");
        let marked = parse(&html);
        assert_eq!(marked.find("span")[0].attribute("title"), format!("U+{:04X}", u32::from(bad)));
        assert!(!plain(&format!("a{bad}b")).contains(bad));
    }
    assert_eq!(Line("Søren 日本 👩\u{200d}🔧").render().into_string(), "Søren 日本 👩\u{200d}🔧");
    let long = "x".repeat(100_000);
    assert_eq!(Line(&long).render().into_string().chars().count(), 241);
}

#[test]
fn raw_bytes_are_shown_one_for_one() {
    let html = raw(b"A <b>\r\nc: \xff\x00\r\n\tfolded\nbare\rlone\r\n\r\n").into_string();
    let text = parse(&html).text();
    assert_eq!(text, "A <b>\nc: \\xFF\\x00\n\tfolded\nbare\\x0Dlone\n\n");
    assert_eq!(parse(&raw("\u{202e}".as_bytes()).into_string()).text(), "\\xE2\\x80\\xAE");
}

#[test]
fn ids_go_through_a_url_and_back() {
    for id in naughty().iter().map(String::as_str).chain(["", ".", "..", "~", "~..", "a/b", "%2e"]) {
        let segment = segment(id);
        assert!(
            !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('/'),
            "{segment}"
        );
        let mut bytes = vec![];
        let mut rest = segment.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            let (byte, tail) = if first == b'%' {
                let digits = std::str::from_utf8(&tail[..2]).unwrap();
                (u8::from_str_radix(digits, 16).unwrap(), &tail[2..])
            } else {
                (first, tail)
            };
            bytes.push(byte);
            rest = tail;
        }
        assert_eq!(unsegment(std::str::from_utf8(&bytes).unwrap()), id);
    }
}
