//! One simulated phone, or one handset of a DECT base: an account on a device. It registers, rings, answers, calls and
//! hangs up like a real one. Knows nothing of the PBX but its address; driven by `crowd.rs`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::dialog::registration::Registration;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::{Auth, ContentType, Header, Scheme, StatusCode, Uri};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::chance;
use crate::device::Device;
use crate::directory::Mood;
use crate::sdp;

/// A phone takes a second call while it talks, and no third.
const MOST_CALLS: usize = 2;

pub(crate) struct Phone {
    pub(crate) account: String,
    pub(crate) mood: Mood,
    password: String,
    pbx: SocketAddr,
    pace: f64,
    device: Arc<Device>,
    registration: Mutex<Registration>,
    registered: AtomicBool,
    calls: AtomicUsize,
    /// Ends the phone's calls.
    pub(crate) quit: CancellationToken,
}

/// What a phone is made with.
pub(crate) struct Setup<'a> {
    pub(crate) account: &'a str,
    pub(crate) password: String,
    pub(crate) mood: Mood,
    pub(crate) pbx: SocketAddr,
    pub(crate) pace: f64,
}

/// How a call that a phone makes goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How long the caller waits for an answer.
    pub(crate) patience: Duration,
    pub(crate) talk: Duration,
    /// Holds the call for a while in the middle.
    pub(crate) hold: bool,
}

impl Phone {
    /// A phone on `device`, which serves it from now on.
    pub(crate) fn new(device: Arc<Device>, setup: Setup<'_>) -> Arc<Self> {
        let credential = credential(setup.account, &setup.password);
        let registration = Registration::new(Arc::clone(&device.endpoint.inner), Some(credential));
        let phone = Arc::new(Self {
            account: setup.account.to_owned(),
            mood: setup.mood,
            password: setup.password,
            pbx: setup.pbx,
            pace: setup.pace,
            device,
            registration: Mutex::new(registration),
            registered: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            quit: CancellationToken::new(),
        });
        phone.device.add(&phone);
        phone
    }

    /// Registers for `seconds`; 0 unregisters. The PBX's status.
    pub(crate) async fn register(&self, seconds: u32) -> Result<u16, String> {
        let mut registration = self.registration.lock().await;
        let answer = registration.register(self.uri("", self.pbx), Some(seconds)).await;
        let status = u16::from(answer.map_err(|e| e.to_string())?.status_code);
        self.registered.store(status == 200 && seconds > 0, Ordering::Relaxed);
        Ok(status)
    }

    /// Whether it is registered and in no call.
    pub(crate) fn idle(&self) -> bool {
        self.registered.load(Ordering::Relaxed) && self.calls.load(Ordering::Relaxed) == 0
    }

    /// Whether it is in a call.
    pub(crate) fn in_call(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    /// Calls `number` and lives through the call. The last status: 200 if it was answered.
    pub(crate) async fn call(&self, number: &str, plan: Plan) -> Result<u16, String> {
        let _busy = Busy::new(&self.calls);
        let (states, mut events) = self.device.layer.new_dialog_state_channel();
        let option = InviteOption {
            caller: self.uri(&self.account, self.pbx),
            callee: self.uri(number, self.pbx),
            contact: self.uri(&self.account, self.device.address),
            offer: Some(sdp::offer(&self.account, 1, false)),
            credential: Some(credential(&self.account, &self.password)),
            ..InviteOption::default()
        };
        let (dialog, mut answer) =
            self.device.layer.do_invite_async(option, states).map_err(|e| e.to_string())?;
        let answered = tokio::select! {
            answer = &mut answer => answer,
            () = self.quit_or(plan.patience) => {
                self.cancel(&dialog).await;
                answer.await
            }
        };
        let status = match answered {
            Ok(Ok((_, Some(response)))) => u16::from(response.status_code),
            Ok(Ok((_, None))) => 408,
            Ok(Err(e)) => return Err(e.to_string()),
            Err(e) => return Err(e.to_string()),
        };
        if status == 200 && !dialog.state().is_terminated() {
            self.talk(&dialog, &mut events, plan).await;
        }
        self.device.layer.remove_dialog(&dialog.id());
        Ok(status)
    }

    /// Leaves the PBX: ends its calls, unregisters, switches off.
    pub(crate) async fn leave(&self, wait: Duration) {
        self.quit.cancel();
        let leave = async {
            while self.in_call() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if self.registered.load(Ordering::Relaxed) {
                let _ = self.register(0).await;
            }
        };
        let _ = tokio::time::timeout(wait, leave).await;
        self.device.remove(&self.account);
    }

    /// `time`, or less when the phone leaves.
    async fn quit_or(&self, time: Duration) {
        let _ = tokio::time::timeout(time, self.quit.cancelled()).await;
    }

    async fn cancel(&self, dialog: &InviteDialog) {
        let _ = tokio::time::timeout(Duration::from_secs(2), dialog.hangup()).await;
    }

    /// Talks until the plan or the other side ends it.
    async fn talk(&self, dialog: &InviteDialog, events: &mut DialogStateReceiver, plan: Plan) {
        let part = plan.talk / 3;
        for held in [false, true, false] {
            if held && plan.hold {
                self.hold(dialog, 2, true).await;
            }
            if self.over_within(events, part).await {
                return;
            }
            if held && plan.hold {
                self.hold(dialog, 3, false).await;
            }
        }
        self.cancel(dialog).await;
    }

    async fn hold(&self, dialog: &InviteDialog, version: u32, held: bool) {
        let headers = Some(vec![sdp_type()]);
        let offer = Some(sdp::offer(&self.account, version, held));
        let _ = tokio::time::timeout(Duration::from_secs(2), dialog.reinvite(headers, offer)).await;
    }

    /// Whether the other side ended the dialog within `time`; false at once when the phone leaves.
    async fn over_within(&self, events: &mut DialogStateReceiver, time: Duration) -> bool {
        let over = async {
            while let Some(state) = events.recv().await {
                if matches!(state, DialogState::Terminated(..)) {
                    return true;
                }
            }
            true
        };
        tokio::select! {
            over = over => over,
            () = self.quit_or(time) => false,
        }
    }

    /// Rings for an INVITE and lives through the call.
    pub(crate) async fn called(&self, mut tx: Transaction) -> rsipstack::Result<()> {
        if self.mood == Mood::Refuses || self.calls.load(Ordering::Relaxed) >= MOST_CALLS {
            return tx.reply(StatusCode::BusyHere).await;
        }
        let _busy = Busy::new(&self.calls);
        let (states, mut events) = self.device.layer.new_dialog_state_channel();
        let contact = Some(self.uri(&self.account, self.device.address));
        let dialog = self.device.layer.get_or_create_server_invite(&tx, states, None, contact)?;
        let mut server = dialog.clone();
        let transaction: JoinHandle<_> = tokio::spawn(async move { server.handle(&mut tx).await });
        dialog.ringing(None, None)?;
        let ring = match self.mood {
            Mood::Deaf => Duration::from_secs(60),
            _ => chance::time(2.0..=6.0, self.pace),
        };
        if !self.over_within(&mut events, ring).await {
            if self.mood == Mood::Deaf || self.quit.is_cancelled() {
                dialog.reject(Some(StatusCode::TemporarilyUnavailable), None)?;
            } else {
                dialog.accept(Some(vec![sdp_type()]), Some(sdp::offer(&self.account, 1, false)))?;
                // the caller hangs up, but for a call that it forgot
                if !self.over_within(&mut events, chance::time(30.0..=40.0, self.pace)).await {
                    self.cancel(&dialog).await;
                }
            }
        }
        let _ = tokio::time::timeout(Duration::from_secs(2), transaction).await;
        self.device.layer.remove_dialog(&dialog.id());
        Ok(())
    }

    fn uri(&self, user: &str, at: SocketAddr) -> Uri {
        let auth = (!user.is_empty()).then(|| Auth { user: user.to_owned(), password: None });
        Uri { scheme: Some(Scheme::Sip), auth, host_with_port: at.into(), ..Uri::default() }
    }
}

fn credential(account: &str, password: &str) -> Credential {
    Credential { username: account.to_owned(), password: password.to_owned(), ..Credential::default() }
}

fn sdp_type() -> Header {
    Header::ContentType(ContentType::new("application/sdp"))
}

/// Counts a call of a phone for as long as it lasts.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(calls: &'a AtomicUsize) -> Self {
        calls.fetch_add(1, Ordering::Relaxed);
        Self(calls)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
