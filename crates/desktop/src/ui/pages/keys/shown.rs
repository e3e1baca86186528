//! A secret that was made just now, shown once, with callers to paste.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use protocol::UnixMillis;
use ui::badge::badge_with;
use ui::card::{card, empty, fold};
use ui::header::{crumbs, page_header};
use ui::notice::notice;
use ui::{Icon, Tone, code, time};

use super::super::super::frame::{self, Frame};
use super::super::super::{Office, Shared};
use crate::caller_examples::{self, Example};
use crate::keys::CreatedKey;

/// What an example resolves unless somebody puts in something else.
const EXAMPLE_URL: &str = "https://example.com/";

/// A secret that was made just now.
pub(crate) struct FreshKey {
    pub(super) created: CreatedKey,
    /// Of a rotation: when the secret before stops signing.
    pub(super) previous_ends_at: Option<UnixMillis>,
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
    frame::page(&office.station, &frame, "/keys", "A new secret", main)
}

fn shown_once(office: &Office, fresh: &FreshKey) -> Markup {
    let FreshKey { created, previous_ends_at } = fresh;
    let endpoint = format!("{}{}", office.station.relay_url.as_str().trim_end_matches('/'), protocol::signature::FETCH_PATH);
    let example = Example { endpoint: &endpoint, key_id: &created.key_id, secret: &created.secret, tracking_url: EXAMPLE_URL };
    html! {
        (crumbs(&[("/keys", "API keys")]))
        (page_header(&format!("The key “{}”", created.info.label), Some("Keep the secret now: this page shows it once."), &html! {}))
        @if let Some(end) = previous_ends_at {
            (notice(Tone::Review, "Put the new secret where the old one is used", &html! { p { "The old one signs until " (time::time(*end)) "." } }))
        }
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
