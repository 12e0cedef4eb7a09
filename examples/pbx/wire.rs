//! The PBX's UDP socket. rsipstack reads and writes through it; each SIP datagram that passes goes to the library with
//! exactly the bytes of the wire. Never changes or delays one.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use rsipstack::platform::net::UdpSocket;

use crate::usermon::Usermon;

/// What `async_trait` makes of the functions of rsipstack's socket trait.
type Answer<'a, T> = Pin<Box<dyn Future<Output = rsipstack::Result<T>> + Send + 'a>>;

/// The socket and who looks on.
pub(crate) struct Wire {
    pub(crate) socket: tokio::net::UdpSocket,
    pub(crate) local: SocketAddr,
    pub(crate) usermon: Arc<Usermon>,
    pub(crate) identified: Arc<Identified>,
}

impl UdpSocket for Wire {
    fn recv_from<'a, 'b, 'c>(&'a self, buf: &'b mut [u8]) -> Answer<'c, (usize, SocketAddr)>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let (len, far) = self.socket.recv_from(buf).await?;
            self.show(false, far, buf.get(..len).unwrap_or_default());
            Ok((len, far))
        })
    }

    fn send_to<'a, 'b, 'c>(&'a self, buf: &'b [u8], far: SocketAddr) -> Answer<'c, usize>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let sent = self.socket.send_to(buf, far).await?;
            self.show(true, far, buf);
            Ok(sent)
        })
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.local)
    }
}

impl Wire {
    fn show(&self, sent: bool, far: SocketAddr, data: &[u8]) {
        // keep-alives (RFC 5626 section 3.5.1) are not SIP messages
        if data.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let endpoint = call_id(data).and_then(|id| self.identified.endpoint(id));
        self.usermon.packet(sent, self.local, far, endpoint.as_deref().unwrap_or(""), data);
    }
}

/// Which account a Call-ID belongs to, once the PBX has authenticated it or has made it itself.
#[derive(Default)]
pub(crate) struct Identified {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    endpoints: HashMap<String, Arc<str>>,
    /// Call-IDs, oldest first.
    order: VecDeque<String>,
}

impl Identified {
    const MOST: usize = 8192;

    /// From now on the messages with this Call-ID are `endpoint`'s.
    pub(crate) fn set(&self, call_id: &str, endpoint: &str) {
        let mut table = self.table.lock();
        if table.endpoints.insert(call_id.to_owned(), endpoint.into()).is_none() {
            table.order.push_back(call_id.to_owned());
        }
        if table.order.len() > Self::MOST
            && let Some(oldest) = table.order.pop_front()
        {
            table.endpoints.remove(&oldest);
        }
    }

    fn endpoint(&self, call_id: &str) -> Option<Arc<str>> {
        self.table.lock().endpoints.get(call_id).cloned()
    }
}

/// The value of the Call-ID header, or of its compact form.
fn call_id(data: &[u8]) -> Option<&str> {
    for line in data.split(|b| *b == b'\n').skip(1) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = name.trim_ascii_end();
        if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") {
            return std::str::from_utf8(value.get(1..)?.trim_ascii()).ok();
        }
    }
    None
}
