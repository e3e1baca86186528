//! Taking up an invitation: somebody new chooses a name and a passphrase, an operator of another account signs in first.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use protocol::{OperatorId, Secret};
use serde::Deserialize;
use store::{Accepted, Invitee, OpenInvitation};
use ui::button::{Weight, submit};
use ui::{Icon, Markup, html};

use super::browser::Browser;
use super::cookie;
use super::fault::Fault;
use super::form::Form;
use super::newcomer::{self, Newcomer};
use super::oidc;
use super::page::encoded;
use super::signed_in::Person;
use crate::state::{RelayState, Shared};

#[derive(Deserialize)]
pub(super) struct Opened {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub(super) struct Filled {
    token: String,
    #[serde(flatten)]
    newcomer: Newcomer,
}

/// `GET /invitation?token=`
pub(super) async fn page(
    State(state): State<Shared>,
    browser: Browser,
    person: Result<Person, Fault>,
    Query(Opened { token }): Query<Opened>,
) -> Result<Response, Fault> {
    state.sign_ins.try_from_address(browser.here.address)?;
    let Some(open) = state.store.open_invitation(Secret::new(token.clone()), state.now()).await? else { return Ok(void(&browser)) };
    let main = offer(&state, &open, &token, person.ok().as_ref(), &Newcomer::default(), &[]);
    Ok(browser.look.bare(StatusCode::OK, "Invitation", main))
}

/// `POST /invitation`
pub(super) async fn accept(
    State(state): State<Shared>,
    browser: Browser,
    person: Result<Person, Fault>,
    Form(filled): Form<Filled>,
) -> Result<Response, Fault> {
    state.sign_ins.try_from_address(browser.here.address)?;
    let now = state.now();
    let token = Secret::new(filled.token.clone());
    let Some(open) = state.store.open_invitation(token.clone(), now).await? else { return Ok(void(&browser)) };
    let person = person.ok().filter(|person| person.operator().email == open.email);
    let (invitee, cookie) = match &person {
        Some(person) => (Invitee::Known(person.operator().id), None),
        None if open.is_known => {
            return Ok(browser.look.bare(StatusCode::OK, "Invitation", offer(&state, &open, &filled.token, None, &filled.newcomer, &[])));
        }
        None => {
            let faults = filled.newcomer.faults(Some(&open.email));
            if !faults.is_empty() {
                let main = offer(&state, &open, &filled.token, None, &filled.newcomer, &faults);
                return Ok(browser.look.bare(StatusCode::UNPROCESSABLE_ENTITY, "Invitation", main));
            }
            let passphrase_hash = state.passphrases.hash(&filled.newcomer.passphrase()).await?;
            let session = browser.new_session(now);
            let cookie = cookie::set(&session.token, &browser.here);
            (Invitee::New { id: OperatorId::random(now), name: filled.newcomer.name(), passphrase_hash, session }, Some(cookie))
        }
    };
    match state.store.accept_invitation(token, invitee, now).await? {
        Accepted::Done(account) => {
            tracing::info!(account.id = %account, "an invitation was taken up");
            let path = format!("/console/{account}");
            Ok(match cookie {
                Some(cookie) => super::sign_in::signed_in(&path, std::iter::once(cookie).chain(browser.known(&state, &open.email))),
                None => axum::response::IntoResponse::into_response(ui::response::see_other(&path)),
            })
        }
        Accepted::Unknown => Ok(void(&browser)),
        Accepted::MustSignIn | Accepted::SomebodyElses => {
            let open = OpenInvitation { is_known: true, ..open };
            Ok(browser.look.bare(StatusCode::OK, "Invitation", offer(&state, &open, &filled.token, None, &filled.newcomer, &[])))
        }
    }
}

fn offer(
    state: &RelayState,
    open: &OpenInvitation,
    token: &str,
    person: Option<&Person>,
    filled: &Newcomer,
    faults: &[(String, String)],
) -> Markup {
    let error = |name: &str| faults.iter().find(|(field, _)| field == name).map(|(_, fault)| fault.as_str());
    let is_them = person.is_some_and(|person| person.operator().email == open.email);
    let sign_in = format!("/sign-in?next={}", encoded(&format!("/invitation?token={token}")));
    html! {
        (ui::header::page_header("You are invited", None, &Markup::default()))
        (ui::notice::errors(faults))
        (ui::card::terms(&[
            ("Account", open.account_name.as_str()),
            ("Role", &format!("{}: {}", open.role, open.role.meaning())),
            ("For", open.email.as_str()),
        ]))
        @if open.is_known && !is_them {
            p { "You have signed in with this address before. Sign in, and you can accept." }
            (ui::button::link(Weight::Main, None, "Sign in", &sign_in))
        } @else {
            form method="post" action="/invitation" {
                input type="hidden" name="token" value=(token);
                @if !is_them { (newcomer::fields(filled, &error)) }
                (ui::field::actions(&submit(Weight::Main, None, "Accept")))
            }
            // The provider proves the address, and the invitation is for the address.
            @if !is_them { (oidc::routes::buttons(state, "/")) }
        }
    }
}

fn void(browser: &Browser) -> Response {
    let about = "It was used, withdrawn, has run out, or was not copied whole. Whoever invited you can do so again.";
    let to_sign_in = ui::button::link(Weight::Plain, None, "Sign in", "/sign-in");
    let main = ui::card::alone(Icon::Warning, "This invitation opens nothing any more", about, &to_sign_in);
    browser.look.bare(StatusCode::GONE, "Invitation", main)
}
