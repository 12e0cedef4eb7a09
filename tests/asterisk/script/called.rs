//! The phone that is called, and what a phone says to the requests of the other side.

use std::fmt::Write as _;

use super::Script;
use super::sdp::Offer;

impl Script {
    /// A phone that is called.
    pub fn called(account: &str) -> Self {
        let mut script = Self::new(account);
        script.hears_invite();
        script
    }

    fn hears_invite(&mut self) {
        let mut save = String::new();
        for (header, name) in [("From:", "from"), ("To:", "to"), ("Via:", "via"), ("CSeq:", "cseq")] {
            writeln!(
                save,
                "<ereg regexp=\".*\" search_in=\"hdr\" header=\"{header}\" assign_to=\"{name}\"/>"
            )
            .unwrap();
        }
        self.step(&format!("<recv request=\"INVITE\" rrs=\"true\"><action>\n{save}</action></recv>"));
    }

    /// The called one wants credentials.
    pub fn challenges(self) -> Self {
        let want =
            "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"1a2b3c4d\", algorithm=MD5, qop=\"auth\"\n";
        let mut script = self.refuses_with("407 Proxy Authentication Required", want);
        script.hears_invite();
        script
    }

    fn reply(&mut self, status: &str, more: &str, sdp: Option<Offer>, of_invite: bool) {
        let (account, tag) = (&self.account, self.tag());
        let top = if of_invite {
            format!("Via:[$via]\nFrom:[$from]\nTo:[$to];tag={tag}\n[last_Call-ID:]\nCSeq:[$cseq]\n")
        } else {
            "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n".to_owned()
        };
        let contact = if more.contains("Contact:") {
            String::new()
        } else {
            format!("Contact: <sip:{account}@[local_ip]:[local_port];transport=[transport]>\n")
        };
        let kind = if sdp.is_some() { "Content-Type: application/sdp\n" } else { "" };
        let message = format!(
            "SIP/2.0 {status}\n{top}{contact}{more}{kind}Content-Length: [len]\n\n{}",
            sdp.map(Offer::sdp).unwrap_or_default()
        );
        self.send(&message, of_invite && !status.starts_with('1'));
    }

    /// The called phone says how far it is.
    pub fn rings(mut self) -> Self {
        self.reply("180 Ringing", "", None, true);
        self
    }

    /// The called phone lets the caller hear something before it takes the call.
    pub fn progresses(mut self, offer: Offer) -> Self {
        self.reply("183 Session Progress", "", Some(offer), true);
        self
    }

    /// The called phone takes the call.
    pub fn answers(mut self, offer: Offer) -> Self {
        self.reply("200 OK", "", Some(offer), true);
        self.up = true;
        self.receive_request("ACK", "");
        self
    }

    /// The called phone does not take the call.
    pub fn refuses(self, status: &str) -> Self {
        self.refuses_with(status, "")
    }

    /// The same, with a header line that says more.
    pub fn refuses_with(mut self, status: &str, more: &str) -> Self {
        self.reply(status, more, None, true);
        self.receive_request("ACK", "");
        self
    }

    /// The called phone rings until the call is taken away.
    pub fn cancelled(mut self) -> Self {
        self.receive_request("CANCEL", "");
        let tag = self.tag();
        let message = format!(
            "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag={tag}\n\
             [last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n"
        );
        self.send(&message, false);
        self.refuses("487 Request Terminated")
    }

    /// The other side asks for something, and the phone says 200.
    pub fn grants(self, method: &str) -> Self {
        self.receives(method).replies("200 OK")
    }

    /// The other side asks for something.
    pub fn receives(mut self, method: &str) -> Self {
        self.receive_request(method, "");
        self
    }

    /// What the phone says to that.
    pub fn replies(mut self, status: &str) -> Self {
        self.reply(status, "", None, false);
        self
    }
}
