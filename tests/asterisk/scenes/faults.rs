//! What does not work, and why.

use std::time::Duration;

use super::{Scene, Told};
use crate::script::Script;
use crate::script::sdp::{G729, ULAW};

/// Longer than a transaction lasts that nobody answers (RFC 3261, timers B and F).
const TIMER_B: Duration = Duration::from_secs(33);

pub const SCENES: &[Scene] = &[
    Scene {
        name: "deaf",
        about: "The phone is registered and hears nothing any more: the INVITE is sent again and again.",
        users: &[("1147", "calls"), ("1148", "is dead, with its port open")],
        legs: &[
            Told("1147", "outgoing", "1148", "no answer to the INVITE", "ringing ended", 18),
            Told("1148", "incoming", "1147", "the phone did not answer the INVITE", "ringing ended", 18),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1147", "1148"])?;
            let deaf = stand.deaf("1148");
            stand.play(&[Script::calls("1147", "1148", ULAW).refused(408)])?;
            stand.heard(&deaf);
            Ok(())
        },
    },
    Scene {
        name: "gone",
        about: "The phone is registered and its port is closed: ICMP says so, and the INVITE is sent again nevertheless.",
        users: &[("1149", "calls"), ("1150", "is switched off")],
        legs: &[
            Told("1149", "outgoing", "1150", "no answer to the INVITE", "ringing ended", 18),
            Told("1150", "incoming", "1149", "the phone did not answer the INVITE", "ringing ended", 18),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1149", "1150"])?;
            stand.unheard("1150");
            stand.play(&[Script::calls("1149", "1150", ULAW).refused(408)])
        },
    },
    Scene {
        name: "unreachable",
        about: "The PBX asks a phone by OPTIONS whether it is there; after two answers there are none, and it is taken away.",
        users: &[("1163", "answers OPTIONS twice, then no more")],
        legs: &[
            Told("1163", "OPTIONS", "", "answered", "", 0),
            Told("1163", "OPTIONS", "", "answered", "", 0),
            Told("1163", "OPTIONS", "", "not answered: unreachable", "", 0),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1163"])?;
            stand.unheard("1163");
            let deaf = stand.deaf("1163");
            deaf.answers(stand)?;
            deaf.answers(stand)?;
            stand.until("the contact is unreachable", || {
                stand
                    .pbx
                    .rx("pjsip show contacts")
                    .lines()
                    .any(|line| line.contains("1163/") && line.contains("Unavail"))
            })?;
            let all = "Contact: *\nExpires: 0\n";
            stand.play(&[Script::new("1163").line(1).asks("REGISTER", all, None, 200)])?;
            std::thread::sleep(TIMER_B);
            stand.heard(&deaf);
            Ok(())
        },
    },
    Scene {
        name: "wrong-password",
        about: "A phone with a wrong password registers twice and then tries to call.",
        users: &[("1121", "has a wrong password")],
        legs: &[
            Told("1121", "REGISTER", "", "wrong password", "", 0),
            Told("1121", "REGISTER", "", "wrong password", "", 0),
            Told("1121", "INVITE", "1102", "wrong password", "", 0),
        ],
        unproven: &["1121"],
        play: |stand| {
            let wrong = Script::new("1121").password("not-its-password");
            stand.play(&[wrong.clone().asks("REGISTER", "Expires: 600\n", None, 401)])?;
            stand.play(&[wrong.clone().asks("REGISTER", "Expires: 600\n", None, 401)])?;
            stand.play(&[wrong.to("1102").invites("", ULAW).refused(401)])
        },
    },
    Scene {
        name: "unknown-user",
        about: "A phone registers and calls as somebody who has no account.",
        users: &[("1999", "has no account")],
        legs: &[
            Told("1999", "REGISTER", "", "unknown user", "", 0),
            Told("1999", "INVITE", "1102", "unknown user", "", 0),
        ],
        unproven: &["1999"],
        play: |stand| {
            let stranger = Script::new("1999");
            stand.play(&[stranger.clone().asks("REGISTER", "Expires: 600\n", None, 401)])?;
            stand.play(&[stranger.to("1102").invites("", ULAW).refused(401)])
        },
    },
    Scene {
        name: "forbidden",
        about: "An access list of the PBX forbids the phone's address.",
        users: &[("1159", "registers and calls from 127.0.0.9")],
        legs: &[
            Told("1159", "REGISTER", "", "forbidden by an access list", "", 0),
            Told("1159", "INVITE", "1102", "forbidden by an access list", "", 0),
        ],
        unproven: &["1159"],
        play: |stand| {
            let there = Script::new("1159").at("127.0.0.9");
            stand.play(&[there.clone().tries("REGISTER", "Expires: 600\n", None, 403)])?;
            stand.play(&[there.to("1102").tries("INVITE", "", Some(ULAW), 403)])
        },
    },
    Scene {
        name: "forbidden-account",
        about: "The access list of the account forbids the phone's address: the PBX asks for credentials for ever.",
        users: &[("1173", "registers and calls from a forbidden address")],
        legs: &[
            Told("1173", "REGISTER", "", "forbidden by an access list", "", 0),
            Told("1173", "INVITE", "1102", "forbidden by an access list", "", 0),
        ],
        unproven: &["1173"],
        play: |stand| {
            stand.play(&[Script::new("1173").asks("REGISTER", "Expires: 600\n", None, 401)])?;
            stand.play(&[Script::new("1173").to("1102").invites("", ULAW).refused(401)])
        },
    },
    Scene {
        name: "unknown-number",
        about: "A number is called that the dialplan does not have.",
        users: &[("1141", "calls a number that is not there")],
        legs: &[Told("1141", "INVITE", "7777", "no such number", "", 0)],
        unproven: &[],
        play: |stand| {
            stand.register(&["1141"])?;
            stand.play(&[Script::calls("1141", "7777", ULAW).refused(404)])
        },
    },
    Scene {
        name: "offline",
        about: "A user is called who has no registered phone.",
        users: &[("1160", "calls"), ("1161", "has no phone")],
        legs: &[Told(
            "1160",
            "outgoing",
            "5161",
            "the callee has no registered terminal",
            "ringing ended",
            3,
        )],
        unproven: &[],
        play: |stand| {
            stand.register(&["1160"])?;
            stand.play(&[Script::calls("1160", "5161", ULAW).refused(404)])
        },
    },
    Scene {
        name: "no-codec-caller",
        about: "The caller's phone offers only a codec that the account does not allow.",
        users: &[("1142", "calls with G.729 only")],
        legs: &[Told("1142", "INVITE", "1102", "no common codec", "", 0)],
        unproven: &[],
        play: |stand| {
            stand.register(&["1142"])?;
            stand.play(&[Script::calls("1142", "1102", G729).refused(488)])
        },
    },
    Scene {
        name: "no-codec-callee",
        about: "The phone that is called says 488 Not Acceptable Here.",
        users: &[("1143", "calls"), ("1144", "knows no codec of the offer")],
        legs: &[
            Told("1143", "outgoing", "1144", "no common codec", "ringing ended", 58),
            Told("1144", "incoming", "1143", "no common codec", "ringing ended", 58),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1143", "1144"])?;
            stand.play(&[
                Script::called("1144").refuses("488 Not Acceptable Here"),
                Script::calls("1143", "1144", ULAW).refused(488),
            ])
        },
    },
    Scene {
        name: "retransmissions",
        about: "Messages are sent again: the INVITE and the BYE to a slow phone, the 200 to a caller whose ACK is late.",
        users: &[("1145", "calls, and is late with the ACK"), ("1146", "is slow")],
        legs: &[
            Told("1145", "outgoing", "1146", "answered; hung up by the caller", "ringing up ended", 16),
            Told("1146", "incoming", "1145", "answered; hung up by the caller", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1145", "1146"])?;
            stand.play(&[
                Script::called("1146")
                    .waits(1700)
                    .rings()
                    .answers(ULAW)
                    .receives("BYE")
                    .waits(1200)
                    .replies("200 OK"),
                Script::calls("1145", "1146", ULAW).answered_late(1200).waits(500).hangs_up(),
            ])
        },
    },
    Scene {
        name: "duplicates",
        about: "The caller's INVITE comes again: at once, as a network doubles it, and after 600 ms, as a phone repeats it.",
        users: &[("1174", "calls"), ("1175", "answers")],
        legs: &[
            Told("1174", "outgoing", "1175", "answered; hung up by the callee", "ringing up ended", 16),
            Told("1175", "incoming", "1174", "answered; hung up by the callee", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1174", "1175"])?;
            stand.play(&[
                Script::called("1175").waits(1400).rings().answers(ULAW).waits(500).hangs_up(),
                Script::calls("1174", "1175", ULAW)
                    .repeats_invite(600)
                    .repeats_invite(300)
                    .answered()
                    .grants("BYE"),
            ])
        },
    },
];
