//! Breaks when a history that is taken away as a file is not what was kept: a message that Wireshark's family does not read,
//! or reads twice, with another address, port or time; a line that a program can't read; a name that a token should hide.

mod any;
mod capture;
mod lines;
mod record;
#[path = "../scenario/mod.rs"]
mod scenario;
mod scenarios;
mod tokens;
#[path = "../wireshark/mod.rs"]
mod wireshark;
