//! Terminals without SIP: desktop clients and USB audio devices, which a PBX with a client of its own knows to be active
//! or not. Here they are made up, and change now and then. Run by `main`.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::platform::CancellationToken;

use crate::chance;
use crate::directory::Terminal;
use crate::usermon::Usermon;

/// Tells of all terminals, then of the changes of those without SIP, until `stop`.
pub(crate) async fn run(terminals: Vec<Terminal>, usermon: Arc<Usermon>, pace: f64, stop: CancellationToken) {
    for terminal in &terminals {
        usermon.terminal(terminal, true);
    }
    let silent: Vec<&Terminal> = terminals.iter().filter(|terminal| terminal.endpoint.is_empty()).collect();
    let mut away: Option<&Terminal> = None;
    while !elapsed_or_stopped(chance::time(12.0..=25.0, pace), &stop).await {
        match away.take() {
            Some(terminal) => usermon.terminal(terminal, true),
            None => {
                away = chance::one_of(&silent).copied();
                if let Some(terminal) = away {
                    usermon.terminal(terminal, false);
                }
            }
        }
    }
}

async fn elapsed_or_stopped(time: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(time, stop.cancelled()).await.is_ok()
}
