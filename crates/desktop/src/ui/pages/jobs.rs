//! Jobs now and lately. The history is this machine's own: it is there without a relay.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};
use protocol::UnixMillis;
use protocol::device::Outcome;
use serde::Deserialize;
use ui::badge::{self, badge_with};
use ui::button::{self, Weight};
use ui::card::{empty, flush_card};
use ui::confirm::{Question, question};
use ui::header::page_header;
use ui::notice::notice;
use ui::pager::pager;
use ui::table::{Column, Keep, table, td, td_right};
use ui::{Icon, Tone, number, response, time};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared, live};
use crate::activity;
use crate::held::RunningJob;
use crate::history::{Settled, Summary};

/// Jobs on one page.
const PAGE: usize = 50;

/// Which page of the list.
#[derive(Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    page: usize,
}

/// `GET /jobs?page=N`, from 0.
pub(crate) async fn list(State(office): State<Shared>, Query(which): Query<Which>, frame: Frame) -> Response {
    let content = content(&office, which.page);
    // Pages further back do not change under the reader.
    let main = if which.page == 0 { ui::live::sent("jobs", "/live/jobs", &content) } else { content };
    frame::page(&office.station, &frame, "/jobs", "Jobs", main)
}

/// `GET /live/jobs`: the first page.
pub(crate) async fn live(State(office): State<Shared>) -> Response {
    live::stream(office, |office| content(office, 0))
}

/// `GET /history/clear`: the question.
pub(crate) async fn ask_to_clear(State(office): State<Shared>, frame: Frame) -> Response {
    let (_, count) = office.station.history.page(0, 0);
    let main = question(&Question {
        title: "Forget what was checked here?",
        consequences: html! {
            p { (number::number(count as u64)) " checks leave this list and this machine's disk. The relay keeps its own results; jobs that run or wait go on." }
        },
        deed: "Forget them",
        action: "/history/clear",
        cancel: "/jobs",
        fields: &[],
        asks: html! {},
        form_extras: html! {},
    });
    frame::page(&office.station, &frame, "/jobs", "Forget the history", main)
}

/// `POST /history/clear`.
pub(crate) async fn clear(State(office): State<Shared>, frame: Frame) -> Response {
    let station = std::sync::Arc::clone(&office.station);
    let cleared =
        tokio::task::spawn_blocking(move || station.history.clear()).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    match cleared {
        Ok(()) => {
            office.station.note(activity::Weight::Usual, "forgot the history of checks");
            response::see_other("/jobs").into_response()
        }
        Err(error) => {
            let main = notice(Tone::Bad, "The history could not be forgotten", &html! { (error) });
            frame::with_status(StatusCode::INTERNAL_SERVER_ERROR, &office.station, &frame, "/jobs", "Jobs", main)
        }
    }
}

fn content(office: &Office, page: usize) -> Markup {
    let station = &office.station;
    let now = station.clock.now();
    let (jobs, total) = station.history.page(page.saturating_mul(PAGE), PAGE);
    let held = station.run().map(|run| run.status().running).unwrap_or_default();
    let clear = html! { @if total > 0 { (button::link(Weight::Quiet, Some(Icon::Trash), "Forget", "/history/clear")) } };
    html! {
        (page_header("Jobs", Some("What this machine checks, and has checked lately. The list lies here, and needs no relay."), &html! {}))
        @if page == 0 { (flush_card("Now", &html! {}, &running(&held, now))) }
        (flush_card("Lately", &clear, &html! {
            (lately(&jobs, now))
            @if total > PAGE { (ways(page, jobs.len(), total)) }
        }))
    }
}

fn ways(page: usize, shown: usize, total: usize) -> Markup {
    let first = page * PAGE;
    let words = format!(
        "{} to {} of {}",
        number::grouped(first as u64 + 1),
        number::grouped((first + shown) as u64),
        number::grouped(total as u64)
    );
    let way = |page: usize| format!("/jobs?page={page}");
    let (newest, newer) = if page > 0 { (Some("/jobs"), Some(way(page - 1))) } else { (None, None) };
    let older = (first + shown < total).then(|| way(page + 1));
    pager(&words, newest, newer.as_deref(), older.as_deref())
}

/// Jobs that are being resolved.
pub(super) fn running(jobs: &[RunningJob], now: UnixMillis) -> Markup {
    if jobs.is_empty() {
        return empty(Icon::Jobs, "Nothing runs", "A job appears here as soon as the relay gives this machine one.", &html! {});
    }
    let columns = [Column::new("Tracking URL"), Column::new("State").keep(Keep::Medium), Column::new("For").numeric()];
    let rows = html! {
        @for job in jobs {
            @let since = UnixMillis(now.0 - i64::try_from(job.held_for.as_millis()).unwrap_or(0));
            tr {
                (td(Keep::Always, &html! { a.url.cut href={ "/jobs/" (job.job_id) } title=(job.tracking_url) { (job.tracking_url) } }))
                (td(Keep::Medium, &badge_with(Tone::Working, Icon::Working, "being resolved")))
                (td_right(Keep::Always, &time::ago(since, now)))
            }
        }
    };
    table("Jobs that are being resolved now", &columns, &rows)
}

/// Jobs that came to a result.
pub(super) fn lately(jobs: &[Summary], now: UnixMillis) -> Markup {
    if jobs.is_empty() {
        let about = "Once a link has been checked on this machine it is listed here, with every hop.";
        return empty(Icon::Clock, "Nothing has been checked here yet", about, &html! {});
    }
    let columns = [
        Column::new("Tracking URL"),
        Column::new("Conclusion"),
        Column::new("Hops").numeric().keep(Keep::Wide),
        Column::new("Took").numeric().keep(Keep::Wide),
        Column::new("Relay").keep(Keep::Wide),
        Column::new("When").numeric().keep(Keep::Medium),
    ];
    let rows = html! {
        @for job in jobs {
            tr {
                (td(Keep::Always, &html! { a.url.cut href={ "/jobs/" (job.job_id) } title=(job.tracking_url) { (job.tracking_url) } }))
                (td(Keep::Always, &badge::conclusion(job.conclusion)))
                (td_right(Keep::Wide, &number::number(job.hops as u64)))
                (td_right(Keep::Wide, &html! { (time::duration(job.duration_ms)) }))
                (td(Keep::Wide, &settled(job.settled.as_ref())))
                (td_right(Keep::Medium, &time::ago(job.checked_at, now)))
            }
        }
    };
    table("Jobs that were checked lately", &columns, &rows)
}

/// What the relay did with a result, in a word.
pub(super) fn settled(settled: Option<&Settled>) -> Markup {
    match settled {
        None => badge_with(Tone::Review, Icon::Clock, "not told yet"),
        Some(Settled::Outcome(Outcome::Applied | Outcome::Duplicate)) => badge_with(Tone::Ok, Icon::Check, "taken"),
        Some(Settled::Outcome(Outcome::Superseded)) => badge_with(Tone::Skipped, Icon::Skip, "came too late"),
        Some(Settled::Outcome(Outcome::Unknown)) => badge_with(Tone::Skipped, Icon::Skip, "not known there"),
        Some(Settled::Refused(_)) => badge_with(Tone::Bad, Icon::Cross, "refused"),
    }
}
