//! What each lane of a ladder is called, and where the PBX stands between them. Pure.

use crate::directory::{Terminal, kind};
use crate::event::Direction;
use crate::query::history::joined::{Joined, Lane};
use crate::web::monitoring::kind_words;

/// The head of a lane. Texts may hold anything that a hostile peer sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// Who: a user's name and extension, a trunk's name, `PBX`.
    pub name: String,
    /// Which device.
    pub device: String,
    /// Its address, as the PBX sees it.
    pub address: String,
    /// It is the PBX.
    pub is_pbx: bool,
}

/// The lanes from left to right.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// All heads, that of the PBX among them.
    pub posts: Vec<Post>,
    /// Which of them the PBX is.
    pub pbx: usize,
}

impl Lanes {
    /// The lanes of a call; `host` is the PBX's name.
    pub fn of(joined: &Joined, host: &str) -> Self {
        let mut posts: Vec<Post> =
            joined.lanes.iter().enumerate().map(|(number, lane)| post(joined, number, lane)).collect();
        let pbx = place(joined);
        let local = joined.messages.first().map(|placed| placed.message.local);
        let known = local.filter(|local| !local.ip().is_unspecified());
        let address = known.map(|local| local.to_string()).unwrap_or_default();
        posts.insert(
            pbx.min(posts.len()),
            Post { name: "PBX".into(), device: host.to_owned(), address, is_pbx: true },
        );
        Self { posts, pbx }
    }

    /// The column of a lane's number.
    pub fn column(&self, lane: usize) -> usize {
        if lane < self.pbx { lane } else { lane + 1 }
    }

    /// The name of a lane in one line.
    pub fn name(&self, lane: usize) -> String {
        self.posts.get(self.column(lane)).map(Post::line).unwrap_or_default()
    }
}

impl Post {
    /// In one line: who, and with which device.
    pub fn line(&self) -> String {
        match (self.is_pbx, self.device.is_empty()) {
            (true, _) | (_, true) => self.name.clone(),
            _ => format!("{} ({})", self.name, self.device),
        }
    }
}

/// Where the PBX makes the arrows shortest: as near the middle of all messages as it goes, but never first.
fn place(joined: &Joined) -> usize {
    let mut counts = vec![0_usize; joined.lanes.len()];
    for placed in &joined.messages {
        if let Some(count) = counts.get_mut(placed.lane) {
            *count += 1;
        }
    }
    let length = |pbx: usize| -> usize {
        let distance = |lane: usize| if lane < pbx { pbx - lane } else { lane + 1 - pbx };
        counts.iter().enumerate().map(|(lane, count)| count * distance(lane)).sum()
    };
    (1..=counts.len()).min_by_key(|pbx| length(*pbx)).unwrap_or(0)
}

fn post(joined: &Joined, number: usize, lane: &Lane) -> Post {
    let address = match lane.far {
        Some(far) => {
            let first = joined.messages.iter().find(|placed| placed.lane == number);
            format!("{far} {}", first.map_or("", |placed| placed.message.transport.name()))
        }
        None => "no packet kept".to_owned(),
    };
    let agent = agent(joined, number);
    let Some(user) = &lane.user else {
        let is_named = !lane.endpoint.is_empty();
        return Post {
            name: if is_named { lane.endpoint.to_string() } else { "Unknown device".to_owned() },
            device: if is_named { "trunk".to_owned() } else { agent },
            address,
            is_pbx: false,
        };
    };
    let who = [&*user.name, &*user.surname, &*user.extension];
    let name = who.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let terminal = terminal(&user.terminals, &lane.endpoint, &agent);
    let device = match terminal {
        Some(terminal) if !terminal.description.is_empty() => terminal.description.to_string(),
        Some(Terminal { kind: Some(kind), .. }) => kind_words(*kind).to_owned(),
        _ if agent.is_empty() => kind_words(kind::of_user_agent("", "")).to_owned(),
        _ => agent,
    };
    Post { name, device, address, is_pbx: false }
}

/// The declared terminal of an endpoint; of several the one whose User-Agent it has.
fn terminal<'a>(terminals: &'a [Terminal], endpoint: &str, agent: &str) -> Option<&'a Terminal> {
    let agent = agent.to_lowercase();
    let its = || terminals.iter().filter(|t| t.endpoint.as_deref() == Some(endpoint));
    let by_agent =
        |t: &&Terminal| t.user_agent.as_ref().is_some_and(|wanted| agent.contains(&wanted.to_lowercase()));
    let any = |t: &&Terminal| t.user_agent.is_none();
    its().find(by_agent).or_else(|| its().find(any)).or_else(|| its().next())
}

/// What a device says it is.
fn agent(joined: &Joined, lane: usize) -> String {
    let its = joined.messages.iter().filter(|p| p.lane == lane && p.message.direction == Direction::In);
    its.take(8)
        .map(|placed| {
            let head = placed.message.head();
            let agent = head.text("User-Agent", "");
            if agent.is_empty() { head.text("Server", "") } else { agent }
        })
        .find(|agent| !agent.is_empty())
        .unwrap_or_default()
}
