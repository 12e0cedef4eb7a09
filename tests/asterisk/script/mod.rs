//! What a phone says and what it waits for, one step after the other: written as code, because SIPp's own files say each
//! header of each message again. Made into one of SIPp's scenarios by [`Script::xml`].

mod called;
pub mod sdp;

use self::sdp::Offer;

use crate::phone::credentials;

/// One dialog of a phone, or a request without one. The steps are in the order in which they are called.
#[derive(Debug, Clone)]
pub struct Script {
    /// Which of the user's ports the phone is at.
    pub line: u16,
    /// The phone's address.
    pub address: &'static str,
    /// The phone takes a repeated message as a new one, and what comes while it waits for nothing.
    pub careless: bool,
    account: String,
    password: String,
    /// Whom the phone calls; empty: it is called.
    number: String,
    steps: String,
    /// How many steps there are, as SIPp counts them.
    count: u32,
    cseq: u32,
    /// The CSeq and the step of the INVITE that is not acknowledged yet.
    invite: (u32, u32),
    /// That INVITE.
    sent: String,
    up: bool,
}

impl Script {
    /// A phone that will say something.
    pub fn new(account: &str) -> Self {
        Self {
            line: 0,
            address: "127.0.0.1",
            careless: false,
            account: account.to_owned(),
            password: crate::pbx::password(account),
            number: String::new(),
            steps: String::new(),
            count: 0,
            cseq: 0,
            invite: (0, 0),
            sent: String::new(),
            up: false,
        }
    }

    /// A phone that calls.
    pub fn calls(account: &str, number: &str, offer: Offer) -> Self {
        Self::new(account).to(number).invites("", offer)
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

    /// The phone is at another address.
    pub fn at(self, address: &'static str) -> Self {
        Self { address, ..self }
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
        if method == "INVITE" {
            self.sent = message;
        }
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
        let own =
            ["INVITE", "REGISTER", "SUBSCRIBE", "REFER"].contains(&method) && !more.contains("Contact:");
        let contact = if own {
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

    /// The first request is refused at once: nobody asks for credentials.
    pub fn tries(mut self, method: &str, more: &str, sdp: Option<Offer>, status: u16) -> Self {
        self.request(method, more, sdp.map(Offer::sdp));
        self.receive(status, "");
        if method == "INVITE" {
            self.acknowledge(false);
        }
        self
    }

    /// The INVITE once more, as it was; what comes in the pause after it is not looked at.
    pub fn repeats_invite(mut self, pause: u32) -> Self {
        if !self.careless {
            self.careless = true;
            self.receive(100, "");
        }
        let sent = self.sent.replace("[branch]", &format!("[branch-{}]", self.count - self.invite.1));
        self.send(&sent, false);
        self.waits(pause)
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
        for status in [100, 181, 180, 183] {
            self.receive(status, " optional=\"true\"");
        }
    }

    /// The call is answered.
    pub fn answered(self) -> Self {
        self.answered_late(0)
    }

    /// The call is answered, and the ACK comes so many milliseconds late.
    pub fn answered_late(mut self, late: u32) -> Self {
        self.progress();
        self.receive(200, " rrs=\"true\"");
        self.up = true;
        if late > 0 {
            self = self.waits(late);
        }
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

    /// The phone does nothing until the test gives it the word (`Playing::tell`); a later step may say it as `[$word]`.
    pub fn waits_for_word(mut self) -> Self {
        self.step(
            "<recv request=\"INFO\"><action>\
             <ereg regexp=\".*\" search_in=\"hdr\" header=\"X-Word:\" assign_to=\"word\"/></action></recv>",
        );
        self
    }

    /// The phone hangs up.
    pub fn hangs_up(self) -> Self {
        self.says("BYE", "", None, 200)
    }

    /// The scenario as SIPp reads it.
    pub fn xml(&self) -> String {
        const NAMES: [&str; 5] = ["from", "to", "via", "cseq", "word"];
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
