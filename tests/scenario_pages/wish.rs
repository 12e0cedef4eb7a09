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
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let far = if self.far.is_empty() { "-" } else { &self.far };
        write!(f, "{} {} {far} {} {}", self.user, self.what, self.outcome, self.rule)?;
        if self.whole != self.rule {
            write!(f, "/{}", self.whole)?;
        }
        f.write_str(if self.rang { " rang" } else { "" })?;
        f.write_str(if self.talked { " talked" } else { "" })
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
        };
        assert_eq!(wish.to_string(), line, "it is not written so");
        wish
    }
}

/// Users whom the PBX does not have: what they say is nobody's.
pub(crate) const NOBODY: &[(&str, &str)] = &[("unknown-user", "1999")];

/// User, what, far party, outcome, rule of the list and, where it is another, of the page; whether it rang and was talked.
pub(crate) const WISHES: &[(&str, &[&str])] = &[
    ("answered", &[]),
];
