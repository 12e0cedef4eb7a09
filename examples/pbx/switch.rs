//! The PBX's SIP side: one UDP socket, rsipstack's transactions and dialogs on it, and who gets which request.
//! Started and stopped by `main`. The registrar and the relay do the work.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::prelude::*;
use rsipstack::sip::{Method, Scheme, SipMessage, StatusCode, StatusCodeKind, Uri};
use rsipstack::transaction::endpoint::Endpoint;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{TransactionReceiver, make_call_id, make_tag, random_text};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, TransportLayer};
use tokio::net::UdpSocket;

use crate::digest::Digest;
use crate::registrar::{Binding, Bindings, Registrar};
use crate::relay;
use crate::usermon::Usermon;
use crate::wire::{Identified, Wire};

/// How often each contact is asked whether it is still there, and how long it may take to answer.
const QUALIFY: Duration = Duration::from_secs(20);
const QUALIFY_WAIT: Duration = Duration::from_secs(3);

/// A number that can be called.
pub(crate) struct Number {
    pub(crate) name: String,
    /// The accounts that ring.
    pub(crate) endpoints: Vec<String>,
}

/// What the PBX knows of its users' numbers.
#[derive(Default)]
pub(crate) struct Numbers {
    pub(crate) numbers: HashMap<String, Number>,
    /// Account to number.
    pub(crate) owners: HashMap<String, String>,
}

pub(crate) struct Switch {
    pub(crate) endpoint: Endpoint,
    pub(crate) layer: Arc<DialogLayer>,
    pub(crate) registrar: Registrar,
    pub(crate) numbers: Numbers,
    pub(crate) address: SocketAddr,
    run: String,
    calls: AtomicU64,
    stop: CancellationToken,
}

impl Switch {
    /// Listens on `socket`. Call [`Switch::start`] next.
    pub(crate) async fn new(
        socket: UdpSocket,
        usermon: Arc<Usermon>,
        bindings: Bindings,
        digest: Digest,
        numbers: Numbers,
    ) -> Result<Arc<Self>, String> {
        let sip = |e: rsipstack::Error| format!("SIP can't be started: {e}");
        let address = socket.local_addr().map_err(|e| format!("SIP can't be started: {e}"))?;
        let identified = Arc::new(Identified::default());
        let wire = Wire {
            socket,
            local: address,
            usermon: Arc::clone(&usermon),
            identified: Arc::clone(&identified),
        };
        let stop = CancellationToken::new();
        let transport = TransportLayer::new(stop.clone());
        let connection =
            UdpConnection::from_socket(Arc::new(wire), None, Some(stop.clone())).await.map_err(sip)?;
        transport.add_transport(connection.into());
        let endpoint = EndpointBuilder::new()
            .with_user_agent("usermon reference PBX")
            .with_cancel_token(stop.clone())
            .with_transport_layer(transport)
            .build();
        let layer = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
        let registrar = Registrar { bindings, digest: Arc::new(digest), usermon, identified };
        let (run, calls) = (random_text(6), AtomicU64::new(0));
        Ok(Arc::new(Self { endpoint, layer, registrar, numbers, address, run, calls, stop }))
    }

    /// Starts the tasks that serve requests, expire contacts and qualify them.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), String> {
        let incoming =
            self.endpoint.incoming_transactions().map_err(|e| format!("SIP can't be started: {e}"))?;
        let inner = Arc::clone(&self.endpoint.inner);
        tokio::spawn(async move { inner.serve().await });
        tokio::spawn(Arc::clone(self).serve(incoming));
        tokio::spawn(Arc::clone(self).expire());
        tokio::spawn(Arc::clone(self).qualify());
        Ok(())
    }

    /// Stops listening.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// An id for a new call: what joins its legs.
    pub(crate) fn new_call(&self) -> String {
        format!("{}.{}", self.run, self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A URI of this PBX.
    pub(crate) fn uri(&self, user: &str) -> Uri {
        let auth = (!user.is_empty()).then(|| rsipstack::sip::Auth { user: user.to_owned(), password: None });
        let scheme = Some(Scheme::Sip);
        Uri { scheme, auth, host_with_port: self.address.into(), ..Uri::default() }
    }

    async fn serve(self: Arc<Self>, mut incoming: TransactionReceiver) {
        while let Some(tx) = incoming.recv().await {
            let switch = Arc::clone(&self);
            tokio::spawn(async move {
                if let Err(e) = switch.request(tx).await {
                    crate::say(&format!("a SIP request failed: {e}"));
                }
            });
        }
    }

    async fn request(self: Arc<Self>, mut tx: Transaction) -> rsipstack::Result<()> {
        let in_dialog = tx.original.to_header()?.tag()?.is_some();
        match tx.original.method {
            Method::Ack => Ok(()),
            Method::Register => self.registrar.register(&mut tx).await,
            Method::Invite if !in_dialog => relay::invite(self, tx).await,
            Method::Options if !in_dialog => tx.reply(StatusCode::OK).await,
            _ if in_dialog => match self.layer.match_dialog(&tx) {
                Some(mut dialog) => dialog.handle(&mut tx).await,
                None => tx.reply(StatusCode::CallTransactionDoesNotExist).await,
            },
            _ => tx.reply(StatusCode::MethodNotAllowed).await,
        }
    }

    async fn expire(self: Arc<Self>) {
        while !self.stopped_within(Duration::from_secs(1)).await {
            self.registrar.expire();
        }
    }

    async fn qualify(self: Arc<Self>) {
        // soon after the first registrations, then now and then
        let mut pause = Duration::from_secs(3);
        while !self.stopped_within(pause).await {
            pause = QUALIFY;
            for binding in self.registrar.all() {
                // one after the other: together they would measure each other
                if self.stopped_within(Duration::from_millis(15)).await {
                    return;
                }
                let switch = Arc::clone(&self);
                tokio::spawn(async move {
                    let asked = tokio::time::timeout(QUALIFY_WAIT, switch.options(&binding)).await;
                    let round_trip = asked.ok().and_then(Result::ok).flatten();
                    switch.registrar.qualified(&binding, round_trip);
                });
            }
        }
    }

    /// Whether the PBX was stopped before the time was over.
    async fn stopped_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.stop.cancelled()).await.is_ok()
    }

    /// Sends OPTIONS to a contact; the round trip in microseconds, if a final response came.
    async fn options(&self, binding: &Binding) -> rsipstack::Result<Option<u32>> {
        let inner = Arc::clone(&self.endpoint.inner);
        let call_id = make_call_id(Some("pbx.example"), inner.option.callid_format);
        self.registrar.identified.set(call_id.value(), &binding.endpoint);
        let from = rsipstack::sip::typed::From::from(self.uri("")).with_tag(make_tag());
        let request = inner.make_request(
            Method::Options,
            binding.uri.clone(),
            inner.get_via(None, None)?,
            from,
            binding.uri.clone().into(),
            1,
            Some(call_id),
        );
        let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
        let mut tx = Transaction::new_client(key, request, inner, None);
        tx.destination = Some(SipAddr::from(binding.far));
        let sent = Instant::now();
        tx.send().await?;
        while let Some(message) = tx.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                let answered = response.status_code != StatusCode::RequestTimeout;
                let micros = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX).max(1);
                return Ok(answered.then_some(micros));
            }
        }
        Ok(None)
    }
}
