//! What stands around every page: where one can go, and what the desktop is doing in a word.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use ui::badge::{badge, badge_with};
use ui::button::{self, Weight};
use ui::document::{Entry, Group, Page, Site};
use ui::theme::Theme;
use ui::{Icon, Tone, response};

use crate::station::{Stage, Station};
use crate::status::Connection;

/// How this reader wants pages, and which one it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    theme: Theme,
    /// Path and query.
    pub(super) here: String,
}

impl Frame {
    pub(super) fn of(here: &str, headers: &HeaderMap) -> Self {
        let cookies = headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
        Self { theme: Theme::of_cookies(cookies), here: here.to_owned() }
    }
}

impl<S: Sync> FromRequestParts<S> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self::of(here, &parts.headers))
    }
}

/// A page with the navigation around it. `current` is the navigation's entry that it belongs to.
pub(super) fn page(station: &Station, frame: &Frame, current: &str, title: &str, main: Markup) -> Response {
    with_status(StatusCode::OK, station, frame, current, title, main)
}

/// As [`page`], for what did not go well.
pub(super) fn with_status(status: StatusCode, station: &Station, frame: &Frame, current: &str, title: &str, main: Markup) -> Response {
    let navigation = vec![
        Group {
            label: None,
            entries: vec![
                Entry::new("/", "Status", Icon::Pulse),
                Entry::new("/jobs", "Jobs", Icon::Jobs),
                Entry::new("/keys", "API keys", Icon::Keys),
            ],
        },
        Group {
            label: Some("This machine"),
            entries: vec![
                Entry::new("/contexts", "Contexts", Icon::Context),
                Entry::new("/guard", "Guard", Icon::Shield),
                Entry::new("/log", "Log", Icon::Log),
                Entry::new("/settings", "Settings", Icon::Settings),
            ],
        },
    ];
    let site = Site {
        name: "Desktop",
        home: "/",
        navigation,
        account: html! { p.account-name { (station.name) } span id=(WORD) { (word(station)) } },
        footer: html! {
            "Link Peeler " (env!("CARGO_PKG_VERSION")) ", on this machine alone. "
            (button::post(Weight::Quiet, Some(Icon::SignOut), "Leave", "/leave", &[], &html! {}))
        },
        theme_action: Some("/theme"),
        form_extras: html! {},
    };
    let page = Page { title, current, here: &frame.here, theme: frame.theme, live: true };
    response::page(status, ui::document::document(&site, &page, main)).into_response()
}

/// A page of one thing, for whoever has not come in.
pub(super) fn bare(frame: &Frame, title: &str, main: Markup) -> Markup {
    let site = Site { name: "Desktop", home: "/", ..Site::default() };
    let page = Page { title, current: "", here: &frame.here, theme: frame.theme, live: false };
    ui::document::bare(&site, &page, main)
}

/// The id of the place of [`word`].
const WORD: &str = "word";

/// [`word`] again, beside a live part of the page: it is put in its own place.
pub(super) fn word_beside(station: &Station) -> Markup {
    html! { span id=(WORD) hx-swap-oob="true" { (word(station)) } }
}

/// What the desktop is doing, in a word.
pub(super) fn word(station: &Station) -> Markup {
    match station.stage() {
        Stage::Asking(None) => badge(Tone::Working, "asking the relay"),
        Stage::Asking(Some(_)) => badge(Tone::Bad, "relay away"),
        Stage::Code(..) => badge(Tone::Review, "not linked yet"),
        Stage::AtWork(run) => match run.upgrade().map(|run| run.status()) {
            None => badge(Tone::Inconclusive, "ending"),
            Some(status) if status.paused => badge_with(Tone::Review, Icon::Pause, "paused"),
            Some(status) => match status.connection {
                Connection::Connected => badge_with(Tone::Ok, Icon::Pulse, "at work"),
                Connection::Connecting => badge(Tone::Working, "connecting"),
                Connection::Retrying { refused: true, .. } => badge_with(Tone::Bad, Icon::Cross, "refused"),
                Connection::Retrying { refused: false, .. } => badge(Tone::Bad, "relay away"),
            },
        },
    }
}
