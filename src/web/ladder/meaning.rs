//! What a header says, as a plain sentence for an administrator. One table; what is not in it needs no words, or none can
//! be given. The values may hold anything that a hostile peer sent: sentences quote at most a few words of them. Pure.

use std::time::Duration;

use super::label::{clip, in_dialog};
use super::value::{host, name_of, number, parameter, quoted};
use crate::query::history::{Message, Method};
use crate::query::words::call_cause;
use crate::web::text::span;

/// A header with what it belongs to.
struct Case<'a> {
    value: &'a str,
    message: &'a Message,
}

type Words = fn(&Case<'_>) -> Option<String>;

/// Name, compact name (RFC 3261 section 7.3.3; empty: none), words.
const TABLE: &[(&str, &str, Words)] = &[
    ("Via", "v", via),
    ("Route", "", |c| Some(format!("Goes by way of {}.", host(c.value)))),
    ("Record-Route", "", |c| {
        Some(format!("{} wants to stay in the way of all later requests of the dialog.", host(c.value)))
    }),
    ("Path", "", |c| Some(format!("The phone is reached by way of {}.", host(c.value)))),
    ("Service-Route", "", |c| {
        Some(format!("The phone is to send its requests by way of {}.", host(c.value)))
    }),
    ("From", "f", |c| Some(format!("Who began it: {}.{}", name_of(c.value), tag(c.value)))),
    ("To", "t", to),
    ("Call-ID", "i", |_| Some("Names the dialog: all messages of it have the same.".into())),
    ("CSeq", "", cseq),
    ("Contact", "m", contact),
    ("Expires", "", expires),
    ("Min-Expires", "", |c| Some(format!("The shortest registration it takes is {}.", seconds(c.value)?))),
    ("Max-Forwards", "", |c| match number(c.value)? {
        0 => Some("Nobody may pass it on any more: a loop, perhaps.".into()),
        n => Some(format!("At most {n} more servers may pass it on.")),
    }),
    ("Allow", "", |c| Some(format!("Requests it takes.{}", lacking(c.value)))),
    ("Supported", "k", |_| Some("Extensions it knows and may use.".into())),
    ("Require", "", |_| Some("Extensions that the other side must know, or refuse.".into())),
    ("Proxy-Require", "", |_| Some("Extensions that each server on the way must know.".into())),
    ("Unsupported", "", |_| {
        Some("Extensions it was asked for and does not know: that is why it refused.".into())
    }),
    ("Accept", "", |_| Some("Kinds of bodies it can read.".into())),
    ("User-Agent", "", |_| Some("Make and version of the sender.".into())),
    ("Server", "", |_| Some("Make and version of who answers.".into())),
    ("Authorization", "", |c| credentials(c.value)),
    ("Proxy-Authorization", "", |c| credentials(c.value)),
    ("WWW-Authenticate", "", |c| challenge(c.value)),
    ("Proxy-Authenticate", "", |c| challenge(c.value)),
    ("Authentication-Info", "", |_| Some("The password was right; what to count on with next time.".into())),
    ("Reason", "", reason),
    ("Warning", "", warning),
    ("Retry-After", "", |c| Some(format!("Not before {}.", seconds(c.value)?))),
    ("Session-Expires", "x", session),
    ("Min-SE", "", |c| Some(format!("The shortest session timer it takes is {}.", seconds(c.value)?))),
    ("P-Asserted-Identity", "", |c| Some(format!("The network vouches that this is {}.", name_of(c.value)))),
    ("P-Preferred-Identity", "", |c| Some(format!("The caller wishes to be shown as {}.", name_of(c.value)))),
    ("Remote-Party-ID", "", |c| Some(format!("Who it is, as the sender knows: {}.", name_of(c.value)))),
    ("P-Called-Party-ID", "", |c| Some(format!("The number that was dialled: {}.", name_of(c.value)))),
    ("Privacy", "", |c| match c.value.trim() {
        "none" => Some("The number may be shown.".into()),
        _ => Some("The number is not to be shown.".into()),
    }),
    ("Diversion", "", diversion),
    ("History-Info", "", |c| Some(format!("It has been tried at {}.", name_of(c.value)))),
    ("Refer-To", "r", |c| {
        let how = if c.value.contains("Replaces=") { "with a call that stands already" } else { "blind" };
        Some(format!("Transfer to {}, {how}.", name_of(c.value)))
    }),
    ("Referred-By", "b", |c| Some(format!("{} transferred it.", name_of(c.value)))),
    ("Replaces", "", |_| Some("Takes the place of another call: the end of a transfer, or a pickup.".into())),
    ("Event", "o", |c| Some(format!("What it is about: {}.", clip(c.value, 40)))),
    ("Subscription-State", "", subscription),
    ("Content-Type", "c", |c| Some(format!("The body is {}.", body_kind(c.value)))),
    ("Content-Length", "l", |c| match number(c.value)? {
        0 => Some("There is no body.".into()),
        n => Some(format!("The body has {n} bytes.")),
    }),
    ("Alert-Info", "", |_| Some("How the phone shall ring.".into())),
    ("Call-Info", "", |_| Some("More about the caller, or that the phone shall answer by itself.".into())),
    ("RSeq", "", |_| Some("This provisional answer wants to be acknowledged (PRACK).".into())),
    ("RAck", "", |_| Some("Which provisional answer this acknowledges.".into())),
    ("SIP-ETag", "", |_| Some("Names what was published, for the next time.".into())),
    ("In-Reply-To", "", |_| Some("The call that this one returns.".into())),
];

/// What a header says; `None`: its name says enough, or it can't be told.
pub fn meaning(name: &str, value: &str, message: &Message) -> Option<String> {
    let is_it = |(long, compact, _): &&(&str, &str, Words)| {
        name.eq_ignore_ascii_case(long) || (!compact.is_empty() && name.eq_ignore_ascii_case(compact))
    };
    let (_, _, words) = TABLE.iter().find(is_it)?;
    words(&Case { value, message })
}

/// The long name of a header.
pub fn long_name(name: &str) -> &str {
    let is_it =
        |(_, compact, _): &&(&str, &str, Words)| !compact.is_empty() && name.eq_ignore_ascii_case(compact);
    TABLE.iter().find(is_it).map_or(name, |(long, _, _)| long)
}

/// A number of seconds as a span.
fn seconds(value: &str) -> Option<String> {
    number(value).map(|s| span(Duration::from_secs(s)))
}

fn tag(value: &str) -> &'static str {
    if parameter(value, "tag").is_some() {
        " The tag is the beginner's half of the dialog's name."
    } else {
        ""
    }
}

fn via(case: &Case<'_>) -> Option<String> {
    let (protocol, rest) = case.value.trim().split_once(' ')?;
    let over = protocol.rsplit('/').next().unwrap_or_default();
    let by = rest.split([';', ',']).next().unwrap_or_default().trim();
    let port = parameter(rest, "rport").filter(|port| !port.is_empty());
    let came = match (parameter(rest, "received"), port) {
        (Some(ip), port) if !by.starts_with(ip) => {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!(
                " It came from {}, so a router with address translation is between.",
                clip(&format!("{ip}{port}"), 60)
            )
        }
        (_, Some(port)) if !by.ends_with(&format!(":{port}")) => {
            format!(" It came from port {}, so a router with address translation is between.", clip(port, 8))
        }
        _ => String::new(),
    };
    Some(format!("Sent by {} over {}; answers go back that way.{came}", clip(by, 60), clip(over, 8)))
}

fn to(case: &Case<'_>) -> Option<String> {
    let within = match (case.message.status, in_dialog(case.message)) {
        (None, true) => " It has a tag: this is within a dialog that stands.",
        (None, false) => " It has no tag: this begins something new.",
        _ => "",
    };
    Some(format!("Whom it is for: {}.{within}", name_of(case.value)))
}

fn cseq(case: &Case<'_>) -> Option<String> {
    let (number, method) = case.value.trim().split_once(char::is_whitespace)?;
    let method = clip(method.trim(), 20);
    Some(match case.message.status {
        None => format!("Request number {} of this side.", clip(number, 12)),
        Some(_) => format!("Answers the {method} with the number {}.", clip(number, 12)),
    })
}

fn contact(case: &Case<'_>) -> Option<String> {
    let value = case.value.trim();
    if value == "*" {
        return Some("All registrations are to be removed.".into());
    }
    if case.message.method == Method::Register {
        return Some(match parameter(value, "expires").and_then(number) {
            Some(0) => "This registration is to be removed.".into(),
            Some(s) => format!("The phone is at {}, for {}.", host(value), span(Duration::from_secs(s))),
            None => format!("The phone is at {}.", host(value)),
        });
    }
    match case.message.status {
        Some(300..400) => Some(format!("To be tried instead: {}.", name_of(value))),
        _ => Some(format!("Further requests of this dialog go to {}.", host(value))),
    }
}

fn expires(case: &Case<'_>) -> Option<String> {
    let s = number(case.value)?;
    let how_long = span(Duration::from_secs(s));
    Some(match (case.message.method, case.message.status, s) {
        (Method::Register, None, 0) => "The registration is to end.".into(),
        (Method::Register, None, _) => format!("Wishes to be registered for {how_long}."),
        (Method::Register, Some(_), _) => format!("The registration holds for {how_long}."),
        (Method::Subscribe, None, 0) => "The subscription is to end.".into(),
        (Method::Subscribe, _, _) => format!("The subscription holds for {how_long}."),
        (Method::Invite, _, _) => format!("The call is to be given up after {how_long} without an answer."),
        _ => format!("Holds for {how_long}."),
    })
}

/// Which usual requests are not taken.
fn lacking(value: &str) -> String {
    let taken: Vec<String> = value.split(',').map(|m| m.trim().to_ascii_uppercase()).collect();
    let usual = ["INVITE", "ACK", "BYE", "CANCEL", "REFER", "UPDATE"];
    let lacks: Vec<&str> = usual.into_iter().filter(|m| !taken.iter().any(|t| t == m)).collect();
    if lacks.is_empty() { String::new() } else { format!(" Not among them: {}.", lacks.join(", ")) }
}

fn credentials(value: &str) -> Option<String> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return Some("Credentials; blacked out.".into());
    }
    let quote = |name: &str| clip(quoted(rest, name).unwrap_or("?"), 60);
    Some(format!(
        "Answers the challenge as {} in the realm {}. What proves the password is blacked out.",
        quote("username"),
        quote("realm")
    ))
}

fn challenge(value: &str) -> Option<String> {
    let (_, rest) = value.trim().split_once(' ')?;
    let stale = if quoted(rest, "stale").is_some_and(|s| s.eq_ignore_ascii_case("true")) {
        " The password was right, only the nonce is too old."
    } else {
        ""
    };
    let algorithm = clip(quoted(rest, "algorithm").unwrap_or("MD5"), 20);
    let realm = clip(quoted(rest, "realm").unwrap_or("?"), 60);
    Some(format!(
        "Asks for the password of the realm {realm}, by {algorithm}.{stale} This is how it always begins."
    ))
}

fn reason(case: &Case<'_>) -> Option<String> {
    let cause = parameter(case.value, "cause").and_then(number);
    let text = quoted(case.value, "text").map(|text| format!(" \"{}\"", clip(text, 80))).unwrap_or_default();
    let is_isdn = case.value.trim_start().get(..5).is_some_and(|p| p.eq_ignore_ascii_case("Q.850"));
    match (is_isdn, cause) {
        (true, Some(cause)) => {
            let words = u16::try_from(cause).map_or("", call_cause);
            let words = if words.is_empty() { "a rare cause" } else { words };
            Some(format!("Why, as telephone networks number it: {words} ({cause}).{text}"))
        }
        (false, Some(200)) => Some(format!("Why: the call was answered elsewhere.{text}")),
        (false, Some(cause)) => Some(format!("Why: as if {cause} had been answered.{text}")),
        (_, None) => None,
    }
}

fn warning(case: &Case<'_>) -> Option<String> {
    let code = case.value.trim().split(' ').next().and_then(number)?;
    let words = match code {
        300 => "the network protocol is not available",
        301 => "the address formats do not fit",
        302 => "the transport is not available",
        303 => "the bandwidth's units are not understood",
        304 => "the kind of media is not available",
        305 => "no common codec",
        306 => "an attribute of the media is not understood",
        307 => "a parameter of the session description is not understood",
        330 => "multicast is not available",
        331 => "unicast is not available",
        370 => "not enough bandwidth",
        399 => "see its own words",
        _ => return None,
    };
    Some(format!("Warning {code}: {words}."))
}

fn session(case: &Case<'_>) -> Option<String> {
    let s = case.value.split(';').next().and_then(number)?;
    let who = match parameter(case.value, "refresher") {
        Some("uac") => " The side that asked must do so.",
        Some("uas") => " The side that answers must do so.",
        _ => "",
    };
    Some(format!("The call ends unless it is refreshed within {}.{who}", span(Duration::from_secs(s))))
}

fn diversion(case: &Case<'_>) -> Option<String> {
    let why =
        match parameter(case.value, "reason").map(|r| r.trim_matches('"').to_ascii_lowercase()).as_deref() {
            Some("user-busy") => ", because it was busy",
            Some("no-answer") => ", because nobody answered",
            Some("unconditional") => ", always",
            Some("unavailable") => ", because it was not reachable",
            Some("deflection") => ", by hand",
            Some("do-not-disturb") => ", because it does not want to be disturbed",
            _ => "",
        };
    Some(format!("Diverted by {}{why}.", name_of(case.value)))
}

fn subscription(case: &Case<'_>) -> Option<String> {
    let state = case.value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let left = parameter(case.value, "expires").and_then(seconds).map(|s| format!(" for another {s}"));
    match state.as_str() {
        "active" => Some(format!("The subscription stands{}.", left.unwrap_or_default())),
        "pending" => Some("The subscription waits to be allowed.".into()),
        "terminated" => {
            let why = parameter(case.value, "reason").map(|r| format!(": {}", clip(r, 40)));
            Some(format!("The subscription is over{}.", why.unwrap_or_default()))
        }
        _ => None,
    }
}

fn body_kind(value: &str) -> String {
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/sdp" => "a session description: media, addresses, codecs (SDP)".into(),
        "application/dtmf-relay" | "application/dtmf" => "a key that was pressed; blacked out".into(),
        "message/sipfrag" => "how a transfer goes on".into(),
        "application/pidf+xml" | "application/xpidf+xml" => "presence".into(),
        "application/dialog-info+xml" => "the state of a watched line (busy lamp)".into(),
        "application/simple-message-summary" => "the state of a voice mailbox".into(),
        "text/plain" => "text; blacked out in messages".into(),
        other if other.starts_with("multipart/") => "several parts".into(),
        other => clip(other, 60),
    }
}
