//! Calls of two, by how they end.

use super::{Scene, Told};
use crate::script::Script;
use crate::script::sdp::ULAW;

pub const SCENES: &[Scene] = &[
    Scene {
        name: "answered",
        about: "A call is answered, and the caller hangs up.",
        users: &[("1101", "calls and hangs up"), ("1102", "answers")],
        legs: &[
            Told("1101", "outgoing", "1102", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1102", "incoming", "1101", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1101", "1102"])?;
            stand.play(&[
                Script::called("1102").rings().waits(400).answers(ULAW).grants("BYE"),
                Script::calls("1101", "1102", ULAW).answered().waits(1200).hangs_up(),
            ])
        },
    },
    Scene {
        name: "callee-hangs-up",
        about: "A call is answered, and the one who was called hangs up.",
        users: &[("1103", "calls"), ("1104", "answers and hangs up")],
        legs: &[
            Told("1103", "outgoing", "1104", "answered; hung up by the callee", "ringing up ended", 16),
            Told("1104", "incoming", "1103", "answered; hung up by the callee", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1103", "1104"])?;
            stand.play(&[
                Script::called("1104").rings().waits(200).answers(ULAW).waits(800).hangs_up(),
                Script::calls("1103", "1104", ULAW).answered().grants("BYE"),
            ])
        },
    },
    Scene {
        name: "pbx-hangs-up",
        about: "A call is answered, and the dialplan ends it after a second.",
        users: &[("1105", "calls"), ("1106", "answers")],
        legs: &[
            Told("1105", "outgoing", "1106", "answered; hung up by the PBX", "ringing up ended", 16),
            Told("1106", "incoming", "1105", "answered; hung up by the PBX", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1105", "1106"])?;
            stand.play(&[
                Script::called("1106").rings().answers(ULAW).grants("BYE"),
                Script::calls("1105", "3106", ULAW).answered().grants("BYE"),
            ])
        },
    },
    Scene {
        name: "busy",
        about: "The phone that is called says 486 Busy Here.",
        users: &[("1107", "calls"), ("1108", "is busy")],
        legs: &[
            Told("1107", "outgoing", "1108", "busy", "ringing ended", 17),
            Told("1108", "incoming", "1107", "busy", "ringing ended", 17),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1107", "1108"])?;
            stand.play(&[
                Script::called("1108").refuses("486 Busy Here"),
                Script::calls("1107", "1108", ULAW).refused(486),
            ])
        },
    },
    Scene {
        name: "no-answer",
        about: "The phone rings for two seconds, then the dialplan gives up.",
        users: &[("1109", "calls"), ("1110", "does not answer")],
        legs: &[
            Told("1109", "outgoing", "1110", "no answer", "ringing ended", 16),
            Told("1110", "incoming", "1109", "not answered in time: missed", "ringing ended", 0),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1109", "1110"])?;
            stand.play(&[
                Script::called("1110").rings().cancelled(),
                Script::calls("1109", "2110", ULAW).refused(603),
            ])
        },
    },
    Scene {
        name: "unavailable",
        about: "The phone that is called says 480 Temporarily Unavailable.",
        users: &[("1111", "calls"), ("1112", "is not available")],
        legs: &[
            Told("1111", "outgoing", "1112", "temporarily unavailable", "ringing ended", 19),
            Told("1112", "incoming", "1111", "temporarily unavailable", "ringing ended", 19),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1111", "1112"])?;
            stand.play(&[
                Script::called("1112").rings().refuses("480 Temporarily Unavailable"),
                Script::calls("1111", "1112", ULAW).refused(480),
            ])
        },
    },
    Scene {
        name: "timed-out",
        about: "The phone that is called rings and then says 408 Request Timeout.",
        users: &[("1113", "calls"), ("1114", "times out")],
        legs: &[
            Told("1113", "outgoing", "1114", "no answer in time", "ringing ended", 18),
            Told("1114", "incoming", "1113", "no answer in time", "ringing ended", 18),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1113", "1114"])?;
            stand.play(&[
                Script::called("1114").rings().waits(300).refuses("408 Request Timeout"),
                Script::calls("1113", "1114", ULAW).refused(408),
            ])
        },
    },
    Scene {
        name: "cancelled",
        about: "The caller gives up while the phone rings.",
        users: &[("1115", "calls and gives up"), ("1116", "rings")],
        legs: &[
            Told("1115", "outgoing", "1116", "cancelled by the caller", "ringing ended", 127),
            Told("1116", "incoming", "1115", "cancelled by the caller: missed", "ringing ended", 127),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1115", "1116"])?;
            stand.play(&[
                Script::called("1116").rings().cancelled(),
                Script::calls("1115", "1116", ULAW).cancels(1000),
            ])
        },
    },
    Scene {
        name: "declined",
        about: "The phone that is called says 603 Decline.",
        users: &[("1117", "calls"), ("1118", "declines")],
        legs: &[
            Told("1117", "outgoing", "1118", "declined", "ringing ended", 21),
            Told("1118", "incoming", "1117", "declined", "ringing ended", 21),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1117", "1118"])?;
            stand.play(&[
                Script::called("1118").rings().waits(300).refuses("603 Decline"),
                Script::calls("1117", "1118", ULAW).refused(403),
            ])
        },
    },
    Scene {
        name: "forked",
        about: "A user with two terminals is called: both ring, the first takes the call.",
        users: &[("1119", "calls"), ("1120", "answers at the first of two terminals")],
        legs: &[
            Told("1119", "outgoing", "1120", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1120", "incoming", "1119", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1120", "incoming", "1119", "answered at another terminal", "ringing ended", 26),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1119", "1120"])?;
            stand.register_at("1120", 1, 600)?;
            stand.play(&[
                Script::called("1120").rings().waits(700).answers(ULAW).grants("BYE"),
                Script::called("1120").line(1).rings().cancelled(),
                Script::calls("1119", "1120", ULAW).answered().waits(500).hangs_up(),
            ])
        },
    },
];
