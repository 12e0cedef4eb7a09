//! Breaks when a page shows to somebody what is not theirs, or a request of any shape gets an answer that is no page.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use usermon::event::DumpDetail;

#[expect(dead_code, reason = "login.rs takes the rest")]
mod web_site;
use web_site::{PASSWORD, site};

const SETTINGS: &str = "/configuration/company/acme";
const ADMINISTRATORS: &str = "/configuration/administrators";
const AUDIT: &str = "/configuration/audit";

#[tokio::test]
async fn another_company_does_not_exist_for_an_administrator() {
    let site = site();
    let mut anna = site.logged_in("anna").await;
    let mut root = site.logged_in("root").await;
    for (path, found) in [
        ("/c/beta/", StatusCode::OK),
        ("/c/beta/wall?since=x", StatusCode::OK),
        ("/c/beta/u/101/diag", StatusCode::OK),
        ("/?company=beta", StatusCode::SEE_OTHER),
    ] {
        let answer = anna.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let nowhere = anna.get(&path.replace("beta", "gamma")).await;
        assert_eq!(nowhere.text(), answer.text(), "{path} differs from a company that is not there");
        assert_eq!(root.get(path).await.status, found, "{path}");
        assert_eq!(anna.get(&path.replace("beta", "acme")).await.status, found, "{path}");
    }
    for path in [
        "/c/beta/u/101/t/d1",
        "/c/beta/u/101/diag/1-1",
        "/c/beta/u/101/diag/1-1?raw=1",
        "/c/beta/u/101/diag/packets",
        "/c/beta/u/101/diag/more?text=a",
        "/c/beta/u/101/diag/tail?after=1-1",
    ] {
        assert_eq!(anna.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn only_a_super_admin_opens_the_configuration() {
    let site = site();
    let mut anna = site.logged_in("anna").await;
    let token = anna.get("/c/acme/").await.csrf();
    for path in ["/configuration", SETTINGS, "/configuration/company/beta", ADMINISTRATORS, AUDIT] {
        let answer = anna.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text().contains("super-admin"), "the page does not say who can: {}", answer.text());
    }
    let form = [("csrf", token.as_str()), ("dump_detail", "off"), ("retention_hours", "1")];
    assert_eq!(anna.post(SETTINGS, &form).await.status, StatusCode::FORBIDDEN);
    let form = [("csrf", token.as_str()), ("action", "add"), ("name", "eve"), ("role", "super-admin")];
    assert_eq!(anna.post(ADMINISTRATORS, &form).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.query.company_settings("acme").dump_detail, DumpDetail::Headers);
    assert!(site.query.find_administrator("eve").is_none());
    let mut root = site.logged_in("root").await;
    assert_eq!(root.get("/configuration").await.location(), SETTINGS);
    assert_eq!(root.get(SETTINGS).await.status, StatusCode::OK);
    assert_eq!(root.get("/configuration/company/gamma").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn settings_are_saved_or_said_why_not() {
    let site = site();
    let mut root = site.logged_in("root").await;
    let token = root.get(SETTINGS).await.csrf();
    let form = [("csrf", token.as_str()), ("dump_detail", "summary"), ("retention_hours", "24")];
    let answer = root.post(SETTINGS, &form).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/configuration/company/acme?saved=1")
    );
    assert!(root.get(answer.location()).await.text().contains("Saved."));
    let now = site.query.company_settings("acme");
    assert_eq!((now.dump_detail, now.retention_hours), (DumpDetail::Summary, 24));
    for (detail, hours) in
        [("everything", "24"), ("", "24"), ("off", "0"), ("off", "721"), ("off", "two"), ("off", "")]
    {
        let form = [("csrf", token.as_str()), ("dump_detail", detail), ("retention_hours", hours)];
        let answer = root.post(SETTINGS, &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{detail} {hours}");
        assert!(answer.text().contains("Not saved."));
    }
    assert_eq!(site.query.company_settings("acme"), now, "a refused form took effect");
}

#[tokio::test]
async fn all_links_lie_below_the_mount() {
    let site = site();
    let mut browser = site.browser();
    browser.mount = "/usermon".into();
    browser.secure = true;
    let answer = browser.get("/c/acme/").await;
    assert_eq!(answer.location(), "/usermon/login?next=%2Fc%2Facme%2F");
    let answer = browser
        .post("/login", &[("name", "root"), ("password", PASSWORD), ("next", "/c/acme/u/101/diag")])
        .await;
    assert_eq!(answer.location(), "/usermon/c/acme/u/101/diag");
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("Path=/usermon") && cookie.contains("Secure"), "{cookie}");
    assert_eq!(browser.get("/").await.location(), "/usermon/c/acme/");
    for path in
        ["/c/acme/", "/c/acme/u/101/diag", SETTINGS, ADMINISTRATORS, AUDIT, "/unattributed", "/nowhere"]
    {
        let page = browser.get(path).await.text();
        let mut seen = 0;
        for attribute in ["href=\"", "src=\"", "action=\"", "data-url=\""] {
            for link in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(link.starts_with('#') || link.starts_with("/usermon/"), "{path}: {link}");
                seen += 1;
            }
        }
        assert!(seen > 3, "{path}");
    }
}

#[tokio::test]
async fn an_update_of_the_wall_is_json_with_the_pages_own_rows() {
    let site = site();
    let mut browser = site.logged_in("anna").await;
    let page = browser.get("/c/acme/").await.text();
    let answer = browser.get("/c/acme/wall?since=of-another-run").await;
    assert_eq!(answer.status, StatusCode::OK);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["full"], true);
    let rows = json["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        assert!(page.contains(row["html"].as_str().unwrap()), "{row}");
    }
    let version = json["version"].as_str().unwrap();
    assert!(
        page.contains(&format!("data-version=\"{version}\"")),
        "the page does not have the version {version}"
    );
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let site = site();
    let mut root = site.logged_in("root").await;
    let page = root.get("/c/acme/").await.text();
    let style =
        page.split("href=\"").find_map(|r| r.split('"').next().filter(|l| l.ends_with(".css"))).unwrap();
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/login"),
        (Method::GET, "/c/acme/"),
        (Method::GET, "/c/acme/wall"),
        (Method::GET, "/c/acme/u/101/diag"),
        (Method::GET, "/c/acme/u/101/diag?before=rubbish"),
        (Method::GET, "/c/acme/u/101/diag/1-1"),
        (Method::GET, "/c/acme/u/101/t/nothing"),
        (Method::GET, SETTINGS),
        (Method::GET, ADMINISTRATORS),
        (Method::GET, AUDIT),
        (Method::GET, "/nowhere"),
        (Method::GET, "/c/%ff/"),
        (Method::DELETE, "/c/acme/"),
        (Method::POST, "/login"),
        (Method::GET, style),
        (Method::GET, "/static/nothing.css"),
    ] {
        let answer = root.send(method.clone(), path, Body::empty()).await;
        let csp = answer.header("content-security-policy");
        assert!(csp.starts_with("default-src 'none'; script-src 'self';"), "{method} {path}: {csp}");
        assert!(!csp.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let cache = answer.header("cache-control");
        if path == style {
            assert_eq!(cache, "public, max-age=31536000, immutable");
        } else {
            assert_eq!(cache, "no-store", "{path}");
        }
        if answer.status.is_client_error() {
            assert!(
                answer.header("content-type").starts_with("text/html"),
                "{path}: no page for the refusal"
            );
            assert!(answer.text().contains("<h1>"), "{path}");
        }
        assert!(!answer.status.is_server_error(), "{method} {path}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let site = site();
    let mut root = site.logged_in("root").await;
    for path in
        ["/", "/login", "/c/acme/", "/c/acme/u/101/diag", SETTINGS, ADMINISTRATORS, "/nowhere", "/c/gamma/"]
    {
        let get = root.get(path).await;
        let head = root.send(Method::HEAD, path, Body::empty()).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_huge_body_is_refused_with_and_without_its_length() {
    let site = site();
    let big = format!("name=root&password={}", "x".repeat(200_000));
    let mut browser = site.browser().with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(browser.send(Method::POST, "/login", big.clone()).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut told = browser.with("content-length", "200000");
    assert_eq!(told.send(Method::POST, "/login", big).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(told.send(Method::POST, "/nowhere", "x").await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_packet_is_shown_downloaded_and_audited() {
    let site = site();
    let bytes = b"INVITE sip:102@pbx SIP/2.0\r\nCall-ID: <script>1\r\nCSeq: 1 INVITE\r\n\r\n\xff";
    let at = site.keep(bytes);
    let mut anna = site.logged_in("anna").await;
    let list = anna.get("/c/acme/u/101/diag/packets").await.text();
    let link = format!("/c/acme/u/101/diag/{at}");
    assert!(list.contains(&format!("href=\"{link}\"")), "{list}");
    let page = anna.get(&link).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("&lt;script&gt;1") && page.text().contains("\\xFF"), "{}", page.text());
    let file = anna.get(&format!("{link}?raw=1")).await;
    assert_eq!(file.body, bytes[..]);
    assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"101-20261123T120000Z.sip.txt\"");
    for other in ["/c/acme/u/102/diag", "/c/acme/u/102/diag/packets"] {
        assert!(!anna.get(other).await.text().contains(&at.to_string()), "another user's page");
    }
    for other in
        [format!("/c/acme/u/102/diag/{at}"), "/c/acme/u/101/diag/1-1".into(), "/c/acme/u/101/diag/x".into()]
    {
        assert_eq!(anna.get(&other).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    let audit = site.audit();
    assert!(
        audit.iter().all(|line| line.starts_with("anna ") && line.ends_with(" 198.51.100.7")),
        "{audit:?}"
    );
    for action in ["read-packets acme 101", "read-packet acme 101", "export-packet acme 101"] {
        assert!(audit.iter().any(|line| line.contains(action)), "{action}: {audit:?}");
    }
}

#[tokio::test]
async fn the_super_admin_reads_who_did_what() {
    let site = site();
    site.logged_in("anna").await.get("/c/acme/u/101/diag").await;
    site.browser().login("<b>nobody", "wrong").await;
    let page = site.logged_in("root").await.get(AUDIT).await.text();
    let row = |words: [&str; 3]| page.split("<tr>").any(|row| words.iter().all(|w| row.contains(w)));
    assert!(row(["<td>anna <small>administrator", "<td>read-packets<", "<td>acme</td><td>101<"]), "{page}");
    assert!(row(["unknown name", "login-refused", "198.51.100.7"]), "{page}");
    assert!(!page.contains("nobody"), "what was typed as a name may be a password");
}

#[tokio::test]
async fn a_change_that_was_refused_does_not_stand_as_done_in_the_audit_log() {
    let site = site();
    let mut root = site.logged_in("root").await;
    let token = root.get(ADMINISTRATORS).await.csrf();
    for (action, name) in [("add", "anna"), ("remove", "nobody"), ("reset", "nobody"), ("add", "eve")] {
        let form = [("csrf", token.as_str()), ("action", action), ("name", name), ("role", "super-admin")];
        root.post(ADMINISTRATORS, &form).await;
    }
    let audit = site.audit();
    let refused: Vec<&str> =
        audit.iter().filter(|l| l.contains("-refused")).filter_map(|l| l.split(' ').nth(1)).collect();
    assert_eq!(
        refused,
        ["reset-password-refused", "remove-administrator-refused", "add-administrator-refused"]
    );
}

#[tokio::test]
async fn no_other_way_to_write_a_url_leads_to_another_company() {
    let site = site();
    let at = site.keep(b"OPTIONS sip:101@pbx SIP/2.0\r\nCall-ID: a\r\n\r\n");
    let mut berta = site.logged_in("berta").await;
    let mut acme = site.browser();
    acme.login = Some(usermon::web::HostLogin {
        role: usermon::config::Role::Administrator,
        company: Some("beta".into()),
        person: "root".into(),
    });
    for path in [
        format!("/c/acme/u/101/diag/{at}"),
        format!("/c/acme/u/101/diag/{at}?raw=1"),
        format!("/c/beta/u/101/diag/{at}"),
        format!("/c/beta/u/101/diag/{at}?raw=1&company=acme"),
        format!("/c/beta%2F..%2Facme/u/101/diag/{at}"),
        format!("/c/beta/..%2F..%2Facme/u/101/diag/{at}"),
        format!("/c/beta/../acme/u/101/diag/{at}"),
        format!("/c/beta/u/..%2F..%2F..%2Facme%2Fu%2F101/diag/{at}"),
        format!("/c/~acme/u/101/diag/{at}"),
        format!("/c/%61cme/u/101/diag/{at}"),
        format!("//c/acme/u/101/diag/{at}"),
        format!("/usermon/c/acme/u/101/diag/{at}"),
        "/c/acme%00/".into(),
        "/c/ACME/".into(),
        "/c/Beta/".into(),
        "/c/~/".into(),
        "/c/acme/u/101/t/e-e0".into(),
        "/c/acme/wall?since=run-1.1.0".into(),
        "/?company=acme".into(),
    ] {
        for browser in [&mut berta, &mut acme] {
            let answer = browser.get(&path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.text());
        }
    }
    assert!(!site.audit().iter().any(|line| line.contains("packet")), "{:?}", site.audit());
}

#[tokio::test]
async fn a_terminal_that_registers_turns_up_in_the_next_update_alone() {
    let site = site();
    let mut anna = site.logged_in("anna").await;
    let page = anna.get("/c/acme/").await.text();
    let version = page.split("data-version=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let ask = async |anna: &mut web_site::Browser, version: &str| -> serde_json::Value {
        let answer = anna.get(&format!("/c/acme/wall?since={version}")).await;
        serde_json::from_slice(&answer.body).unwrap()
    };
    let nothing = ask(&mut anna, &version).await;
    assert_eq!((nothing["full"].as_bool(), nothing["rows"].as_array().map(Vec::len)), (Some(false), Some(0)));
    site.register();
    let update = ask(&mut anna, &version).await;
    assert_eq!(update["totals"]["free"], 1);
    let rows = update["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["id"], "u-101");
    let html = rows[0]["html"].as_str().unwrap();
    assert!(html.contains("data-s=\"free\"") && html.contains("192.0.2.17:5060"), "{html}");
    let again = ask(&mut anna, update["version"].as_str().unwrap()).await;
    assert_eq!(again["rows"].as_array().map(Vec::len), Some(0));
    let link = html.split("href=\"").find_map(|r| r.split('"').next().filter(|l| l.contains("/t/"))).unwrap();
    let terminal = anna.get(link).await;
    assert_eq!(terminal.status, StatusCode::OK);
    assert!(terminal.text().contains("Yealink SIP-T46U") && terminal.text().contains("sip:101@192.0.2.17"));
}

#[tokio::test]
async fn a_method_that_a_page_does_not_have_is_refused_with_those_it_has() {
    let site = site();
    let mut root = site.logged_in("root").await;
    let answer = root.send(Method::DELETE, "/c/acme/", Body::empty()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
}

#[tokio::test]
async fn ids_of_any_letters_make_links_that_work() {
    let ids = ["..", ".", "a/b", "~x", "100%", "ü ñ", "a?b#c", "<b>", "%2e%2e", "a\u{202e}b", "+1 2"];
    let site = web_site::site_with_users(&ids);
    let mut anna = site.logged_in("anna").await;
    let page = anna.get("/c/acme/").await.text();
    let links: Vec<&str> = page
        .split("href=\"")
        .skip(1)
        .map(|r| r.split('"').next().unwrap())
        .filter(|l| l.ends_with("/diag"))
        .collect();
    assert_eq!(links.len(), ids.len());
    for link in links {
        assert!(
            !link.split('/').any(|part| matches!(part, "." | ".." | "")) || link.starts_with('/'),
            "{link}"
        );
        assert!(!link.contains("/../") && !link.contains("/./"), "{link}");
        let answer = anna.get(link).await;
        assert_eq!(answer.status, StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn the_own_listener_serves_the_same_pages_and_stops() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let site = site();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(usermon::web::serve::listen(listener, site.app.clone(), stopped));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // a connection that says nothing does not keep the listener from stopping
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-security-policy") && answer.ends_with("</html>"), "{answer}");
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(10), serving)
        .await
        .expect("the listener does not stop")
        .unwrap();
    drop(idle);
}
