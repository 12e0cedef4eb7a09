//! One leg of a call: what the library is told of it, and the causes of its end. Used by `relay.rs` alone.

use rsipstack::dialog::dialog::TerminatedReason;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::StatusCode;

use crate::switch::Switch;
use crate::told::{CallTold, Phase};

/// Q.850: non-selected user clearing. Another phone answered.
pub(crate) const ELSEWHERE: u32 = 26;

/// One leg of a call.
pub(crate) struct Leg {
    pub(crate) id: String,
    pub(crate) call_id: String,
    pub(crate) endpoint: String,
    pub(crate) outgoing: bool,
    pub(crate) far_number: String,
    pub(crate) far_name: String,
    /// `None`: nothing told yet.
    pub(crate) phase: Option<Phase>,
    pub(crate) dialog: InviteDialog,
}

impl Leg {
    /// Tells the library of a phase that is new.
    pub(crate) fn tell(&mut self, switch: &Switch, linked: &str, phase: Phase, cause: u32) {
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

/// The SIP status behind the end of a dialog.
pub(crate) fn status_of(reason: &TerminatedReason) -> StatusCode {
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
pub(crate) fn cause_of(status: &StatusCode) -> u32 {
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
