//! Breaks when somebody gets in who should not, stays in too long, or a form of another site is obeyed.

use std::time::Duration;

use axum::http::StatusCode;
use usermon::clock::Timestamp;
use usermon::config::Role;
use usermon::event::DumpDetail;
use usermon::web::HostLogin;

#[expect(dead_code, reason = "web.rs takes the rest")]
mod web_site;
use web_site::{PASSWORD, site};

const SETTINGS: &str = "/configuration/company/acme";
const ADMINISTRATORS: &str = "/configuration/administrators";

#[tokio::test]
async fn a_right_password_opens_the_own_company() {
    let site = site();
    let mut browser = site.browser();
    let answer = browser.login("anna", PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Max-Age"), "{cookie}");
    let answer = browser.get("/").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/c/acme/"));
    let page = browser.get("/c/acme/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("Acme S.p.A.") && !page.text().contains("Beta GmbH"));
    assert!(!page.text().contains("Configuration"), "an administrator is offered what he may not open");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let site = site();
    let mut browser = site.browser();
    let wrong = browser.login("anna", "not it").await;
    let unknown = browser.login("anne", "not it").await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.text(), unknown.text().replace("anne", "anna"));
    assert!(browser.cookie.is_none());
    let audit = site.audit();
    assert!(audit.iter().any(|line| line.contains("login-refused") && line.contains("anna")), "{audit:?}");
    assert!(!audit.iter().any(|line| line.contains("anne") || line.contains("not it")), "{audit:?}");
}

#[tokio::test]
async fn login_is_audited() {
    let site = site();
    site.logged_in("root").await;
    assert!(site.audit().iter().any(|line| line.contains("root") && line.contains("login")));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_ends() {
    let site = site();
    let mut browser = site.browser();
    for _ in 0..5 {
        assert_eq!(browser.login("anna", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = browser.login("anna", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(browser.login("root", PASSWORD).await.status, StatusCode::SEE_OTHER, "others may log in");
    site.later(Duration::from_secs(2));
    assert_eq!(browser.login("anna", PASSWORD).await.status, StatusCode::SEE_OTHER);
    // the right password forgives
    for _ in 0..4 {
        browser.login("anna", "guess").await;
    }
    assert_eq!(browser.login("anna", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn one_address_cannot_guess_through_all_names() {
    let site = site();
    let mut browser = site.browser();
    for n in 0..20 {
        browser.login(&format!("name{n}"), "guess").await;
    }
    assert_eq!(browser.login("anna", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    browser.far = Some("203.0.113.5:1".parse().unwrap());
    assert_eq!(browser.login("anna", PASSWORD).await.status, StatusCode::SEE_OTHER, "another address may");
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_twelve_hours() {
    let site = site();
    let mut browser = site.logged_in("anna").await;
    site.later(Duration::from_secs(29 * 60));
    assert_eq!(browser.get("/c/acme/").await.status, StatusCode::OK);
    site.later(Duration::from_secs(30 * 60));
    let answer = browser.get("/c/acme/").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/login?next=%2Fc%2Facme%2F"));

    let mut browser = site.logged_in("anna").await;
    for _ in 0..35 {
        site.later(Duration::from_secs(20 * 60));
        assert_eq!(browser.get("/c/acme/").await.status, StatusCode::OK);
    }
    site.later(Duration::from_secs(20 * 60));
    assert_eq!(
        browser.get("/c/acme/").await.status,
        StatusCode::SEE_OTHER,
        "busy all the time, but twelve hours"
    );
}

#[tokio::test]
async fn logging_out_ends_the_session_and_not_only_the_cookie() {
    let site = site();
    let mut browser = site.logged_in("anna").await;
    let mut thief = browser.clone();
    let token = browser.get("/c/acme/").await.csrf();
    let answer = browser.post("/logout", &[("csrf", &token)]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/login"));
    assert_eq!(thief.get("/c/acme/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_without_its_token_or_of_another_site_is_refused() {
    let site = site();
    let mut browser = site.logged_in("root").await;
    let token = browser.get(SETTINGS).await.csrf();
    let wish = |token: &str| {
        let token = token.to_owned();
        vec![("csrf", token), ("dump_detail", "full".to_owned()), ("retention_hours", "48".to_owned())]
    };
    let send = async |mut browser: web_site::Browser, token: &str| {
        let fields = wish(token);
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        browser.post(SETTINGS, &fields).await.status
    };
    let other = site.logged_in("root").await.get(SETTINGS).await.csrf();
    for bad in ["", "0", &other] {
        assert_eq!(send(browser.clone(), bad).await, StatusCode::FORBIDDEN);
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://pbx.example:9999"),
    ] {
        assert_eq!(send(browser.with(name, value), &token).await, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert_eq!(
        site.query.company_settings("acme").dump_detail,
        DumpDetail::Headers,
        "a refused form took effect"
    );
    assert_eq!(send(browser.with("origin", "http://pbx.example:8088"), &token).await, StatusCode::SEE_OTHER);
    assert_eq!(send(browser.with("sec-fetch-site", "same-origin"), &token).await, StatusCode::SEE_OTHER);
    assert_eq!(site.query.company_settings("acme").dump_detail, DumpDetail::Full);
    // login too, which has no token yet
    let mut foreign = site.browser().with("origin", "https://evil.example");
    assert_eq!(foreign.login("root", PASSWORD).await.status, StatusCode::FORBIDDEN);
    // and every other form
    for path in ["/logout", ADMINISTRATORS] {
        assert_eq!(
            browser.post(path, &[("action", "remove"), ("name", "anna")]).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn accounts_come_get_a_new_password_and_go() {
    let site = site();
    let mut root = site.logged_in("root").await;
    let token = root.get(ADMINISTRATORS).await.csrf();
    let act = async |root: &mut web_site::Browser, fields: &[(&str, &str)]| {
        let mut form = vec![("csrf", token.as_str())];
        form.extend_from_slice(fields);
        root.post(ADMINISTRATORS, &form).await
    };
    let password_in = |page: String| {
        let (_, rest) = page.split_once("class=\"secret\"><code>").expect("a password is shown");
        rest.split('<').next().unwrap().to_owned()
    };
    let add = [("action", "add"), ("name", "carla"), ("role", "administrator"), ("company", "beta")];
    let first = password_in(act(&mut root, &add).await.text());
    assert!(!root.get(ADMINISTRATORS).await.text().contains(&first), "the password is shown twice");
    let mut carla = site.browser();
    assert_eq!(carla.login("carla", &first).await.status, StatusCode::SEE_OTHER);
    assert_eq!(carla.get("/c/beta/").await.status, StatusCode::OK);
    assert_eq!(act(&mut root, &add).await.status, StatusCode::UNPROCESSABLE_ENTITY, "the name is taken");

    let second = password_in(act(&mut root, &[("action", "reset"), ("name", "carla")]).await.text());
    assert_ne!(first, second);
    assert_eq!(
        carla.get("/c/beta/").await.status,
        StatusCode::SEE_OTHER,
        "the old password's session lives on"
    );
    assert_eq!(carla.login("carla", &first).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(carla.login("carla", &second).await.status, StatusCode::SEE_OTHER);

    assert_eq!(act(&mut root, &[("action", "remove"), ("name", "carla")]).await.status, StatusCode::OK);
    assert_eq!(
        carla.get("/c/beta/").await.status,
        StatusCode::SEE_OTHER,
        "a removed account's session lives on"
    );
    assert_eq!(carla.login("carla", &second).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_is_logged_in_at_the_pbx_needs_no_cookie() {
    let site = site();
    let mut browser = site.browser();
    let login = |role, company: Option<&str>| HostLogin {
        role,
        company: company.map(Into::into),
        person: "pbx-anna".into(),
    };
    browser.login = Some(login(Role::Administrator, Some("acme")));
    let page = browser.get("/c/acme/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("pbx-anna") && !page.text().contains("Log out"));
    assert_eq!(browser.get("/c/beta/").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get(SETTINGS).await.status, StatusCode::FORBIDDEN);
    browser.login = Some(login(Role::Administrator, None));
    assert_eq!(
        browser.get("/c/acme/").await.status,
        StatusCode::FORBIDDEN,
        "an administrator of nothing sees nothing"
    );
    browser.login = Some(login(Role::SuperAdmin, None));
    let token = browser.get(SETTINGS).await.csrf();
    let form = [("csrf", token.as_str()), ("dump_detail", "off"), ("retention_hours", "48")];
    assert_eq!(browser.post(SETTINGS, &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.post(SETTINGS, &form[1..]).await.status, StatusCode::FORBIDDEN, "no token");
    assert!(browser.cookie.is_none());
    // the same words as a header or a cookie are nothing
    let mut liar = site
        .browser()
        .with("hostlogin", "super-admin")
        .with("cookie", "usermon=host super-admin \"\" \"pbx-anna\"");
    assert_eq!(liar.get(SETTINGS).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn login_leads_only_to_our_own_pages() {
    let site = site();
    for next in [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "/c/\r\nX: y",
        "javascript:alert(1)",
        "",
    ] {
        let mut browser = site.browser();
        let answer =
            browser.post("/login", &[("name", "root"), ("password", PASSWORD), ("next", next)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"), "{next:?}");
    }
}

#[tokio::test]
async fn the_script_is_told_in_json_that_the_session_ended() {
    let site = site();
    let mut browser = site.browser().with("accept", "application/json");
    let answer = browser.get("/c/acme/wall?since=").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["login"], true);
}

#[tokio::test]
async fn a_crowd_of_logins_is_turned_away_not_queued() {
    let site = site();
    let tries = (0..60).map(|n| {
        let mut browser = site.browser();
        browser.far = Some(format!("203.0.113.{n}:1").parse().unwrap());
        tokio::spawn(async move { browser.login(&format!("nobody{n}"), "guess").await.status })
    });
    let tries: Vec<_> = tries.collect();
    let mut seen = vec![];
    for one in tries {
        seen.push(one.await.unwrap());
    }
    assert!(seen.contains(&StatusCode::SERVICE_UNAVAILABLE), "all 60 were let in: {seen:?}");
    assert!(seen.contains(&StatusCode::UNAUTHORIZED), "none was answered: {seen:?}");
    assert_eq!(site.browser().login("anna", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[test]
fn a_time_before_the_first_session_is_no_panic() {
    let sessions = usermon::web::session::Sessions::default();
    let session = sessions.begin("a".repeat(64), "anna", "", "c".into(), Timestamp::MIN);
    assert_eq!(&*session.person, "anna");
    assert!(sessions.touch(&"a".repeat(64), Timestamp::MAX).is_none());
}

#[test]
fn the_tables_of_sessions_and_failures_are_bounded() {
    let sessions = usermon::web::session::Sessions::default();
    let throttle = usermon::web::session::Throttle::default();
    let at = |n: u32| Timestamp(i64::from(n) * 1_000);
    for n in 0..1_025 {
        sessions.begin(format!("{n}"), "anna", "", String::new(), at(n));
    }
    assert!(sessions.touch("0", at(2_000)).is_none(), "the oldest made no room");
    assert!(sessions.touch("1", at(2_000)).is_some());
    for n in 0..20_000 {
        throttle.attempt(&format!("name{n}"), None, at(n));
    }
    assert!(throttle.remembered() <= 8_192);
}
