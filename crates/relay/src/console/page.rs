//! Pages as answers: the frame around them, and how the reader likes them.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use ui::document::{Page, Site};
use ui::theme::Theme;
use ui::{Markup, html};

use super::form::Form;
use crate::state::Shared;

/// What the console is called beside the mark.
pub(super) const NAME: &str = "Console";
/// Where the choice of theme is posted.
pub(super) const THEME_ACTION: &str = "/theme";

/// How the reader likes pages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look(pub(super) Theme);

impl Look {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self(Theme::of_cookies(cookies))
    }

    /// A page of one thing, before signing in or beside any account.
    pub(super) fn bare(self, status: StatusCode, title: &str, main: Markup) -> Response {
        let site = Site { name: NAME, home: "/", theme_action: Some(THEME_ACTION), footer: footer(), ..Site::default() };
        let page = Page { title, here: "/", theme: self.0, ..Page::default() };
        ui::response::page(status, ui::document::bare(&site, &page, main)).into_response()
    }
}

/// What stands below every page.
pub(super) fn footer() -> Markup {
    html! { "Link Peeler " (env!("CARGO_PKG_VERSION")) }
}

#[derive(Deserialize)]
pub(super) struct Choice {
    theme: String,
    #[serde(default)]
    back: String,
}

/// `POST /theme`: light or dark, kept by the browser.
pub(super) async fn choose_theme(State(_): State<Shared>, Form(Choice { theme, back }): Form<Choice>) -> Response {
    let mut response = ui::response::see_other(&back).into_response();
    if let Ok(cookie) = HeaderValue::try_from(Theme::of_word(&theme).set_cookie()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A text as the value of a query.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => encoded.push(char::from(byte)),
            // Writing to a String does not fail.
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
        encoded
    })
}
