//! Registrations, subscriptions and messages.

use super::{Scene, Told};
use crate::script::Script;

const PRESENCE: &str = "Event: presence\nAccept: application/pidf+xml\nExpires: 60\n";

pub const SCENES: &[Scene] = &[
    Scene {
        name: "registrations",
        about: "A phone registers, refreshes, moves to another port, a second one comes and expires, the first leaves.",
        users: &[("1162", "registers")],
        legs: &[
            Told("1162", "REGISTER", "", "registered, and refreshed twice", "", 0),
            Told("1162", "REGISTER", "", "registered at another port", "", 0),
            Told("1162", "REGISTER", "", "registered for three seconds; expired", "", 0),
            Told("1162", "REGISTER", "", "unregistered", "", 0),
        ],
        unproven: &[],
        play: |stand| {
            let refresh = |script: Script| script.waits(300).asks("REGISTER", "Expires: 600\n", None, 200);
            let first = Script::new("1162").asks("REGISTER", "Expires: 600\n", None, 200);
            stand.play(&[refresh(refresh(first))])?;
            stand.register_at("1162", 1, 600)?;
            stand.register_at("1162", 2, 3)?;
            stand.until("the short registration is over", || {
                let contacts = stand.pbx.rx("pjsip show contacts");
                contacts.lines().filter(|line| line.contains("1162/")).count() == 2
            })?;
            stand.register_at("1162", 0, 0)
        },
    },
    Scene {
        name: "subscription",
        about: "A phone watches a colleague's presence: it is told that he comes, and ends the subscription.",
        users: &[("1151", "subscribes"), ("1152", "is watched, and registers")],
        legs: &[Told("1151", "SUBSCRIBE", "1152", "subscribed, told of 2 states, unsubscribed", "", 0)],
        unproven: &[],
        play: |stand| {
            stand.register(&["1151"])?;
            let watch = Script::new("1151")
                .to("1152")
                .asks("SUBSCRIBE", PRESENCE, None, 200)
                .grants("NOTIFY")
                .grants("NOTIFY")
                .says("SUBSCRIBE", "Event: presence\nExpires: 0\n", None, 200)
                .grants("NOTIFY");
            let watching = stand.start(&watch);
            watching.saw("NOTIFY", |message| message.start_line.starts_with("NOTIFY"))?;
            stand.register(&["1152"])?;
            watching.finish()
        },
    },
    Scene {
        name: "message",
        about: "A text message from one phone to another.",
        users: &[("1153", "writes"), ("1154", "reads")],
        legs: &[
            Told("1153", "MESSAGE", "1154", "accepted", "", 0),
            Told("1154", "MESSAGE", "1153", "delivered", "", 0),
        ],
        unproven: &[],
        play: |stand| {
            stand.register(&["1153", "1154"])?;
            let text = "Content-Type: text/plain\n";
            stand.play(&[
                Script::new("1154").grants("MESSAGE"),
                Script::new("1153").to("1154").asks("MESSAGE", text, Some("Are you there?"), 202),
            ])
        },
    },
];
