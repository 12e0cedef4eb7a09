//! Claims about the wall: the sticker follows the phones.

use crate::Stage;
use crate::pbx::wait;
use crate::phone::{Over, answer, call, credentials, register, sipp};

use std::time::Duration;

fn registered(stage: &Stage, user: &str, port: u16) -> Result<(), String> {
    register(&stage.pbx, user, port, Over::Udp, 300).finish()?;
    stage.browser.becomes(user, "free", 0)
}

pub fn grey(stage: &mut Stage) -> Result<String, String> {
    stage.browser.becomes("1001", "offline", 0)?;
    let users = (crate::pbx::FIRST..=crate::pbx::LAST)
        .filter(|n| stage.browser.sticker(&n.to_string()).is_some_and(|s| s.word == "offline"))
        .count();
    if users == 40 { Ok(format!("{users} users, all grey")) } else { Err(format!("{users} of 40 are grey")) }
}

pub fn green(stage: &mut Stage) -> Result<String, String> {
    registered(stage, "1001", 5101)?;
    registered(stage, "1002", 5102)?;
    stage.browser.becomes("1003", "offline", 0)?;
    Ok("2 users green, a third one still grey".into())
}

pub fn one_call(stage: &mut Stage) -> Result<String, String> {
    let called = answer(&stage.pbx, "1002", 5102, Over::Udp, 2500, &[]);
    let calling = call(&stage.pbx, "1001", 5101, Over::Udp, "1002", 2500, &[]);
    stage.browser.becomes("1001", "ringing", 1)?;
    stage.browser.becomes("1002", "ringing", 1)?;
    stage.browser.becomes("1001", "busy", 1)?;
    stage.browser.becomes("1002", "busy", 1)?;
    calling.finish()?;
    called.finish()?;
    stage.browser.becomes("1001", "free", 0)?;
    stage.browser.becomes("1002", "free", 0)?;
    Ok("caller and called, each through 3 changes".into())
}

pub fn two_calls(stage: &mut Stage) -> Result<String, String> {
    for (user, port) in [("1001", 5101), ("1002", 5102), ("1003", 5103)] {
        registered(stage, user, port)?;
    }
    let called = answer(&stage.pbx, "1002", 5102, Over::Udp, 500, &["-m", "2"]);
    let first = call(&stage.pbx, "1001", 5101, Over::Udp, "1002", 5000, &[]);
    stage.browser.becomes("1002", "busy", 1)?;
    let second = call(&stage.pbx, "1003", 5103, Over::Udp, "1002", 3000, &[]);
    stage.browser.becomes("1002", "busy", 2)?;
    stage.browser.becomes("1003", "busy", 1)?;
    first.finish()?;
    second.finish()?;
    called.finish()?;
    stage.browser.becomes("1002", "free", 0)?;
    Ok("red with 2, each caller red with 1".into())
}

pub fn forked(stage: &mut Stage) -> Result<String, String> {
    registered(stage, "1001", 5101)?;
    registered(stage, "1004", 5104)?;
    registered(stage, "1004", 5114)?;
    let takes = answer(&stage.pbx, "1004", 5104, Over::Udp, 3000, &[]);
    let other = sipp(&stage.pbx, "cancelled", "1004", 5114, Over::Udp, &["1004"], &[]);
    crate::phone::listening(5114, Over::Udp);
    let calling = call(&stage.pbx, "1001", 5101, Over::Udp, "1004", 1500, &[]);
    stage.browser.becomes("1004", "ringing", 1)?;
    let legs =
        stage.pbx.rx("core show channels concise").lines().filter(|l| l.contains("PJSIP/1004-")).count();
    stage.browser.becomes("1004", "busy", 1)?;
    calling.finish()?;
    takes.finish()?;
    other.finish()?;
    stage.browser.becomes("1004", "free", 0)?;
    if legs == 2 { Ok("2 legs rang, 1 call shown".into()) } else { Err(format!("{legs} legs rang, not 2")) }
}

pub fn unregistered(stage: &mut Stage) -> Result<String, String> {
    registered(stage, "1005", 5105)?;
    register(&stage.pbx, "1005", 5105, Over::Udp, 0).finish()?;
    stage.browser.becomes("1005", "offline", 0)?;
    Ok("green, then grey".into())
}

pub fn expired(stage: &mut Stage) -> Result<String, String> {
    register(&stage.pbx, "1006", 5106, Over::Udp, 3).finish()?;
    stage.browser.becomes("1006", "free", 0)?;
    stage.browser.becomes("1006", "offline", 0)?;
    Ok("3 s of registration, then grey".into())
}

pub fn refused(stage: &mut Stage) -> Result<String, String> {
    let fields = ["1007", &credentials("1007", "not-its-password"), "300", "Grandstream GXP1625"];
    sipp(&stage.pbx, "refused", "1007", 5107, Over::Udp, &fields, &[]).finish()?;
    let mut page = String::new();
    let told = wait(Duration::from_secs(10), || {
        let wall = stage.browser.get("/usermon/c/default/").text();
        let Some(at) = wall.find("/u/1007/t/") else { return false };
        let path = wall[..at].rfind('"').map(|from| &wall[from + 1..at + wall[at..].find('"').unwrap_or(0)]);
        page = path.map(|path| stage.browser.get(path).text()).unwrap_or_default();
        page.to_lowercase().contains("wrong password")
    });
    stage.browser.becomes("1007", "offline", 0)?;
    if told {
        Ok("grey, and the page says: wrong password".into())
    } else {
        Err(format!("no cause on the page: {page}"))
    }
}
