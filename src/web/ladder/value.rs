//! Parts of a header's value: parameters, quoted texts, names. Tolerant: what is not there is `None` or what stands in its
//! place. Pure.

use super::label::{clip, user_of};

/// Name and value of each parameter after the first semicolon outside quotes and angle brackets.
pub fn parameters(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let after = value.rsplit_once('>').map_or(value, |(_, after)| after);
    after.split(';').skip(1).map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim(), value.split(',').next().unwrap_or_default().trim()),
        None => (part.trim(), ""),
    })
}

/// A parameter's value.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    parameters(value).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The value of `name=…` between commas or semicolons, without its quotes: of challenges, credentials, reasons.
pub fn quoted<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value;
    loop {
        let start = rest.find(|c: char| !c.is_whitespace() && c != ',' && c != ';')?;
        rest = rest.get(start..)?;
        let end = rest.find(['=', ',', ';']).unwrap_or(rest.len());
        let found = rest.get(..end)?.trim();
        rest = rest.get(end..)?;
        let Some(after) = rest.strip_prefix('=') else { continue };
        let after = after.trim_start();
        let (text, tail) = match after.strip_prefix('"') {
            Some(inner) => inner.split_once('"').unwrap_or((inner, "")),
            None => after.split_at(after.find([',', ';']).unwrap_or(after.len())),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(text.trim());
        }
        rest = tail;
    }
}

/// A number at the beginning.
pub fn number(value: &str) -> Option<u64> {
    let digits = value.trim();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

/// Whom an address names: display name and user part, or host.
pub fn name_of(value: &str) -> String {
    let display = match value.split_once('<') {
        Some((display, _)) => display.trim().trim_matches('"').trim(),
        None => "",
    };
    let user = user_of(value);
    let user = if user.is_empty() { host(value) } else { clip(user, 60) };
    if display.is_empty() { user } else { format!("{} ({user})", clip(display, 60)) }
}

/// Host and port of the first URI.
pub fn host(value: &str) -> String {
    let uri = ["sip:", "sips:"].iter().find_map(|scheme| value.split_once(scheme)).map_or("", |(_, uri)| uri);
    let uri = uri.split(['>', ';', '?', ',', ' ']).next().unwrap_or_default();
    let place = uri.rsplit_once('@').map_or(uri, |(_, place)| place);
    if place.is_empty() { "an address that can't be read".into() } else { clip(place, 80) }
}
