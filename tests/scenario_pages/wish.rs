//! What the lists should say of each scenario: one line a user and item.

use std::fmt;

/// A line of the list, in the words of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) user: String,
    /// `incoming`, `outgoing`, `registration`, or a method with `-from-phone` or `-to-phone`.
    pub(crate) what: String,
    /// The far party's number; empty: none.
    pub(crate) far: String,
    /// How it ended.
    pub(crate) outcome: String,
    /// The rule that the list's sentence is of.
    pub(crate) rule: String,
    /// The rule that the page's sentence is of, which knows all legs.
    pub(crate) whole: String,
    pub(crate) rang: bool,
    pub(crate) talked: bool,
    /// How many equal ones it stands for.
    pub(crate) times: usize,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let far = if self.far.is_empty() { "-" } else { &self.far };
        write!(f, "{} {} {far} {} {}", self.user, self.what, self.outcome, self.rule)?;
        if self.whole != self.rule {
            write!(f, "/{}", self.whole)?;
        }
        f.write_str(if self.rang { " rang" } else { "" })?;
        f.write_str(if self.talked { " talked" } else { "" })?;
        if self.times > 1 { write!(f, " {}x", self.times) } else { Ok(()) }
    }
}

impl Line {
    /// The lines of a user, oldest first. Registrations are among them where a scenario is about them.
    pub(crate) fn wished(scenario: &str, user: &str) -> Vec<Self> {
        let of = WISHES.iter().filter(|(name, _)| *name == scenario).flat_map(|(_, lines)| *lines);
        of.map(|line| Self::of(line)).filter(|line| line.user == user).collect()
    }

    fn of(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let [user, what, far, outcome, rule, spans @ ..] = words.as_slice() else { panic!("{line:?}") };
        let (rule, whole) = rule.split_once('/').unwrap_or((rule, rule));
        let wish = Self {
            user: (*user).into(),
            what: (*what).into(),
            far: far.trim_start_matches('-').into(),
            outcome: (*outcome).into(),
            rule: rule.into(),
            whole: whole.into(),
            rang: spans.contains(&"rang"),
            talked: spans.contains(&"talked"),
            times: spans.last().and_then(|times| times.strip_suffix('x')?.parse().ok()).unwrap_or(1),
        };
        assert_eq!(wish.to_string(), line, "it is not written so");
        wish
    }
}

/// Users whom the PBX does not have: what they say is nobody's.
pub(crate) const NOBODY: &[(&str, &str)] = &[("unknown-user", "1999")];

/// User, what, far party, outcome, rule of the list and, where it is another, of the page; whether it rang and was talked.
pub(crate) const WISHES: &[(&str, &[&str])] = &[
    (
        "answered",
        &[
            "1101 outgoing 1102 good user-hung-up rang talked",
            "1102 incoming 1101 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "attended-transfer",
        &[
            "1128 outgoing 1130 good other-side-hung-up/far-hung-up rang talked",
            "1129 incoming 1128 good transferred rang talked",
            "1129 outgoing 1130 good joined rang talked",
            "1130 incoming 1128 good user-hung-up rang talked",
        ],
    ),
    (
        "blind-transfer",
        &[
            "1125 outgoing 1127 good other-side-hung-up/far-hung-up rang talked",
            "1126 incoming 1125 good transferred rang talked",
            "1127 incoming 1125 good user-hung-up rang talked",
        ],
    ),
    ("busy", &["1107 outgoing 1108 missed busy", "1108 incoming 1107 missed busy"]),
    (
        "callee-hangs-up",
        &[
            "1103 outgoing 1104 good other-side-hung-up/far-hung-up rang talked",
            "1104 incoming 1103 good user-hung-up rang talked",
        ],
    ),
    ("cancelled", &["1115 outgoing 1116 missed cancelled rang", "1116 incoming 1115 missed cancelled rang"]),
    (
        "codec-change",
        &[
            "1133 outgoing 1134 good user-hung-up rang talked",
            "1134 incoming 1133 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "deaf",
        &["1147 outgoing 1148 failed far-not-reached/no-response", "1148 incoming 1147 failed no-response"],
    ),
    ("declined", &["1117 outgoing 1118 missed declined rang", "1118 incoming 1117 missed declined rang"]),
    (
        "duplicates",
        &[
            "1174 outgoing 1175 good other-side-hung-up/far-hung-up rang talked",
            "1175 incoming 1174 good user-hung-up rang talked",
        ],
    ),
    (
        "early-media",
        &[
            "1167 outgoing 1168 good other-side-hung-up/far-hung-up rang talked",
            "1168 incoming 1167 good user-hung-up rang talked",
        ],
    ),
    (
        "follow-me",
        &[
            "1138 outgoing 1140 good other-side-hung-up/far-hung-up rang talked",
            "1139 incoming 1138 missed answered-elsewhere rang",
            "1140 incoming 1138 good user-hung-up rang talked",
        ],
    ),
    ("forbidden", &["1159 registration - failed forbidden", "1159 outgoing 1102 failed forbidden"]),
    (
        "forbidden-account",
        &["1173 registration - failed forbidden-by-acl", "1173 outgoing 1102 failed forbidden-by-acl"],
    ),
    (
        "forked",
        &[
            "1119 outgoing 1120 good user-hung-up rang talked",
            "1120 incoming 1119 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "forwarded",
        &[
            "1169 outgoing 1171 good user-hung-up rang talked",
            "1170 incoming 1169 missed forwarded",
            "1171 incoming 1169 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "gone",
        &["1149 outgoing 1150 failed far-not-reached/no-response", "1150 incoming 1149 failed no-response"],
    ),
    (
        "hold",
        &[
            "1131 outgoing 1132 good user-hung-up rang talked",
            "1132 incoming 1131 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "lasting",
        &[
            "1157 outgoing 1158 good user-hung-up rang talked",
            "1158 incoming 1157 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "media",
        &[
            "1165 registration - good registered",
            "1165 outgoing 1166 good user-hung-up rang talked",
            "1165 registration - good unregistered",
            "1166 registration - good registered",
            "1166 incoming 1165 good other-side-hung-up/far-hung-up rang talked",
            "1166 registration - good unregistered",
        ],
    ),
    ("media-bad", &["1176 outgoing 4003 good user-hung-up talked"]),
    ("message", &["1153 MESSAGE-from-phone 1154 good answered", "1154 MESSAGE-to-phone 1153 good answered"]),
    ("no-answer", &["1109 outgoing 1110 missed no-answer rang", "1110 incoming 1109 missed no-answer rang"]),
    (
        "no-codec-callee",
        &["1143 outgoing 1144 failed no-common-codec", "1144 incoming 1143 failed no-common-codec"],
    ),
    ("no-codec-caller", &["1142 outgoing 1102 failed no-common-codec"]),
    ("offline", &["1160 outgoing 5161 failed no-route"]),
    (
        "pbx-hangs-up",
        &[
            "1105 outgoing 1106 good other-side-hung-up/pbx-hung-up rang talked",
            "1106 incoming 1105 good other-side-hung-up/pbx-hung-up rang talked",
        ],
    ),
    (
        "queue",
        &[
            "1135 outgoing 1137 good user-hung-up talked",
            "1136 incoming 1135 missed answered-elsewhere rang",
            "1137 incoming 1135 good other-side-hung-up/far-hung-up rang talked",
            "1172 incoming 1135 missed busy",
        ],
    ),
    (
        "registrations",
        &[
            "1162 registration - good registered 3x",
            "1162 registration - good registered",
            "1162 registration - failed expired",
            "1162 registration - good unregistered",
        ],
    ),
    (
        "retransmissions",
        &[
            "1145 outgoing 1146 good user-hung-up rang talked",
            "1146 incoming 1145 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "ring-group",
        &[
            "1122 outgoing 1124 good user-hung-up rang talked",
            "1123 incoming 1122 missed answered-elsewhere rang",
            "1124 incoming 1122 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "session-timer",
        &[
            "1155 outgoing 1156 failed session-timer rang talked",
            "1156 incoming 1155 good other-side-hung-up/session-timer rang talked",
        ],
    ),
    ("subscription", &["1151 SUBSCRIBE-from-phone 1152 good unsubscribed"]),
    ("timed-out", &["1113 outgoing 1114 missed no-answer rang", "1114 incoming 1113 missed no-answer rang"]),
    (
        "trunk",
        &[
            "1164 outgoing 0039055123456 good user-hung-up rang talked",
            "carrier incoming 1164 good other-side-hung-up/far-hung-up rang talked",
        ],
    ),
    (
        "unavailable",
        &[
            "1111 outgoing 1112 missed no-answer/unavailable rang",
            "1112 incoming 1111 missed unavailable rang",
        ],
    ),
    ("unknown-number", &["1141 outgoing 7777 failed not-found"]),
    ("unknown-user", &[]),
    (
        "unreachable",
        &[
            "1163 registration - good registered",
            "1163 OPTIONS-to-phone - good reachable 2x",
            "1163 OPTIONS-to-phone - failed unreachable",
            "1163 registration - good unregistered",
        ],
    ),
    (
        "wrong-password",
        &["1121 registration - failed wrong-password 2x", "1121 outgoing 1102 failed wrong-password"],
    ),
];
