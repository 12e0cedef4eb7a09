//! Claims about the module's life: it comes and goes while calls run, and a restart loses nothing.

use std::fs;
use std::time::Duration;

use crate::Stage;
use crate::page::Browser;
use crate::pbx::wait;
use crate::phone::{Over, answer, call, register};

pub fn commands(stage: &mut Stage) -> Result<String, String> {
    let status = stage.pbx.rx("usermon show status");
    let users = stage.pbx.rx("usermon show users");
    let reload = stage.pbx.rx("usermon reload");
    let listed = (crate::pbx::FIRST..=crate::pbx::LAST).filter(|n| users.contains(&n.to_string())).count();
    if listed != 40 || !reload.contains("Reloaded") || status.lines().count() < 3 {
        return Err(format!("{listed} users listed; status: {status}; reload: {reload}"));
    }
    Ok(format!("{} lines of status, {listed} users, reloaded", status.lines().count()))
}

pub fn during_a_call(stage: &mut Stage) -> Result<String, String> {
    register(&stage.pbx, "1030", 5140, Over::Udp, 300).finish()?;
    register(&stage.pbx, "1031", 5141, Over::Udp, 300).finish()?;
    let called = answer(&stage.pbx, "1031", 5141, Over::Udp, 100, &[]);
    let calling = call(&stage.pbx, "1030", 5140, Over::Udp, "1031", 6000, &[]);
    stage.browser.becomes("1031", "busy", 1)?;
    again(stage)?;
    stage.browser.becomes("1030", "busy", 1)?;
    stage.browser.becomes("1031", "busy", 1)?;
    calling.finish()?;
    called.finish()?;
    stage.browser.becomes("1030", "free", 0)?;
    stage.browser.becomes("1031", "free", 0)?;
    Ok("both sides red with 1 after the load, green after BYE".into())
}

fn again(stage: &mut Stage) -> Result<(), String> {
    let out = stage.pbx.rx("module unload res_usermon.so");
    if !out.contains("Unloaded") {
        return Err(format!("not unloaded: {out}"));
    }
    let out = stage.pbx.rx("module load res_usermon.so");
    if !out.contains("Loaded") {
        return Err(format!("not loaded: {out}"));
    }
    stage.browser = Browser::login(stage.pbx.http, "super-admin", &stage.password);
    Ok(())
}

/// A new endpoint becomes a user, one that was taken out of pjsip.conf is gone.
pub fn endpoints(stage: &mut Stage) -> Result<String, String> {
    let file = stage.pbx.folder().join("etc/pjsip.conf");
    let before = fs::read_to_string(&file).unwrap();
    let added = "[anna]\ntype=endpoint\ncontext=internal\nallow=ulaw\ncallerid=Anna Rossi <1099>\n";
    let mut seen = Vec::new();
    for text in [format!("{before}{added}"), before] {
        fs::write(&file, text).unwrap();
        stage.pbx.rx("module reload res_pjsip.so");
        let wish = seen.is_empty();
        let so = wait(Duration::from_secs(10), || stage.browser.sticker("1099").is_some() == wish);
        seen.push(so);
    }
    if seen == [true, true] {
        Ok("a row after the first reload, none after the second".into())
    } else {
        Err(format!("{seen:?}"))
    }
}

/// Whatever is wrong, the module declines and says what to do, and Asterisk goes on.
pub fn declines(stage: &mut Stage) -> Result<String, String> {
    let etc = stage.pbx.folder().join("etc");
    let good = fs::read_to_string(etc.join("usermon.toml")).unwrap();
    let wrong = [
        ("usermon.toml", format!("{good}dump_detial = \"full\"\n"), "usermon.toml:2"),
        ("usermon.conf", "[general]\nlibrary = /nowhere/libusermon.so\n".into(), "/nowhere/libusermon.so"),
        (
            "usermon.conf",
            "[general]\nlibrary = /usr/lib/x86_64-linux-gnu/libm.so.6\n".into(),
            "not a usermon library",
        ),
    ];
    for (file, text, words) in &wrong {
        stage.pbx.rx("module unload res_usermon.so");
        fs::write(etc.join(file), text).unwrap();
        let out = stage.pbx.rx("module load res_usermon.so");
        let status = stage.pbx.rx("module show like res_usermon");
        fs::write(etc.join("usermon.toml"), &good).unwrap();
        let _ = fs::remove_file(etc.join("usermon.conf"));
        let told = wait(Duration::from_secs(5), || stage.pbx.log().contains(words));
        if !status.contains("Not Running") || !told {
            return Err(format!("{file}: {text}: {out} {status}"));
        }
        let out = stage.pbx.rx("module load res_usermon.so");
        if !out.contains("Loaded") {
            return Err(format!("not loaded after {file} was set right: {out}"));
        }
    }
    stage.browser = Browser::login(stage.pbx.http, "super-admin", &stage.password);
    Ok(format!("{} faults, each named in the log, each followed by a good load", wrong.len()))
}

pub fn twenty(stage: &mut Stage) -> Result<String, String> {
    const CALLS: usize = 300;
    let calls = CALLS.to_string();
    register(&stage.pbx, "1032", 5142, Over::Udp, 600).finish()?;
    register(&stage.pbx, "1033", 5143, Over::Udp, 600).finish()?;
    let called = answer(&stage.pbx, "1033", 5143, Over::Udp, 100, &["-m", &calls]);
    let calling = call(&stage.pbx, "1032", 5142, Over::Udp, "1033", 1000, &["-m", &calls, "-r", "10"]);
    let mut during = 0;
    for _ in 0..20 {
        let channels = stage.pbx.rx("core show channels count");
        during += usize::from(!channels.contains("0 active channels"));
        for (command, word) in
            [("module unload res_usermon.so", "Unloaded"), ("module load res_usermon.so", "Loaded")]
        {
            let out = stage.pbx.rx(command);
            if !out.contains(word) {
                return Err(format!("{command}: {out}"));
            }
        }
    }
    // -m calls, and SIPp ends well only if every one of them did
    let messages = calling.finish()?.len();
    called.finish()?;
    stage.browser = Browser::login(stage.pbx.http, "super-admin", &stage.password);
    stage.browser.becomes("1032", "free", 0)?;
    stage.browser.becomes("1033", "free", 0)?;
    if during < 15 {
        return Err(format!("only {during} of 20 reloads happened during calls"));
    }
    Ok(format!("20 reloads, {during} of them during calls; {CALLS} calls ({messages} messages), 0 failed"))
}

pub fn restart(stage: &mut Stage) -> Result<String, String> {
    let before = ["1011", "1012", "1017"].map(|user| stage.browser.packets(user).len());
    stage.pbx.stop();
    stage.pbx.start();
    stage.browser = Browser::login(stage.pbx.http, "super-admin", &stage.password);
    let after = ["1011", "1012", "1017"].map(|user| stage.browser.packets(user).len());
    stage.browser.becomes("1032", "free", 0)?;
    if before != after || before.contains(&0) {
        return Err(format!("{before:?} packets before, {after:?} after"));
    }
    Ok(format!("{before:?} packets before and after, still green"))
}
