//! Two messages, and two calls, side by side.

use usermon::event::{Direction, UserKey};
use usermon::query::history::joined::Joined;
use usermon::web::compare::diff::{Compared, Likeness};
use usermon::web::compare::twins::Twins;

use crate::hand::{SDP, call, keep, message};
use crate::house::viewer;
use crate::html::parse;
use crate::web_site::{Site, site};

fn joined(site: &Site, at: usermon::query::diagnostics::Cursor) -> Joined {
    site.query.joined(&viewer(), &UserKey::new("acme", "101"), at).unwrap().unwrap()
}

/// Two INVITEs, the second one changed.
fn compared(change: impl Fn(&str) -> String) -> Compared {
    let site = site();
    let text = message(
        "INVITE sip:102@pbx SIP/2.0",
        "1 INVITE",
        "one",
        &format!("Contact: <sip:101@192.0.2.101:5060>\nAllow: INVITE, ACK, BYE\n{SDP}"),
    );
    keep(&site, "101", Direction::In, &text);
    let at = keep(&site, "101", Direction::In, &change(&text));
    let joined = joined(&site, at);
    let [left, right] = joined.messages.as_slice() else { panic!("{}", joined.messages.len()) };
    Compared::of(&left.message, &right.message)
}

/// The words of the second message that are marked as different.
fn marked(compared: &Compared) -> Vec<&str> {
    let pairs = compared.head.iter().chain(&compared.body);
    let pieces = pairs.filter_map(|pair| pair.right.as_ref()).flatten();
    pieces.filter(|piece| piece.likeness == Likeness::Differs).map(|piece| &*piece.text).collect()
}

#[test]
fn what_always_differs_is_no_difference() {
    let same = compared(|text| {
        text.replace("z9hG4bK-one-1-INVITE", "z9hG4bKother")
            .replace("tag=aone", "tag=b")
            .replace("CSeq: 1 ", "CSeq: 22 ")
            .replace("o=- 1 1 ", "o=- 4711 2 ")
            .replace("m=audio 16000 ", "m=audio 24002 ")
    });
    assert!(same.names().is_empty(), "{:?}", same.names());
    let via = &same.head[1];
    assert_eq!((&*via.name, via.likeness), ("Via", Likeness::Ever));
    let ever: Vec<&str> = via
        .right
        .as_ref()
        .unwrap()
        .iter()
        .filter(|p| p.likeness == Likeness::Ever)
        .map(|p| &*p.text)
        .collect();
    assert_eq!(ever, ["z9hG4bKother"]);
}

#[test]
fn the_words_that_differ_are_marked_and_no_others() {
    let other = compared(|text| {
        text.replace("tag=aone", "tag=b")
            .replace("Allow: INVITE, ACK, BYE", "Allow: INVITE, UPDATE, BYE")
            .replace("RTP/AVP 8 0", "RTP/AVP 8 18")
            .replace("Contact: ", "m: ")
    });
    assert_eq!(other.names(), ["Allow", "body"]);
    assert_eq!(marked(&other), ["UPDATE", "18"]);
}

#[test]
fn a_header_or_a_line_on_one_side_only_is_told() {
    let other = compared(|text| {
        text.replace("Allow: INVITE, ACK, BYE\n", "").replace("a=sendrecv\n", "a=ptime:20\na=sendrecv\n")
    });
    assert_eq!(other.names(), ["Allow", "body"]);
    let allow = other.head.iter().find(|pair| pair.name == "Allow").unwrap();
    assert!(allow.left.is_some() && allow.right.is_none());
    assert_eq!(marked(&other), ["a=ptime:20"]);
    assert!(
        compared(|text| text.replace("<sip:102@pbx>", "<sip:102@pbx>;tag=z")).names() == ["To"],
        "a new tag tells"
    );
    assert!(
        compared(|text| text.replace("m=audio 16000", "m=audio 0")).names() == ["body"],
        "a refused media tells"
    );
}

#[test]
fn a_call_beside_the_last_one_that_worked() {
    let site = site();
    let (good, bad) = (call(&site, "one", "200 OK"), call(&site, "two", "486 Busy Here"));
    let (bad, good) = (joined(&site, bad), joined(&site, good));
    let twins = Twins::of(&bad, &good);
    assert_eq!(twins.repeats, (1, 1), "retransmissions are no difference");
    let first = twins.first.expect("a difference");
    assert!(twins.lines[..first].iter().all(|line| line.is_same && line.differ.is_empty()), "{twins:?}");
    let line = &twins.lines[first];
    let title =
        |side: Option<&usermon::query::history::joined::Placed>| side.map(|p| p.message.title().into_owned());
    assert_eq!(
        (title(line.left).as_deref(), title(line.right).as_deref()),
        (Some("486 Busy Here"), Some("200 OK"))
    );
    let found = site.query.last_good(&viewer(), &UserKey::new("acme", "101"), &bad).unwrap().unwrap();
    assert!(found.is_same_party);
    let again = joined_at(&site, found.at);
    assert_eq!(again, good.item.id);
}

fn joined_at(site: &Site, at: usermon::query::diagnostics::Cursor) -> usermon::query::diagnostics::Cursor {
    joined(site, at).item.id
}

#[tokio::test]
async fn the_pages_lead_to_each_other_and_every_reading_is_audited() {
    let site = site();
    let _good = call(&site, "one", "200 OK");
    let bad = call(&site, "two", "486 Busy Here");
    let mut anna = site.logged_in("anna").await;
    let before = site.audit().len();
    let page = anna.get(&format!("/c/acme/u/101/diag/item/{bad}")).await.text();
    assert_eq!(site.audit().len(), before + 1);
    assert!(page.contains("Last time it worked"));
    let items = anna.get(&format!("/c/acme/u/101/diag/compare?item={bad}")).await.text();
    assert!(items.contains("The first difference: "), "{items}");
    let items = parse(&items);
    let link =
        items.find("a").into_iter().find(|a| a.text() == "side by side").expect("two messages to compare");
    let messages = anna.get(link.attribute("href")).await.text();
    assert!(messages.contains("They differ in: "), "{messages}");
    // a pane alone, a message of the other leg too
    let joined = joined(&site, bad);
    let other = joined.messages.iter().find(|placed| placed.lane == 1).unwrap().message.at;
    let pane = anna.get(&format!("/c/acme/u/101/diag/item/{bad}?m={other}&pane=1")).await.text();
    assert!(!pane.contains("<html") && pane.contains("Call-ID") && pane.contains("twoy"), "{pane}");
    // nobody else's: another company, what is not kept, what can't be read
    let mut berta = site.logged_in("berta").await;
    assert_eq!(berta.get(&format!("/c/acme/u/101/diag/item/{bad}")).await.status, 404);
    for path in
        ["item/1-1", "item/x", "compare", "compare?item=1-1", "compare?a=x&b=y", "item/1-1/ladder.svg"]
    {
        assert_eq!(anna.get(&format!("/c/acme/u/101/diag/{path}")).await.status, 404, "{path}");
    }
    let svg = anna.get(&format!("/c/acme/u/101/diag/item/{bad}/ladder.svg")).await;
    let newest = site.audit().first().cloned().unwrap_or_default();
    assert!(newest.starts_with("anna export-packets acme 101"), "what is taken away is an export: {newest}");
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    assert!(svg.header("content-disposition").starts_with("attachment"));
}
