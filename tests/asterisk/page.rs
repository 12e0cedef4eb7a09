//! The pages as a browser gets them from Asterisk's own web server: one request a connection, a session cookie.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::pbx::wait;

/// Somebody logged in.
pub struct Browser {
    port: u16,
    cookie: String,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A user as the wall shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sticker {
    pub word: String,
    pub calls: u32,
}

/// One packet of a user's diagnostics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub out: bool,
    pub start_line: String,
    pub call_id: String,
    pub size: u32,
    /// Path of the message's own page.
    pub page: String,
    pub claimed: bool,
}

impl Browser {
    /// Logs in, with the patience that a PBX that has just started needs.
    pub fn login(port: u16, name: &str, password: &str) -> Self {
        let mut browser = Self { port, cookie: String::new() };
        let form = format!("name={}&password={}&next=", encode(name), encode(password));
        let mut last = String::new();
        let done = wait(Duration::from_secs(15), || {
            let answer = browser.post("/usermon/login", &form);
            last = format!("{} {}", answer.status, answer.text());
            let cookie = answer.headers.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                let pair = value.trim().split(';').next()?;
                (key.eq_ignore_ascii_case("set-cookie") && pair.starts_with("usermon="))
                    .then(|| pair.to_owned())
            });
            browser.cookie = cookie.unwrap_or_default();
            !browser.cookie.is_empty()
        });
        assert!(done, "no login as {name}: {last}");
        browser
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub fn post(&self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, form)
    }

    fn ask(&self, method: &str, path: &str, form: &str) -> Answer {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let kind = if form.is_empty() { "" } else { "Content-Type: application/x-www-form-urlencoded\r\n" };
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nCookie: {}\r\n{kind}Content-Length: {}\r\n\r\n{form}",
            self.port,
            self.cookie,
            form.len()
        )
        .unwrap();
        let mut all = Vec::new();
        let mut piece = [0; 65536];
        loop {
            let end = all.windows(4).position(|w| w == b"\r\n\r\n");
            if let Some(end) = end {
                let headers = String::from_utf8_lossy(&all[..end]).into_owned();
                let length = headers
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(key, _)| key.eq_ignore_ascii_case("content-length"))
                    .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
                if all.len() >= end + 4 + length {
                    let status = headers.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
                    return Answer { status, headers, body: all[end + 4..end + 4 + length].to_vec() };
                }
            }
            match socket.read(&mut piece) {
                Ok(count) if count > 0 => all.extend_from_slice(&piece[..count]),
                end => panic!(
                    "{method} {path}: the answer broke off ({end:?}): {}",
                    String::from_utf8_lossy(&all)
                ),
            }
        }
    }

    /// A user's row on the wall, as HTML.
    pub fn row(&self, user: &str) -> Option<String> {
        let answer = self.get("/usermon/c/default/wall?since=0");
        let json: serde_json::Value = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|e| panic!("wall: {e}: {} {}", answer.status, answer.text()));
        let rows = json["rows"].as_array().unwrap();
        let mut html = rows.iter().filter_map(|row| row["html"].as_str());
        html.find(|html| cell(html, "ex") == Some(user)).map(str::to_owned)
    }

    /// What the wall shows of a user now.
    pub fn sticker(&self, user: &str) -> Option<Sticker> {
        let html = self.row(user)?;
        // the shape shows a number only where there are calls; what follows in the cell are the calls in words
        let number = cell(&html, "st")?.split("role=\"tooltip\"").next()?.split("<b>").nth(1);
        let calls = number.and_then(|b| b.split("</b>").next()).map_or(Ok(0), str::parse);
        Some(Sticker { word: attribute(&html, "data-s")?, calls: calls.ok()? })
    }

    /// Waits until the wall shows this; else says what it shows.
    pub fn becomes(&self, user: &str, word: &str, calls: u32) -> Result<(), String> {
        let wish = Some(Sticker { word: word.to_owned(), calls });
        let mut now = None;
        let so = wait(Duration::from_secs(12), || {
            now = self.sticker(user);
            now == wish
        });
        if so { Ok(()) } else { Err(format!("{user} is {now:?}, not {word} {calls}")) }
    }

    /// All packets of a user's diagnostics, newest first, over all pages.
    pub fn packets(&self, user: &str) -> Vec<Line> {
        let here = format!("/usermon/c/default/u/{user}/diag/packets");
        let mut path = here.clone();
        let mut lines = Vec::new();
        for _ in 0..200 {
            let answer = self.get(&path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let html = answer.text();
            lines.extend(html.split("<tr class=\"packet\"").skip(1).map(line));
            let older = html.split("<a ").find(|a| a.contains("rel=\"next\""));
            let Some(next) = older.and_then(|a| attribute(a, "href")) else { return lines };
            path = next.replace("&amp;", "&");
        }
        panic!("{user}'s diagnostics do not end");
    }

    /// A message as it was kept.
    pub fn raw(&self, line: &Line) -> Vec<u8> {
        self.get(&format!("{}?raw=1", line.page)).body
    }

    /// Sets the dump detail of the default company.
    pub fn set_detail(&self, word: &str) {
        let path = "/usermon/configuration/company/default";
        let html = self.get(path).text();
        let token = html.split("name=\"csrf\"").nth(1).and_then(|rest| attribute(rest, "value"));
        let token = token.unwrap_or_else(|| panic!("no form at {path}: {html}"));
        let answer =
            self.post(path, &format!("csrf={}&dump_detail={word}&retention_hours=48", encode(&token)));
        assert!(
            matches!(answer.status, 200 | 303),
            "dump detail {word}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

fn line(row: &str) -> Line {
    let row = row.split("</tr>").next().unwrap_or_default();
    let message = row.split("<a ").nth(1).unwrap_or_default();
    let call_id = row.split("<code class=\"cut\"").nth(1).unwrap_or_default();
    let size: String = row
        .split("class=\"sz\">")
        .nth(1)
        .unwrap_or_default()
        .chars()
        .take_while(|c| *c != '<')
        .filter(char::is_ascii_digit)
        .collect();
    Line {
        out: row.contains("way out"),
        start_line: attribute(message, "title").unwrap_or_default(),
        call_id: attribute(call_id, "title").unwrap_or_default(),
        size: size.parse().unwrap_or(0),
        page: attribute(message, "href").unwrap_or_default(),
        claimed: row.contains(">claimed<"),
    }
}

fn cell<'a>(row: &'a str, class: &str) -> Option<&'a str> {
    row.split(&format!("<td class=\"{class}\">")).nth(1)?.split("</td>").next()
}

fn attribute(html: &str, name: &str) -> Option<String> {
    let value = html.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
