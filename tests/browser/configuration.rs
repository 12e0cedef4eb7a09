//! Claims about the configuration: who may change what, and that it takes effect.

use serde_json::json;

use crate::Stage;
use crate::pages::enter;
use crate::phone::{Over, register};

/// Sets it on the page as a person does.
fn set(stage: &Stage, word: &str) -> Result<(), String> {
    let screen = &stage.screen;
    screen.open("/configuration/company/default")?;
    screen.click(&format!("input[value={word}]"))?;
    screen.click("form button.main")?;
    screen.until(
        "saved",
        "return one('.notice.good')?.checkVisibility() === true && one('input[name=dump_detail]:checked').value === arguments[0]",
        &[json!(word)],
    )
}

pub fn dump_detail(stage: &mut Stage) -> Result<String, String> {
    stage.screen.open("/configuration")?;
    stage.screen.until(
        "General Settings",
        "return text('.crumbs')?.includes('General Settings') === true",
        &[],
    )?;
    set(stage, "summary")?;
    stage.screen.look("settings")?;
    register(&stage.pbx, "1013", stage.pbx.port(3), Over::Udp, 3600).finish()?;
    let screen = &mut stage.screen;
    screen.open("/c/default/u/1013/diag/packets")?;
    screen.until("diag says it", "return text('.taken b') === 'summary'", &[])?;
    // what is queued is written within a moment; the page is static
    screen.until(
        "the REGISTER with its credentials",
        "if (all('tr.packet .ms a').filter((a) => a.title.startsWith('REGISTER')).length > 1) return true; location.reload()",
        &[],
    )?;
    screen.click("tr.packet .ms a[title^=REGISTER]")?;
    screen.until("the message", "return !!one('pre.raw')", &[])?;
    screen.look("message-summary")?;
    let raw = screen.words("return one('pre.raw').textContent", &[])?;
    set(stage, "headers")?;
    if raw.contains("Authorization") || raw.contains("Max-Forwards") || !raw.contains("Call-ID") {
        return Err(format!("summary keeps {raw}"));
    }
    Ok(format!(
        "summary keeps {} bytes of a REGISTER, without its credentials; then headers again",
        raw.len()
    ))
}

pub fn administrator(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.click(".tabs a:not([aria-current])")?;
    screen.until("the accounts", "return !!one('#new-name')", &[])?;
    screen.fill("#new-name", "anna")?;
    screen.ask("one('#new-role').value = 'administrator'; one('#new-company').value = 'default'", &[])?;
    screen.click("fieldset button.main")?;
    screen.until("the password, once", "return text('.secret')?.length >= 12", &[])?;
    let password = screen.words("return text('.secret')", &[])?;
    screen.look("administrators")?;
    screen.open("/configuration/administrators")?;
    screen.until(
        "it is shown no more, and the account is listed",
        "return !document.body.textContent.includes(arguments[0]) && all('tbody th').some((t) => t.textContent.trim() === 'anna')",
        &[json!(password)],
    )?;
    screen.look("administrators-again")?;
    screen.click(".who button")?;
    screen.until("logged out", "return !!one('#password')", &[])?;
    enter(stage, "anna", &password)?;
    stage.screen.until(
        "anna is in",
        "return text('.person')?.startsWith('anna') === true && !!one('#rows')",
        &[],
    )?;
    Ok(format!(
        "anna, administrator of default, with a password of {} characters; logged in with it",
        password.len()
    ))
}

pub fn refused(stage: &mut Stage) -> Result<String, String> {
    let screen = &mut stage.screen;
    screen.until(
        "no way to other companies or to the configuration",
        "return !one('.switch') && !document.body.innerHTML.includes('/configuration') && !document.body.innerHTML.includes('/c/other')",
        &[],
    )?;
    screen.look("monitoring-administrator")?;
    for path in ["/configuration/company/default", "/configuration/administrators"] {
        screen.open(path)?;
        if screen.status()? != 403 {
            return Err(format!("{path}: {}", screen.status()?));
        }
    }
    let words = screen.words("return text('h1')", &[])?;
    screen.look("refused")?;
    for path in ["/c/other/", "/c/other/u/201/diag"] {
        screen.open(path)?;
        if screen.status()? != 404 {
            return Err(format!("{path}: {}", screen.status()?));
        }
    }
    screen.look("missing")?;
    Ok(format!("403 `{words}` at the settings and the accounts, 404 at another company's pages"))
}
