//! Who is in the PBX: people, their SIP accounts and terminals, and the simulated phones behind them. All made up from
//! lists of common names, the same for the same numbers at each start. Pure: no I/O.

use crate::names::{DEPARTMENTS, GIVEN, SURNAMES};

/// A user. The extension is the user's id and first SIP account too.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) extension: String,
    pub(crate) name: &'static str,
    pub(crate) surname: &'static str,
    pub(crate) department: &'static str,
    /// Empty: none.
    pub(crate) mobile: String,
}

/// Numbers are those of the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gui = 1,
    Usb = 3,
    Sip = 4,
    Dect = 5,
}

/// A terminal that the PBX's own configuration declares.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    pub(crate) user: String,
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// The SIP account; empty for a terminal without SIP.
    pub(crate) endpoint: String,
    pub(crate) description: &'static str,
}

/// How a simulated phone behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers, and calls others.
    Usual,
    /// Never answers; its callers give up.
    Deaf,
    /// Refuses every call: do not disturb.
    Refuses,
    /// Has the wrong password.
    WrongPassword,
    /// Registers and unregisters.
    Flaps,
}

/// A simulated phone.
#[derive(Debug, Clone)]
pub(crate) struct Phone {
    pub(crate) endpoint: String,
    pub(crate) user_agent: &'static str,
    /// A handset of the base that all such handsets share.
    pub(crate) on_base: bool,
    pub(crate) mood: Mood,
}

/// Everything the reference host is made of.
pub(crate) struct Directory {
    /// Users that the PBX itself tells of.
    pub(crate) told: Vec<Person>,
    /// Users that only the directory file lists.
    pub(crate) listed: Vec<Person>,
    pub(crate) terminals: Vec<Terminal>,
    pub(crate) phones: Vec<Phone>,
    /// SIP account for somebody's real phone.
    pub(crate) spare: String,
}

struct Model {
    kind: Kind,
    description: &'static str,
    user_agent: &'static str,
}

const fn model(kind: Kind, description: &'static str, user_agent: &'static str) -> Model {
    Model { kind, description, user_agent }
}

const MODELS: [Model; 10] = [
    model(Kind::Sip, "Yealink T46S", "Yealink SIP-T46S 66.86.0.15"),
    model(Kind::Sip, "Snom D785", "snomD785/10.1.169.14"),
    model(Kind::Sip, "Grandstream GXP2170", "Grandstream GXP2170 1.0.11.74"),
    model(Kind::Dect, "Gigaset N870 handset", "N870 IP PRO/83.V2.49.1+build.1"),
    model(Kind::Gui, "Zoiper", "Zoiper rv2.10.20.4"),
    model(Kind::Sip, "Fanvil X6U", "Fanvil X6U 2.12.1"),
    model(Kind::Sip, "Cisco SPA504G", "Cisco/SPA504G-7.6.2f"),
    model(Kind::Sip, "Polycom VVX 411", "PolycomVVX-VVX_411-UA/6.4.3.5156"),
    model(Kind::Dect, "Yealink W70B handset", "Yealink W70B 146.85.0.20"),
    model(Kind::Sip, "Grandstream HT802, analogue phone", "Grandstream HT802 1.0.29.8"),
];

/// What a user is like; each takes this many simulated phones.
#[derive(Clone, Copy)]
enum Role {
    One(Mood),
    /// Two phones on one account: both ring.
    Two,
    /// Six terminals, three of them phones with accounts of their own.
    Many,
    /// No phone: a desktop client and a headset, without SIP.
    Desktop,
    /// Declared phone that never registers.
    Absent,
    Spare,
}

const ROLES: [Role; 12] = [
    Role::One(Mood::Usual),
    Role::Two,
    Role::Many,
    Role::One(Mood::WrongPassword),
    Role::One(Mood::Flaps),
    Role::Desktop,
    Role::Two,
    Role::One(Mood::Deaf),
    Role::Absent,
    Role::One(Mood::Refuses),
    Role::Two,
    Role::Spare,
];

impl Directory {
    /// A directory with `phones` simulated phones and at least `users` users (0: as many as the phones need).
    pub(crate) fn new(phones: usize, users: usize) -> Self {
        let mut made = Self {
            told: Vec::new(),
            listed: Vec::new(),
            terminals: Vec::new(),
            phones: Vec::new(),
            spare: String::new(),
        };
        let wanted = users.max(24);
        let first = if wanted.max(phones) <= 800 { 101 } else { 10_001 };
        let mut roles = ROLES.into_iter();
        while made.phones.len() < phones || !made.has_spare() {
            let role = roles.next().unwrap_or(Role::One(Mood::Usual));
            made.add(role, person(made.told.len(), first), phones);
        }
        made.listed = (made.told.len()..wanted).map(|n| person(n, first)).collect();
        made
    }

    /// Everybody.
    pub(crate) fn users(&self) -> usize {
        self.told.len() + self.listed.len()
    }

    fn has_spare(&self) -> bool {
        !self.spare.is_empty()
    }

    fn add(&mut self, role: Role, person: Person, phones: usize) {
        let user = person.extension.clone();
        let n = self.told.len();
        match role {
            Role::One(Mood::WrongPassword) => self.device(&user, "1", &user, 1, Mood::WrongPassword, phones),
            Role::One(mood) => self.device(&user, "1", &user, n, mood, phones),
            Role::Two => {
                self.device(&user, "desk", &user, n, Mood::Usual, phones);
                self.device(&user, "second", &user, n + 3, Mood::Usual, phones);
            }
            Role::Many => {
                self.device(&user, "desk", &user, 0, Mood::Usual, phones);
                self.silent(&user, "client", Kind::Gui, "Desktop client");
                self.device(&user, "handset", &format!("{user}-dect"), 3, Mood::Usual, phones);
                self.silent(&user, "headset", Kind::Usb, "USB headset");
                self.device(&user, "home", &format!("{user}-home"), 9, Mood::Usual, phones);
                self.silent(&user, "speakerphone", Kind::Usb, "USB speakerphone");
            }
            Role::Desktop => {
                self.silent(&user, "client", Kind::Gui, "Desktop client");
                self.silent(&user, "headset", Kind::Usb, "USB headset");
            }
            Role::Absent => self.declare(&user, "1", Kind::Sip, &user, "Yealink T46S"),
            Role::Spare => {
                self.declare(&user, "1", Kind::Sip, &user, "Your own phone");
                self.spare.clone_from(&user);
            }
        }
        self.told.push(person);
    }

    fn device(&mut self, user: &str, id: &str, endpoint: &str, n: usize, mood: Mood, phones: usize) {
        let Some(model) = MODELS.get(n % MODELS.len()) else { return };
        self.declare(user, id, model.kind, endpoint, model.description);
        if self.phones.len() < phones {
            let user_agent = model.user_agent;
            let on_base = user_agent.starts_with("N870");
            self.phones.push(Phone { endpoint: endpoint.to_owned(), user_agent, on_base, mood });
        }
    }

    fn silent(&mut self, user: &str, id: &str, kind: Kind, description: &'static str) {
        self.declare(user, id, kind, "", description);
    }

    fn declare(&mut self, user: &str, id: &str, kind: Kind, endpoint: &str, description: &'static str) {
        let (user, id, endpoint) = (user.to_owned(), id.to_owned(), endpoint.to_owned());
        self.terminals.push(Terminal { user, id, kind, endpoint, description });
    }
}

fn person(n: usize, first: usize) -> Person {
    let pick = |list: &[&'static str], n: usize| list.get(n % list.len()).copied().unwrap_or("");
    // 7 and 13 are prime to the lists' lengths: neighbours differ in both names
    let name = pick(&GIVEN, n * 7);
    let surname = pick(&SURNAMES, n * 13 + n / GIVEN.len());
    let department = pick(&DEPARTMENTS, n / 4);
    let mobile = if n % 5 == 2 { format!("+1555010{:04}", n % 10_000) } else { String::new() };
    Person { extension: (first + n).to_string(), name, surname, department, mobile }
}
