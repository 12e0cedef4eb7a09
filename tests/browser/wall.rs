//! Claims about the monitoring page: stickers, refresh, details, and what the keyboard does there.

use std::time::Duration;

use serde_json::json;
use thirtyfour::Key;

use crate::Stage;
use crate::phone::{Over, answer, call as calls, register};

/// Who calls, and who is called.
const CALLER: &str = "1011";
const CALLED: &str = "1012";

/// A row of a script: extension, sticker's word, number in it.
const SHOWS: &str = "const r = row(arguments[0]);\
    return r.dataset.s === arguments[1] && text('.s > span:last-child', r) === arguments[1]\
      && (text('.shape b', r) ?? '') === arguments[2] && !r.hidden;";

pub fn stickers(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    let told = screen.words(
        "const told = [];
         for (const word of ['free', 'offline']) {
           const r = all('#rows tr').find((r) => r.dataset.s === word);
           if (!r) return `no user is ${word}`;
           const label = one('.s > span:last-child', r);
           const icon = one('.shape svg', r);
           const symbol = one(one('use', icon).getAttribute('href'));
           const box = icon.getBoundingClientRect();
           if (label.textContent !== word || !label.checkVisibility()) return `${word} is labelled ${label.textContent}`;
           if (!symbol || box.width < 16 || box.height < 16) return `${word} has no shape`;
           const path = one('[fill],[stroke],[class],path,circle', symbol);
           told.push({ shape: symbol.innerHTML, colour: getComputedStyle(path).fill + getComputedStyle(path).stroke });
         }
         if (told[0].shape === told[1].shape) return 'two stickers have one shape';
         if (told[0].colour === told[1].colour) return 'two stickers have one colour';
         const totals = all('.totals b').reduce((sum, b) => sum + Number(b.textContent), 0);
         return totals === all('#rows tr').length ? 'ok' : `${totals} in the totals, ${all('#rows tr').length} rows`;",
        &[],
    )?;
    if told != "ok" {
        return Err(told);
    }
    screen.look("monitoring")?;
    let rows = screen.words("return String(all('#rows tr').length)", &[])?;
    Ok(format!("{rows} users, free and offline differ in shape, word and colour; the totals are their sum"))
}

/// A phone registers; for longer than two rounds of refresh, the page neither asks nor changes.
pub fn is_static(stage: &mut Stage) -> Result<String, String> {
    let screen = &stage.screen;
    screen.requests()?;
    screen.ask("window.mark = performance.now()", &[])?;
    screen.until("offline at first", SHOWS, &[json!(CALLER), json!("offline"), json!("")])?;
    for (user, n) in [(CALLER, 1), (CALLED, 2)] {
        register(&stage.pbx, user, stage.pbx.port(n), Over::Udp, 3600).finish()?;
    }
    screen.until("more than two rounds went by", "return performance.now() - window.mark > 4500", &[])?;
    let asked = screen.requests()?;
    if !asked.is_empty() {
        return Err(format!("{} requests: {}", asked.len(), asked.join(", ")));
    }
    screen.until("still offline", SHOWS, &[json!(CALLER), json!("offline"), json!("")])?;
    Ok("a phone registered; nothing was requested and nothing changed for 4.5 s".into())
}

pub fn refresh(stage: &mut Stage) -> Result<String, String> {
    let screen = &stage.screen;
    let look = "const b = one('#refresh'); const s = getComputedStyle(b);\
                return b.getAttribute('aria-pressed') + ' ' + s.backgroundColor + ' ' + s.color";
    screen.point_away()?;
    let off = screen.words(look, &[])?;
    screen.click("#refresh")?;
    screen.point_away()?;
    let on = screen.words(look, &[])?;
    if !off.starts_with("false") || !on.starts_with("true") {
        return Err(format!("aria-pressed: {off}, then {on}"));
    }
    if off.split_once(' ').map(|(_, c)| c) == on.split_once(' ').map(|(_, c)| c) {
        return Err(format!("no other colour: {on}"));
    }
    screen.until("the phone that registered is free", SHOWS, &[json!(CALLER), json!("free"), json!("")])?;
    Ok(format!("{off} became {on}; the phone from before is free by itself"))
}

pub fn call(stage: &mut Stage) -> Result<String, String> {
    let (pbx, screen) = (&stage.pbx, &mut stage.screen);
    screen.requests()?;
    screen.ask("window.mark = 'the same document'", &[])?;
    let called = answer(pbx, CALLED, pbx.port(2), Over::Udp, 4000, &[]);
    let calling = calls(pbx, CALLER, pbx.port(1), Over::Udp, CALLED, 6000, &[]);
    for user in [CALLER, CALLED] {
        screen.until("ringing 1", SHOWS, &[json!(user), json!("ringing"), json!("1")])?;
    }
    for user in [CALLER, CALLED] {
        screen.until("busy 1", SHOWS, &[json!(user), json!("busy"), json!("1")])?;
    }
    screen.ask("one('.st .s', row(arguments[0])).focus()", &[json!(CALLED)])?;
    screen.until(
        "the sticker's detail names the caller",
        "const d = one('.st .d', row(arguments[0]));\
         return d.checkVisibility() && d.textContent.includes('incoming') && d.textContent.includes(arguments[1])",
        &[json!(CALLED), json!(CALLER)],
    )?;
    screen.look("monitoring-call")?;
    calling.finish()?;
    called.finish()?;
    for user in [CALLER, CALLED] {
        screen.until("free", SHOWS, &[json!(user), json!("free"), json!("")])?;
    }
    screen.until(
        "the document is the same",
        "return window.mark === 'the same document' && performance.getEntriesByType('navigation').length === 1",
        &[],
    )?;
    let asked = screen.requests()?;
    if let Some(other) = asked.iter().find(|url| !url.contains("/wall?since=")) {
        return Err(format!("requested: {other}"));
    }
    Ok(format!(
        "{CALLER} and {CALLED}: ringing 1, busy 1, free, in one document, by {} requests for what changed",
        asked.len()
    ))
}

/// The icon of the caller's phone.
fn icon(stage: &Stage) -> Result<(), String> {
    let marked = "const a = one('.tm a.k', row(arguments[0])); a.id = 'tested'; a.scrollIntoView({ block: 'center' }); return true";
    stage.screen.until("an icon with a link", marked, &[json!(CALLER)])
}

const DETAIL: &str = "const d = one('#tested + .d'); const box = d.getBoundingClientRect();\
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);\
    return d.checkVisibility() && d.contains(top) && box.right <= innerWidth && box.bottom <= innerHeight\
      && ['SIP phone', 'registered', '127.0.0.1:', 'Yealink SIP-T46S', 'Registered since', 'Expires']\
        .every((word) => d.textContent.includes(word))";
const NO_DETAIL: &str = "return all('.d').every((d) => !d.checkVisibility())";

pub fn hover(stage: &mut Stage) -> Result<String, String> {
    // what is replaced under the pointer would make this test of details one of refresh
    stage.screen.click("#refresh")?;
    icon(stage)?;
    let screen = &mut stage.screen;
    screen.ask("document.activeElement.blur()", &[])?;
    screen.point_away()?;
    screen.until("no detail before", NO_DETAIL, &[])?;
    screen.point_at("#tested")?;
    screen.until("the whole detail, on top, within the window", DETAIL, &[])?;
    screen.look("monitoring-detail")?;
    screen.press(Key::Escape)?;
    screen.until("Escape closes it", NO_DETAIL, &[])?;
    screen.point_away()?;
    Ok("kind, address, User-Agent, since and expiry, on top of all else; Escape closes it".into())
}

pub fn focus(stage: &mut Stage) -> Result<String, String> {
    icon(stage)?;
    let screen = &stage.screen;
    // from the row before: Tab goes diag -> this row's first icon
    screen.ask(
        "const r = row(arguments[0]).previousElementSibling; one('.dg a', r).focus()",
        &[json!(CALLER)],
    )?;
    screen.press(Key::Tab)?;
    screen.until(
        "Tab goes to the icon, and the focus is seen",
        "const e = document.activeElement; return e.id === 'tested' && getComputedStyle(e).outlineStyle !== 'none'",
        &[],
    )?;
    screen.until("the same detail", DETAIL, &[])?;
    screen.press(Key::Escape)?;
    screen.until("Escape closes it", NO_DETAIL, &[])?;
    screen.until("the focus stays", "return document.activeElement.id === 'tested'", &[])?;
    Ok("Tab from the row before, Escape, and the focus stays where it was".into())
}

pub fn search(stage: &mut Stage) -> Result<String, String> {
    let screen = &stage.screen;
    let shown =
        "return all('#rows tr').filter((r) => r.checkVisibility()).map((r) => text('.ex', r)).join(' ')";
    screen.fill("#search", "101")?;
    screen.within(
        Duration::from_secs(5),
        "1010 to 1019",
        "return all('#rows tr').filter((r) => r.checkVisibility()).length === 10",
        &[],
    )?;
    let found = screen.words(shown, &[])?;
    screen.ask("one('.totals button[data-s=free]').focus()", &[])?;
    screen.press(' ')?;
    screen.until(
        "free ones only",
        "return all('#rows tr').filter((r) => r.checkVisibility()).every((r) => r.dataset.s === 'free')\
           && one('.totals button[data-s=free]').getAttribute('aria-pressed') === 'true'",
        &[],
    )?;
    let free = screen.words(shown, &[])?;
    screen.press(' ')?;
    screen.ask("one('th[data-sort=extension] button').focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.press(Key::Enter)?;
    screen.until(
        "the last one first",
        "const shown = all('#rows tr').filter((r) => r.checkVisibility());\
         return one('th[data-sort=extension]').getAttribute('aria-sort') === 'descending' && text('.ex', shown[0]) === '1019'",
        &[],
    )?;
    screen.open("/")?;
    Ok(format!("`101` finds {found}; of them free: {free}; sorted downwards by Enter"))
}
