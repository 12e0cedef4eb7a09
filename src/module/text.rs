//! The module's status and its users as text, for the PBX's command line.

use std::fmt::Write as _;

use crate::query::Query;

/// Lines of `name: value`.
pub(super) fn status(query: &Query) -> String {
    let status = query.status();
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _infallible = writeln!(text, "{name:<24}{value}");
    };
    line("usermon", &env!("CARGO_PKG_VERSION"));
    line("host", &status.host);
    line("companies", &query.companies().len());
    line("registrations", &status.state.registrations);
    line("calls", &status.state.calls);
    line("packets taken", &status.taken);
    line("packets dropped", &status.dropped);
    line("unknown dropped", &status.unattributed_dropped);
    line("unproven dropped", &status.intake.unproven);
    line("lowered by overload", &status.intake.lowered);
    line("counted by overload", &status.intake.counted);
    line("overload", &status.overload.as_deref().unwrap_or("none"));
    line("packets stored", &status.store.stored_packets);
    line("packets lost", &status.store.lost_packets);
    line("bytes on disk", &status.store.bytes_on_disk);
    line("segments", &status.store.segments);
    line("alarm", &status.alarm.as_deref().unwrap_or("none"));
    text
}

/// One line a user: company, extension, name, sticker with the number of calls, terminals online.
pub(super) fn users(query: &Query) -> String {
    let mut text =
        format!("{:<16}{:<12}{:<28}{:<12}terminals online\n", "company", "extension", "name", "sticker");
    for company in query.companies() {
        let Some(wall) = query.wall(&company.id) else { continue };
        for row in wall.rows {
            let name = format!("{} {}", row.user.name, row.user.surname);
            let sticker = match row.calls {
                0 => row.sticker.word().to_owned(),
                calls => format!("{} {calls}", row.sticker.word()),
            };
            let online = row.terminals.iter().filter(|t| t.online).count();
            let _infallible = writeln!(
                text,
                "{:<16}{:<12}{:<28}{:<12}{online}",
                plain(&company.id, 15),
                plain(&row.user.extension, 11),
                plain(name.trim(), 27),
                sticker
            );
        }
    }
    text
}

/// At most `most` characters, none that steers a terminal.
fn plain(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(most).collect()
}
