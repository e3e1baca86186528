//! Coming in by a one-time URL, going out, and what somebody sees who has not come in.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{REFRESH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::html;
use ui::{Icon, code, response};

use super::frame::{Frame, bare};
use super::{Office, Shared};

/// `GET /open/{ticket}`: the way in. The answer is a page that goes on by itself: a redirect would carry on what another
/// site began, and browsers would keep the cookie back.
pub(super) async fn enter(State(office): State<Shared>, Path(ticket): Path<String>, headers: HeaderMap) -> Response {
    let frame = Frame::of("/", &headers);
    let Some(cookie) = office.door.enter(&ticket) else {
        // Opened twice in the same browser: what it wanted is open.
        return if office.door.knows(&headers) { response::see_other("/").into_response() } else { used(&frame) };
    };
    office.station.note(crate::activity::Weight::Usual, "a browser was let in by a one-time URL");
    let main = html! {
        section.confirm { h1 { "Come in" } p { "The desktop's pages open in a moment." } p { a.button.main href="/" { "Open them now" } } }
    };
    let mut answer = response::page(StatusCode::OK, bare(&frame, "Come in", main));
    answer.headers_mut().insert(REFRESH, HeaderValue::from_static("0; url=/"));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer.into_response()
}

/// `POST /leave`.
pub(super) async fn leave(State(office): State<Shared>, headers: HeaderMap) -> Response {
    let mut answer = response::see_other("/");
    if let Ok(cookie) = HeaderValue::from_str(&office.door.leave(&headers)) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer.into_response()
}

/// What a browser sees that has not come in: how to.
pub(super) fn outside(headers: &HeaderMap) -> Response {
    let main = html! {
        section.confirm {
            h1 { "These pages are for whoever sits at this machine" }
            p { "This browser has not been let in, or the desktop has been started again since. In a terminal on this machine, run" }
            (code::line("open-command", "link-peeler desktop open"))
            p { "and open the address that it prints. It works once, for ten minutes." }
        }
    };
    response::page(StatusCode::UNAUTHORIZED, bare(&Frame::of("/", headers), "Not let in", main)).into_response()
}

fn used(frame: &Frame) -> Response {
    let main = html! {
        section.confirm {
            h1 { "This address has been used, or is too old" }
            p { "Each works once, for ten minutes. Get another with" }
            (code::line("open-command", "link-peeler desktop open"))
        }
    };
    response::page(StatusCode::GONE, bare(frame, "Used address", main)).into_response()
}

/// A request that the defence has turned away.
pub(super) fn turned_away(status: StatusCode, why: &str) -> Response {
    let main = html! {
        section.confirm { h1 { (Icon::Shield) " Turned away" } p { "The desktop did nothing: " (why) "." } p { a.button href="/" { "To the desktop's pages" } } }
    };
    response::page(status, bare(&Frame::default(), "Turned away", main)).into_response()
}

/// `POST /theme`: the choice of colours, for whoever has no scripts.
pub(super) async fn theme(axum::Form(chosen): axum::Form<ChosenTheme>) -> Response {
    let mut answer = response::see_other(&chosen.back);
    if let Ok(cookie) = HeaderValue::from_str(&ui::theme::Theme::of_word(&chosen.theme).set_cookie()) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer.into_response()
}

/// The form of [`theme`].
#[derive(serde::Deserialize)]
pub(super) struct ChosenTheme {
    theme: String,
    #[serde(default)]
    back: String,
}

impl Office {
    /// `GET /assets/{name}`.
    pub(super) fn asset(name: &str, headers: &HeaderMap) -> Response {
        match ui::assets::respond(name, headers) {
            Some(answer) => answer.map(axum::body::Body::from).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}
