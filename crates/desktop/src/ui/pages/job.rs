//! One job: the conclusion, what it means, and the chain as a timeline. The same timeline as in the console.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::REFRESH;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};
use protocol::{Context, DeviceKind, EngineChoice, JobId};
use ui::card::{card, empty, terms};
use ui::header::{crumbs, page_header};
use ui::notice::notice;
use ui::{Icon, Tone, code, conclusion, link, time, timeline};

use super::super::frame::{self, Frame};
use super::super::{Office, Shared};
use super::jobs;
use crate::history::{Checked, Settled};

/// Seconds after which the page of a job that runs looks again; without scripts, too.
const LOOK_AGAIN: &str = "2";

/// `GET /jobs/{job_id}`.
pub(crate) async fn show(State(office): State<Shared>, Path(job_id): Path<String>, frame: Frame) -> Response {
    let Ok(job_id) = job_id.parse::<JobId>() else { return nothing(&office, &frame) };
    if let Some(answer) = running(&office, &frame, job_id) {
        return answer;
    }
    match remembered(&office, job_id).await {
        Ok(Some((checked, settled))) => frame::page(&office.station, &frame, "/jobs", "Job", content(&checked, settled.as_ref())),
        Ok(None) => nothing(&office, &frame),
        Err(error) => {
            let main = notice(Tone::Bad, "The history cannot be read", &html! { (error) });
            frame::with_status(StatusCode::INTERNAL_SERVER_ERROR, &office.station, &frame, "/jobs", "Job", main)
        }
    }
}

/// `GET /jobs/{job_id}/screenshot.webp`: what the browser saw at the end.
pub(crate) async fn screenshot(State(office): State<Shared>, Path(job_id): Path<String>, frame: Frame) -> Response {
    let found = match job_id.parse() {
        Ok(job_id) => remembered(&office, job_id).await.ok().flatten(),
        Err(_) => None,
    };
    let picture = found.and_then(|(checked, _)| ui::screenshot::answer(&checked.result));
    picture.map_or_else(|| nothing(&office, &frame), |picture| picture.map(Body::from))
}

/// A job of the history, with its whole result.
async fn remembered(office: &Office, job_id: JobId) -> io::Result<Option<(Checked, Option<Settled>)>> {
    let station = Arc::clone(&office.station);
    tokio::task::spawn_blocking(move || station.history.job(job_id)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn running(office: &Office, frame: &Frame, job_id: JobId) -> Option<Response> {
    let job = office.station.run()?.status().running.into_iter().find(|job| job.job_id == job_id)?;
    let main = html! {
        (crumbs(&[("/jobs", "Jobs")]))
        (page_header("This job runs", Some("The page looks again by itself until there is a conclusion."), &html! {}))
        (card("Tracking URL", &html! {}, &link::outside(&job.tracking_url)))
    };
    let mut answer = frame::page(&office.station, frame, "/jobs", "Job", main);
    answer.headers_mut().insert(REFRESH, HeaderValue::from_static(LOOK_AGAIN));
    Some(answer)
}

fn nothing(office: &Office, frame: &Frame) -> Response {
    let about = "This machine keeps the jobs that it has checked lately. Older ones, and those of other desktops, are in the console.";
    let main = html! {
        (crumbs(&[("/jobs", "Jobs")]))
        h1 { "No such job here" }
        (empty(Icon::Search, "It is not in this machine's history", about, &html! { a.button href="/jobs" { "All jobs" } }))
    };
    frame::with_status(StatusCode::NOT_FOUND, &office.station, frame, "/jobs", "No such job", main)
}

fn content(checked: &Checked, settled: Option<&Settled>) -> Markup {
    let Checked { job_id, tracking_url, expected_domain, context, result } = checked;
    let mut facts = vec![("Tracking URL", link::outside(tracking_url))];
    facts.extend(result.final_url.as_ref().map(|url| ("Final URL", link::outside(url))));
    facts.extend(result.title.as_ref().map(|title| ("Page title", html! { (title) })));
    facts.extend(expected_domain.as_ref().map(|domain| ("Expected domain", html! { code { (domain) } })));
    facts.extend(asked_for(context).map(|asked| ("Asked for", html! { (asked) })));
    facts.extend(result.observed.user_agent.as_ref().map(|agent| ("User agent", html! { (agent) })));
    facts.extend(result.observed.proxy.as_ref().map(|proxy| ("Proxy", html! { code { (proxy) } })));
    facts.extend(result.handover.as_ref().map(|why| ("Browser asked because", html! { (why) })));
    facts.push(("Checked", time::time(result.checked_at)));
    facts.push(("Took", html! { (time::duration(result.duration_ms)) }));
    facts.push(("At the relay", jobs::settled(settled)));
    if let Some(Settled::Refused(reason)) = settled {
        facts.push(("The relay says", html! { (reason) }));
    }
    facts.push(("Job", code::line("job-id", &job_id.to_string())));
    html! {
        (crumbs(&[("/jobs", "Jobs")]))
        (page_header("Job", None, &html! {}))
        (conclusion::verdict(result.conclusion, &result.detail))
        (card("The chain", &html! {}, &timeline::timeline(result)))
        (ui::screenshot::card(&format!("/jobs/{job_id}/screenshot.webp"), result))
        (card("Facts", &html! {}, &terms(&facts)))
    }
}

/// What the job's context asked for, in a line; none when it asked for nothing.
fn asked_for(context: &Context) -> Option<String> {
    let device = context.device.map(|device| match device {
        DeviceKind::Desktop => "a computer".to_owned(),
        DeviceKind::Mobile => "a phone".to_owned(),
    });
    let engine = context.engine.and_then(|engine| match engine {
        EngineChoice::Auto => None,
        EngineChoice::Http => Some("no browser".to_owned()),
        EngineChoice::Browser => Some("a browser".to_owned()),
    });
    let proxy = context.proxy.as_ref().map(|name| format!("the proxy {name}"));
    let language = context.accept_language.as_ref().map(|language| format!("language {language}"));
    let referer = context.referer.as_ref().map(|referer| format!("coming from {referer}"));
    let parts: Vec<String> = [device, engine, proxy, language, referer].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
