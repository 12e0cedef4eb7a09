//! What happens within a call that lasts.

use super::{Scene, Told};
use crate::script::Script;
use crate::script::sdp::{ALAW, ULAW};

pub const SCENES: &[Scene] = &[
    Scene {
        name: "hold",
        about: "The caller puts the call on hold (sendonly, then inactive) and takes it back.",
        users: &[("1131", "calls and holds"), ("1132", "answers")],
        legs: &[
            Told(
                "1131",
                "outgoing",
                "1132",
                "answered; on hold; hung up by the caller",
                "ringing up held up ended",
                16,
            ),
            Told("1132", "incoming", "1131", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1131", "1132"])?;
            stand.play(&[
                Script::called("1132").rings().waits(200).answers(ULAW).grants("BYE"),
                Script::calls("1131", "1132", ULAW)
                    .answered()
                    .waits(400)
                    .invites_again(ULAW.way("sendonly"))
                    .waits(400)
                    .invites_again(ULAW.way("inactive"))
                    .waits(400)
                    .invites_again(ULAW)
                    .waits(400)
                    .hangs_up(),
            ])
        },
    },
    Scene {
        name: "codec-change",
        about: "The caller's phone changes the codec within the call.",
        users: &[("1133", "calls and changes from PCMU to PCMA"), ("1134", "answers")],
        legs: &[
            Told("1133", "outgoing", "1134", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1134", "incoming", "1133", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1133", "1134"])?;
            stand.play(&[
                Script::called("1134").rings().answers(ULAW).grants("BYE"),
                Script::calls("1133", "1134", ULAW)
                    .answered()
                    .waits(400)
                    .invites_again(ALAW)
                    .waits(400)
                    .hangs_up(),
            ])
        },
    },
    Scene {
        name: "early-media",
        about: "The phone that is called says 183 with media before it answers.",
        users: &[("1167", "calls"), ("1168", "plays something, then answers")],
        legs: &[
            Told("1167", "outgoing", "1168", "answered; hung up by the callee", "ringing up ended", 16),
            Told("1168", "incoming", "1167", "answered; hung up by the callee", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1167", "1168"])?;
            stand.play(&[
                Script::called("1168").progresses(ULAW).waits(500).answers(ULAW).waits(400).hangs_up(),
                Script::calls("1167", "1168", ULAW).answered().grants("BYE"),
            ])
        },
    },
];
