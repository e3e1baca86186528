//! One job: where its work is, the conclusion in a sentence and what to do, the chain hop by hop, and the evidence to take
//! along.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::Role;
use protocol::{Environment, JobId, JobResult, JobState};
use serde::Deserialize;
use store::{JobFilter, JobRecord};
use ui::button::{self, Weight};
use ui::header::{crumbs, page_header};
use ui::{Icon, Markup, Tone, badge, card, code, conclusion, html, link, notice, time, timeline};

use super::compare::Comparison;
use super::evidence::Check;
use super::fault::Fault;
use super::jobs::JOBS;
use super::place::{self, RowName};
use super::signed_in::{Operator, SignedIn};
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

/// Checks before this one that are looked at for a result to compare with: cancelled ones have none.
const LOOKED_BACK: usize = 5;

/// The variable parts of a path about a job.
#[derive(Deserialize)]
pub(super) struct JobPath {
    job: String,
}

/// The job, of whichever environment.
async fn find(state: &RelayState, account: protocol::AccountId, path: &JobPath) -> Result<JobRecord, Fault> {
    let id: JobId = path.job.parse().map_err(|_| Fault::NotFound)?;
    for environment in [Environment::Live, Environment::Test] {
        if let Some(job) = state.store.job(account, environment, id).await? {
            return Ok(job);
        }
    }
    Err(Fault::NotFound)
}

/// `GET /console/{account}/jobs/{job}`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, PathParts(path): PathParts<JobPath>) -> Result<Response, Fault> {
    let check = Check::of(find(&state, signed_in.account(), &path).await?);
    let earlier = if check.result.is_some() { earlier(&state, signed_in.account(), &check.job).await? } else { None };
    let url = format!("{}{}", signed_in.person.here.origin, signed_in.path(&place::job(check.job.job_id)));
    let whole = whole(&signed_in, &check, earlier.as_ref(), &url);
    Ok(match check.job.state.has_ended() {
        true => signed_in.page("Job", JOBS, whole),
        false => signed_in.live_page("Job", JOBS, signed_in.live_part("live-job", &whole)),
    })
}

/// The check of the same row before this one that has a result.
async fn earlier(state: &RelayState, account: protocol::AccountId, job: &JobRecord) -> Result<Option<Check>, Fault> {
    let filter = JobFilter {
        source: Some(job.source.clone()),
        row_id: Some(job.row_id.clone()),
        before: Some(job.job_id),
        ..JobFilter::all_of(account, job.environment, LOOKED_BACK)
    };
    let before = state.store.jobs(filter).await?.jobs;
    Ok(before.into_iter().map(Check::of).find(|check| check.result.is_some()))
}

/// `GET /console/{account}/jobs/{job}/screenshot.webp`: the page where the link ended, as the desktop's browser saw it.
pub(super) async fn screenshot(
    State(state): State<Shared>,
    signed_in: SignedIn,
    PathParts(path): PathParts<JobPath>,
) -> Result<Response, Fault> {
    let check = Check::of(find(&state, signed_in.account(), &path).await?);
    let picture = check.result.as_ref().and_then(ui::screenshot::answer).ok_or(Fault::NotFound)?;
    Ok(picture.map(Body::from))
}

/// `GET /console/{account}/jobs/{job}/evidence.json`: the result as the desktop reported it.
pub(super) async fn download(
    State(state): State<Shared>,
    signed_in: SignedIn,
    PathParts(path): PathParts<JobPath>,
) -> Result<Response, Fault> {
    let job = find(&state, signed_in.account(), &path).await?;
    let json = job.result.ok_or(Fault::NotFound)?;
    let mut response = Response::new(Body::from(json));
    let name = format!("attachment; filename=\"{}.json\"", job.job_id);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().extend(HeaderValue::from_str(&name).ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    Ok(response)
}

/// `POST /console/{account}/jobs/{job}/cancel`
pub(super) async fn cancel(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<JobPath>,
) -> Result<Response, Fault> {
    let job = find(&state, signed_in.account(), &path).await?;
    // One that has ended meanwhile is shown as it is now.
    signed_in.store.cancel(signed_in.account(), job.environment, job.job_id, signed_in.actor(), state.now()).await?;
    Ok(signed_in.go(&place::job(job.job_id)))
}

fn whole(signed_in: &SignedIn, check: &Check, earlier: Option<&Check>, url: &str) -> Markup {
    let (job, result) = (&check.job, check.result.as_ref());
    let row = RowName { environment: job.environment, source: job.source.clone(), row_id: job.row_id.clone() };
    let own = signed_in.path(&place::job(job.job_id));
    let actions = html! {
        @if result.is_some() { (button::link(Weight::Plain, Some(Icon::Download), "Evidence as JSON", &format!("{own}/evidence.json"))) }
        @if !job.state.has_ended() && signed_in.may(Role::Operator) {
            (button::post(Weight::Danger, Some(Icon::Cross), "Cancel the job", &format!("{own}/cancel"), &[], &html! {}))
        }
    };
    html! {
        (crumbs(&[(&signed_in.path(JOBS), "Jobs"), (&signed_in.path(&row.path()), &job.row_id)]))
        (page_header("Job", Some(&job.job_id.to_string()), &actions))
        @match result {
            Some(result) => {
                (conclusion::verdict(result.conclusion, &result.detail))
                (chain(result))
                (card::columns(&[context(result), proof(job, result, url)]))
                (ui::screenshot::card(&format!("{own}/screenshot.webp"), result))
                @if let Some(earlier) = earlier { (before(signed_in, check, earlier)) }
            },
            None => (waiting(job)),
        }
        (card::card("Job", &html! {}, &card::terms(&[
            ("State", badge::job_state(job.state)),
            ("Row", html! { a href=(signed_in.path(&row.path())) { (job.row_id) } " of " (job.source) }),
            ("Tracking URL", link::outside(&job.tracking_url)),
            ("Environment", html! { (job.environment.as_str()) }),
            ("Admitted", time::time(job.created_at)),
            ("Given up at", time::time(job.expires_at)),
        ])))
    }
}

fn waiting(job: &JobRecord) -> Markup {
    let (tone, title, about) = match job.state {
        JobState::Queued => (Tone::Plain, "Waits for a desktop", "It is taken as soon as a desktop is free."),
        JobState::Leased => (Tone::Working, "A desktop is following the link", "The result comes within seconds as a rule."),
        JobState::Concluded => (Tone::Bad, "The result cannot be shown", "It is stored, but cannot be read. The relay's log says why."),
        JobState::Cancelled => (Tone::Skipped, "Cancelled", "Nobody will check it. The row keeps what was known before."),
    };
    notice::notice(tone, title, &html! { (about) })
}

fn chain(result: &JobResult) -> Markup {
    let length = html! { span.faint { (result.hops.len()) @if result.hops.len() == 1 { " hop in " } @else { " hops in " } (time::duration(result.duration_ms)) } };
    card::card("The chain", &length, &timeline::timeline(result))
}

/// The check before this one: in a sentence, and side by side on demand.
fn before(signed_in: &SignedIn, check: &Check, earlier: &Check) -> Markup {
    let Some(compared) = Comparison::of(check, earlier) else { return html! {} };
    let (job, then) = (&earlier.job, earlier.result.as_ref());
    let actions = html! {
        @if let Some(then) = then { (badge::conclusion(then.conclusion)) }
        a href=(signed_in.path(&place::job(job.job_id))) { "The check of " (time::time(job.created_at)) }
    };
    card::card(
        "Since the check before",
        &actions,
        &html! { (compared.in_words()) (card::fold("Side by side", false, &compared.side_by_side())) },
    )
}

fn context(result: &JobResult) -> Markup {
    let dash = || html! { span.faint { "–" } };
    let text = |text: Option<&str>| text.map_or_else(dash, |text| html! { (text) });
    let mut terms = vec![
        ("Lands on", result.final_url.as_deref().map_or_else(dash, link::outside)),
        ("Page title", text(result.title.as_deref())),
        ("Status", result.http_status.map_or_else(dash, |status| timeline::status(Some(status)))),
        ("Engine", text(result.engine.map(engine_words))),
        ("User agent", text(result.observed.user_agent.as_deref())),
        ("Proxy", text(result.observed.proxy.as_deref())),
        ("Address family", text(result.observed.address_family.as_deref())),
        ("Checked", time::time(result.checked_at)),
    ];
    if let Some(why) = &result.handover {
        terms.push(("Why a browser", html! { (why) }));
    }
    if let Some(refresh) = &result.delayed_refresh {
        terms.push(("Late refresh", html! { "after " (refresh.seconds) " s to " (link::outside(&refresh.target)) }));
    }
    if let Some(beside) = &result.beside {
        terms.push((
            "Popups",
            html! { @if beside.popups.is_empty() { "none" } @for popup in &beside.popups { div { (link::outside(popup)) } } },
        ));
        terms.push(("Refused", html! { @if beside.refused.is_empty() { "none" } @for refused in &beside.refused { div { (refused) } } }));
    }
    card::card("What was seen", &html! {}, &card::terms(&terms))
}

const fn engine_words(engine: protocol::result::Engine) -> &'static str {
    match engine {
        protocol::result::Engine::Http => "HTTP",
        protocol::result::Engine::Browser => "browser",
    }
}

/// What can be pasted into a ticket.
fn proof(job: &JobRecord, result: &JobResult, url: &str) -> Markup {
    let mut ticket = format!("{} ({})\n{}\n", result.conclusion.code(), result.conclusion.class(), result.detail);
    for hop in &result.hops {
        let status = hop.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        ticket.push_str(&format!("{}. {} {} {}\n", hop.index + 1, status, timeline::kind_words(hop.kind), hop.url));
    }
    ticket.push_str(&format!("checked {} by {}\n{url}", result.checked_at, job.job_id));
    card::card(
        "For a ticket",
        &html! {},
        &html! {
            p { "The link shows this page to everyone who belongs to the account. The text stands for itself." }
            (code::line("evidence-link", url))
            (code::block("evidence-text", "Evidence as text", &ticket))
        },
    )
}
