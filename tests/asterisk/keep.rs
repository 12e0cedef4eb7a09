//! Asterisk with phones that register and call, for people and for the browser test.

use std::io::Write;

use crate::pbx::Pbx;
use crate::phone::{Over, answer, call, register};

/// Registers eight phones and lets 1001 call 1002 again and again; returns when the process is ended or Asterisk is.
pub fn keep(pbx: &Pbx, administrator: &str) {
    let users: Vec<String> = (1001..=1008).map(|n| n.to_string()).collect();
    println!("page: http://127.0.0.1:{}/usermon/", pbx.http);
    println!("super-admin: super-admin {administrator}");
    println!("sip: 127.0.0.1:{}", pbx.sip);
    for user in (crate::pbx::FIRST..=crate::pbx::LAST).map(|n| n.to_string()) {
        println!("phone: {user} {}", crate::pbx::password(&user));
    }
    for (at, user) in users.iter().enumerate() {
        let port = 5201 + u16::try_from(at).unwrap();
        if let Err(what) = register(pbx, user, port, Over::Udp, 3600).finish() {
            println!("phone {user}: {what}");
        }
    }
    println!("ready");
    std::io::stdout().flush().unwrap();
    let mut calls = 0;
    while pbx.rx("core show uptime").contains("uptime") {
        let called = answer(pbx, "1002", 5202, Over::Udp, 4000, &[]);
        let calling = call(pbx, "1001", 5201, Over::Udp, "1002", 8000, &[]);
        if let Err(what) = calling.finish().and(called.finish()) {
            println!("call {calls}: {what}");
        }
        calls += 1;
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
