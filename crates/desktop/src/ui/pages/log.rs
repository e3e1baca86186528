//! What the desktop did lately. In memory, since the start; the terminal or the system's journal has more.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use ui::badge::{badge, badge_with};
use ui::card::{empty, flush_card};
use ui::header::page_header;
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Tone, time};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared, live};
use crate::activity::Weight;

/// `GET /log`.
pub(crate) async fn show(State(office): State<Shared>, frame: Frame) -> Response {
    let about = "What this desktop did since it was started. Secrets are never noted.";
    let main = html! {
        (page_header("Log", Some(about), &html! {}))
        (ui::live::sent("log", "/live/log", &content(&office)))
    };
    frame::page(&office.station, &frame, "/log", "Log", main)
}

/// `GET /live/log`.
pub(crate) async fn live(State(office): State<Shared>) -> Response {
    live::stream(office, content)
}

fn content(office: &Office) -> Markup {
    let entries = office.station.activity.entries();
    if entries.is_empty() {
        return empty(
            Icon::Log,
            "Nothing has happened yet",
            "Links, pauses, changed settings and trouble with the relay are noted here.",
            &html! {},
        );
    }
    let columns = [Column::new("When"), Column::new("Weight").keep(Keep::Medium), Column::new("What")];
    let rows = html! {
        @for entry in &entries {
            tr {
                (td(Keep::Always, &time::time(entry.at)))
                (td(Keep::Medium, &match entry.weight {
                    Weight::Usual => badge(Tone::Plain, "usual"),
                    Weight::Warning => badge_with(Tone::Review, Icon::Warning, "warning"),
                    Weight::Error => badge(Tone::Bad, "error"),
                }))
                (td(Keep::Always, &html! { span.prose { (entry.text) } }))
            }
        }
    };
    flush_card("Newest first", &html! {}, &table("What the desktop did lately", &columns, &rows))
}
