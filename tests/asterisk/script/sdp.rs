//! What a phone offers of media, as SDP (RFC 8866).

use std::fmt::Write as _;

/// What the phone offers or answers: payload types, and which way the media goes.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    pub codecs: &'static [(u8, &'static str)],
    pub way: &'static str,
    pub port: u16,
}

pub const ULAW: Offer = Offer { codecs: &[(0, "PCMU")], way: "sendrecv", port: 16_000 };
pub const ALAW: Offer = Offer { codecs: &[(8, "PCMA")], way: "sendrecv", port: 16_000 };
pub const G729: Offer = Offer { codecs: &[(18, "G729")], way: "sendrecv", port: 16_000 };

impl Offer {
    /// The same on hold.
    pub fn way(self, way: &'static str) -> Self {
        Self { way, ..self }
    }

    /// The same at another port.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    pub(super) fn sdp(self) -> String {
        let types: Vec<String> = self.codecs.iter().map(|(number, _)| number.to_string()).collect();
        let mut text = format!(
            "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=talk\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {} RTP/AVP {}\n",
            self.port,
            types.join(" ")
        );
        for (number, name) in self.codecs {
            writeln!(text, "a=rtpmap:{number} {name}/8000").unwrap();
        }
        if self.way != "sendrecv" {
            writeln!(text, "a={}", self.way).unwrap();
        }
        text
    }
}
