//! What a phone says and what it waits for, one step after the other: written as code, because SIPp's own files say each
//! header of each message again. Made into one of SIPp's scenarios by [`Script::xml`].

use std::fmt::Write as _;
use std::path::Path;

use crate::phone::credentials;

/// One dialog of a phone, or a request without one. The steps are in the order in which they are called.
#[derive(Debug, Clone)]
pub struct Script {
    /// Which of the user's ports the phone is at.
    pub line: u16,
    account: String,
    password: String,
    /// Whom the phone calls; empty: it is called.
    number: String,
    steps: String,
    /// How many steps there are, as SIPp counts them.
    count: u32,
    cseq: u32,
    labels: u32,
    /// The CSeq and the step of the INVITE that is not acknowledged yet.
    invite: (u32, u32),
    up: bool,
}

/// What the phone offers or answers: payload types, and which way the media goes.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    pub codecs: &'static [(u8, &'static str)],
    pub way: &'static str,
}

pub const ULAW: Offer = Offer { codecs: &[(0, "PCMU")], way: "sendrecv" };
pub const ALAW: Offer = Offer { codecs: &[(8, "PCMA")], way: "sendrecv" };
pub const G729: Offer = Offer { codecs: &[(18, "G729")], way: "sendrecv" };

impl Offer {
    /// The same on hold.
    pub fn way(self, way: &'static str) -> Self {
        Self { way, ..self }
    }

    fn sdp(self) -> String {
        let types: Vec<String> = self.codecs.iter().map(|(number, _)| number.to_string()).collect();
        let mut text = format!(
            "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=talk\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 16000 RTP/AVP {}\n",
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

impl Script {
    /// A phone that will say something.
    pub fn new(account: &str) -> Self {
        Self {
            line: 0,
            account: account.to_owned(),
            password: crate::pbx::password(account),
            number: String::new(),
            steps: String::new(),
            count: 0,
            cseq: 0,
            labels: 0,
            invite: (0, 0),
            up: false,
        }
    }

    /// A phone that calls.
    pub fn calls(account: &str, number: &str, offer: Offer) -> Self {
        Self::new(account).to(number).invites("", offer)
    }

    /// A phone that is called.
    pub fn called(account: &str) -> Self {
        let mut script = Self::new(account);
        let mut save = String::new();
        for (header, name) in [("From:", "from"), ("To:", "to"), ("Via:", "via"), ("CSeq:", "cseq")] {
            writeln!(
                save,
                "<ereg regexp=\".*\" search_in=\"hdr\" header=\"{header}\" assign_to=\"{name}\"/>"
            )
            .unwrap();
        }
        script.step(&format!("<recv request=\"INVITE\" rrs=\"true\"><action>\n{save}</action></recv>"));
        script
    }

    fn step(&mut self, xml: &str) {
        self.steps += xml;
        self.steps.push('\n');
        self.count += 1;
    }

    fn send(&mut self, message: &str, retrans: bool) {
        let retrans = if retrans { " retrans=\"500\"" } else { "" };
        self.step(&format!("<send{retrans}><![CDATA[\n{message}]]></send>"));
    }

    fn receive(&mut self, status: u16, more: &str) {
        self.step(&format!("<recv response=\"{status}\"{more}/>"));
    }

    fn receive_request(&mut self, method: &str, more: &str) {
        self.step(&format!("<recv request=\"{method}\"{more}/>"));
    }

    /// The INVITE of a call; it is refused once for want of credentials, as every first one is.
    pub fn invites(mut self, more: &str, offer: Offer) -> Self {
        self.request("INVITE", more, Some(offer.sdp()));
        self.receive(401, " auth=\"true\"");
        self.acknowledge(false);
        let more = format!("{}{more}", self.proof());
        self.request("INVITE", &more, Some(offer.sdp()));
        self
    }

    /// Whom the requests are for.
    pub fn to(mut self, number: &str) -> Self {
        number.clone_into(&mut self.number);
        self
    }

    /// Another password than the account's own.
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    fn proof(&self) -> String {
        format!("{}\n", credentials(&self.account, &self.password))
    }

    /// Whose phone it is.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether the phone waits for somebody else to begin.
    pub fn is_called(&self) -> bool {
        self.steps.starts_with("<recv")
    }

    /// The phone is at the n-th port of its user.
    pub fn line(self, line: u16) -> Self {
        Self { line, ..self }
    }

    fn is_caller(&self) -> bool {
        !self.number.is_empty()
    }

    fn tag(&self) -> String {
        format!("t{}", self.account)
    }

    /// A request, with its retransmissions; `more`: header lines, each with its end.
    fn request(&mut self, method: &str, more: &str, body: Option<String>) {
        self.cseq += 1;
        if method == "INVITE" {
            self.invite = (self.cseq, self.count);
        }
        let message = self.message(method, self.cseq, "[branch]", more, body);
        self.send(&message, true);
    }

    fn message(&self, method: &str, cseq: u32, branch: &str, more: &str, body: Option<String>) -> String {
        let (account, number, tag) = (&self.account, &self.number, self.tag());
        let registers = method == "REGISTER";
        let target = match (self.up, registers) {
            (true, _) => "[next_url]".to_owned(),
            (false, true) => "sip:127.0.0.1".to_owned(),
            (false, false) => format!("sip:{number}@127.0.0.1"),
        };
        let (from, to) = if self.is_caller() || registers {
            let far = if registers { account } else { number };
            let peer = if self.up || method == "ACK" { "[peer_tag_param]" } else { "" };
            (format!("<sip:{account}@127.0.0.1>;tag={tag}"), format!("<sip:{far}@127.0.0.1>{peer}"))
        } else {
            (format!("[$to];tag={tag}"), "[$from]".to_owned())
        };
        let kind = if body.is_none() || more.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\n"
        };
        let contact = if ["INVITE", "REGISTER", "SUBSCRIBE", "REFER"].contains(&method) {
            format!("Contact: <sip:{account}@[local_ip]:[local_port];transport=[transport]>\n")
        } else {
            String::new()
        };
        format!(
            "{method} {target} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}\n\
             Max-Forwards: 70\nFrom: {from}\nTo: {to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n{contact}\
             User-Agent: Yealink SIP-T46S 66.85.0.5\n{more}{kind}Content-Length: [len]\n\n{}",
            body.unwrap_or_default()
        )
    }

    /// The ACK of a 2xx is a transaction of its own, that of another answer belongs to the INVITE's.
    fn acknowledge(&mut self, good: bool) {
        let (cseq, at) = self.invite;
        let branch = if good { "[branch]".to_owned() } else { format!("[branch-{}]", self.count - at) };
        let message = self.message("ACK", cseq, &branch, "", None);
        self.send(&message, false);
    }

    /// A request outside of a dialog, which is refused once for want of credentials and then answered with `status`.
    pub fn asks(mut self, method: &str, more: &str, body: Option<&str>, status: u16) -> Self {
        self.request(method, more, body.map(str::to_owned));
        self.receive(401, " auth=\"true\"");
        let more = format!("{}{more}", self.proof());
        self.request(method, &more, body.map(str::to_owned));
        self.receive(status, " rrs=\"true\"");
        self
    }

    /// A request within the dialog, and its answer.
    pub fn says(mut self, method: &str, more: &str, sdp: Option<Offer>, status: u16) -> Self {
        self.up = true;
        self.request(method, more, sdp.map(Offer::sdp));
        if method == "INVITE" {
            self.receive(100, " optional=\"true\"");
        }
        self.receive(status, "");
        if method == "INVITE" {
            self.acknowledge(status == 200);
        }
        self
    }

    /// A re-INVITE that is taken.
    pub fn invites_again(self, offer: Offer) -> Self {
        self.says("INVITE", "", Some(offer), 200)
    }

    fn progress(&mut self) {
        for status in [100, 180, 183] {
            self.receive(status, " optional=\"true\"");
        }
    }

    /// The call is answered.
    pub fn answered(mut self) -> Self {
        self.progress();
        self.receive(200, " rrs=\"true\"");
        self.up = true;
        self.acknowledge(true);
        self
    }

    /// The call comes to nothing.
    pub fn refused(mut self, status: u16) -> Self {
        self.progress();
        self.receive(status, "");
        self.acknowledge(false);
        self
    }

    /// The phone gives up while the other side rings.
    pub fn cancels(mut self, after: u32) -> Self {
        self.receive(100, " optional=\"true\"");
        self.receive(180, "");
        self = self.waits(after);
        let (cseq, at) = self.invite;
        let branch = format!("[branch-{}]", self.count - at);
        let message = self.message("CANCEL", cseq, &branch, "", None);
        self.send(&message, true);
        self.receive(200, "");
        self.receive(487, "");
        self.acknowledge(false);
        self
    }

    /// The phone does nothing for so many milliseconds.
    pub fn waits(mut self, milliseconds: u32) -> Self {
        self.step(&format!("<pause milliseconds=\"{milliseconds}\"/>"));
        self
    }

    /// The phone does nothing until the file says something else than `wait`; a later step may say it as `[$gate]`.
    pub fn waits_for(mut self, gate: &Path) -> Self {
        let label = self.label();
        self.mark(label);
        self.step(&format!(
            "<nop><action>\n\
             <assignstr assign_to=\"gate\" value=\"[file name={}]\"/>\n\
             <strcmp assign_to=\"compared\" variable=\"gate\" value=\"wait\"/>\n\
             <test assign_to=\"closed\" variable=\"compared\" compare=\"equal\" value=\"0\"/>\n\
             </action></nop>",
            gate.display()
        ));
        self.step(&format!("<pause milliseconds=\"50\" next=\"{label}\" test=\"closed\"/>"));
        self
    }

    /// A place to jump to; no step.
    fn mark(&mut self, label: u32) {
        writeln!(self.steps, "<label id=\"{label}\"/>").unwrap();
    }

    fn label(&mut self) -> u32 {
        self.labels += 1;
        self.labels
    }

    fn reply(&mut self, status: &str, more: &str, sdp: Option<Offer>, of_invite: bool) {
        let (account, tag) = (&self.account, self.tag());
        let top = if of_invite {
            format!("Via:[$via]\nFrom:[$from]\nTo:[$to];tag={tag}\n[last_Call-ID:]\nCSeq:[$cseq]\n")
        } else {
            "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n".to_owned()
        };
        let kind = if sdp.is_some() { "Content-Type: application/sdp\n" } else { "" };
        let message = format!(
            "SIP/2.0 {status}\n{top}\
             Contact: <sip:{account}@[local_ip]:[local_port];transport=[transport]>\n\
             {more}{kind}Content-Length: [len]\n\n{}",
            sdp.map(Offer::sdp).unwrap_or_default()
        );
        self.send(&message, of_invite && !status.starts_with('1'));
    }

    /// The called phone says how far it is.
    pub fn rings(mut self) -> Self {
        self.reply("180 Ringing", "", None, true);
        self
    }

    /// The called phone takes the call.
    pub fn answers(mut self, offer: Offer) -> Self {
        self = self.takes(offer, "");
        self.receive_request("ACK", "");
        self
    }

    /// The called phone says 200 and does not wait for the ACK.
    pub fn takes(mut self, offer: Offer, more: &str) -> Self {
        self.reply("200 OK", more, Some(offer), true);
        self.up = true;
        self
    }

    /// The called phone does not take the call.
    pub fn refuses(mut self, status: &str) -> Self {
        self.reply(status, "", None, true);
        self.receive_request("ACK", "");
        self
    }

    /// The called phone rings until the call is taken away.
    pub fn is_cancelled(mut self) -> Self {
        self.receive_request("CANCEL", "");
        let tag = self.tag();
        let message = format!(
            "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag={tag}\n\
             [last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n"
        );
        self.send(&message, false);
        self.refuses("487 Request Terminated")
    }

    /// The phone hangs up.
    pub fn hangs_up(self) -> Self {
        self.says("BYE", "", None, 200)
    }

    /// The other side asks for something, and the phone says 200.
    pub fn grants(mut self, method: &str) -> Self {
        self.receive_request(method, "");
        self.reply("200 OK", "", None, false);
        self
    }

    /// The other side's re-INVITE.
    pub fn is_invited_again(mut self, offer: Offer) -> Self {
        self.receive_request("INVITE", "");
        self.reply("200 OK", "", Some(offer), false);
        self.receive_request("ACK", "");
        self
    }

    /// The other side tells how the transfer goes, as often as it likes, and then hangs up.
    pub fn is_told_until_bye(mut self) -> Self {
        let (again, told, over) = (self.label(), self.label(), self.label());
        self.mark(again);
        self.receive_request("NOTIFY", &format!(" optional=\"true\" next=\"{told}\""));
        self.receive_request("BYE", &format!(" next=\"{over}\""));
        self.mark(told);
        self.reply("200 OK", "", None, false);
        self.step(&format!("<nop next=\"{again}\"/>"));
        self.mark(over);
        self.reply("200 OK", "", None, false);
        self
    }

    /// The scenario as SIPp reads it.
    pub fn xml(&self) -> String {
        const NAMES: [&str; 7] = ["from", "to", "via", "cseq", "gate", "compared", "closed"];
        let used: Vec<&str> =
            NAMES.into_iter().filter(|name| self.steps.contains(&format!("assign_to=\"{name}\""))).collect();
        let references = if used.is_empty() {
            String::new()
        } else {
            format!("<Reference variables=\"{}\"/>\n", used.join(","))
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"{}\">\n{}{references}</scenario>\n",
            self.account, self.steps
        )
    }
}
