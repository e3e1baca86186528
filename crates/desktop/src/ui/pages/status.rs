//! The first page: how it stands, in one glance. Until the desktop is linked, the code that somebody must approve.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::UnixMillis;
use protocol::linking::LinkStarted;
use ui::badge::{badge, badge_with};
use ui::button::{self, Weight};
use ui::card::{card, flush_card, terms, tile, tiles};
use ui::header::page_header;
use ui::notice::notice;
use ui::{Icon, Tone, code, link, number, response, time};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared, live};
use super::jobs;
use crate::station::Stage;
use crate::status::{Connection, Status};

/// Jobs in the short list.
const LATELY: usize = 5;

/// `GET /`.
pub(crate) async fn show(State(office): State<Shared>, frame: Frame) -> Response {
    let main = ui::live::sent("status", "/live/status", &content(&office));
    frame::page(&office.station, &frame, "/", "Status", main)
}

/// `GET /live/status`.
pub(crate) async fn live(State(office): State<Shared>) -> Response {
    live::stream(office, content)
}

/// `POST /pause`.
pub(crate) async fn pause(State(office): State<Shared>, frame: Frame) -> Response {
    turn(&office, &frame, true)
}

/// `POST /resume`.
pub(crate) async fn resume(State(office): State<Shared>, frame: Frame) -> Response {
    turn(&office, &frame, false)
}

fn turn(office: &Office, frame: &Frame, paused: bool) -> Response {
    match office.station.pause(paused) {
        Ok(_) => response::see_other("/").into_response(),
        Err(error) => {
            let main = html! {
                (notice(Tone::Bad, "Nothing has changed", &html! { "It could not be written to the data folder: " (error) }))
                (content(office))
            };
            frame::with_status(StatusCode::INTERNAL_SERVER_ERROR, &office.station, frame, "/", "Status", main)
        }
    }
}

fn content(office: &Office) -> Markup {
    let station = &office.station;
    match station.stage() {
        Stage::Asking(trouble) => asking(office, trouble.as_deref()),
        Stage::Code(started, until) => linking(&started, until, station.clock.now()),
        Stage::AtWork(run) => match run.upgrade() {
            Some(run) => at_work(office, &run.status()),
            None => html! { (page_header("The desktop is ending", Some("Start it again to go on."), &html! {})) },
        },
    }
}

fn asking(office: &Office, trouble: Option<&str>) -> Markup {
    let relay = office.station.relay_url.as_str();
    html! {
        (page_header("Link this machine", Some("A desktop works for an account of a relay. It asks the relay for a code first."), &html! {}))
        @match trouble {
            Some(trouble) => (notice(Tone::Bad, "The relay cannot be asked", &html! {
                p { (trouble) }
                p { "The desktop tries again by itself. Is " (link::outside(relay)) " the right address? Another is named with " code { "--relay" } " at the start." }
            })),
            None => (notice(Tone::Working, "Asking the relay for a code", &html! { "At " (link::outside(relay)) ". This takes a moment." })),
        }
    }
}

fn linking(started: &LinkStarted, until: UnixMillis, now: UnixMillis) -> Markup {
    html! {
        (page_header("Link this machine", Some("Somebody who may approve desktops compares this code in the console."), &html! {}))
        (card("The code", &badge_with(Tone::Working, Icon::Working, "waiting for the approval"), &html! {
            (code::large("user-code", &started.user_code))
            p { "It runs out " (time::ago(until, now)) "; another follows by itself." }
            ol.steps {
                li { "Open the console: " (link::outside(&started.verification_uri_complete)) }
                li { "See that it shows the same code, and approve it." }
                li { "This page goes on by itself." noscript { " Without scripts, " a href="/" { "look again" } " once it is approved." } }
            }
            p.hint { "On the relay's own machine, a terminal does it, too:" }
            (code::line("approve-command", &format!("link-peeler link approve {}", started.user_code)))
        }))
    }
}

fn at_work(office: &Office, status: &Status) -> Markup {
    let station = &office.station;
    let now = station.clock.now();
    let (lately, _) = station.history.page(0, LATELY);
    let turn = if status.paused {
        button::post(Weight::Main, Some(Icon::Play), "Take jobs again", "/resume", &[], &html! {})
    } else {
        button::post(Weight::Plain, Some(Icon::Pause), "Pause", "/pause", &[], &html! {})
    };
    html! {
        (page_header("Status", Some(&sentence(status)), &turn))
        (troubles(status))
        (tiles(&figures(office, status)))
        (flush_card("Now", &html! {}, &jobs::running(&status.running, now)))
        (flush_card("Lately", &html! { a href="/jobs" { "All jobs" } }, &jobs::lately(&lately, now)))
        (card("This machine", &html! {}, &terms(&[
            ("Account", html! { code { (status.account) } }),
            ("Device", html! { code { (status.device_id) } }),
            ("Relay", link::outside(&status.relay_url)),
            ("At work since", time::time(station.started_at)),
            ("Version", html! { (env!("CARGO_PKG_VERSION")) }),
        ])))
    }
}

/// How it stands, as one would say it.
fn sentence(status: &Status) -> String {
    let running = match status.running.len() {
        0 => "no job runs".to_owned(),
        1 => "one job runs".to_owned(),
        many => format!("{many} jobs run"),
    };
    match (&status.connection, status.paused) {
        (_, true) => format!("Paused: it takes no new jobs; {running}."),
        (Connection::Connected, false) => format!("Linked and at work; {running}."),
        (Connection::Connecting, false) => "Linked; reaching the relay.".to_owned(),
        (Connection::Retrying { refused: true, .. }, false) => format!("The relay refuses this desktop; {running}."),
        (Connection::Retrying { refused: false, .. }, false) => format!("Linked, but the relay does not answer; {running}."),
    }
}

fn troubles(status: &Status) -> Markup {
    html! {
        @if let Connection::Retrying { reason, pause, refused } = &status.connection {
            (notice(Tone::Bad, if *refused { "The relay refuses this desktop" } else { "The relay does not answer" }, &html! {
                p { (reason) }
                @if *refused { p { "Was it revoked in the console? Then stop it, and start it with " code { "--relink" } " to link this machine anew." } }
                p { "The desktop tries again after " (time::duration(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))) ". Results wait on the disk; nothing is lost. What was checked here can be read meanwhile." }
            }))
        }
        @if status.paused {
            (notice(Tone::Review, "Paused", &html! { "New jobs go to other desktops of the account, or wait. What runs is finished and reported. It stays so after a restart." }))
        }
    }
}

fn figures(office: &Office, status: &Status) -> Vec<Markup> {
    let relay = match &status.connection {
        Connection::Connected => ("answers", "the last request was answered", Tone::Ok),
        Connection::Connecting => ("…", "nothing has been answered yet", Tone::Working),
        Connection::Retrying { refused: true, .. } => ("refuses", "this desktop, for now", Tone::Bad),
        Connection::Retrying { refused: false, .. } => ("away", "tried again by itself", Tone::Bad),
    };
    let browser = office.station.resolving.browser();
    let browser_name = browser.as_ref().ok().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned());
    let browser_note = match &browser {
        Ok(path) => path.display().to_string(),
        Err(cause) => cause.clone(),
    };
    let waiting = status.unsettled_results as u64;
    vec![
        tile("Relay", &html! { (relay.0) }, &html! { (relay.1) }, relay.2, None),
        tile(
            "Jobs now",
            &number::number(status.running.len() as u64),
            &html! { "of " (status.slots) " at once" },
            if status.paused { Tone::Review } else { Tone::Plain },
            Some("/jobs"),
        ),
        tile("Checked", &number::number(status.totals.resolved), &html! { "since the start" }, Tone::Plain, Some("/jobs")),
        tile(
            "Results waiting",
            &number::number(waiting),
            &html! { @if waiting == 0 { "the relay has them all" } @else { "on the disk, for the relay" } },
            if waiting == 0 { Tone::Plain } else { Tone::Review },
            None,
        ),
        tile(
            "Browser",
            &html! { @match &browser_name { Some(name) => (name), None => (badge(Tone::Review, "none")) } },
            &html! { (browser_note) },
            if browser.is_ok() { Tone::Plain } else { Tone::Review },
            Some("/contexts"),
        ),
    ]
}
