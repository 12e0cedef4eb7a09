//! The kind of a terminal that nobody declared, from its User-Agent and Contact (product.md, "The monitoring
//! page"). Pure; asked when a contact is bound and when a page is made.

use crate::event::Kind;

/// Word beginnings (lower case) in a User-Agent, and the kind they stand for. The first that is found decides, so
/// exceptions stand before what they are exceptions of.
const TABLE: &[(&str, Kind)] = &[
    // desk phones of makers of DECT bases
    ("gigaset de", Kind::Sip),
    ("gigaset maxwell", Kind::Sip),
    ("grandstream wave", Kind::Gui),
    // DECT bases
    ("gigaset", Kind::Dect),
    ("n300 ip", Kind::Dect),
    ("n510 ip", Kind::Dect),
    ("n670 ip", Kind::Dect),
    ("n870 ip", Kind::Dect),
    ("yealink w5", Kind::Dect),
    ("yealink w6", Kind::Dect),
    ("yealink w7", Kind::Dect),
    ("yealink w8", Kind::Dect),
    ("yealink w9", Kind::Dect),
    ("w52p", Kind::Dect),
    ("w60b", Kind::Dect),
    ("w70b", Kind::Dect),
    ("w80", Kind::Dect),
    ("snomm", Kind::Dect),
    ("snom m", Kind::Dect),
    ("snom-m", Kind::Dect),
    ("m300/", Kind::Dect),
    ("m400/", Kind::Dect),
    ("m700/", Kind::Dect),
    ("m900/", Kind::Dect),
    ("kx-tgp", Kind::Dect),
    ("kx-uds", Kind::Dect),
    ("kx-udt", Kind::Dect),
    ("grandstream dp7", Kind::Dect),
    ("dp715", Kind::Dect),
    ("dp720", Kind::Dect),
    ("dp75", Kind::Dect),
    ("rfp", Kind::Dect),
    ("omm", Kind::Dect),
    ("sip-dect", Kind::Dect),
    ("ip-dect", Kind::Dect),
    ("ip dect", Kind::Dect),
    ("dect", Kind::Dect),
    ("spectralink", Kind::Dect),
    ("kirk", Kind::Dect),
    ("rtx", Kind::Dect),
    ("ascom", Kind::Dect),
    ("poly rove", Kind::Dect),
    ("cp-dbs", Kind::Dect),
    // softphones and libraries for browsers
    ("zoiper", Kind::Gui),
    ("linphone", Kind::Gui),
    ("liblinphone", Kind::Gui),
    ("microsip", Kind::Gui),
    ("bria", Kind::Gui),
    ("x-lite", Kind::Gui),
    ("xlite", Kind::Gui),
    ("eyebeam", Kind::Gui),
    ("counterpath", Kind::Gui),
    ("jitsi", Kind::Gui),
    ("baresip", Kind::Gui),
    ("pjsua", Kind::Gui),
    ("blink", Kind::Gui),
    ("acrobits", Kind::Gui),
    ("groundwire", Kind::Gui),
    ("cloud softphone", Kind::Gui),
    ("softphone", Kind::Gui),
    ("3cxphone", Kind::Gui),
    ("3cx phone", Kind::Gui),
    ("phonerlite", Kind::Gui),
    ("phoner", Kind::Gui),
    ("twinkle", Kind::Gui),
    ("ekiga", Kind::Gui),
    ("sflphone", Kind::Gui),
    ("csipsimple", Kind::Gui),
    ("mizu", Kind::Gui),
    ("portsip", Kind::Gui),
    ("sessiontalk", Kind::Gui),
    ("express talk", Kind::Gui),
    ("gnome calls", Kind::Gui),
    ("ninja", Kind::Gui),
    ("sip.js", Kind::Gui),
    ("jssip", Kind::Gui),
    ("sipml5", Kind::Gui),
    ("webrtc", Kind::Gui),
];

/// WebRTC clients and known softphones are `gui`, known DECT bases `dect`, everything else `sip`.
/// `contact` is a Contact URI, with or without angle brackets. Allocates nothing.
pub fn of_user_agent(user_agent: &str, contact: &str) -> Kind {
    // macOS's "Telephone 1.6" and Zoiper's "Z 5.6.1": elsewhere in a name the words mean something else
    let first = user_agent.split(' ').next().unwrap_or_default();
    if ["telephone", "z"].iter().any(|name| first.eq_ignore_ascii_case(name))
        || is_websocket(contact.as_bytes())
    {
        return Kind::Gui;
    }
    TABLE
        .iter()
        .find(|(word, _)| has_word(user_agent.as_bytes(), word.as_bytes()))
        .map_or(Kind::Sip, |(_, kind)| *kind)
}

/// RFC 7118: `transport=ws`, and the `.invalid` hosts of browsers, which know no address of their own.
fn is_websocket(contact: &[u8]) -> bool {
    let ends =
        |rest: &[u8]| rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b".-_".contains(byte));
    tails(contact, b"transport=ws")
        .any(|rest| ends(rest) || starts(rest, b"s") && rest.get(1..).is_some_and(ends))
        || tails(contact, b".invalid").any(ends)
}

/// Whether a word of `text` begins with `word`.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    (0..text.len()).any(|at| {
        let inside = at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        !inside && text.get(at..).is_some_and(|rest| starts(rest, word))
    })
}

/// What follows each place of `word` (lower case) in `text`.
fn tails<'t>(text: &'t [u8], word: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    (0..text.len())
        .filter_map(move |at| text.get(at..))
        .filter(move |rest| starts(rest, word))
        .filter_map(move |rest| rest.get(word.len()..))
}

fn starts(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}
