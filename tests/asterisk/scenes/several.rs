//! Calls of more than two: groups, queues, transfers, trunks.

use super::{Scene, Told};
use crate::phone::tag_of;
use crate::script::Script;
use crate::script::sdp::ULAW;

pub const SCENES: &[Scene] = &[
    Scene {
        name: "ring-group",
        about: "A number rings two users at once; the second takes the call.",
        users: &[("1122", "calls"), ("1123", "rings"), ("1124", "answers")],
        legs: &[
            Told("1122", "outgoing", "1124", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1123", "incoming", "1122", "answered by another user", "ringing ended", 26),
            Told("1124", "incoming", "1122", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1122", "1123", "1124"])?;
            stand.play(&[
                Script::called("1123").rings().cancelled(),
                Script::called("1124").rings().waits(600).answers(ULAW).grants("BYE"),
                Script::calls("1122", "4000", ULAW).answered().waits(500).hangs_up(),
            ])
        },
    },
    Scene {
        name: "queue",
        about: "A queue rings three agents through local channels: one is busy, one rings, the third answers at the first of \
                two terminals.",
        users: &[("1135", "calls the queue"), ("1136", "rings"), ("1137", "answers"), ("1172", "is busy")],
        legs: &[
            Told("1135", "outgoing", "1137", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1136", "incoming", "1135", "answered by another user", "ringing ended", 26),
            Told("1137", "incoming", "1135", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1137", "incoming", "1135", "answered at another terminal", "ringing ended", 26),
            Told("1172", "incoming", "1135", "busy", "ringing ended", 17),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1135", "1136", "1137", "1172"])?;
            stand.register_at("1137", 1, 600)?;
            stand.play(&[
                Script::called("1136").rings().cancelled(),
                Script::called("1172").refuses("486 Busy Here"),
                Script::called("1137").rings().waits(1000).answers(ULAW).grants("BYE"),
                Script::called("1137").line(1).rings().cancelled(),
                Script::calls("1135", "4001", ULAW).answered().waits(2500).hangs_up(),
            ])
        },
    },
    Scene {
        name: "follow-me",
        about: "A number tries two places through local channels; the second takes the call.",
        users: &[("1138", "calls"), ("1139", "rings"), ("1140", "answers")],
        legs: &[
            Told("1138", "outgoing", "1140", "answered; hung up by the callee", "ringing up ended", 16),
            Told("1139", "incoming", "1138", "answered by another user", "ringing ended", 26),
            Told("1140", "incoming", "1138", "answered; hung up by the callee", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1138", "1139", "1140"])?;
            stand.play(&[
                Script::called("1139").rings().cancelled(),
                Script::called("1140").rings().waits(500).answers(ULAW).waits(500).hangs_up(),
                Script::calls("1138", "4002", ULAW).answered().grants("BYE"),
            ])
        },
    },
    Scene {
        name: "forwarded",
        about: "The phone that is called says 302: the call goes to a colleague.",
        users: &[("1169", "calls"), ("1170", "forwards"), ("1171", "answers")],
        legs: &[
            Told("1169", "outgoing", "1171", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1170", "incoming", "1169", "forwarded to 1171", "ringing ended", 23),
            Told("1171", "incoming", "1169", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1169", "1170", "1171"])?;
            stand.play(&[
                Script::called("1170")
                    .refuses_with("302 Moved Temporarily", "Contact: <sip:1171@127.0.0.1>\n"),
                Script::called("1171").rings().waits(200).answers(ULAW).grants("BYE"),
                Script::calls("1169", "1170", ULAW).answered().waits(500).hangs_up(),
            ])
        },
    },
    Scene {
        name: "blind-transfer",
        about: "The one who was called transfers the caller to a colleague and is out (REFER).",
        users: &[
            ("1125", "calls and is transferred"),
            ("1126", "answers and transfers"),
            ("1127", "gets the call"),
        ],
        legs: &[
            Told(
                "1125",
                "outgoing",
                "1127",
                "answered; transferred to 1127; hung up by the callee",
                "ringing up ended",
                16,
            ),
            Told("1126", "incoming", "1125", "answered; transferred to 1127", "ringing up ended", 16),
            Told("1127", "incoming", "1125", "answered; hung up by the callee", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1125", "1126", "1127"])?;
            let refer = "Refer-To: <sip:1127@127.0.0.1>\nReferred-By: <sip:1126@127.0.0.1>\n";
            stand.play(&[
                Script::called("1126")
                    .rings()
                    .answers(ULAW)
                    .waits(500)
                    .says("REFER", refer, None, 202)
                    // that it tries, that it rings, that it is answered
                    .grants("NOTIFY")
                    .grants("NOTIFY")
                    .grants("NOTIFY")
                    .hangs_up(),
                Script::called("1127").rings().waits(300).answers(ULAW).waits(500).hangs_up(),
                Script::calls("1125", "1126", ULAW).answered().grants("BYE"),
            ])
        },
    },
    Scene {
        name: "attended-transfer",
        about: "The one who was called puts the caller on hold, calls a colleague, and joins the two (REFER with Replaces).",
        users: &[
            ("1128", "calls and is transferred"),
            ("1129", "answers, holds, asks 1130 back, transfers"),
            ("1130", "gets the call"),
        ],
        legs: &[
            Told(
                "1128",
                "outgoing",
                "1130",
                "answered; transferred to 1130; hung up by the callee",
                "ringing up ended",
                16,
            ),
            Told(
                "1129",
                "incoming",
                "1128",
                "answered; on hold; transferred to 1130",
                "ringing up held up ended",
                16,
            ),
            Told("1129", "outgoing", "1130", "answered; transferred", "ringing up ended", 16),
            Told("1130", "incoming", "1128", "answered; hung up by the callee", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1128", "1129", "1130"])?;
            let transfers = stand.start(
                &Script::called("1129")
                    .rings()
                    .answers(ULAW)
                    .waits(300)
                    .invites_again(ULAW.way("sendonly"))
                    .waits_for_word()
                    .says("REFER", "Refer-To: [$word]\nReferred-By: <sip:1129@127.0.0.1>\n", None, 202)
                    .grants("NOTIFY")
                    .grants("NOTIFY")
                    .hangs_up(),
            );
            let colleague =
                stand.start(&Script::called("1130").rings().waits(300).answers(ULAW).waits(1500).hangs_up());
            let caller = stand.start(&Script::calls("1128", "1129", ULAW).answered().grants("BYE"));
            let held = transfers.saw("hold", |message| message.out && message.start_line.contains("200"))?;
            let back = stand.start(&Script::calls("1129", "1130", ULAW).line(1).answered().grants("BYE"));
            let up = back.saw("200", |message| message.start_line.starts_with("SIP/2.0 200"))?;
            let replaces = format!(
                "<sip:1130@127.0.0.1?Replaces={}%3Bto-tag%3D{}%3Bfrom-tag%3Dt1129>",
                up.call_id.replace('@', "%40"),
                tag_of(&up, "To:")
            );
            transfers.tell(&held.call_id, &replaces);
            for phone in [transfers, back, colleague, caller] {
                phone.finish()?;
            }
            Ok(())
        },
    },
    Scene {
        name: "trunk",
        about: "A call goes out over a carrier, which wants credentials and plays early media.",
        users: &[("1164", "calls a number outside"), ("carrier", "is the trunk")],
        legs: &[
            Told(
                "1164",
                "outgoing",
                "0039055123456",
                "answered; hung up by the caller",
                "ringing up ended",
                16,
            ),
            Told("carrier", "incoming", "1164", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1164"])?;
            stand.play(&[
                Script::called("carrier")
                    .challenges()
                    .progresses(ULAW)
                    .waits(300)
                    .answers(ULAW)
                    .grants("BYE"),
                Script::calls("1164", "0039055123456", ULAW).answered().waits(500).hangs_up(),
            ])
        },
    },
];
