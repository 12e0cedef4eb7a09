//! The box that a simulated phone is: one UDP socket and one User-Agent. Mostly for one account; a DECT base serves
//! several handsets, all from the same address. Made by `crowd.rs`, used by `phone.rs`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::prelude::*;
use rsipstack::sip::{Method, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::endpoint::Endpoint;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::TransportLayer;
use rsipstack::transport::udp::UdpConnection;

use crate::phone::Phone;

pub(crate) struct Device {
    pub(crate) endpoint: Endpoint,
    pub(crate) layer: Arc<DialogLayer>,
    pub(crate) address: SocketAddr,
    phones: Mutex<HashMap<String, Arc<Phone>>>,
    stop: CancellationToken,
}

impl Device {
    /// Opens the socket and serves it.
    pub(crate) async fn new(user_agent: &str) -> Result<Arc<Self>, String> {
        let failed = |e: rsipstack::Error| format!("a simulated phone can't be started: {e}");
        let stop = CancellationToken::new();
        let transport = TransportLayer::new(stop.clone());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let connection =
            UdpConnection::create_connection(any, None, Some(stop.clone())).await.map_err(failed)?;
        let address = connection.get_addr().get_socketaddr().map_err(failed)?;
        transport.add_transport(connection.into());
        let endpoint = EndpointBuilder::new()
            .with_user_agent(user_agent)
            .with_cancel_token(stop.clone())
            .with_transport_layer(transport)
            .build();
        let incoming = endpoint.incoming_transactions().map_err(failed)?;
        let layer = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
        let phones = Mutex::new(HashMap::new());
        let device = Arc::new(Self { endpoint, layer, address, phones, stop });
        let inner = Arc::clone(&device.endpoint.inner);
        tokio::spawn(async move { inner.serve().await });
        tokio::spawn(Arc::clone(&device).serve(incoming));
        Ok(device)
    }

    /// From now on requests for the phone's account are the phone's.
    pub(crate) fn add(&self, phone: &Arc<Phone>) {
        self.phones.lock().insert(phone.account.clone(), Arc::clone(phone));
    }

    /// How many accounts it serves.
    pub(crate) fn accounts(&self) -> usize {
        self.phones.lock().len()
    }

    /// Takes an account away; with the last one the socket closes.
    pub(crate) fn remove(&self, account: &str) {
        let mut phones = self.phones.lock();
        phones.remove(account);
        if phones.is_empty() {
            self.stop.cancel();
        }
    }

    async fn serve(self: Arc<Self>, mut incoming: TransactionReceiver) {
        while let Some(tx) = incoming.recv().await {
            let device = Arc::clone(&self);
            tokio::spawn(async move {
                let _ = device.request(tx).await;
            });
        }
    }

    async fn request(&self, mut tx: Transaction) -> rsipstack::Result<()> {
        let in_dialog = tx.original.to_header()?.tag()?.is_some();
        let account = tx.original.uri.user().unwrap_or_default().to_owned();
        match tx.original.method {
            Method::Ack => Ok(()),
            Method::Invite if !in_dialog => {
                let phone = self.phones.lock().get(&account).cloned();
                match phone {
                    Some(phone) => phone.called(tx).await,
                    None => tx.reply(StatusCode::NotFound).await,
                }
            }
            Method::Options if !in_dialog => tx.reply(StatusCode::OK).await,
            _ if in_dialog => match self.layer.match_dialog(&tx) {
                Some(mut dialog) => dialog.handle(&mut tx).await,
                None => tx.reply(StatusCode::CallTransactionDoesNotExist).await,
            },
            _ => tx.reply(StatusCode::MethodNotAllowed).await,
        }
    }
}
