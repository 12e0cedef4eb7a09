//! The lines of a session description (RFC 8866), each with what it says. Values may hold anything that a hostile peer sent.
//! Pure.

use super::label::clip;

/// Payload types with a fixed meaning (RFC 3551 section 6).
const STATIC: [(&str, &str); 12] = [
    ("0", "PCMU"),
    ("3", "GSM"),
    ("4", "G723"),
    ("8", "PCMA"),
    ("9", "G722"),
    ("10", "L16 stereo"),
    ("11", "L16"),
    ("13", "comfort noise"),
    ("15", "G728"),
    ("18", "G729"),
    ("31", "H261"),
    ("34", "H263"),
];

/// Each line, and what it says; `None`: nothing that helps.
pub fn explained(body: &str) -> Vec<(&str, Option<String>)> {
    let lines: Vec<&str> =
        body.lines().map(|line| line.trim_end_matches('\r')).filter(|l| !l.is_empty()).collect();
    lines
        .iter()
        .enumerate()
        .map(|(at, line)| (*line, explain(line, lines.get(at + 1..).unwrap_or_default())))
        .collect()
}

fn explain(line: &str, below: &[&str]) -> Option<String> {
    let (kind, value) = line.split_once('=')?;
    match kind {
        "v" => Some("Version of the format.".into()),
        "o" => Some("Names this description; a higher version is a change of it.".into()),
        "s" => Some("Name of the session; says nothing.".into()),
        "t" => Some("From when to when; 0 0 is always.".into()),
        "b" => Some(format!("Bandwidth: {}.", clip(value, 40))),
        "k" => Some("A key; blacked out.".into()),
        "c" => connection(value),
        "m" => media(value, below),
        "a" => attribute(value),
        _ => None,
    }
}

fn connection(value: &str) -> Option<String> {
    let address = value.split(' ').nth(2)?.trim();
    Some(match address {
        "0.0.0.0" | "::" => "No address: the other side is on hold, the old way.".into(),
        address => {
            let is_private = address.parse().is_ok_and(|ip: std::net::IpAddr| match ip {
                std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
                std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
            });
            let private =
                if is_private { " It is private: from outside its network it can't be reached." } else { "" };
            format!("Media is to be sent to {}.{private}", clip(address, 60))
        }
    })
}

fn media(value: &str, below: &[&str]) -> Option<String> {
    let mut words = value.split_whitespace();
    let (kind, port, profile) = (words.next()?, words.next()?, words.next()?);
    if port == "0" {
        return Some(format!("No {}: refused, or ended.", clip(kind, 20)));
    }
    let mine: Vec<&str> = below.iter().copied().take_while(|line| !line.starts_with("m=")).collect();
    let codecs: Vec<String> = words.take(24).map(|number| codec(number, &mine)).collect();
    let upper = profile.to_ascii_uppercase();
    let crypt = match () {
        () if upper.contains("TLS") => ", encrypted (DTLS-SRTP)",
        () if upper.contains("SAVP") => ", encrypted (SRTP)",
        () if upper.contains("AVP") => ", not encrypted",
        () => "",
    };
    Some(format!(
        "{} at port {}{crypt}. Codecs, the preferred one first: {}.",
        capital(&clip(kind, 20)),
        clip(port, 12),
        codecs.join(", ")
    ))
}

/// A payload type by its name.
fn codec(number: &str, lines: &[&str]) -> String {
    let map = lines.iter().filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let mut named = map.filter_map(|map| map.split_once(' ')).filter(|(of, _)| *of == number);
    let name = named.next().map(|(_, name)| name.split('/').next().unwrap_or_default());
    let name = name.or_else(|| STATIC.iter().find(|(of, _)| *of == number).map(|(_, name)| *name));
    match name {
        Some("telephone-event") => "keys (telephone-event)".into(),
        Some(name) => clip(name, 30),
        None => clip(number, 12),
    }
}

fn attribute(value: &str) -> Option<String> {
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    let words = match name.trim() {
        "sendrecv" => "Both sides send and receive.".into(),
        "sendonly" => "This side only sends: the other is on hold.".into(),
        "recvonly" => "This side only receives: it is on hold.".into(),
        "inactive" => "Nobody sends: on hold.".into(),
        "rtpmap" => {
            let (number, codec) = rest.split_once(' ')?;
            format!("Number {} is {}.", clip(number, 8), clip(codec, 40))
        }
        "fmtp" => "Settings of a codec.".into(),
        "ptime" => format!("{} ms of speech in each packet.", clip(rest.trim(), 8)),
        "maxptime" => format!("At most {} ms of speech in each packet.", clip(rest.trim(), 8)),
        "crypto" => "An SRTP key (SDES); blacked out.".into(),
        "fingerprint" => "Fingerprint of the certificate that the DTLS handshake must show.".into(),
        "setup" => match rest.trim() {
            "active" => "This side begins the DTLS handshake.".into(),
            "passive" => "The other side begins the DTLS handshake.".into(),
            _ => "Either side may begin the DTLS handshake.".into(),
        },
        "rtcp" => "Where reports on quality go.".into(),
        "rtcp-mux" => "Reports on quality share the media's port.".into(),
        "rtcp-fb" => "Reports it takes on what was lost.".into(),
        "candidate" => candidate(rest)?,
        "ice-ufrag" | "ice-pwd" => "For ICE, which tries the candidates.".into(),
        "ice-lite" => "Knows ICE only as far as a server must.".into(),
        "ssrc" => "Names the stream.".into(),
        "mid" | "group" => "Which media belong together.".into(),
        "label" | "content" => "What the media is for.".into(),
        "T38FaxVersion" => "Fax (T.38).".into(),
        _ => return None,
    };
    Some(words)
}

fn candidate(rest: &str) -> Option<String> {
    let words: Vec<&str> = rest.split_whitespace().take(8).collect();
    let (address, port, kind) = (words.get(4)?, words.get(5)?, words.get(7)?);
    let kind = match *kind {
        "host" => "its own",
        "srflx" => "as seen from outside, by STUN",
        "relay" => "of a relay, by TURN",
        _ => "of another kind",
    };
    Some(format!("May be reached at {} port {}, {kind}.", clip(address, 60), clip(port, 6)))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
