//! Starting at login, and what this program is.

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use ui::badge::badge;
use ui::button::{self, Weight};
use ui::card::{card, terms};
use ui::header::page_header;
use ui::notice::notice;
use ui::{Icon, Tone, link, response, time};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared};
use crate::activity;
use crate::autostart::State as AutostartState;
use crate::station::Stage;

/// `GET /settings`.
pub(crate) async fn show(State(office): State<Shared>, frame: Frame) -> Response {
    answer(&office, &frame, StatusCode::OK, None)
}

/// The form of [`set_autostart`].
#[derive(Deserialize)]
pub(crate) struct Switch {
    turn: String,
}

/// `POST /settings/autostart`.
pub(crate) async fn set_autostart(State(office): State<Shared>, frame: Frame, Form(form): Form<Switch>) -> Response {
    let on = form.turn == "on";
    let set = office
        .autostart
        .as_ref()
        .map_or_else(|| Err(std::io::Error::other("this desktop has no home folder")), |autostart| autostart.set(on));
    match set {
        Ok(()) => {
            office.station.note(activity::Weight::Usual, if on { "starts at login from now on" } else { "starts at login no longer" });
            response::see_other("/settings").into_response()
        }
        Err(error) => answer(&office, &frame, StatusCode::INTERNAL_SERVER_ERROR, Some(&error.to_string())),
    }
}

fn answer(office: &Office, frame: &Frame, status: StatusCode, fault: Option<&str>) -> Response {
    let main = html! {
        (page_header("Settings", None, &html! {}))
        @if let Some(fault) = fault { (notice(Tone::Bad, "Nothing has changed", &html! { (fault) })) }
        (login(office))
        (about(office))
    };
    frame::with_status(status, &office.station, frame, "/settings", "Settings", main)
}

fn login(office: &Office) -> Markup {
    let Some(autostart) = &office.autostart else {
        return card(
            "Start at login",
            &html! {},
            &html! { p { "This desktop cannot be started at login: it was started in a way that does not repeat, or has no home folder. " code { "link-peeler desktop autostart on" } " does it for one that does." } },
        );
    };
    let turn = |word, to, weight| button::post(weight, None, word, "/settings/autostart", &[("turn", to)], &html! {});
    let (state, word, actions) = match autostart.state() {
        Ok(AutostartState::On) => (Tone::Ok, "on".to_owned(), turn("Turn off", "off", Weight::Plain)),
        Ok(AutostartState::Off) => (Tone::Plain, "off".to_owned(), turn("Turn on", "on", Weight::Main)),
        Ok(AutostartState::Other) => {
            let both = html! { (turn("Start this one instead", "on", Weight::Main)) (turn("Turn off", "off", Weight::Plain)) };
            (Tone::Review, "on, with another command".to_owned(), both)
        }
        Err(error) => (Tone::Bad, error.to_string(), turn("Turn on", "on", Weight::Plain)),
    };
    card(
        "Start at login",
        &badge(state, &word),
        &html! {
            p { "The desktop starts by itself when you sign in to this machine, and again after a crash." }
            (terms(&[("Command", html! { code { (autostart.command()) } }), ("Written to", html! { code { (autostart.place()) } })]))
            div.form-actions { (actions) }
        },
    )
}

fn about(office: &Office) -> Markup {
    let station = &office.station;
    let linked = match station.stage() {
        Stage::AtWork(run) => run.upgrade(),
        Stage::Asking(_) | Stage::Code(..) => None,
    };
    let mut facts = vec![
        ("Version", html! { "Link Peeler " (env!("CARGO_PKG_VERSION")) }),
        ("System", html! { (std::env::consts::OS) " " (std::env::consts::ARCH) }),
        ("Called", html! { (station.name) }),
        ("Relay", link::outside(station.relay_url.as_str())),
    ];
    match &linked {
        Some(run) => {
            facts.push(("Account", html! { code { (run.link.account) } }));
            facts.push(("Device", html! { code { (run.link.device_id) } }));
            facts.push(("Linked", time::time(run.link.linked_at)));
        }
        None => facts.push(("Linked", html! { "not yet" })),
    }
    facts.push(("Started", time::time(station.started_at)));
    facts.push(("Secrets lie", html! { (station.secrets_standing) }));
    facts.push(("Data folder", html! { code { (station.data_dir.display()) } }));
    facts.push(("These pages", html! { code { "http://" (office.address) "/" } }));
    facts.push(("Licence", html! { "MIT or Apache-2.0" }));
    card(
        "About",
        &html! { (Icon::Info) },
        &html! {
            (terms(&facts))
            p.hint { "To work for another account or relay, stop the desktop and start it with " code { "--relink" } "." }
        },
    )
}
