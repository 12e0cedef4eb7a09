//! Claims about exports: the menu opens by keyboard, and what it offers is a file that Wireshark, or an archive tool, knows.

use thirtyfour::Key;

use crate::Stage;

/// Fetches what a link or a form leads to, as the browser would save it: status, file name, first bytes.
const TAKE: &str = "
    window.taken = undefined;
    fetch(arguments[0]).then(async (answer) => {
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const first = [...bytes.slice(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join('');
      window.taken = `${answer.status} ${answer.headers.get('content-disposition')} ${first} ${bytes.length}`;
    });";

fn take(stage: &Stage, link: &str) -> Result<String, String> {
    stage.screen.ask(TAKE, &[serde_json::json!(link)])?;
    stage.screen.until("the file has come", "return window.taken !== undefined", &[])?;
    stage.screen.words("return window.taken", &[])
}

pub fn menu(stage: &mut Stage) -> Result<String, String> {
    stage.screen.open("/c/default/u/1011/diag")?;
    stage.screen.ask("one('.export summary').focus()", &[])?;
    stage.screen.press(Key::Enter)?;
    stage.screen.until(
        "the menu is open",
        "return one('.export').open && one('.offer').checkVisibility()",
        &[],
    )?;
    stage.screen.look("export")?;
    let link = |form: &str| format!("return one('.offer a[href*=\"form={form}\"]').href");
    let mut told = Vec::new();
    for (form, extension, first) in [("pcap", ".pcap\"", "d4c3b2a1"), ("pcapng", ".pcapng\"", "0a0d0d0a")] {
        let link = stage.screen.words(&link(form), &[])?;
        let file = take(stage, &link)?;
        if !file.starts_with("200 attachment") || !file.contains(extension) || !file.contains(first) {
            return Err(format!("{form}: {file}"));
        }
        told.push(file.rsplit(' ').next().unwrap_or_default().to_owned());
    }
    let zip = stage.screen.words("return one('.offer form').action + '?names=hide&addresses=hide'", &[])?;
    let zip = take(stage, &zip)?;
    if !zip.starts_with("200 attachment") || !zip.contains(".zip\"") || !zip.contains("504b0304") {
        return Err(format!("the support bundle: {zip}"));
    }
    told.push(zip.rsplit(' ').next().unwrap_or_default().to_owned());
    Ok(format!("pcap, pcapng and bundle of {} bytes", told.join(", ")))
}
