//! Another secret for a key that is in use: both sign for a while, so that no caller stands still meanwhile.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use protocol::KeyId;
use serde::Deserialize;
use ui::confirm::{Question, question};
use ui::{field, response};

use super::super::super::Shared;
use super::super::super::frame::{self, Frame};
use super::{FreshKey, failed};
use crate::{activity, lock};

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// How long the old secret goes on signing: seconds, and words. A day is what a person needs who rotates in good order.
const OVERLAPS: [(u32, &str); 5] =
    [(0, "Not at all: somebody else may have it"), (HOUR, "An hour"), (DAY, "A day"), (7 * DAY, "A week"), (30 * DAY, "30 days")];
const USUAL_OVERLAP: u32 = DAY;

/// The form of [`rotate`].
#[derive(Deserialize)]
pub(crate) struct Overlap {
    overlap: u32,
}

/// `GET /keys/{key_id}/rotate`: the question.
pub(crate) async fn ask_to_rotate(State(office): State<Shared>, Path(key_id): Path<KeyId>, frame: Frame) -> Response {
    let values = OVERLAPS.map(|(seconds, words)| (seconds.to_string(), words));
    let options = values.each_ref().map(|(seconds, words)| (seconds.as_str(), *words, ""));
    let main = question(&Question {
        title: "Give this API key another secret?",
        consequences: html! {
            p { code { (key_id) } }
            p { "The new secret is made on this machine and shown once. The key stays the same, with its name, jobs and limits." }
        },
        deed: "Rotate the key",
        action: &format!("/keys/{key_id}/rotate"),
        cancel: "/keys",
        fields: &[],
        asks: field::radios("overlap", "How long the old secret goes on signing", &options, &USUAL_OVERLAP.to_string()),
        form_extras: html! {},
    });
    frame::page(&office.station, &frame, "/keys", "Rotate an API key", main)
}

/// `POST /keys/{key_id}/rotate`: leads to where the new secret is shown once.
pub(crate) async fn rotate(
    State(office): State<Shared>,
    Path(key_id): Path<KeyId>,
    frame: Frame,
    Form(Overlap { overlap }): Form<Overlap>,
) -> Response {
    let rotated = match office.station.keys() {
        Ok(keys) => keys.rotate(&key_id, overlap).await,
        Err(error) => Err(error),
    };
    match rotated {
        Ok(created) => {
            office.station.note(activity::Weight::Usual, format!("gave the API key {key_id} another secret"));
            let previous_ends_at = created.info.previous_ends_at;
            *lock(&office.fresh_key) = Some(FreshKey { created, previous_ends_at });
            response::see_other("/keys/made").into_response()
        }
        Err(error) => failed(&office, &frame, "The key was not rotated", &error),
    }
}
