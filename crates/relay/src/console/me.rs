//! What belongs to the operator and to no account: their passphrase, and where they are signed in.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Secret, SessionId};
use serde::Deserialize;
use store::{NewPassphrase, RefusedSignIn, SessionRecord};
use ui::button::{Weight, post, submit};
use ui::field::{Field, input};
use ui::table::{Column, Keep, td};
use ui::{Markup, Tone, html};

use super::browser::Browser;
use super::cookie;
use super::fault::Fault;
use super::form::Form;
use super::newcomer;
use super::signed_in::Person;
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    current: String,
    passphrase: String,
    repeated: String,
}

/// `GET /me`
pub(super) async fn page(State(state): State<Shared>, person: Person) -> Result<Response, Fault> {
    show(&state, &person, StatusCode::OK, &[]).await
}

/// `POST /me/passphrase`: whoever changes it proves the one before, and every other session ends.
pub(super) async fn change_passphrase(
    State(state): State<Shared>,
    person: Person,
    browser: Browser,
    Form(change): Form<Change>,
) -> Result<Response, Fault> {
    browser.try_for_operator(&state, &person.operator().email)?;
    let stored = state.store.operator(person.operator().id).await?.and_then(|known| known.passphrase_hash);
    // Whoever signs in through a provider has none to prove, and may choose one.
    let is_proven = match &stored {
        Some(stored) if change.current.len() <= domain::passphrase::MAX_BYTES => {
            state.passphrases.is_right(&Secret::new(change.current), Some(stored)).await?
        }
        Some(_) => false,
        None => true,
    };
    let mut faults = Vec::new();
    if !is_proven {
        let refused = RefusedSignIn::new(person.operator().id, "wrong passphrase, to change it", browser.here.address, state.now());
        state.refusals.sign_in(refused);
        faults.push(("current".to_owned(), "This is not your passphrase.".to_owned()));
    }
    faults.extend(newcomer::passphrase_fault(&change.passphrase, &change.repeated, Some(&person.operator().email)));
    if !faults.is_empty() {
        return show(&state, &person, StatusCode::UNPROCESSABLE_ENTITY, &faults).await;
    }
    let session = browser.new_session(state.now());
    let cookie = cookie::set(&session.token, &browser.here);
    let hash = state.passphrases.hash(&Secret::new(change.passphrase)).await?;
    person.store.set_passphrase(NewPassphrase { operator: person.operator().id, hash, session }).await?;
    tracing::info!(operator.id = %person.operator().id, "passphrase changed");
    let known = browser.known(&state, &person.operator().email);
    Ok(super::sign_in::signed_in("/me", std::iter::once(cookie).chain(known)))
}

/// `POST /me/sessions/{session}/end`
pub(super) async fn end_session(
    State(state): State<Shared>,
    person: Person,
    PathParts(session): PathParts<String>,
) -> Result<Response, Fault> {
    let session: SessionId = session.parse().map_err(|_| Fault::NotFound)?;
    if !person.store.end_session(person.operator().id, session, state.now()).await? {
        return Err(Fault::NotFound);
    }
    let mut response = ui::response::see_other("/me").into_response();
    if session == person.record.session.id {
        response.headers_mut().append(header::SET_COOKIE, cookie::clear(&person.here));
    }
    Ok(response)
}

async fn show(state: &RelayState, person: &Person, status: StatusCode, faults: &[(String, String)]) -> Result<Response, Fault> {
    let sessions = state.store.sessions(person.operator().id, state.now()).await?;
    let has_passphrase = state.store.operator(person.operator().id).await?.is_some_and(|known| known.passphrase_hash.is_some());
    let error = |name: &str| faults.iter().find(|(field, _)| field == name).map(|(_, fault)| fault.as_str());
    let main = html! {
        (ui::header::page_header("You", Some("Your passphrase, and where you are signed in."), &Markup::default()))
        (ui::notice::errors(faults))
        (ui::card::card("Passphrase", &Markup::default(), &html! {
            form method="post" action="/me/passphrase" {
                // For password managers, which keep the two together.
                input type="hidden" name="username" autocomplete="username" value=(person.operator().email);
                @if has_passphrase {
                    (input("password", &Field {
                        name: "current", label: "Your passphrase now", error: error("current"), required: true,
                        autocomplete: Some("current-password"), max_length: Some(256), ..Field::default()
                    }))
                }
                (newcomer::passphrase_fields("New passphrase", &error))
                (ui::notice::notice(Tone::Plain, "Every other session of yours ends", &html! { p { "This browser stays signed in." } }))
                (ui::field::actions(&submit(Weight::Main, None, "Change the passphrase")))
            }
        }))
        (ui::card::flush_card("Where you are signed in", &Markup::default(), &table(person, &sessions)))
    };
    Ok(person.page(status, "You", main))
}

fn table(person: &Person, sessions: &[SessionRecord]) -> Markup {
    let columns = [Column::new("Browser"), Column::new("Address"), Column::new("Since"), Column::new("Last used"), Column::new("")];
    let rows = html! {
        @for session in sessions {
            tr {
                (td(Keep::default(), &html! { (session.user_agent) }))
                (td(Keep::default(), &html! { (session.address) }))
                (td(Keep::default(), &ui::time::time(session.times.created_at)))
                (td(Keep::default(), &ui::time::time(session.times.last_seen_at)))
                (td(Keep::default(), &html! {
                    @if session.id == person.record.session.id { "this browser" }
                    @else { (post(Weight::Quiet, None, "End", &format!("/me/sessions/{}/end", session.id), &[], &Markup::default())) }
                }))
            }
        }
    };
    ui::table::table("Sessions", &columns, &rows)
}
