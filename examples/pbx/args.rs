//! The command line of the reference host. Pure: reads arguments, touches nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
The reference host of usermon: a small SIP PBX with simulated phones, on loopback.

  --phones N        simulated phones that register and call each other (default 24)
  --users N         users in the directory (default: as many as the phones need, at least 24)
  --http ADDR:PORT  the PBX's web server (default 127.0.0.1:8080, or another free port)
  --sip ADDR:PORT   the PBX's SIP over UDP (default 127.0.0.1:5070, or another free port)
  --data DIR        where configuration and recorded packets go, kept for the next start
                    (default: a new folder under the system's temporary one, removed at the end)
  --library PATH    libusermon.so (default: the one built beside this program)
  --pace X          the phones ring, talk and pause X times faster (default 1)
  --seconds N       stop after N seconds (default: at Ctrl-C)
  --help            this text
";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) phones: usize,
    pub(crate) users: usize,
    pub(crate) http: Wanted,
    pub(crate) sip: Wanted,
    pub(crate) data: Option<PathBuf>,
    pub(crate) library: Option<PathBuf>,
    pub(crate) pace: f64,
    pub(crate) seconds: Option<Duration>,
}

/// An address to listen on; only one that was not asked for may be replaced by another port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) address: SocketAddr,
    pub(crate) asked: bool,
}

impl Args {
    /// `Ok(None)`: help is wanted.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let local = |port| Wanted { address: SocketAddr::from(([127, 0, 0, 1], port)), asked: false };
        let mut args = Self {
            phones: 24,
            users: 0,
            http: local(8080),
            sip: local(5070),
            data: None,
            library: None,
            pace: 1.0,
            seconds: None,
        };
        while let Some(word) = words.next() {
            let (option, inline) = match word.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            if option == "--help" || option == "-h" {
                return Ok(None);
            }
            if !HELP.contains(&format!("  {option} ")) || !option.starts_with("--") {
                return Err(format!("{option} is not an option of this program; --help lists them"));
            }
            let value = inline
                .or_else(|| words.next())
                .ok_or_else(|| format!("{option} wants a value; --help says which"))?;
            let wrong = |what: &str| format!("{option} {value}: write {what}");
            match option.as_str() {
                "--phones" => args.phones = count(&value).ok_or_else(|| wrong("a number from 1 to 2000"))?,
                "--users" => args.users = value.parse().map_err(|_| wrong("a number"))?,
                "--http" => {
                    args.http = asked(&value).ok_or_else(|| wrong("an address and port, 127.0.0.1:8080"))?
                }
                "--sip" => {
                    args.sip = asked(&value).ok_or_else(|| wrong("an address and port, 127.0.0.1:5070"))?
                }
                "--data" => args.data = Some(value.into()),
                "--library" => args.library = Some(value.into()),
                "--pace" => args.pace = pace(&value).ok_or_else(|| wrong("a number from 0.1 to 100"))?,
                "--seconds" => {
                    let seconds = value.parse().map_err(|_| wrong("a whole number of seconds"))?;
                    args.seconds = Some(Duration::from_secs(seconds));
                }
                _ => return Err(format!("{option} is not an option of this program; --help lists them")),
            }
        }
        Ok(Some(args))
    }
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=2000).contains(n))
}

fn pace(text: &str) -> Option<f64> {
    text.parse().ok().filter(|x| (0.1..=100.0).contains(x))
}

fn asked(text: &str) -> Option<Wanted> {
    text.parse().ok().map(|address| Wanted { address, asked: true })
}
