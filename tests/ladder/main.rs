//! The ladder would leave out or turn around messages, name devices as nobody knows them, or let a peer's text become
//! markup; a comparison would show what always differs, and not what does.

mod compare;
mod golden;
mod hand;
mod hostile;
mod house;
#[expect(dead_code, reason = "pages.rs takes the rest")]
#[path = "../html/mod.rs"]
mod html;
mod meaning;
#[path = "../scenario/mod.rs"]
mod scenario;
mod scenarios;
#[expect(dead_code, reason = "web.rs and login.rs take the rest")]
#[path = "../web_site/mod.rs"]
mod web_site;
