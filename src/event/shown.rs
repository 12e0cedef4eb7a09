//! What the wall shows of a user at one moment, as far as it can be told again out of the ring. `state` makes it, the
//! ring keeps it, `query` shows it. Plain data.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{FailureCause, Sticker, Transport};
use crate::clock::Timestamp;

/// Why a sticker is grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Grey {
    /// No terminal of the user was seen since the module was loaded.
    #[default]
    Never,
    /// The last terminal unregistered, or is no longer active.
    Unregistered,
    /// The last registration ran out.
    Expired,
    /// The last that happened is an attempt that failed.
    Failed(FailureCause),
}

/// A user at one moment; the default is a user of whom nothing was ever heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// The sticker.
    pub sticker: Sticker,
    /// Calls in progress, ringing ones included.
    pub calls: u32,
    /// Since when the sticker is so; `Timestamp(0)`: since before the module was loaded.
    pub since: Timestamp,
    /// Why, if the sticker is grey; else the default.
    pub grey: Grey,
    /// Registrations of all endpoints, the newest binding first.
    pub contacts: Vec<Bound>,
    /// Ids of terminals without SIP that are active.
    pub active: Vec<Arc<str>>,
}

/// A contact that is bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "fields are those of event::Registration")]
pub struct Bound {
    pub endpoint: Arc<str>,
    pub contact: Arc<str>,
    pub far: Option<SocketAddr>,
    pub transport: Transport,
    pub user_agent: Arc<str>,
    /// First bound.
    pub since: Timestamp,
    /// Qualify's word; `None`: not told.
    pub reachable: Option<bool>,
}

impl Grey {
    const FAILED: u8 = 16;

    /// Its number on disk.
    pub const fn number(self) -> u8 {
        match self {
            Self::Never => 0,
            Self::Unregistered => 1,
            Self::Expired => 2,
            Self::Failed(cause) => {
                Self::FAILED
                    + match cause {
                        FailureCause::WrongPassword => 0,
                        FailureCause::UnknownUser => 1,
                        FailureCause::Forbidden => 2,
                        FailureCause::Tls => 3,
                        FailureCause::Refused => 4,
                        FailureCause::Other => 5,
                    }
            }
        }
    }

    /// From its number on disk; what a later version wrote is a failure for a cause not known.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Never,
            1 => Self::Unregistered,
            2 => Self::Expired,
            16 => Self::Failed(FailureCause::WrongPassword),
            17 => Self::Failed(FailureCause::UnknownUser),
            18 => Self::Failed(FailureCause::Forbidden),
            19 => Self::Failed(FailureCause::Tls),
            20 => Self::Failed(FailureCause::Refused),
            _ => Self::Failed(FailureCause::Other),
        }
    }
}
