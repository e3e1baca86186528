//! What a page cannot do, said to a person: what is wrong, and where to go from here.

use axum::http::StatusCode;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::Role;
use store::StoreError;
use ui::{Icon, Tone, html};

use super::oidc::SignInFault;
use super::page::Look;
use crate::places::Full;
use crate::problem::Refusal;

/// Seconds after which somebody who has exported has most likely ended.
const EXPORT_RETRY_SECONDS: u64 = 30;

/// Why a page is not shown, or a form not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not signed in; afterwards the browser goes to this path.
    SignInFirst {
        /// The path and query that were asked for; none: to the start.
        next: Option<String>,
    },
    /// Nothing here, or nothing of this account's.
    NotFound,
    /// The operator's role does not reach.
    NeedsRole(Role),
    /// What they could do when they began to send the form they cannot do any more.
    RightLost,
    /// A form that no page of ours has sent.
    ForeignForm,
    /// A name that is not this relay's.
    ForeignName,
    /// A form that cannot be read.
    BadForm(String),
    /// Too many tries.
    TooMany {
        /// Seconds until the next one.
        retry_after: u64,
    },
    /// As many files are being written already as there may be.
    TooManyExports {
        /// So many of one operator; none: of all together.
        limit: Option<u32>,
    },
    /// An OpenID provider did not lead to somebody who may come in.
    SignIn(SignInFault),
    /// This page has no such method.
    MethodNotAllowed,
    /// The relay is at its capacity, or its database cannot be reached.
    Unavailable,
    /// The relay failed.
    Internal,
}

impl Fault {
    /// As a refusal of a shared extractor is said to a person.
    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        if matches!(refusal, Refusal::RightLost) {
            return Self::RightLost;
        }
        match refusal.code().status() {
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            500 => Self::Internal,
            503 | 504 => Self::Unavailable,
            _ => Self::BadForm("The request cannot be read.".to_owned()),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::SignInFirst { .. } => StatusCode::SEE_OTHER,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NeedsRole(_) | Self::RightLost | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::ForeignName => StatusCode::MISDIRECTED_REQUEST,
            Self::BadForm(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany { .. } | Self::TooManyExports { limit: Some(_) } => StatusCode::TOO_MANY_REQUESTS,
            Self::SignIn(fault) => fault.status(),
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable | Self::TooManyExports { limit: None } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Title, and what to do.
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::SignInFirst { .. } => ("Sign in first", String::new()),
            Self::NotFound => ("Nothing is here", "The address may be mistyped, or it belongs to another account than yours.".to_owned()),
            Self::NeedsRole(role) => {
                ("Your role does not reach", format!("This takes the role {role}. An owner of the account can give it to you."))
            }
            Self::RightLost => (
                "You may not do this any more",
                "Nothing was changed. Your session has ended, or an owner of the account has changed what you may do there.".to_owned(),
            ),
            Self::ForeignForm => (
                "This form did not come from here",
                "Nothing was changed. Open the page again in this browser and send the form from there.".to_owned(),
            ),
            Self::ForeignName => (
                "The relay does not go by this name",
                "Open it under its public URL, or by an address of its machine. Its operator sets the name with --public-url.".to_owned(),
            ),
            Self::BadForm(what) => ("The form cannot be taken", what.clone()),
            Self::TooMany { retry_after } => ("Too many tries", format!("Nothing was checked. Try again in {retry_after} s.")),
            Self::TooManyExports { limit: Some(limit) } => (
                "Too many files at once",
                format!(
                    "{limit} exports of yours are being written, and more you may not have at once. Wait for one to end, or cancel one, and ask again. (too_many_exports)"
                ),
            ),
            Self::TooManyExports { limit: None } => (
                "Others are exporting, too",
                "As many files are being written as the relay has room for. Ask again in a minute. (exports_busy)".to_owned(),
            ),
            Self::SignIn(fault) => {
                let (title, about) = fault.words();
                (title, format!("{about} ({})", fault.code()))
            }
            Self::MethodNotAllowed => {
                ("This page is not asked in this way", "Go back and follow the page's own links and buttons.".to_owned())
            }
            Self::Unavailable => ("The relay is busy", "Nothing was changed. Try again in a moment.".to_owned()),
            Self::Internal => {
                ("The relay failed", "Its log has the cause. Try again; if it stays, tell whoever runs the relay.".to_owned())
            }
        }
    }

    /// As a page.
    pub(super) fn page(self, look: Look) -> Response {
        if let Self::SignInFirst { next } = &self {
            let path =
                next.as_deref().map_or_else(|| "/sign-in".to_owned(), |next| format!("/sign-in?next={}", super::page::encoded(next)));
            return ui::response::see_other(&path).into_response();
        }
        let (title, about) = self.words();
        let (label, path) = if matches!(self, Self::SignIn(_)) { ("To the sign-in", "/sign-in") } else { ("To the start", "/") };
        let main = html! {
            (ui::card::alone(Icon::Warning, title, &about, &ui::button::link(ui::button::Weight::Plain, None, label, path)))
        };
        let mut response = look.bare(self.status(), title, main);
        let retry_after = match self {
            Self::TooMany { retry_after } => Some(retry_after),
            Self::TooManyExports { .. } => Some(EXPORT_RETRY_SECONDS),
            _ => None,
        };
        if let Some(retry_after) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
        }
        response
    }

    /// As a notice above a form that can be sent again.
    pub(super) fn notice(&self) -> ui::Markup {
        let (title, about) = self.words();
        ui::notice::notice(Tone::Bad, title, &html! { p { (about) } })
    }
}

impl IntoResponse for Fault {
    /// The layer of the console makes a page of it, which knows how the reader likes it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Full> for Fault {
    /// Of places for files.
    fn from(full: Full) -> Self {
        Self::TooManyExports {
            limit: match full {
                Full::All => None,
                Full::OfOne(limit) => Some(limit),
            },
        }
    }
}

impl From<SignInFault> for Fault {
    fn from(fault: SignInFault) -> Self {
        Self::SignIn(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::of_refusal(&Refusal::from(error))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::of_refusal(&refusal)
    }
}
