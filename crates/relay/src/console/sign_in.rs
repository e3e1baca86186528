//! Signing in with address and passphrase, and out again.

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::EmailAddress;
use protocol::Secret;
use serde::Deserialize;
use store::RefusedSignIn;
use ui::button::{Weight, submit};
use ui::field::{Field, input};
use ui::{Markup, Tone, html};

use super::browser::Browser;
use super::cookie;
use super::fault::Fault;
use super::form::Form;
use super::oidc;
use super::passphrase::is_outdated;
use super::signed_in::Person;
use crate::state::{RelayState, Shared};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Filled {
    email: String,
    passphrase: String,
    #[serde(default)]
    next: String,
}

/// `GET /`: to the account, to the choice of one, or to the sign-in.
pub(super) async fn start(person: Person) -> Response {
    let path = match person.record.memberships.as_slice() {
        [only] => format!("/console/{}", only.account),
        _ => "/accounts".to_owned(),
    };
    ui::response::see_other(&path).into_response()
}

/// `GET /sign-in?next=`
pub(super) async fn page(State(state): State<Shared>, browser: Browser, Query(Asked { next }): Query<Asked>) -> Result<Response, Fault> {
    let is_set_up = state.store.owners(state.operator_account).await? > 0;
    let notice = html! { @if !is_set_up { (not_set_up()) } };
    Ok(browser.look.bare(StatusCode::OK, "Sign in", form(&state, "", &next, notice)))
}

/// `POST /sign-in`
pub(super) async fn sign_in(State(state): State<Shared>, browser: Browser, Form(filled): Form<Filled>) -> Result<Response, Fault> {
    let Filled { email, passphrase, next } = filled;
    let again = |fault: &Fault| {
        let mut response = browser.look.bare(StatusCode::TOO_MANY_REQUESTS, "Sign in", form(&state, &email, &next, fault.notice()));
        if let Fault::TooMany { retry_after } = fault {
            response.headers_mut().insert(header::RETRY_AFTER, (*retry_after).into());
        }
        response
    };
    let wrong = || {
        let notice =
            ui::notice::notice(Tone::Bad, "That is not right", &html! { p { "There is no operator with this address and passphrase." } });
        browser.look.bare(StatusCode::UNPROCESSABLE_ENTITY, "Sign in", form(&state, &email, &next, notice))
    };
    let Ok(address) = email.parse::<EmailAddress>() else {
        return Ok(state.sign_ins.try_from_address(browser.here.address).map_or_else(|fault| again(&fault), |()| wrong()));
    };
    if let Err(fault) = browser.try_for_operator(&state, &address) {
        return Ok(again(&fault));
    }
    let known_from_now_on = browser.known(&state, &address);
    // An operator who does not exist takes the same way, and as long.
    let known = state.store.operator_by_email(address).await?;
    let stored = known.as_ref().and_then(|known| known.passphrase_hash.as_ref());
    let passphrase = Secret::new(passphrase);
    let is_right = passphrase.expose().len() <= domain::passphrase::MAX_BYTES && state.passphrases.is_right(&passphrase, stored).await?;
    let (true, Some(known), Some(stored)) = (is_right, &known, stored) else {
        tracing::info!(address = %browser.here.address, "a sign-in failed");
        if let Some(known) = &known {
            state.refusals.sign_in(RefusedSignIn::new(known.operator.id, "wrong passphrase", browser.here.address, state.now()));
        }
        return Ok(wrong());
    };
    let session = browser.new_session(state.now());
    let cookie = cookie::set(&session.token, &browser.here);
    if !state.store.begin_session(known.operator.id, stored.clone(), session).await? {
        return Ok(wrong());
    }
    tracing::info!(operator.id = %known.operator.id, "signed in");
    if is_outdated(stored) {
        let newer = state.passphrases.hash(&passphrase).await?;
        state.store.rehash_passphrase(known.operator.id, stored.clone(), newer).await?;
    }
    Ok(signed_in(&next, std::iter::once(cookie).chain(known_from_now_on)))
}

/// `POST /sign-out`
pub(super) async fn sign_out(State(state): State<Shared>, person: Person) -> Result<Response, Fault> {
    state.store.end_session(person.operator().id, person.record.session.id, state.now()).await?;
    let mut response = ui::response::see_other("/sign-in").into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie::clear(&person.here));
    Ok(response)
}

/// Off to where the browser wanted to go, with its cookies: of the session, and perhaps that it is known from now on.
pub(super) fn signed_in(next: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let mut response = ui::response::see_other(next).into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn form(state: &RelayState, email: &str, next: &str, notice: Markup) -> Markup {
    html! {
        (ui::header::page_header("Sign in", None, &Markup::default()))
        (notice)
        form method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            (input("email", &Field {
                name: "email", label: "Email address", value: email, required: true, autocomplete: Some("username"), max_length: Some(254),
                ..Field::default()
            }))
            (input("password", &Field {
                name: "passphrase", label: "Passphrase", required: true, autocomplete: Some("current-password"), max_length: Some(256),
                ..Field::default()
            }))
            (ui::field::actions(&submit(Weight::Main, None, "Sign in")))
        }
        (oidc::routes::buttons(state, next))
    }
}

fn not_set_up() -> Markup {
    let body = html! {
        p { "Open the set-up link that the relay printed when it started. It has run out, or is lost? On the relay's machine, this makes a new one:" }
        (ui::code::line("setup-link", "link-peeler operators setup-link"))
    };
    ui::notice::notice(Tone::Plain, "Nobody has set this relay up yet", &body)
}
