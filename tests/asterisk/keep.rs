//! Asterisk with phones that register and call, for people and for the browser test.

use std::fs;
use std::io::Write;

use crate::pbx::Pbx;
use crate::phone::{Over, answer, call, register};

/// Two companies, so that one can be invisible to the other; a few users with names, departments and terminals, as a
/// real directory has. All others come from pjsip.conf by themselves.
const DIRECTORY: &str = r#"
[[company]]
id = "default"
name = "Acme S.p.A."
[[company]]
id = "other"
name = "Other & Sons"
[[user]]
company = "other"
extension = "201"
name = "Nobody"
surname = "Else"
[[user]]
company = "default"
extension = "1001"
name = "Anna"
surname = "Rossi"
department = "Sales"
mobile = "+39 333 000 1001"
[[user.terminal]]
kind = "sip"
description = "Desk phone"
[[user.terminal]]
kind = "usb"
description = "Headset"
[[user]]
company = "default"
extension = "1002"
name = "Bruno"
surname = "Conti"
department = "Support"
[[user.terminal]]
kind = "dect"
description = "Handset of the warehouse"
[[user.terminal]]
kind = "gui"
description = "Desktop client"
[[user]]
company = "default"
extension = "1003"
name = "Chiara"
surname = "Esposito"
department = "Support"
"#;

/// Adds the directory; before Asterisk starts.
pub fn configure(pbx: &Pbx) {
    let file = pbx.folder().join("etc/usermon.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text + DIRECTORY).unwrap();
}

/// Registers eight phones and lets 1001 call 1002 again and again; returns when the process is ended or Asterisk is.
pub fn keep(pbx: &Pbx, administrator: &str) {
    let users: Vec<String> = (1001..=1008).map(|n| n.to_string()).collect();
    println!("page: http://127.0.0.1:{}/usermon/", pbx.http);
    println!("super-admin: super-admin {administrator}");
    println!("sip: 127.0.0.1:{}", pbx.sip);
    for user in (crate::pbx::FIRST..=crate::pbx::LAST).map(|n| n.to_string()) {
        println!("phone: {user} {}", crate::pbx::password(&user));
    }
    let port = |n: u16| pbx.sip + 20 + n;
    for (user, n) in users.iter().zip(1..) {
        if let Err(what) = register(pbx, user, port(n), Over::Udp, 3600).finish() {
            println!("phone {user}: {what}");
        }
    }
    println!("ready");
    std::io::stdout().flush().unwrap();
    let mut calls = 0;
    while pbx.rx("core show uptime").contains("uptime") {
        let called = answer(pbx, "1002", port(2), Over::Udp, 4000, &[]);
        let calling = call(pbx, "1001", port(1), Over::Udp, "1002", 8000, &[]);
        if let Err(what) = calling.finish().and(called.finish()) {
            println!("call {calls}: {what}");
        }
        calls += 1;
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
