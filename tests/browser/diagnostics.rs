//! Claims about diagnostics: the list of what happened, the time line, filters, a search that goes on, and what comes now.

use std::time::Duration;

use serde_json::json;
use thirtyfour::Key;

use crate::Stage;
use crate::phone::{Over, register};

const PAGE: &str = "/c/default/u/1011/diag";

/// The words of each line, without the days.
const LINES: &str =
    "const lines = all('#lines li:not(.day)').map((li) => li.textContent.replace(/\\s+/g, ' '));";

pub fn list(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.open("/c/default/")?;
    screen.ask("one('.dg a', row('1011')).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until(
        "the list",
        "return location.pathname.endsWith('/u/1011/diag') && !!one('#lines a.line')",
        &[],
    )?;
    let told = screen.words(
        &format!(
            "{LINES}
             const call = lines.find((l) => l.includes('Call to') && l.includes('1012'));
             if (!call) return `no call in ${{JSON.stringify(lines)}}`;
             if (!/rang .*\\d+ s, talked .*\\d+ s/.test(call) || !/\\d+ packets/.test(call)) return `not told: ${{call}}`;
             if (!lines.some((l) => l.includes('Registration') && l.includes('Registered'))) return 'no registration';
             const a = all('a.line').find((a) => a.textContent.includes('Call to'));
             if (a.dataset.o !== 'good' || !one('.o svg', a)) return `no shape for ${{a.dataset.o}}`;
             const local = new Date(one('time', a).dateTime);
             if (!one('time', a).textContent.startsWith(String(local.getHours()).padStart(2, '0'))) return 'no local time';
             return `ok ${{call.trim()}}`;"
        ),
        &[],
    )?;
    screen.look("diag")?;
    told.strip_prefix("ok ").map(str::to_owned).ok_or(told)
}

pub fn time_line(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    let marks = "return all('.picture path.m.good').length";
    let before = screen.ask(marks, &[])?;
    // the last tenth, where all happened
    screen.drag(".picture", 0.9, 1.005)?;
    screen.until(
        "zoomed to the tenth",
        "const p = new URLSearchParams(location.search);
         const span = (new Date(p.get('to')) - new Date(p.get('from'))) / 3600000;
         return !!one('.tl') && span > 3.5 && span < 6 && Number(one('.tl').dataset.to) - Number(one('.tl').dataset.from) < 6 * 3600000",
        &[],
    )?;
    screen.until(
        "the call is still there",
        "return !!one('.picture path.m.good') && !!one('a.line')",
        &[],
    )?;
    screen.until(
        "the form shows the same in local time",
        "return new Date(one('#filter [name=from]').value).getTime() === Math.floor(new Date(new URLSearchParams(location.search).get('from')).getTime() / 1000) * 1000",
        &[],
    )?;
    screen.look("diag-zoomed")?;
    let place = screen.place();
    screen.click(".stretches a:first-child")?;
    screen.until("a link for the last hour", "return location.search === '?last=1h' && !!one('.tl')", &[])?;
    Ok(format!("{before} paths; {}", place.rsplit('?').next().unwrap_or_default()))
}

pub fn filters(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.open(PAGE)?;
    screen.fill("#text", "bye sip:")?;
    screen.press(Key::Enter)?;
    screen.until("the filter is in the address", "return location.search === '?text=bye+sip%3A'", &[])?;
    screen.until(
        "the call alone",
        &format!("{LINES} return lines.length > 0 && lines.every((l) => l.includes('Call'))"),
        &[],
    )?;
    // a select sends the form by itself
    screen.ask(
        "const s = one('#filter [name=kind]'); s.value = 'registration'; s.dispatchEvent(new Event('change', { bubbles: true }))",
        &[],
    )?;
    screen.until(
        "both parts, and nothing that fits",
        "return location.search.includes('text=bye') && location.search.includes('kind=registration') && one('#nothing')?.checkVisibility() === true",
        &[],
    )?;
    screen.look("diag-nothing")?;
    screen.click(".parts a[href*='kind=']")?;
    screen.until(
        "one part removed",
        "return location.search === '?kind=registration' && !!one('a.line')",
        &[],
    )?;
    let place = screen.place();
    Ok(format!("by keyboard, by a choice, and away again: {}", place.rsplit('?').next().unwrap_or_default()))
}

/// On a slow line, so that there is time to stop it.
pub fn search(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.open(&format!("{PAGE}?text=SIP&slice=8"))?;
    screen.until(
        "the search is over",
        "return one('#search progress').value === 1000 || text('#search')",
        &[],
    )?;
    let all = format!("{LINES} return lines.length");
    let whole = screen.ask(&all, &[])?;
    screen.latency(Duration::from_millis(400))?;
    screen.open(&format!("{PAGE}?text=SIP&slice=8"))?;
    screen.click("#stop")?;
    screen.until("it can go on", "return one('#stop').textContent === 'Search on'", &[])?;
    screen.look("diag-stopped")?;
    let stopped = screen.ask(&all, &[])?;
    let share = screen.ask("return one('#search progress').value", &[])?;
    if share == json!(1000) || stopped == whole {
        return Err(format!("it did not stop: {stopped} of {whole} lines, {share}"));
    }
    screen.latency(Duration::ZERO)?;
    screen.click("#stop")?;
    screen.until("on to the end", "return one('#search progress').value === 1000", &[])?;
    screen.until(
        "the same lines",
        &format!("{LINES} return lines.length === arguments[0]"),
        std::slice::from_ref(&whole),
    )?;
    Ok(format!("stopped with {stopped} lines at {share} of 1000, then on to {whole}"))
}

pub fn live(stage: &mut Stage) -> Result<String, String> {
    let (pbx, screen) = (&stage.pbx, &mut stage.screen);
    screen.open(PAGE)?;
    screen.click(".views a:last-child")?;
    screen.until("packets", "return location.pathname.endsWith('/packets') && !!one('tr.packet')", &[])?;
    screen.click("#live")?;
    screen.until("it says so", "return text('#tail').startsWith('Live since')", &[])?;
    register(pbx, "1011", pbx.port(1), Over::Udp, 3600).finish()?;
    screen.until(
        "the REGISTER and its answer on top",
        "const came = all('tr.packet.came').map((r) => text('.ms', r)); return came.some((w) => w.includes('REGISTER')) && came.some((w) => w.includes('200 OK'))",
        &[],
    )?;
    let order = "const t = all('tr.packet time').map((t) => t.dateTime); return t.every((v, n) => n === 0 || v <= t[n - 1])";
    screen.until("newest first", order, &[])?;
    screen.look("diag-live")?;
    screen.click("#live")?;
    screen.until("paused", "return text('#live') === 'Live' && text('#tail').startsWith('Paused')", &[])?;
    let came = screen.ask("return all('tr.came').length", &[])?;
    register(pbx, "1011", pbx.port(1), Over::Udp, 3600).finish()?;
    screen.requests()?;
    screen.ask("window.mark = performance.now()", &[])?;
    screen.until("two rounds went by", "return performance.now() - window.mark > 2200", &[])?;
    let asked = screen.requests()?;
    if !asked.is_empty() {
        return Err(format!("paused, and asked {asked:?}"));
    }
    screen.until(
        "nothing came meanwhile",
        "return all('tr.came').length === arguments[0]",
        std::slice::from_ref(&came),
    )?;
    screen.click("#live")?;
    screen.until(
        "what came in the pause comes now",
        "return all('tr.came').length > arguments[0]",
        &[came],
    )?;
    let twice = screen
        .ask("const a = all('tr.packet').map((r) => r.dataset.at); return a.length - new Set(a).size", &[])?;
    if twice != json!(0) {
        return Err(format!("{twice} packets stand there twice"));
    }
    screen.click("#live")?;
    screen.words("return text('#tail')", &[])
}
