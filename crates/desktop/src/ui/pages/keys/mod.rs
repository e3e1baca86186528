//! API keys: what there is, and revoking. A key is made (`new_key`) and given another secret (`rotation`) on this machine;
//! the relay seals the secret, the one readable copy stays here, and a person sees it once (`shown`).

mod new_key;
mod rotation;
mod shown;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::key::KeyInfo;
use protocol::{Environment, KeyId, UnixMillis};
use ui::badge::{badge, badge_with};
use ui::card::{empty, flush_card};
use ui::confirm::{Question, question};
use ui::header::{crumbs, page_header};
use ui::notice::notice;
use ui::table::{Column, Keep, table, td, td_right};
use ui::{Icon, Tone, response, time};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared};
use crate::activity;
use crate::keys::{KeysError, KnownKey};

pub(crate) use new_key::make;
pub(crate) use rotation::{ask_to_rotate, rotate};
pub(crate) use shown::{FreshKey, made};

/// `GET /keys`.
pub(crate) async fn list(State(office): State<Shared>, frame: Frame) -> Response {
    let main = content(&office, &new_key::Wanted::default(), &[]).await;
    frame::page(&office.station, &frame, "/keys", "API keys", main)
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

/// The page, with what has been filled in and what is wrong with it.
async fn content(office: &Office, wanted: &new_key::Wanted, faults: &[(String, String)]) -> Markup {
    let about = "Programs that send links sign with a key. It is made on this machine; the secret is shown once.";
    html! {
        (page_header("API keys", Some(about), &html! {}))
        (ui::notice::errors(faults))
        @match listed(office).await {
            Ok(Listed { keys, trouble }) => {
                @if let Some(trouble) = trouble {
                    (notice(Tone::Review, "As this machine knew them last", &html! { p { (trouble) } p { "The keys go on working. To make, rotate or revoke one, the relay must be there." } }))
                }
                (flush_card("Keys of the account", &html! {}, &inventory(&keys, office)))
                (new_key::form(wanted, faults))
            }
            Err(KeysError::NotLinked(_)) => (empty(Icon::Keys, "Link this machine first", "Keys belong to an account, and this desktop has none yet.", &html! { a.button.main href="/" { "Link this machine" } })),
            Err(error) => (notice(Tone::Bad, "The keys cannot be listed", &html! { p { (error) } p { "They go on working all the same." } })),
        }
    }
}

/// The keys, and why they may be out of date.
struct Listed {
    keys: Vec<KnownKey>,
    trouble: Option<KeysError>,
}

/// The keys as the relay has them; as they are known here while it cannot be asked.
async fn listed(office: &Office) -> Result<Listed, KeysError> {
    let keys = office.station.keys()?;
    match keys.list().await {
        Ok(list) => Ok(Listed { keys: list, trouble: None }),
        Err(trouble) => Ok(Listed { keys: keys.known()?, trouble: Some(trouble) }),
    }
}

fn inventory(keys: &[KnownKey], office: &Office) -> Markup {
    if keys.is_empty() {
        return empty(Icon::Keys, "No key yet", "Make one below, and give it to the program that sends links.", &html! {});
    }
    let now = office.station.clock.now();
    let columns = [
        Column::new("Name"),
        Column::new("Key").keep(Keep::Medium),
        Column::new("Secret").keep(Keep::Wide),
        Column::new("Last used").numeric().keep(Keep::Wide),
        Column::new("State"),
        Column::new("Actions"),
    ];
    let rows = html! {
        @for known in keys {
            @let (here, key) = (known.has_secret && !known.is_stale(), &known.info);
            tr {
                (td(Keep::Always, &html! { (key.label) @if key.environment == Environment::Test { " " (badge(Tone::Plain, "test")) } }))
                (td(Keep::Medium, &html! { code { (key.key_id) } }))
                (td(Keep::Wide, &html! { @if here { "kept here" } @else { span.faint { "not here" } } }))
                (td_right(Keep::Wide, &html! { @match key.last_used_at { Some(at) => (time::ago(at, now)), None => { span.faint { "never" } } } }))
                (td(Keep::Always, &html! {
                    (state(key, now))
                }))
                (td(Keep::Always, &html! {
                    @if key.revoked_at.is_none() {
                        div.row-actions {
                            a.button.quiet href={ "/keys/" (key.key_id) "/rotate" } aria-label={ "Rotate " (key.label) } { "Rotate" }
                            a.button.quiet href={ "/keys/" (key.key_id) "/revoke" } aria-label={ "Revoke " (key.label) } { "Revoke" }
                        }
                    }
                }))
            }
        }
    };
    table("API keys of the account", &columns, &rows)
}

/// Whether a key signs, and what else one should know before one touches it.
fn state(key: &KeyInfo, now: UnixMillis) -> Markup {
    let ended = key.terms.expires_at.filter(|end| *end <= now);
    let overlap = key.previous_ends_at.filter(|end| *end > now);
    html! {
        @if key.revoked_at.is_some() { (badge_with(Tone::Skipped, Icon::Cross, "revoked")) }
        @else if let Some(end) = ended { (badge(Tone::Skipped, "expired")) span.cell-sub { (time::ago(end, now)) } }
        @else {
            (badge(Tone::Ok, "active"))
            @if let Some(end) = overlap { span.cell-sub { "the old secret too, until " (time::time(end)) } }
            @else if let Some(end) = key.terms.expires_at { span.cell-sub { "until " (time::time(end)) } }
        }
    }
}
