//! Long calls: real media, the session timer, a restart of the module.

use super::{Scene, Told};
use crate::rtp::talk_badly;
use crate::script::Script;
use crate::script::sdp::ULAW;

const TIMER: &str = "Supported: timer\nSession-Expires: 90;refresher=uac\nMin-SE: 90\n";

pub const SCENES: &[Scene] = &[
    Scene {
        name: "session-timer",
        about: "The caller's phone promises to refresh the session and does not: the PBX ends the call.",
        users: &[("1155", "calls and does not refresh"), ("1156", "answers")],
        legs: &[
            Told("1155", "outgoing", "1156", "answered; ended by the session timer", "ringing up ended", 16),
            Told("1156", "incoming", "1155", "answered; ended by the session timer", "ringing up ended", 16),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1155", "1156"])?;
            stand.play(&[
                Script::called("1156").rings().answers(ULAW).grants("BYE"),
                Script::new("1155").to("1156").invites(TIMER, ULAW).answered().grants("BYE"),
            ])
        },
    },
    Scene {
        name: "media",
        about: "Two softphones talk with real media; RTCP tells how good it is.",
        users: &[("1165", "calls and hangs up"), ("1166", "answers")],
        legs: &[
            Told(
                "1165",
                "outgoing",
                "1166",
                "answered; hung up by the caller; quality good",
                "ringing up ended",
                16,
            ),
            Told(
                "1166",
                "incoming",
                "1165",
                "answered; hung up by the caller; quality good",
                "ringing up ended",
                16,
            ),
        ],
        unproven: &[],
        play: |stand| {
            let called = stand.softphone("1166", None, 10);
            stand.until("the softphone is registered", || {
                stand.pbx.rx("pjsip show contacts").contains("1166/")
            })?;
            let caller = stand.softphone("1165", Some("1166"), 6);
            stand.hung_up("1165", caller)?;
            stand.hung_up("1166", called)
        },
    },
    Scene {
        name: "media-bad",
        about: "A phone talks to an echo; an eighth of its packets is lost, a fourth comes late, and it reports a fifth lost.",
        users: &[("1176", "calls the echo over a bad line")],
        legs: &[Told(
            "1176",
            "outgoing",
            "4003",
            "answered; hung up by the caller; quality poor",
            "ringing up ended",
            0,
        )],
        unproven: &[],
        play: |stand| {
            stand.register(&["1176"])?;
            let call =
                Script::calls("1176", "4003", ULAW.port(16_200)).answered().waits_for_word().hangs_up();
            let calling = stand.start(&call);
            let answer = calling.saw("200", |message| message.start_line.starts_with("SIP/2.0 200"))?;
            talk_badly(16_200, &answer, 220);
            calling.tell(&answer.call_id, "enough");
            calling.finish()
        },
    },
];

/// Played when all others are over.
pub const LAST: Scene = Scene {
    name: "lasting",
    about: "A call lasts while the module is unloaded, its ring sealed, and loaded again.",
    users: &[("1157", "calls and hangs up after the restart"), ("1158", "answers")],
    legs: &[
        Told("1157", "outgoing", "1158", "answered; hung up by the caller", "ringing up ended", 16),
        Told("1158", "incoming", "1157", "answered; hung up by the caller", "ringing up ended", 16),
    ],
    unproven: &[],
    play: |stand| {
        stand.register(&["1157", "1158"])?;
        let called = stand.start(&Script::called("1158").rings().waits(300).answers(ULAW).grants("BYE"));
        let caller = stand.start(
            &Script::calls("1157", "1158", ULAW)
                .answered()
                .waits(500)
                .invites_again(ULAW)
                .waits_for_word()
                .hangs_up(),
        );
        let held = caller.saw("re-INVITE's ACK", |message| {
            message.start_line.starts_with("ACK") && message.text.contains("CSeq: 3 ")
        })?;
        for (command, word) in
            [("module unload res_usermon.so", "Unloaded"), ("module load res_usermon.so", "Loaded")]
        {
            let out = stand.pbx.rx(command);
            if !out.contains(word) {
                return Err(format!("{command}: {out}"));
            }
        }
        caller.tell(&held.call_id, "go on");
        caller.finish()?;
        called.finish()
    },
};
