//! Claims about logging in, the pages of a terminal and of diagnostics, and about all pages together.

use serde_json::json;
use thirtyfour::Key;

use crate::Stage;

/// Fills the login page and sends it with Enter.
pub fn enter(stage: &Stage, name: &str, password: &str) -> Result<(), String> {
    fill(stage, name, password)?;
    stage.screen.press(Key::Enter)
}

fn fill(stage: &Stage, name: &str, password: &str) -> Result<(), String> {
    stage.screen.fill("#name", name)?;
    stage.screen.fill("#password", password)
}

pub fn wrong_password(stage: &mut Stage) -> Result<String, String> {
    stage.screen.open("/")?;
    stage.screen.until(
        "the login page",
        "return location.pathname.endsWith('/login') && !!one('#password')",
        &[],
    )?;
    stage.screen.look("login")?;
    let name = stage.chief.0.clone();
    fill(stage, &name, "not-the-password")?;
    stage.screen.click("button.main")?;
    let screen = &mut stage.screen;
    screen.until("words of refusal", "return one('.notice.bad')?.checkVisibility() === true", &[])?;
    let words = screen.words("return text('.notice.bad')", &[])?;
    screen.until("the password has the focus", "return document.activeElement.id === 'password'", &[])?;
    screen.look("login-refused")?;
    let (status, cookies) = (screen.status()?, screen.cookies()?);
    if status != 401 || cookies.iter().any(|c| c == "usermon") {
        return Err(format!("status {status}, cookies {cookies:?}"));
    }
    Ok(format!("401: {words}"))
}

pub fn log_in(stage: &mut Stage) -> Result<String, String> {
    let (name, password) = stage.chief.clone();
    enter(stage, &name, &password)?;
    let screen = &stage.screen;
    screen.until("the monitoring page", "return !!one('#rows') && location.pathname.includes('/c/')", &[])?;
    let person = screen.words("return text('.person')", &[])?;
    let visible = screen.words("return document.cookie", &[])?;
    if !screen.cookies()?.iter().any(|c| c == "usermon") || !visible.is_empty() {
        return Err(format!("cookies {:?}, of which scripts see {visible:?}", screen.cookies()?));
    }
    // the first company by name may be another one
    screen.open("/c/default/")?;
    screen.until("the default company", "return all('#rows tr').length >= 40", &[])?;
    Ok(format!("{person} at {}", screen.place()))
}

pub fn terminal(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.open("/c/default/")?;
    screen.ask("one('.tm a.k', row('1011')).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until(
        "the terminal's page",
        "return location.pathname.includes('/u/1011/t/') && !!one('.facts')",
        &[],
    )?;
    let facts = "Object.fromEntries(all('.facts > div').map((d) => [text('dt', d), text('dd', d)]))";
    screen.until(
        "its registration",
        &format!(
            "const f = {facts}; return f['User-Agent'].includes('Yealink SIP-T46S') && f.Transport === 'UDP'\
             && f.Contact.startsWith('sip:1011@127.0.0.1:') && f['Address and port'].startsWith('127.0.0.1:')\
             && /^in /.test(f.Expires) && text('.history li').includes('Registered')"
        ),
        &[],
    )?;
    screen.look("terminal")?;
    screen.words(
        &format!("const f = {facts}; return [f.Contact, f.Transport, f['User-Agent']].join(', ')"),
        &[],
    )
}

pub fn diagnostics(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.open("/c/default/u/1011/diag")?;
    screen.ask("one('.views a:last-child').focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until(
        "packets",
        "return location.pathname.endsWith('/u/1011/diag/packets') && !!one('.packets')",
        &[],
    )?;
    screen.look("packets")?;
    let told = screen.words(
        "const lines = all('tr.packet').map((r) => ({ message: one('.ms a', r).title, id: one('.ci code', r).title, to: text('.ft', r) }));
         const call = lines.filter((l) => l.to.includes('1012'));
         const ids = new Set(call.map((l) => l.id));
         for (const start of ['INVITE sip:1012@', 'SIP/2.0 180', 'SIP/2.0 200', 'ACK sip:', 'BYE sip:', 'SIP/2.0 401'])
           if (!call.some((l) => l.message.startsWith(start))) return `no ${start} in ${JSON.stringify(call)}`;
         if (!lines.some((l) => l.message.startsWith('REGISTER'))) return 'no REGISTER';
         return `ok ${call.length} packets of ${ids.size} call, ${lines.length} in all`;",
        &[],
    )?;
    told.strip_prefix("ok ").map(str::to_owned).ok_or(told)
}

pub fn message(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.ask("all('tr.packet .ms a').find((a) => a.title.startsWith('BYE')).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until("the message", "return one('pre.raw')?.textContent.startsWith('BYE sip:') === true", &[])?;
    screen.until(
        "its headers beside it",
        "return all('.headers tr').some((r) => text('th', r) === 'Call-ID' && one('pre.raw').textContent.includes(text('td', r)))",
        &[],
    )?;
    screen.look("message")?;
    let first = screen.place();
    screen.press('j')?;
    screen.until(
        "j: the older one",
        "return location.href !== arguments[0] && !!one('pre.raw')",
        &[json!(first)],
    )?;
    let second = screen.words("return one('pre.raw').textContent.split('\\n')[0].trim()", &[])?;
    screen.press('k')?;
    screen.until(
        "k: back to the newer one",
        "return location.href === arguments[0] && !!one('pre.raw')",
        &[json!(first)],
    )?;
    Ok(format!("BYE, by j the older one ({second}), by k back"))
}

fn faults(stage: &Stage, mode: &[&str]) -> Result<String, String> {
    let seen = stage.screen.seen.len();
    let found: Vec<&str> =
        stage.screen.faults.iter().filter(|(m, _)| mode.contains(m)).map(|(_, f)| f.as_str()).collect();
    if seen < 12 {
        return Err(format!("only {seen} pages were looked at"));
    }
    if found.is_empty() { Ok(format!("{seen} pages")) } else { Err(found.join("\n        ")) }
}

pub fn narrow(stage: &mut Stage) -> Result<String, String> {
    faults(stage, &["narrow"])
}

pub fn dark(stage: &mut Stage) -> Result<String, String> {
    faults(stage, &["dark", "wide"])
}

/// What the browser complained about; then a violation on purpose, to know that one would have been seen.
pub fn quiet(stage: &mut Stage) -> Result<String, String> {
    let screen = &stage.screen;
    // the two pages that are refused on purpose, and the wrong password
    let meant = |line: &String| {
        line.contains("the server responded with a status of 40")
            && ["/login", "/configuration", "/c/other/"].iter().any(|path| line.contains(path))
    };
    let complaints: Vec<String> = screen.complaints()?.into_iter().filter(|c| !meant(c)).collect();
    if !complaints.is_empty() {
        return Err(complaints.join("\n        "));
    }
    screen.ask("document.body.setAttribute('style', 'color: red')", &[])?;
    let caught = screen.complaints()?;
    if caught.iter().any(|c| c.contains("Content Security Policy")) {
        Ok("none; one made on purpose was noticed".into())
    } else {
        Err(format!("a violation made on purpose was not noticed: {caught:?}"))
    }
}
