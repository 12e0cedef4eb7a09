//! The pages' runtime: the threads `usermon-web`, the optional own listener, and requests that the PBX's own web
//! server received. The PBX's thread waits for its answer; nothing of ours runs on its small stack.

use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::web::serve;
use crate::web::{Far, HostLogin, Mount, Secure};

/// After this the PBX's web thread is let go, with a 503.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request of the PBX's web server.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Path below the mount, with `?query` if any.
    pub target: String,
    /// Where the pages are mounted, without a slash at the end.
    pub mount: String,
    /// In their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most what the PBX takes.
    pub body: Vec<u8>,
    /// Where it came from.
    pub far: Option<SocketAddr>,
    /// Over TLS.
    pub secure: bool,
    /// Who is logged in at the PBX, if it says so.
    pub login: Option<HostLogin>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Without Content-Length.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Whole.
    pub body: Bytes,
}

pub(super) struct Site {
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    app: Router,
    stop: watch::Sender<bool>,
    address: Option<SocketAddr>,
}

impl Site {
    /// Starts the runtime and, where an address is given, listens on it.
    pub(super) fn start(app: Router, listener: Option<SocketAddr>) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(4)
            .thread_name("usermon-web")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|e| Error::Invalid(format!("the system refuses the threads usermon-web: {e}")))?;
        let (stop, stopped) = watch::channel(false);
        let mut bound = None;
        if let Some(address) = listener {
            let refused = |e: std::io::Error| {
                Error::Invalid(format!(
                    "listener.address {address}: {e}; write another address, or free this one"
                ))
            };
            let socket = runtime.block_on(TcpListener::bind(address)).map_err(refused)?;
            bound = Some(socket.local_addr().map_err(refused)?);
            runtime.spawn(serve::listen(socket, app.clone(), stopped));
        }
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Mutex::new(Some(runtime)), handle, app, stop, address: bound })
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub(super) fn answer(&self, request: Request) -> Reply {
        let built = match build(request) {
            Ok(built) => built,
            Err(error) => {
                return plain(400, &format!("This is not a request that the pages take: {error}\n"));
            }
        };
        if *self.stop.borrow() {
            return plain(503, "User Monitoring is being stopped.\n");
        }
        let (tell, told) = channel();
        let app = self.app.clone();
        self.handle.spawn(async move {
            let _gone = tell.send(serve::answer(app, built).await);
        });
        match told.recv_timeout(PATIENCE) {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
                    (name.as_str().to_owned(), value.as_bytes().to_vec())
                };
                Reply {
                    status: head.status.as_u16(),
                    headers: head.headers.iter().map(header).collect(),
                    body,
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                plain(503, "User Monitoring did not answer in time; try again.\n")
            }
            Err(RecvTimeoutError::Disconnected) => {
                plain(500, "User Monitoring failed at this page; the PBX's log says where.\n")
            }
        }
    }

    /// Stops listening and answering, not later than `until`.
    pub(super) fn stop(&self, until: Instant) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_timeout(
                until.saturating_duration_since(Instant::now()).min(Duration::from_secs(2)),
            );
        }
    }
}

fn build(request: Request) -> Result<axum::http::Request<Body>, axum::http::Error> {
    let mut builder =
        axum::http::Request::builder().method(request.method.as_str()).uri(request.target.as_str());
    for (name, value) in &request.headers {
        builder = builder.header(name.as_str(), value.as_slice());
    }
    builder =
        builder.extension(Mount(request.mount)).extension(Far(request.far)).extension(Secure(request.secure));
    if let Some(login) = request.login {
        builder = builder.extension(login);
    }
    builder.body(Body::from(request.body))
}

fn plain(status: u16, text: &str) -> Reply {
    Reply {
        status,
        headers: vec![("content-type".to_owned(), b"text/plain; charset=utf-8".to_vec())],
        body: Bytes::copy_from_slice(text.as_bytes()),
    }
}
