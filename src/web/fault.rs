//! The one error of the pages. A handler returns it; `into_response` gives status and bare words, and the
//! outermost layer (`view::dress`) makes a page or JSON of it, also of the router's own refusals. The detail of what
//! went wrong inside goes to the log, never to the page.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::web::text;

/// Why a request was not answered as asked.
#[derive(Debug, Clone)]
pub enum Fault {
    /// No session: log in first, then come back to this path (below the mount).
    Login(String),
    /// Nothing is there, or not for this viewer.
    Missing(&'static str),
    /// The role does not allow it.
    Forbidden(&'static str),
    /// The form did not come from one of our pages.
    Forged(&'static str),
    /// A value is out of its domain; the words say which.
    Wrong(String),
    /// Too many wrong passwords.
    Wait(Duration),
    /// More logins at once than are checked.
    Crowded,
    /// Something inside failed; it is in the log.
    Inside,
    /// A refusal of the router or a layer.
    Other(StatusCode),
}

impl Fault {
    /// The status that says the same.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Login(_) => StatusCode::UNAUTHORIZED,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Forbidden(_) | Self::Forged(_) => StatusCode::FORBIDDEN,
            Self::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Inside => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Other(status) => *status,
        }
    }

    /// What happened, for a heading.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Login(_) => "Please log in",
            Self::Missing(_) => "Not found",
            Self::Forbidden(_) => "Not allowed",
            Self::Forged(_) => "This form is no longer valid",
            Self::Wrong(_) => "That value can't be used",
            Self::Wait(_) => "Too many wrong passwords",
            Self::Crowded => "Too many logins at once",
            Self::Inside => "Something went wrong inside",
            Self::Other(StatusCode::NOT_FOUND) => "Not found",
            Self::Other(StatusCode::METHOD_NOT_ALLOWED) => "Not possible here",
            Self::Other(StatusCode::PAYLOAD_TOO_LARGE) => "Too much was sent",
            Self::Other(status) if status.is_server_error() => "Something went wrong inside",
            Self::Other(_) => "The request can't be understood",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Login(_) => "You are not logged in, or the session has ended. Log in and try again.".into(),
            Self::Missing(what) | Self::Forbidden(what) | Self::Forged(what) => (*what).into(),
            Self::Wrong(words) => words.clone(),
            Self::Wait(span) => format!(
                "This account or address has given a wrong password too often. Wait {} and try again.",
                text::span(*span)
            ),
            Self::Crowded => "Wait a few seconds and try again.".into(),
            Self::Inside => {
                "Nothing was changed. The PBX's log says what happened; try again after that.".into()
            }
            Self::Other(StatusCode::NOT_FOUND) => "There is no such page. Check the address.".into(),
            Self::Other(StatusCode::METHOD_NOT_ALLOWED) => {
                "This address can't be used that way. Open the page and use its buttons.".into()
            }
            Self::Other(StatusCode::PAYLOAD_TOO_LARGE) => {
                "A form of these pages is never that large. Go back and send less.".into()
            }
            Self::Other(status) if status.is_server_error() => "The PBX's log says what happened.".into(),
            Self::Other(_) => "Check the address, or go back to the first page.".into(),
        }
    }

    /// An error from inside: what a person can put right becomes words for the page, the rest goes to the log.
    pub fn inside(error: Error) -> Self {
        match error {
            Error::Invalid(words) => Self::Wrong(words),
            other => {
                tracing::error!("page: {other}");
                Self::Inside
            }
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.title()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
