//! Answers requests: without a socket, for the PBX's own web server, and on the optional own listener. Knows no pages.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::serve::{IncomingStream, Listener};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt;

use crate::web::Far;

/// Connections at once on the own listener; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 256;
/// A connection on which nothing moves for so long is closed.
const QUIET: Duration = Duration::from_secs(60);
/// How long connections may take to end once the listener is stopped.
const FAREWELL: Duration = Duration::from_secs(1);

/// Largest body of [`answer`], in bytes: the PBX's web server takes it whole, in the PBX's own memory.
pub const WHOLE_MAX: usize = 32 << 20;

/// Answers one request with its whole body, of at most [`WHOLE_MAX`]. Mount, login and address are the request's
/// extensions.
pub async fn answer(app: Router, request: axum::http::Request<Body>) -> Response<Bytes> {
    let (head, body) = match app.oneshot(request).await {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    match Limited::new(body, WHOLE_MAX).collect().await {
        Ok(body) => Response::from_parts(head, body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This file is larger than the 32 MiB that the PBX's web server can hand over at once. Go back and narrow the \
             filter, to a shorter stretch of time say, or open the pages on usermon's own listener, which has no such limit \
             (the key listener.address of usermon.toml).\n",
        ),
        Err(error) => {
            tracing::error!("page: the body was not made: {error}");
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "This could not be made whole; the PBX's log says why. Try again.\n",
            )
        }
    }
}

fn refusal(status: StatusCode, words: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(words.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Serves on a socket until `stop` is true or its sender is gone, and then at most a second longer.
pub async fn listen(listener: TcpListener, app: Router, mut stop: watch::Receiver<bool>) {
    let app = app.layer(from_fn(far));
    let door = Guarded { listener, room: Arc::new(Semaphore::new(CONNECTIONS)) };
    let mut stopped = stop.clone();
    let serving = axum::serve(door, app.into_make_service_with_connect_info::<From>())
        .with_graceful_shutdown(async move { drop(stopped.wait_for(|s| *s).await) });
    let farewell = async move {
        drop(stop.wait_for(|s| *s).await);
        sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::error!("listener: {error}");
        },
        () = farewell => {}
    }
}

/// Where a connection came from.
#[derive(Debug, Clone, Copy)]
struct From(SocketAddr);

impl Connected<IncomingStream<'_, Guarded>> for From {
    fn connect_info(stream: IncomingStream<'_, Guarded>) -> Self {
        Self(*stream.remote_addr())
    }
}

async fn far(
    ConnectInfo(From(address)): ConnectInfo<From>,
    mut request: Request,
    next: Next,
) -> axum::response::Response {
    request.extensions_mut().insert(Far(Some(address)));
    next.run(request).await
}

/// A listener with a limit of connections, each of which must not stay quiet.
struct Guarded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for Guarded {
    type Io = Conversation;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Conversation, SocketAddr) {
        loop {
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else {
                // never: the semaphore is not closed
                std::future::pending::<()>().await;
                continue;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let quiet = Box::pin(sleep(QUIET));
                    return (Conversation { stream, quiet, _room: permit }, address);
                }
                // out of descriptors, most likely: the PBX needs them more; try again soon
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends with an error after [`QUIET`].
struct Conversation {
    stream: TcpStream,
    quiet: Pin<Box<Sleep>>,
    _room: OwnedSemaphorePermit,
}

impl Conversation {
    fn watched<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.quiet.as_mut().reset(Instant::now() + QUIET);
            return result;
        }
        match self.quiet.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Conversation {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.watched(cx, result)
    }
}

// without vectored writes: writev knows no MSG_NOSIGNAL, and SIGPIPE would end a PBX that does not ignore it
impl AsyncWrite for Conversation {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watched(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
