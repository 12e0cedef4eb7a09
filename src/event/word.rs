//! The closed sets of words that the whole product uses: kinds of terminals, transports, directions, dump details,
//! stickers. Their numbers are those of the C header and of the files on disk, their words those of the pages.

use serde::{Deserialize, Serialize};

/// The kind of a terminal (product.md); decides its icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The user's desktop client.
    Gui,
    /// A mobile number on the user's record.
    Mobile,
    /// A USB audio device.
    Usb,
    /// An IP phone, or an analogue phone on a SIP adapter.
    Sip,
    /// A DECT handset behind a base.
    Dect,
}

impl Kind {
    /// The word that pages, config and documents use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gui => "gui",
            Self::Mobile => "mobile",
            Self::Usb => "usb",
            Self::Sip => "sip",
            Self::Dect => "dect",
        }
    }
}

/// Transport of a SIP message (RFC 3261 section 18, RFC 7118 for WebSocket).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    #[default]
    Unknown = 0,
    Udp = 1,
    Tcp = 2,
    Tls = 3,
    Ws = 4,
    Wss = 5,
}

impl Transport {
    /// From its number in the C header and on disk; anything else is [`Transport::Unknown`].
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Udp,
            2 => Self::Tcp,
            3 => Self::Tls,
            4 => Self::Ws,
            5 => Self::Wss,
            _ => Self::Unknown,
        }
    }

    /// As in a Via header, upper case; `?` when unknown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "?",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

/// Which way a packet went, seen from the PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Direction {
    /// Received by the PBX.
    #[default]
    In = 0,
    /// Sent by the PBX.
    Out = 1,
}

/// How much of each packet is kept (product.md, "Dump detail").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum DumpDetail {
    /// Nothing.
    Off = 0,
    /// Addresses, size, start line, From/To user, Call-ID, CSeq.
    Summary = 1,
    /// `summary` and all headers; of a body only type and length, of SDP codecs, c= and m= lines.
    #[default]
    Headers = 2,
    /// Everything but secrets.
    Full = 3,
}

impl DumpDetail {
    /// All four, least first.
    pub const ALL: [Self; 4] = [Self::Off, Self::Summary, Self::Headers, Self::Full];

    /// The word that pages, config and documents use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Summary => "summary",
            Self::Headers => "headers",
            Self::Full => "full",
        }
    }

    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.word() == word)
    }

    /// From its number on disk; `None` for a number of a later version.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::Summary),
            2 => Some(Self::Headers),
            3 => Some(Self::Full),
            _ => None,
        }
    }
}

/// A user's sticker (product.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sticker {
    /// Grey: no terminal is authenticated.
    #[default]
    Offline,
    /// Green: at least one terminal is authenticated, no call.
    Free,
    /// Orange: ringing phase, no call established yet.
    Ringing,
    /// Red: at least one call established.
    Busy,
}

impl Sticker {
    /// The word that pages and documents use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Free => "free",
            Self::Ringing => "ringing",
            Self::Busy => "busy",
        }
    }
}
