//! Calls between two users (B2BUA, RFC 7092): the caller's leg and each called phone's leg are dialogs of their own with
//! Call-IDs of their own; the PBX joins them and tells the library of every change. Started by the switch for each INVITE.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, DialogStateSender, TerminatedReason};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::*;
use rsipstack::sip::{ContentType, Header, Request, Response, StatusCode};
use rsipstack::transaction::make_uuid_v4;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::digest::Verdict;
use crate::registrar::Binding;
use crate::switch::Switch;
use crate::told::{CallTold, Phase};

/// How long phones may ring, and how long the rest of a call may take once one side has ended it.
const RING: Duration = Duration::from_secs(45);
const CLEAR: Duration = Duration::from_secs(8);

/// Q.850: non-selected user clearing. Another phone answered.
const ELSEWHERE: u32 = 26;

/// One leg of a call.
struct Leg {
    id: String,
    call_id: String,
    endpoint: String,
    outgoing: bool,
    far_number: String,
    far_name: String,
    /// `None`: nothing told yet.
    phase: Option<Phase>,
    dialog: InviteDialog,
}

/// A call under way.
struct Call {
    switch: Arc<Switch>,
    linked: String,
    caller: Leg,
    called: Vec<Leg>,
    /// Call-ID of the called leg that answered.
    answered: Option<String>,
    /// What the caller gets if nobody answers: the last refusal.
    refusal: StatusCode,
    /// One side has ended it; what is left is to clear the rest.
    ending: bool,
}

/// Authenticates an INVITE and relays it.
pub(crate) async fn invite(switch: Arc<Switch>, mut tx: Transaction) -> rsipstack::Result<()> {
    let endpoint = match switch.registrar.digest.check(&tx.original) {
        Verdict::Account(account) => account,
        Verdict::Ask { stale } => {
            let challenge = switch.registrar.digest.proxy(stale);
            return tx.reply_with(StatusCode::ProxyAuthenticationRequired, vec![challenge], None).await;
        }
        Verdict::Unknown(_) | Verdict::Wrong(_) => return tx.reply(StatusCode::Forbidden).await,
    };
    let request = tx.original.clone();
    let number = request.uri.user().unwrap_or_default().to_owned();
    switch.registrar.identified.set(request.call_id_header()?.value(), &endpoint);
    let (states, events) = switch.layer.new_dialog_state_channel();
    let contact = switch.uri(&number);
    let dialog = switch.layer.get_or_create_server_invite(&tx, states.clone(), None, Some(contact))?;
    let mut server = dialog.clone();
    tokio::spawn(async move { server.handle(&mut tx).await });

    let linked = switch.new_call();
    let far_name = switch.numbers.numbers.get(&number).map(|n| n.name.clone()).unwrap_or_default();
    let caller = Leg {
        id: format!("{linked}-a"),
        call_id: dialog.id().call_id,
        endpoint,
        outgoing: true,
        far_number: number.clone(),
        far_name,
        phase: None,
        dialog,
    };
    let mut call = Call {
        switch,
        linked,
        caller,
        called: Vec::new(),
        answered: None,
        refusal: StatusCode::TemporarilyUnavailable,
        ending: false,
    };
    call.told_caller(Phase::Ringing, 0);
    call.run(&number, &request, states, events).await;
    Ok(())
}

impl Call {
    async fn run(
        &mut self,
        number: &str,
        request: &Request,
        states: DialogStateSender,
        mut events: DialogStateReceiver,
    ) {
        let (failed, mut failures) = mpsc::unbounded_channel();
        let ringing = self.ring(number, request, &states, &failed);
        drop((states, failed));
        if !ringing {
            self.refuse();
        }
        let mut deadline = Instant::now() + RING;
        let mut clearing = false;
        while !self.over() {
            if self.ending && !clearing {
                clearing = true;
                deadline = Instant::now() + CLEAR;
            }
            let limited = clearing || self.answered.is_none();
            tokio::select! {
                Some(state) = events.recv() => self.step(state),
                Some(call_id) = failures.recv() => self.leg_over(&call_id, &StatusCode::RequestTimeout),
                () = tokio::time::sleep_until(deadline), if limited => {
                    if clearing {
                        break;
                    }
                    self.refusal = StatusCode::TemporarilyUnavailable;
                    self.refuse();
                }
            }
        }
        self.clear();
    }

    /// Rings every phone of the number. False: there is none.
    fn ring(
        &mut self,
        number: &str,
        request: &Request,
        states: &DialogStateSender,
        failed: &mpsc::UnboundedSender<String>,
    ) -> bool {
        let numbers = &self.switch.numbers;
        let Some(called) = numbers.numbers.get(number) else {
            self.refusal = StatusCode::NotFound;
            return false;
        };
        let contacts: Vec<Binding> =
            called.endpoints.iter().flat_map(|endpoint| self.switch.registrar.contacts(endpoint)).collect();
        let caller = numbers.owners.get(&self.caller.endpoint).cloned().unwrap_or_default();
        let caller_name = numbers.numbers.get(&caller).map(|n| n.name.clone()).unwrap_or_default();
        for (n, binding) in contacts.into_iter().enumerate() {
            let call_id = format!("{}@pbx.example", make_uuid_v4());
            self.switch.registrar.identified.set(&call_id, &binding.endpoint);
            let option = InviteOption {
                caller_display_name: Some(caller_name.clone()),
                caller: self.switch.uri(&caller),
                callee: binding.uri,
                destination: Some(SipAddr::from(binding.far)),
                contact: self.switch.uri(&caller),
                offer: Some(request.body.clone()),
                call_id: Some(call_id.clone()),
                ..InviteOption::default()
            };
            match self.switch.layer.do_invite_async(option, states.clone()) {
                Ok((dialog, end)) => {
                    let (failed, id) = (failed.clone(), call_id.clone());
                    // without a final response no state tells of the end
                    tokio::spawn(async move {
                        if !matches!(end.await, Ok(Ok((_, Some(_))))) {
                            let _ = failed.send(id);
                        }
                    });
                    self.called.push(Leg {
                        id: format!("{}-b{}", self.linked, n + 1),
                        call_id,
                        endpoint: binding.endpoint,
                        outgoing: false,
                        far_number: caller.clone(),
                        far_name: caller_name.clone(),
                        phase: None,
                        dialog,
                    });
                }
                Err(e) => crate::say(&format!("{} can't be called: {e}", binding.contact)),
            }
        }
        !self.called.is_empty()
    }

    fn step(&mut self, state: DialogState) {
        let call_id = state.id().call_id.clone();
        let of_caller = call_id == self.caller.call_id;
        match state {
            DialogState::Early(..) if !of_caller => self.rings(&call_id),
            DialogState::Confirmed(_, response) if !of_caller => self.answers(&call_id, &response),
            DialogState::Terminated(_, reason) if of_caller => {
                let cause = if matches!(reason, TerminatedReason::UacCancel) { 0 } else { self.cause() };
                self.told_caller(Phase::Ended, cause);
                self.ending = true;
                self.hang_up(None);
            }
            DialogState::Terminated(_, reason) => self.leg_over(&call_id, &status_of(&reason)),
            DialogState::Updated(id, request, reply) => {
                let held = is_hold(&request);
                self.hold(&id, held);
                tokio::spawn(async move {
                    let body = crate::sdp::answer(&request.body, held);
                    reply.respond(StatusCode::OK, Some(vec![sdp_type()]), Some(body)).await
                });
            }
            DialogState::Info(_, _, reply) | DialogState::Options(_, _, reply) => {
                tokio::spawn(async move { reply.reply(StatusCode::OK).await });
            }
            _ => {}
        }
    }

    fn rings(&mut self, call_id: &str) {
        let linked = self.linked.clone();
        if self.answered.is_none()
            && let Some(leg) = self.called.iter_mut().find(|leg| leg.call_id == call_id)
            && leg.phase.is_none()
        {
            leg.tell(&self.switch, &linked, Phase::Ringing, 0);
            if let Err(e) = self.caller.dialog.ringing(None, None) {
                crate::say(&format!("180 can't be sent: {e}"));
            }
        }
    }

    fn answers(&mut self, call_id: &str, response: &Response) {
        let linked = self.linked.clone();
        let Some(leg) = self.called.iter_mut().find(|leg| leg.call_id == call_id) else { return };
        match &self.answered {
            Some(first) if first == call_id => return, // after a re-INVITE
            Some(_) => return end(&leg.dialog),
            None if self.caller.phase == Some(Phase::Ended) => return end(&leg.dialog),
            None => {}
        }
        leg.tell(&self.switch, &linked, Phase::Up, 0);
        self.answered = Some(call_id.to_owned());
        if let Err(e) = self.caller.dialog.accept(Some(vec![sdp_type()]), Some(response.body.clone())) {
            crate::say(&format!("200 can't be sent: {e}"));
        }
        self.told_caller(Phase::Up, 0);
        self.hang_up(Some(call_id));
    }

    fn hold(&mut self, id: &DialogId, held: bool) {
        let phase = if held { Phase::Held } else { Phase::Up };
        let linked = self.linked.clone();
        let legs = std::iter::once(&mut self.caller).chain(&mut self.called);
        for leg in legs.filter(|leg| leg.call_id == id.call_id) {
            leg.tell(&self.switch, &linked, phase, 0);
        }
    }

    /// A called leg ended, or never came to be.
    fn leg_over(&mut self, call_id: &str, status: &StatusCode) {
        let linked = self.linked.clone();
        let Some(leg) = self.called.iter_mut().find(|leg| leg.call_id == call_id) else { return };
        if leg.phase == Some(Phase::Ended) {
            return;
        }
        let elsewhere = self.answered.as_deref().is_some_and(|answered| answered != call_id);
        let cause = if elsewhere { ELSEWHERE } else { cause_of(status) };
        leg.tell(&self.switch, &linked, Phase::Ended, cause);
        if self.answered.as_deref() == Some(call_id) {
            self.ending = true;
            end(&self.caller.dialog);
        } else if self.answered.is_none() {
            self.refusal = status.clone();
            if self.called.iter().all(|leg| leg.phase == Some(Phase::Ended)) {
                self.refuse();
            }
        }
    }

    /// Nobody answers: the caller is told why, and what still rings is stopped.
    fn refuse(&mut self) {
        let code = match &self.refusal {
            StatusCode::OK | StatusCode::RequestTerminated => StatusCode::TemporarilyUnavailable,
            code => code.clone(),
        };
        if let Err(e) = self.caller.dialog.reject(Some(code), None) {
            crate::say(&format!("a call can't be refused: {e}"));
        }
        self.ending = true;
        self.hang_up(None);
    }

    /// Ends the called legs, but for one.
    fn hang_up(&self, but: Option<&str>) {
        for leg in &self.called {
            if leg.phase != Some(Phase::Ended) && Some(leg.call_id.as_str()) != but {
                end(&leg.dialog);
            }
        }
    }

    fn over(&self) -> bool {
        self.caller.phase == Some(Phase::Ended)
            && self.called.iter().all(|leg| leg.phase == Some(Phase::Ended))
    }

    /// Leaves nothing behind, whatever state the call was in.
    fn clear(&mut self) {
        self.told_caller(Phase::Ended, 0);
        let linked = self.linked.clone();
        for leg in &mut self.called {
            leg.tell(&self.switch, &linked, Phase::Ended, 0);
            self.switch.layer.remove_dialog(&leg.dialog.id());
        }
        self.switch.layer.remove_dialog(&self.caller.dialog.id());
    }

    fn told_caller(&mut self, phase: Phase, cause: u32) {
        let linked = self.linked.clone();
        self.caller.tell(&self.switch, &linked, phase, cause);
    }

    fn cause(&self) -> u32 {
        if self.answered.is_some() { 16 } else { cause_of(&self.refusal) }
    }
}

impl Leg {
    fn tell(&mut self, switch: &Switch, linked: &str, phase: Phase, cause: u32) {
        if self.phase == Some(Phase::Ended) || self.phase == Some(phase) {
            return;
        }
        self.phase = Some(phase);
        switch.registrar.usermon.call(&CallTold {
            phase,
            outgoing: self.outgoing,
            cause,
            endpoint: &self.endpoint,
            leg: &self.id,
            linked,
            call_id: &self.call_id,
            far_number: &self.far_number,
            far_name: &self.far_name,
        });
    }
}

/// CANCEL or BYE, whatever the dialog's state asks for; its answer is awaited aside.
fn end(dialog: &InviteDialog) {
    let dialog = dialog.clone();
    tokio::spawn(async move { dialog.hangup().await });
}

fn sdp_type() -> Header {
    Header::ContentType(ContentType::new("application/sdp"))
}

/// A re-INVITE or UPDATE that stops the media towards its sender (RFC 3264 section 8.4).
fn is_hold(request: &Request) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    body.lines().any(|line| matches!(line.trim(), "a=sendonly" | "a=inactive"))
}

fn status_of(reason: &TerminatedReason) -> StatusCode {
    match reason {
        TerminatedReason::UasOther(code)
        | TerminatedReason::UacOther(code)
        | TerminatedReason::ProxyError(code) => code.clone(),
        TerminatedReason::UasBusy | TerminatedReason::UacBusy => StatusCode::BusyHere,
        TerminatedReason::UasDecline => StatusCode::Decline,
        TerminatedReason::Timeout => StatusCode::RequestTimeout,
        _ => StatusCode::OK,
    }
}

/// ITU-T Q.850 cause of a SIP status (RFC 3398 section 8.2.6.1).
fn cause_of(status: &StatusCode) -> u32 {
    match u16::from(status.clone()) {
        200 => 16,
        404 => 1,
        486 | 600 => 17,
        403 | 603 => 21,
        408 => 18,
        480 => 19,
        487 => 16,
        _ => 31,
    }
}
