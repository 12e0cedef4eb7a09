//! Plain sentences for an administrator: what a change, a gap or a failure's cause means. The one place for them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::capture::pressure::{Ladder, Step};
use crate::event::{CallDirection, CallPhase, Change, FailureCause, Transport};
use crate::store::record::{Gap, GapCause};

/// A gap as a sentence: how many packets are missing, and why.
pub(crate) fn gap_words(gap: &Gap) -> String {
    let number = match gap.packets {
        0 => "Packets are".to_owned(),
        1 => "1 packet is".to_owned(),
        n => format!("{n} packets are"),
    };
    let cause = match gap.cause {
        GapCause::QueueFull => "the queue between the PBX and the capture was full",
        GapCause::Damage => "a stretch of the disk could not be read",
        GapCause::Disk => "the disk refused to write or was too full",
        GapCause::Limit => "a limit of the store was reached",
        GapCause::Overload => "overload, they were only counted",
        GapCause::Unproven => {
            "nothing proved them to be this user's, and only so many of such packets are kept"
        }
        GapCause::Lowered => {
            return "None is missing here: because of overload, less than the dump detail was kept of each packet."
                .to_owned();
        }
        GapCause::Share => "the disk's budget is used up, and this user had more than a fair share of it",
        GapCause::Removed => "a super-admin had them removed",
        GapCause::Fault => "a fault of usermon itself, see the PBX's log",
        GapCause::Other => "the cause is of a later version",
    };
    format!("{number} missing here: {cause}.")
}

/// What overload takes away now, as a sentence; `None`: there is no overload.
pub(crate) fn overload_words(ladder: Ladder) -> Option<String> {
    let rest = |step: Step| match step {
        Step::Full => "everything the dump detail says",
        Step::Headers => "at most headers",
        Step::Summary => "at most a summary",
        Step::Counters => "only the number",
    };
    match (ladder.loud(), ladder.all()) {
        (Step::Full, _) => None,
        (loud, Step::Full) => Some(format!(
            "more packets come than can be kept. Of the loudest users' packets {} is kept, of the others' everything.",
            rest(loud)
        )),
        (loud, all) => Some(format!(
            "more packets come than can be kept. Of all users' packets {} is kept, of the loudest users' {}.",
            rest(all),
            rest(loud)
        )),
    }
}

/// A change as a sentence for an administrator.
pub(crate) fn change_words(change: &Change) -> String {
    let place = |far: &Option<SocketAddr>| far.map_or_else(String::new, |far| format!(" from {far}"));
    match change {
        Change::Sticker { sticker, calls: 0 } => format!("Sticker: {}.", sticker.word()),
        Change::Sticker { sticker, calls } => format!("Sticker: {} {calls}.", sticker.word()),
        Change::Registered { contact, far, transport, user_agent, .. } => {
            let over = if *transport == Transport::Unknown { "" } else { transport.name() };
            format!("Registered{} {over}: {contact} ({user_agent}).", place(far))
                .replace(" :", ":")
                .replace(" ()", "")
        }
        Change::Unregistered { contact, expired: true, .. } => format!("Registration expired: {contact}."),
        Change::Unregistered { contact, expired: false, .. } => format!("Unregistered: {contact}."),
        Change::Reachability { contact, reachable: true, .. } => format!("Answers again: {contact}."),
        Change::Reachability { contact, reachable: false, .. } => format!("Does not answer: {contact}."),
        Change::Failed { cause, far, .. } => format!("Failed{}. {}", place(far), cause_words(*cause)),
        Change::Call { phase, direction, far_number, far_name, cause, .. } => {
            let step = match phase {
                CallPhase::Ringing => "rings",
                CallPhase::Up => "is answered",
                CallPhase::Held => "is held",
                CallPhase::Ended => "ends",
            };
            let way = match direction {
                CallDirection::Outgoing => "Call to",
                CallDirection::Incoming => "Call from",
            };
            let who = match (&**far_name, &**far_number) {
                ("", "") => "an unknown party".to_owned(),
                ("", number) => number.to_owned(),
                (name, "") => name.to_owned(),
                (name, number) => format!("{name} ({number})"),
            };
            let why = match (*cause, call_cause(*cause)) {
                (0, _) => String::new(),
                (code, "") => format!(", cause {code}"),
                (code, words) => format!(": {words} (cause {code})"),
            };
            format!("{way} {who} {step}{why}.")
        }
    }
}

/// Why a call ended, by ITU-T Q.850's number; empty for those that a PBX of today hardly gives.
pub(crate) const fn call_cause(code: u16) -> &'static str {
    match code {
        1 => "no such number",
        2 | 3 => "no route there",
        16 => "hung up",
        17 => "busy",
        18 => "the phone did not respond",
        19 => "nobody answered",
        20 => "not registered",
        21 => "rejected",
        22 => "the number has changed",
        26 => "answered elsewhere",
        27 => "out of order",
        28 => "the number is not complete",
        31 => "ended normally",
        34 | 42 => "no line is free",
        38 => "the network is out of order",
        41 => "a passing failure",
        57 | 58 | 65 | 79 | 88 => "the other side can't do that",
        102 => "a timer ran out",
        127 => "an error between two networks",
        _ => "",
    }
}

/// A failure's cause as a sentence for an administrator.
pub(crate) fn cause_words(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::WrongPassword => {
            "Wrong password: the digest response does not match the one on the PBX."
        }
        FailureCause::UnknownUser => "Unknown user: the PBX has no such account.",
        FailureCause::Forbidden => "Forbidden: an access list of the PBX refuses this address.",
        FailureCause::Tls => "TLS failed: the secure connection was not set up.",
        FailureCause::Refused => "Refused: the PBX does not take a request of this form.",
        FailureCause::Other => "Not known: the PBX gave no cause.",
    }
}

/// A span in two units at most: `52 s`, `3 min 5 s`, `2 h 5 min`, `3 d 4 h`.
pub fn span(span: Duration) -> String {
    let s = span.as_secs();
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
    };
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => two(s / 60, "min", s % 60, "s"),
        3_600..86_400 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}
