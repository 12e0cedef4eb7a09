//! What a user of Asterisk relies on, shown on the real Asterisk 22 with SIPp phones: that the stickers say what the
//! phones do, that diagnostics hold a user's packets and nobody else's, that no secret reaches the disk, and that the
//! module comes and goes without touching a call. Run by `tests/asterisk/run`, which makes the root file system.

#![expect(unreachable_pub, reason = "a program of several files")]

#[path = "../html/mod.rs"]
mod html;
mod keep;
mod left;
mod packets;
mod page;
mod pbx;
mod phone;
mod reload;
mod rtp;
#[path = "../scenario/mod.rs"]
mod scenario;
#[expect(dead_code, reason = "the recorded scenarios take the rest")]
#[path = "../scenario_pages/mod.rs"]
mod scenario_pages;
mod scenarios;
mod scenes;
mod script;
mod shown;
mod softphone;
mod stand;
mod stickers;
mod tls;
#[expect(dead_code, reason = "the tests of exports take the rest")]
#[path = "../wireshark/mod.rs"]
mod wireshark;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use page::Browser;
use pbx::Pbx;

/// What each claim gets.
pub struct Stage {
    /// Asterisk.
    pub pbx: Pbx,
    /// The super-admin at the pages.
    pub browser: Browser,
    /// The super-admin's.
    pub password: String,
}

/// A claim: its figure, or what is not so.
type Claim = fn(&mut Stage) -> Result<String, String>;

/// In this order: later ones rest on what earlier ones left.
const CLAIMS: &[(&str, Claim)] = &[
    ("a user without a registration is grey", stickers::grey),
    ("green after REGISTER", stickers::green),
    ("orange with 1 while ringing, red with 1 when answered, green after BYE", stickers::one_call),
    ("red with 2 for two calls", stickers::two_calls),
    ("forked ringing on two contacts is one call", stickers::forked),
    ("grey after unregister", stickers::unregistered),
    ("grey after expiry", stickers::expired),
    ("a wrong password stays grey and its cause is on the terminal's page", stickers::refused),
    (
        "diagnostics have all packets of a user's registrations and calls and none of another's",
        packets::all_and_only,
    ),
    ("a message that is sent again is a packet again", packets::again),
    ("the same over TCP", packets::tcp),
    ("the same over TLS", packets::tls),
    ("off, summary, headers and full keep what they say", packets::details),
    ("no digest response reaches the disk", packets::no_secret),
    ("the command line says status and users", reload::commands),
    ("an endpoint that pjsip.conf gains or loses becomes a user or is gone", reload::endpoints),
    ("what is wrong makes the load decline, and Asterisk goes on", reload::declines),
    ("loaded during a call, the module shows it", reload::during_a_call),
    ("20 times unload and load while calls run, and no call fails", reload::twenty),
    ("a restart keeps the packets", reload::restart),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after =
        |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1)).cloned();
    let port = |name: &str, default: u16| after(name).map_or(default, |p| p.parse().expect("a port"));
    let (Some(root), Some(run)) =
        (std::env::var_os("USERMON_ASTERISK_ROOT"), std::env::var_os("USERMON_ASTERISK_RUN"))
    else {
        eprintln!("!! LEFT OUT: the real Asterisk is run by tests/asterisk/run (as root), not from here");
        return ExitCode::from(u8::from(std::env::var("CI").is_ok_and(|v| v == "true")));
    };
    let mut pbx =
        Pbx::new(PathBuf::from(root), PathBuf::from(run), port("--sip", 5060), port("--http", 8088));
    let began = Instant::now();
    let kept = arguments.iter().any(|a| a == "--keep");
    if kept {
        keep::configure(&pbx);
    } else {
        scenarios::configure(&pbx);
    }
    pbx.start();
    let password = pbx.first_password();
    if kept {
        keep::keep(&pbx, &password);
        return ExitCode::SUCCESS;
    }
    println!("Asterisk is up with the module after {:.1} s", began.elapsed().as_secs_f64());
    let browser = Browser::login(pbx.http, "super-admin", &password);
    let mut stage = Stage { pbx, browser, password };
    let (mut passed, mut failed) = (0, 0);
    let only = after("--only").unwrap_or_default();
    for (name, claim) in CLAIMS.iter().filter(|(name, _)| name.contains(&only)) {
        let began = Instant::now();
        let outcome =
            catch_unwind(AssertUnwindSafe(|| claim(&mut stage))).unwrap_or_else(|_| Err("panicked".into()));
        let alive = stage.pbx.alive();
        let took = began.elapsed().as_secs_f64();
        match outcome {
            Ok(figure) if alive => {
                passed += 1;
                println!("ok      {name}: {figure} ({took:.1} s)");
            }
            outcome => {
                failed += 1;
                println!(
                    "FAILED  {name}: {outcome:?}{} ({took:.1} s)",
                    if alive { "" } else { "; Asterisk is gone" }
                );
                if !alive {
                    break;
                }
            }
        }
    }
    let record = after("--record").map(PathBuf::from);
    let (well, badly) = scenarios::run(&mut stage, &only, record.as_deref());
    passed += well;
    failed += badly;
    if failed > 0 {
        let log = stage.pbx.log();
        let lines: Vec<&str> = log.lines().filter(|l| l.contains("usermon") || l.contains("pjsip")).collect();
        println!("the end of Asterisk's log ({}):", stage.pbx.folder().join("log/messages.log").display());
        lines.iter().rev().take(20).rev().for_each(|line| println!("  {line}"));
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}
