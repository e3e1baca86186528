//! What a request says of the browser that sent it, signed in or not.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use domain::EmailAddress;
use protocol::{Secret, SessionId, UnixMillis};
use store::NewSession;

use super::cookie;
use super::fault::Fault;
use super::here::Here;
use super::known_browser::KnownBrowser;
use super::page::Look;
use crate::state::RelayState;

/// Characters of a browser's name that are kept: enough to tell one's own browsers apart.
const MAX_USER_AGENT: usize = 200;

/// The browser that asks.
pub(super) struct Browser {
    pub(super) here: Here,
    pub(super) look: Look,
    /// What it proves itself with, whether or not that still counts.
    token: Option<Secret>,
    user_agent: String,
    headers: HeaderMap,
}

impl<S: Sync> FromRequestParts<S> for Browser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let here = Here::from_request_parts(parts, state).await?;
        let (token, user_agent) = (cookie::token(&parts.headers, &here), user_agent(&parts.headers));
        Ok(Self { token, user_agent, headers: parts.headers.clone(), look: Look::of(&parts.headers), here })
    }
}

impl Browser {
    /// Counts a try to prove an operator's passphrase in it, or says that there were too many.
    pub(super) fn try_for_operator(&self, state: &RelayState, email: &EmailAddress) -> Result<(), Fault> {
        match KnownBrowser::of(&state.store.settings().sealing, &self.headers, email, &self.here, state.now()) {
            Some(known) => state.sign_ins.try_of_known(&known),
            None => {
                state.sign_ins.try_from_address(self.here.address)?;
                state.sign_ins.try_for_operator(email, self.here.address)
            }
        }
    }

    /// What it carries from now on, once an operator has proven their passphrase in it.
    pub(super) fn known(&self, state: &RelayState, email: &EmailAddress) -> Option<HeaderValue> {
        KnownBrowser::cookie(&state.store.settings().sealing, email, &self.here, state.now())
    }

    /// A session for it, under a new token: one that somebody else may have planted is worth nothing after signing in.
    pub(super) fn new_session(&self, now: UnixMillis) -> NewSession {
        NewSession {
            id: SessionId::random(now),
            token: cookie::new_token(),
            replaces: self.token.clone(),
            now,
            address: self.here.address.to_string(),
            user_agent: self.user_agent.clone(),
        }
    }
}

fn user_agent(headers: &HeaderMap) -> String {
    let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect()
}
