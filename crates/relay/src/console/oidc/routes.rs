//! The way through a provider: away with a state, back with a code, and in with a session.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::EmailAddress;
use protocol::OperatorId;
use serde::Deserialize;
use store::{IdentityAnswer, RefusedSignIn, VerifiedIdentity};
use ui::button::{Weight, link};
use ui::{Markup, html};

use super::fault::SignInFault;
use super::flow::{self, Flow};
use super::id_token::{self, Expected, Person};
use super::provider::Provider;
use crate::console::browser::Browser;
use crate::console::fault::Fault;
use crate::console::newcomer::is_name;
use crate::console::page::encoded;
use crate::console::{cookie, sign_in};
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[derive(Deserialize)]
pub(in crate::console) struct Asked {
    #[serde(default)]
    next: String,
}

/// What a provider sends a browser back with (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Default, Deserialize)]
pub(in crate::console) struct Answered {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `Sign in with …` for each provider, on pages where somebody may come in.
pub(in crate::console) fn buttons(state: &RelayState, next: &str) -> Markup {
    html! {
        @for (id, name) in state.providers.names() {
            (link(Weight::Plain, None, &format!("Sign in with {name}"), &format!("/sign-in/{id}?next={}", encoded(next))))
        }
    }
}

/// `GET /sign-in/{provider}?next=`: off to the provider.
pub(in crate::console) async fn begin(
    State(state): State<Shared>,
    browser: Browser,
    headers: HeaderMap,
    PathParts(id): PathParts<String>,
    Query(Asked { next }): Query<Asked>,
) -> Result<Response, Fault> {
    let provider = state.providers.get(&id).ok_or(Fault::NotFound)?;
    state.sign_ins.try_from_address(browser.here.address)?;
    // Signing in is begun by a person on a page of ours, not by a page of others.
    let is_theirs = headers.get(SEC_FETCH_SITE).is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    // The provider knows one address of ours to send browsers back to.
    let is_elsewhere = state.public_url_is_given && browser.here.origin != state.public_url.to_ascii_lowercase();
    if is_elsewhere {
        return Ok(away(&format!("{}/sign-in?next={}", state.public_url, encoded(&next)), None));
    }
    if is_theirs {
        return Ok(ui::response::see_other(&format!("/sign-in?next={}", encoded(&next))).into_response());
    }
    let metadata = provider.metadata().await?;
    let flow = Flow::begin(&id, &browser.here, &next, state.now());
    let cookie = flow.cookie(&state.store.settings().sealing, &browser.here).ok_or(Fault::Internal)?;
    Ok(away(flow.authorization_url(&metadata, &provider.settings).as_str(), Some(cookie)))
}

/// `GET /sign-in/{provider}/callback?code=&state=&iss=`: back from the provider.
pub(in crate::console) async fn callback(
    State(state): State<Shared>,
    browser: Browser,
    headers: HeaderMap,
    PathParts(id): PathParts<String>,
    answered: Result<Query<Answered>, QueryRejection>,
) -> Result<Response, Fault> {
    let provider = state.providers.get(&id).ok_or(Fault::NotFound)?;
    state.sign_ins.try_from_address(browser.here.address)?;
    let Query(answered) = answered.map_err(|_| SignInFault::Forged)?;
    let flow = Flow::carried(&state.store.settings().sealing, &headers, &id, &browser.here, state.now()).ok_or(SignInFault::Lost)?;
    if !flow.has_state(&answered.state) {
        // The sign-in that this browser has really begun may still be ended.
        tracing::warn!(address = %browser.here.address, "a browser came back with the state of another sign-in");
        return Err(SignInFault::Forged.into());
    }
    let ended = end(&state, provider, &browser, &flow, &answered).await;
    let mut response = match ended {
        Ok(response) => response,
        Err(Fault::SignIn(fault)) => {
            tracing::info!(address = %browser.here.address, issuer = provider.settings.issuer, code = fault.code(), "a sign-in failed");
            Fault::SignIn(fault).into_response()
        }
        Err(fault) => fault.into_response(),
    };
    response.headers_mut().append(header::SET_COOKIE, flow::clear(&browser.here));
    Ok(response)
}

async fn end(state: &RelayState, provider: &Provider, browser: &Browser, flow: &Flow, answered: &Answered) -> Result<Response, Fault> {
    let metadata = provider.metadata().await?;
    let settings = &provider.settings;
    // Whose answer it is, before anything of it is used: a code must not be taken to another provider than the one that
    // made it (RFC 9207, section 2.4).
    let is_theirs = match &answered.iss {
        Some(issuer) => *issuer == settings.issuer,
        None => !metadata.names_itself,
    };
    if !is_theirs {
        return Err(SignInFault::MixedUp.into());
    }
    if let Some(error) = &answered.error {
        tracing::info!(issuer = settings.issuer, error, "an OpenID provider declines a sign-in");
        return Err(SignInFault::Declined.into());
    }
    let code = answered.code.as_deref().ok_or(SignInFault::Declined)?;
    let (id_token, access) = provider.redeem(&metadata, (code, &flow.verifier), &flow.redirect_uri()).await?;
    let header = id_token::header(id_token.expose(), &metadata.algorithms)?;
    let key = provider.key(&header).await?;
    let claims = id_token::claims(id_token.expose(), &header, &key)?;
    let (issuer, client_id, nonce) = (settings.issuer.as_str(), settings.client_id.as_str(), flow.nonce.expose());
    let now = state.now();
    id_token::check(&claims, Expected { issuer, client_id, nonce, began_at: flow.began_at, now })?;
    let person = match (&claims.person.email, access) {
        (None, Some(access)) => provider.person(&metadata, &access, &claims.sub).await?.unwrap_or_default(),
        _ => claims.person,
    };
    let email = verified_email(&person)?;
    let session = browser.new_session(now);
    let cookie = cookie::set(&session.token, &browser.here);
    let identity = VerifiedIdentity {
        issuer: issuer.to_owned(),
        subject: claims.sub,
        name: person.name.map(|name| name.trim().to_owned()).filter(|name| is_name(name)).unwrap_or_else(|| email.local_part().to_owned()),
        email,
        new_id: OperatorId::random(now),
        session,
        flow: flow.state.clone(),
        flow_ends_at: flow.ends_at(),
    };
    match state.store.sign_in_with_identity(identity).await? {
        IdentityAnswer::SignedIn(operator) => {
            tracing::info!(operator.id = %operator, issuer, "signed in");
            Ok(sign_in::signed_in(&flow.next, [cookie]))
        }
        IdentityAnswer::NotInvited => Err(SignInFault::NotInvited.into()),
        IdentityAnswer::SomebodyElses(operator) => {
            let why = format!("{issuer} knows this address as another person's");
            state.refusals.sign_in(RefusedSignIn::new(operator, &why, browser.here.address, now));
            Err(SignInFault::SomebodyElses.into())
        }
        IdentityAnswer::UsedBefore => Err(SignInFault::Used.into()),
    }
}

/// An address that the provider vouches for.
fn verified_email(person: &Person) -> Result<EmailAddress, SignInFault> {
    let text = person.email.as_ref().ok_or(SignInFault::NoEmail)?;
    if !person.email_is_verified() {
        return Err(SignInFault::UnverifiedEmail);
    }
    text.parse().map_err(|_| SignInFault::NoEmail)
}

/// Off to an address that is not a path of ours.
fn away(url: &str, cookie: Option<HeaderValue>) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else { return Fault::Internal.into_response() };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}
