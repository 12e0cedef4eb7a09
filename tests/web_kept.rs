//! Breaks when a removal of packets happens without being asked for twice, for somebody who may not, or unseen.

use axum::http::StatusCode;
use usermon::event::UserKey;

#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
mod web_site;
use web_site::site;

const KEPT: &str = "/configuration/kept";
const SETTINGS: &str = "/configuration/company/acme";
const DIAG: &str = "/c/acme/u/101/diag/packets";
const INVITE: &[u8] = b"INVITE sip:102@acme SIP/2.0\r\nCall-ID: canary-1\r\n\r\n";

#[tokio::test]
async fn only_a_super_admin_removes_packets_and_only_from_an_own_form() {
    let site = site();
    site.keep(INVITE);
    let mut anna = site.logged_in("anna").await;
    assert_eq!(anna.get(KEPT).await.status, StatusCode::FORBIDDEN);
    let diag = anna.get(DIAG).await;
    assert!(diag.text().contains("canary-1") && !diag.text().contains("for good"));
    let token = diag.csrf();
    let fields = |token| [("csrf", token), ("what", "user"), ("company", "acme"), ("user", "101")];
    assert_eq!(anna.post(KEPT, &fields(token.as_str())).await.status, StatusCode::FORBIDDEN);
    let mut root = site.logged_in("root").await;
    assert_eq!(root.post(KEPT, &fields("no")).await.status, StatusCode::FORBIDDEN);
    let token = root.get(KEPT).await.csrf();
    let foreign = root.with("origin", "https://evil.example").post(KEPT, &fields(&token)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let wrong = [("csrf", token.as_str()), ("what", "all"), ("company", "acme")];
    assert_eq!(root.post(KEPT, &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    site.maintain();
    assert!(anna.get(DIAG).await.text().contains("canary-1"));
    assert!(!site.audit().iter().any(|line| line.contains("purge")));
}

#[tokio::test]
async fn a_users_packets_are_removed_and_the_page_tells_how_far_it_is() {
    let site = site();
    site.keep(INVITE);
    site.keep_of(UserKey::new("acme", "102"), INVITE);
    site.seal();
    let mut root = site.logged_in("root").await;
    let page = root.get("/c/acme/u/101/diag").await;
    assert!(page.text().contains("Remove this user’s packets") || page.text().contains("Remove this user's"));
    let token = page.csrf();
    let fields = [("csrf", token.as_str()), ("what", "user"), ("company", "acme"), ("user", "101")];
    let answer = root.post(KEPT, &fields).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/configuration/kept?ordered=1#removals")
    );
    let page = root.get("/configuration/kept?ordered=1").await.text();
    assert!(page.contains("Ordered.") && page.contains("Under way"), "{page}");
    assert_eq!(site.audit()[0], "root purge acme 101 198.51.100.7");
    site.maintain();
    let page = root.get(KEPT).await.text();
    assert!(page.contains("Done") && page.contains("1 packets removed"), "{page}");
    assert_eq!(site.audit()[0], "usermon purge-done acme 101 ");
    let page = root.get(DIAG).await.text();
    assert!(page.contains("1 packet is missing here: a super-admin had them removed"), "{page}");
    assert!(!page.contains("canary-1"));
    assert!(root.get("/c/acme/u/102/diag/packets").await.text().contains("canary-1"));
}

#[tokio::test]
async fn lowering_the_dump_detail_asks_whether_what_was_kept_goes() {
    let site = site();
    site.keep(INVITE);
    let mut root = site.logged_in("root").await;
    let page = root.get(SETTINGS).await;
    assert!(page.text().contains("Also remove what was kept at a higher detail"));
    let token = page.csrf();
    let fields = |more: &'static str| {
        [
            ("csrf", token.clone()),
            ("dump_detail", "summary".to_owned()),
            ("retention_hours", "48".to_owned()),
            ("max_mib", "64".to_owned()),
            ("remove_higher", more.to_owned()),
        ]
    };
    let borrowed = |fields: &[(&'static str, String); 5]| {
        fields.iter().map(|(name, value)| (*name, value.clone())).collect::<Vec<_>>()
    };
    let without = borrowed(&fields(""));
    let without: Vec<(&str, &str)> = without.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(root.post(SETTINGS, &without).await.location(), format!("{SETTINGS}?saved=1"));
    site.maintain();
    assert!(root.get(DIAG).await.text().contains("canary-1"), "not asked for, not removed");
    assert_eq!(site.query.company_settings("acme").max_mib, Some(64));
    let with = borrowed(&fields("1"));
    let with: Vec<(&str, &str)> = with.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(root.post(SETTINGS, &with).await.location(), "/configuration/kept?ordered=1#removals");
    site.maintain();
    assert!(!root.get(DIAG).await.text().contains("canary-1"));
    let page = root.get(KEPT).await.text();
    assert!(page.contains("kept above <b>summary</b>"), "{page}");
}

#[tokio::test]
async fn who_is_no_longer_in_the_directory_is_listed_and_can_be_removed() {
    let site = site();
    site.keep_of(UserKey::new("acme", "former"), INVITE);
    site.keep_of(UserKey::new("gone", "101"), INVITE);
    site.keep_of(UserKey::default(), INVITE);
    site.seal();
    let mut root = site.logged_in("root").await;
    let page = root.get(KEPT).await;
    let text = page.text();
    assert!(text.contains("<small>no longer") && text.contains("row\">former<"), "{text}");
    let token = page.csrf();
    for (what, company, user) in [("user", "acme", "former"), ("company", "gone", ""), ("company", "", "")] {
        let fields = [("csrf", token.as_str()), ("what", what), ("company", company), ("user", user)];
        assert_eq!(root.post(KEPT, &fields).await.status, StatusCode::SEE_OTHER, "{what} {company}");
        site.maintain();
    }
    let page = root.get(KEPT).await.text();
    assert!(
        !page.contains("row\">former<")
            && page.contains("Nothing is kept yet")
            && !page.contains("<small>no longer"),
        "{page}"
    );
    assert_eq!(page.matches("Done").count(), 4, "three, and the hint: {page}");
    let page = root.get(DIAG).await.text();
    assert!(!page.contains("missing here"), "what was nobody's is no gap of everybody: {page}");
}
