//! What an administrator does in a real browser would break: pages of the real Asterisk in Debian's Chromium, moved by
//! SIPp phones. Run by `tests/browser/run`, which starts both; `--screenshots DIR` keeps a picture of every page.

#![expect(unreachable_pub, reason = "a program of several files")]

mod configuration;
mod diagnostics;
mod export;
mod ladder;
mod pages;
mod pbx;
#[path = "../asterisk/phone.rs"]
#[expect(dead_code, reason = "the Asterisk test needs more of the phones")]
mod phone;
mod screen;
#[path = "../asterisk/script/mod.rs"]
#[expect(dead_code, reason = "the Asterisk tests use the rest")]
mod script;
mod wall;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use pbx::Pbx;
use screen::Screen;

/// What each claim gets.
pub struct Stage {
    /// Where phones register.
    pub pbx: Pbx,
    /// The browser.
    pub screen: Screen,
    /// Name and password of the super-admin.
    pub chief: (String, String),
}

/// A claim: its figure, or what is not so.
type Claim = fn(&mut Stage) -> Result<String, String>;

/// In this order: each begins on the page where the one before ended.
const CLAIMS: &[(&str, Claim)] = &[
    ("a wrong password is refused", pages::wrong_password),
    ("log in", pages::log_in),
    ("stickers have colour, shape and word", wall::stickers),
    ("the page is static while refresh is off", wall::is_static),
    ("refresh turns on and takes colour", wall::refresh),
    ("a sticker changes by itself while a call rings, is up and ends", wall::call),
    ("hover shows a terminal's detail", wall::hover),
    ("focus shows it too, and Escape closes it", wall::focus),
    ("search, filter and sort by keyboard", wall::search),
    ("a terminal's page", pages::terminal),
    ("diag says what happened: that call, the registration", diagnostics::list),
    ("a drag over the time line zooms", diagnostics::time_line),
    ("filters by keyboard, in the address", diagnostics::filters),
    ("a search goes on by itself, stops and goes on", diagnostics::search),
    ("a call opens as a ladder of both phones", ladder::ladder),
    ("keys and clicks choose a message without a reload", ladder::keys),
    ("two messages side by side, and the last time it worked", ladder::compare),
    ("the ladder as PNG", ladder::picture),
    ("the export menu opens by keyboard and gives files", export::menu),
    ("packets come live, pause and go on", diagnostics::live),
    ("diag has that call's packets", pages::diagnostics),
    ("a message opens raw, and keys go on to the next", pages::message),
    ("the dump detail changes and diag says so", configuration::dump_detail),
    ("an administrator is made", configuration::administrator),
    ("that administrator is refused the settings and sees no other company", configuration::refused),
    ("every page fits 390 px without scrolling sideways", pages::narrow),
    ("every page is dark where the system is, and its words stand out", pages::dark),
    ("no CSP violation and no console error on any page", pages::quiet),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        return ExitCode::SUCCESS;
    }
    let variable = |name: &str| std::env::var(format!("USERMON_{name}")).ok();
    let (Some(page), Some(chief), Some(sip), Some(work), Some(chromedriver)) = (
        variable("PAGE"),
        variable("SUPER_ADMIN"),
        variable("SIP"),
        variable("WORK"),
        variable("CHROMEDRIVER"),
    ) else {
        eprintln!("the browser test is run by tests/browser/run, which starts Asterisk and a chromedriver");
        return ExitCode::SUCCESS;
    };
    let work = PathBuf::from(work);
    let pictures = arguments.iter().position(|a| a == "--screenshots").and_then(|at| arguments.get(at + 1));
    let chief = chief.split_once(' ').expect("USERMON_SUPER_ADMIN: name and password");
    let mut stage = Stage {
        pbx: Pbx::at(&sip, &work),
        screen: Screen::new(&chromedriver, &page, &work, pictures.map(PathBuf::from)),
        chief: (chief.0.to_owned(), chief.1.to_owned()),
    };
    let (mut passed, mut failed) = (0, 0);
    for (name, claim) in CLAIMS {
        let began = Instant::now();
        let outcome = claim(&mut stage);
        let took = began.elapsed().as_secs_f64();
        match outcome {
            Ok(figure) => {
                passed += 1;
                println!("ok      {name}: {figure} ({took:.1} s)");
            }
            Err(what) => {
                failed += 1;
                println!("FAILED  {name}: {what} ({took:.1} s)\n        at {}", stage.screen.place());
            }
        }
    }
    stage.screen.quit();
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}
