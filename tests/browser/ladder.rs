//! Claims about a call's ladder: its lanes and arrows, the keys, the pane, comparisons, the picture as PNG.

use serde_json::json;
use thirtyfour::Key;

use crate::Stage;

/// What the ladder shows, and which message the pane does.
const LADDER: &str = "const links = all('#ladder a.m');\
    const on = () => all('#ladder a.m.on').map((a) => a.dataset.m).join();\
    const chosen = () => new URLSearchParams(location.search).get('m');";

pub fn ladder(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.open("/c/default/u/1011/diag")?;
    screen.ask("all('a.line').find((a) => a.textContent.includes('Call to') && a.textContent.includes('1012')).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until(
        "the ladder",
        "return location.pathname.includes('/diag/item/') && !!one('#ladder a.m.on')",
        &[],
    )?;
    let told = screen.words(
        &format!(
            "{LADDER}
             const names = all('.pn').map((t) => t.textContent);
             if (names.length !== 3 || !names[0].includes('1011') || names[1] !== 'PBX' || !names[2].includes('1012')) return `lanes: ${{names}}`;
             const arrows = links.map((a) => one('text', a).textContent);
             for (const start of ['INVITE 1012', '100 Trying', '180 Ringing', '200 OK', 'ACK', 'BYE'])
               if (!arrows.some((t) => t.startsWith(start))) return `no ${{start}} in ${{arrows}}`;
             const first = one('.times text[data-t]');
             const local = new Date(Number(first.dataset.t) / 1000);
             if (!first.textContent.startsWith(String(local.getHours()).padStart(2, '0'))) return 'no local time';
             if (text('.zone') !== 'local time') return 'no zone';
             if (!one('.br.up') || !one('.br.ringing')) return 'no bars';
             if (!text('.verdict').includes('Answered')) return `verdict: ${{text('.verdict')}}`;
             return `ok ${{arrows.length}} arrows between ${{names.join(', ')}}`;"
        ),
        &[],
    )?;
    screen.look("ladder")?;
    told.strip_prefix("ok ").map(str::to_owned).ok_or(told)
}

pub fn keys(stage: &mut Stage) -> Result<String, String> {
    let screen = &stage.screen;
    screen.ask("window.mark = 'the same document'; document.activeElement.blur()", &[])?;
    screen.ask(&format!("{LADDER} links[0].focus(); links[0].dispatchEvent(new MouseEvent('click', {{ bubbles: true, cancelable: true }}))"), &[])?;
    let shows = |n: usize| {
        format!(
            "{LADDER} const m = links[{n}].dataset.m;
             return on() === m && chosen() === m && one('#pane').dataset.shows === m && !one('#pane').classList.contains('waits')
               && one('#pane h2').textContent.startsWith(one('.tt', links[{n}]).textContent)"
        )
    };
    screen.until("the first message", &shows(0), &[])?;
    screen.press('j')?;
    screen.until("j: the second", &shows(1), &[])?;
    screen.press(Key::Down)?;
    screen.until("down: the third", &shows(2), &[])?;
    screen.press(Key::Up)?;
    screen.until("up: the second", &shows(1), &[])?;
    screen.press('k')?;
    screen.until("k: the first", &shows(0), &[])?;
    let bye = screen.ask(
        &format!("{LADDER} return links.findIndex((a) => one('text', a).textContent.startsWith('BYE'))"),
        &[],
    )?;
    let bye = bye.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or("no BYE")?;
    let css = screen
        .words(&format!("{LADDER} return `#ladder a.m[data-m='${{links[{bye}].dataset.m}}'] .hit`"), &[])?;
    screen.click(&css)?;
    screen.until("a click: BYE", &shows(bye), &[])?;
    screen.until(
        "its headers with their meaning, its bytes, in the same document",
        "const h = all('#pane .headers tr').map((r) => r.textContent);
         return h.some((t) => t.startsWith('CSeq') && t.includes('Request number')) && one('#pane pre.raw').textContent.startsWith('BYE sip:')
           && window.mark === 'the same document'",
        &[],
    )?;
    // a reload shows the same message
    let here = screen.place();
    screen.open(here.split_once("/usermon").map_or(&*here, |(_, path)| path))?;
    screen.until("BYE after a reload", "return text('#pane h2')?.startsWith('BYE') === true", &[])?;
    Ok("j, down, up, k, a click and a reload".into())
}

pub fn compare(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.ask("one('form.compare button').focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until(
        "two messages",
        "return location.pathname.endsWith('/diag/compare') && all('.diff tbody tr').length > 5
           && all('.diff tr').some((r) => r.className === 'ever' && text('th', r).startsWith('Call-ID'))",
        &[],
    )?;
    screen.look("compare-messages")?;
    let marks = screen.ask("return all('.diff mark').length", &[])?;
    screen.ask("all('.crumbs a').at(-1).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until("the ladder again", "return !!one('#ladder')", &[])?;
    screen.ask("all('.head a.button').find((a) => a.textContent.includes('Last time')).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until(
        "the last time it worked, or that there was none",
        "return location.pathname.endsWith('/diag/compare') && (!!one('.twins') || text('.empty')?.startsWith('None of this kind'))",
        &[],
    )?;
    // the registration beside the one before, or alone: a page that is there
    screen.look("compare-items")?;
    Ok(format!("{marks} words differ in two messages"))
}

pub fn picture(stage: &mut Stage) -> Result<String, String> {
    let screen = &stage.screen;
    screen.ask("all('.crumbs a').at(-1).focus()", &[])?;
    screen.press(Key::Enter)?;
    screen.until("the ladder", "return !!one('#ladder a.m.on')", &[])?;
    screen.click("#png")?;
    screen.until("a PNG", "return !!one('#png').dataset.made || !one('#said').hidden", &[])?;
    let size = screen.words("return one('#png').dataset.made ?? text('#said')", &[json!(0)])?;
    if size.contains('x') && !size.contains(' ') { Ok(format!("a PNG of {size} pixels")) } else { Err(size) }
}
