//! API keys: what there is, a new one with its secret shown once, and revoking. A key is made on this machine; the relay
//! seals its secret, and the one readable copy stays here.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::key::KeyInfo;
use protocol::{Environment, KeyId};
use serde::Deserialize;
use ui::badge::{badge, badge_with};
use ui::button::{self, Weight};
use ui::card::{card, empty, flush_card, fold};
use ui::confirm::{Question, question};
use ui::field::{self, Field};
use ui::header::{crumbs, page_header};
use ui::notice::notice;
use ui::table::{Column, Keep, table, td, td_right};
use ui::{Icon, Tone, code, response, time};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared};
use crate::activity;
use crate::caller_examples::{self, Example};
use crate::keys::{CreatedKey, KeysError, KnownKey};
use crate::lock;

/// What an example resolves unless somebody puts in something else.
const EXAMPLE_URL: &str = "https://example.com/";
/// Characters of a label, as the relay has it.
const MAX_LABEL: u32 = 100;

/// A key that was made just now.
pub(crate) struct FreshKey {
    created: CreatedKey,
    label: String,
}

/// The form of a new key.
#[derive(Deserialize)]
pub(crate) struct NewKeyForm {
    label: String,
    environment: String,
}

/// `GET /keys`.
pub(crate) async fn list(State(office): State<Shared>, frame: Frame) -> Response {
    let main = content(&office, None, "").await;
    frame::page(&office.station, &frame, "/keys", "API keys", main)
}

/// `POST /keys`: makes one, and leads to where it is shown once.
pub(crate) async fn make(State(office): State<Shared>, frame: Frame, Form(form): Form<NewKeyForm>) -> Response {
    let label = form.label.trim();
    let fault = match (label.chars().count(), label.chars().any(char::is_control)) {
        (0, _) => Some("Give it a name, so that you know it again."),
        (101.., _) => Some("A name has at most 100 characters."),
        (_, true) => Some("A name has no line breaks."),
        (_, false) => None,
    };
    if let Some(fault) = fault {
        let main = content(&office, Some(fault), label).await;
        return frame::with_status(StatusCode::UNPROCESSABLE_ENTITY, &office.station, &frame, "/keys", "API keys", main);
    }
    let environment = form.environment.parse().unwrap_or(Environment::Test);
    let created = match office.station.keys() {
        Ok(keys) => keys.create(environment, label).await,
        Err(error) => Err(error),
    };
    match created {
        Ok(created) => {
            office.station.note(activity::Weight::Usual, format!("made the API key {} ({label})", created.key_id));
            *lock(&office.fresh_key) = Some(FreshKey { created, label: label.to_owned() });
            response::see_other("/keys/made").into_response()
        }
        Err(error) => failed(&office, &frame, "The key was not made", &error),
    }
}

/// `GET /keys/made`: the key that was made just now, once.
pub(crate) async fn made(State(office): State<Shared>, frame: Frame) -> Response {
    let main = match office.take_fresh_key() {
        Some(fresh) => {
            if let Ok(keys) = office.station.keys()
                && let Err(error) = keys.note_shown(&fresh.created.key_id).await
            {
                tracing::warn!(%error, "that a secret was shown was not written down");
            }
            shown_once(&office, &fresh)
        }
        None => html! {
            (crumbs(&[("/keys", "API keys")]))
            h1 { "A secret is shown once" }
            (empty(Icon::Keys, "It has been shown", "Whoever did not keep it makes another key, and revokes the one before.", &html! { a.button href="/keys" { "API keys" } }))
        },
    };
    frame::page(&office.station, &frame, "/keys", "New API key", main)
}

/// `GET /keys/{key_id}/revoke`: the question.
pub(crate) async fn ask_to_revoke(State(office): State<Shared>, Path(key_id): Path<KeyId>, frame: Frame) -> Response {
    let action = format!("/keys/{key_id}/revoke");
    let main = question(&Question {
        title: "Revoke this API key?",
        consequences: html! {
            p { code { (key_id) } }
            p { "Requests that it signs are refused from now on, for good. Jobs that it has handed in go on." }
        },
        deed: "Revoke the key",
        action: &action,
        cancel: "/keys",
        fields: &[],
        asks: html! {},
        form_extras: html! {},
    });
    frame::page(&office.station, &frame, "/keys", "Revoke an API key", main)
}

/// `POST /keys/{key_id}/revoke`.
pub(crate) async fn revoke(State(office): State<Shared>, Path(key_id): Path<KeyId>, frame: Frame) -> Response {
    let revoked = match office.station.keys() {
        Ok(keys) => keys.revoke(&key_id).await,
        Err(error) => Err(error),
    };
    match revoked {
        Ok(_) => {
            office.station.note(activity::Weight::Usual, format!("revoked the API key {key_id}"));
            response::see_other("/keys").into_response()
        }
        Err(error) => failed(&office, &frame, "The key was not revoked", &error),
    }
}

fn failed(office: &Office, frame: &Frame, what: &str, error: &KeysError) -> Response {
    let main = html! {
        (crumbs(&[("/keys", "API keys")]))
        h1 { (what) }
        (notice(Tone::Bad, "What went wrong", &html! { p { (error) } }))
        p { a.button href="/keys" { "Back to the keys" } }
    };
    frame::with_status(StatusCode::BAD_GATEWAY, &office.station, frame, "/keys", what, main)
}

async fn content(office: &Office, fault: Option<&str>, label: &str) -> Markup {
    let about = "Programs that send links sign with a key. It is made on this machine; the secret is shown once.";
    let listed = match office.station.keys() {
        Ok(keys) => {
            let shown = |key: KnownKey| (key.has_secret && !key.is_stale(), key.info);
            keys.list().await.map(|list| list.into_iter().map(shown).collect::<Vec<_>>())
        }
        Err(error) => Err(error),
    };
    html! {
        (page_header("API keys", Some(about), &html! {}))
        @match listed {
            Ok(list) => {
                (flush_card("Keys of the account", &html! {}, &inventory(&list, office)))
                (new_key(fault, label))
            }
            Err(KeysError::NotLinked(_)) => (empty(Icon::Keys, "Link this machine first", "Keys belong to an account, and this desktop has none yet.", &html! { a.button.main href="/" { "Link this machine" } })),
            Err(error) => (notice(Tone::Bad, "The keys cannot be listed now", &html! { p { (error) } p { "They go on working; this page needs the relay to show them." } })),
        }
    }
}

fn new_key(fault: Option<&str>, label: &str) -> Markup {
    let name = Field {
        name: "label",
        label: "Name",
        value: label,
        hint: Some("Where it will be used: a script, a sheet, a platform."),
        error: fault,
        required: true,
        autocomplete: Some("off"),
        max_length: Some(MAX_LABEL),
    };
    let environments = [
        ("live", "Live", "For real work: it counts against the plan."),
        ("test", "Test", "For trying out: its jobs and rows never meet those of live keys."),
    ];
    card(
        "New key",
        &html! {},
        &html! {
            form.form method="post" action="/keys" {
                (field::input("text", &name))
                (field::radios("environment", "Works on", &environments, "live"))
                (field::actions(&button::submit(Weight::Main, Some(Icon::Plus), "Make the key")))
            }
        },
    )
}

fn inventory(keys: &[(bool, KeyInfo)], office: &Office) -> Markup {
    if keys.is_empty() {
        return empty(Icon::Keys, "No key yet", "Make one below, and give it to the program that sends links.", &html! {});
    }
    let now = office.station.clock.now();
    let columns = [
        Column::new("Name"),
        Column::new("Key").keep(Keep::Medium),
        Column::new("Secret").keep(Keep::Wide),
        Column::new("Made").numeric().keep(Keep::Wide),
        Column::new("State"),
        Column::new("Actions"),
    ];
    let rows = html! {
        @for (here, key) in keys {
            tr {
                (td(Keep::Always, &html! { (key.label) @if key.environment == Environment::Test { " " (badge(Tone::Plain, "test")) } }))
                (td(Keep::Medium, &html! { code { (key.key_id) } }))
                (td(Keep::Wide, &html! { @if *here { "kept here" } @else { span.faint { "not here" } } }))
                (td_right(Keep::Wide, &time::ago(key.created_at, now)))
                (td(Keep::Always, &html! {
                    @if key.revoked_at.is_some() { (badge_with(Tone::Skipped, Icon::Cross, "revoked")) } @else { (badge(Tone::Ok, "active")) }
                }))
                (td(Keep::Always, &html! {
                    @if key.revoked_at.is_none() {
                        a.button.quiet href={ "/keys/" (key.key_id) "/revoke" } aria-label={ "Revoke " (key.label) } { "Revoke" }
                    }
                }))
            }
        }
    };
    table("API keys of the account", &columns, &rows)
}

fn shown_once(office: &Office, fresh: &FreshKey) -> Markup {
    let FreshKey { created, label } = fresh;
    let endpoint = format!("{}{}", office.station.relay_url.as_str().trim_end_matches('/'), protocol::signature::FETCH_PATH);
    let example = Example { endpoint: &endpoint, key_id: &created.key_id, secret: &created.secret, tracking_url: EXAMPLE_URL };
    html! {
        (crumbs(&[("/keys", "API keys")]))
        (page_header(&format!("The key “{label}”"), Some("Keep the secret now: this page shows it once."), &html! {}))
        (card("Key and secret", &badge_with(Tone::Review, Icon::Eye, "shown once"), &html! {
            p.field-name { "Key" }
            (code::line("key-id", created.key_id.as_str()))
            p.field-name { "Secret" }
            (code::line("secret", created.secret.expose()))
            p.hint { "The relay cannot show it again. This desktop's keyring keeps a copy for its own commands." }
        }))
        (card("Try it", &html! {}, &html! {
            p { "Paste one into a terminal: it asks for one check, signed with this key." }
            (fold("Node", true, &code::block("caller-node", "A caller in Node", &caller_examples::node(&example))))
            (fold("Python", false, &code::block("caller-python", "A caller in Python", &caller_examples::python(&example))))
            (fold("curl", false, &code::block("caller-curl", "A caller with curl and openssl", &caller_examples::curl(&example))))
        }))
        p { a.button href="/keys" { "I have kept it" } }
    }
}
