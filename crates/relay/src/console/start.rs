//! First steps: from nothing to the first result, step by step, with what is true now. Each step says when it is done.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Role;
use protocol::strict_json::StrictValue;
use protocol::{Environment, FetchRequest, JobState};
use serde::Deserialize;
use store::{Admission, AdmissionRequest, JobFilter, JobRecord};
use ui::button::{self, Weight};
use ui::field::{self, Field};
use ui::header::page_header;
use ui::{Icon, Markup, badge, code, html, notice, time};

use super::devices::Desktops;
use super::evidence;
use super::fault::Fault;
use super::form::Form;
use super::place;
use super::signed_in::{AtLeast, Operator, SignedIn};
use crate::state::{RelayState, Shared};

/// The page's place in the navigation.
pub(super) const START: &str = "/start";
/// Where rows that a person typed live.
const SOURCE: &str = "csv";

/// A link that a person wants to see followed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FirstLink {
    url: String,
    domain: String,
    row: String,
}

/// `GET /console/{account}/start`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn) -> Result<Response, Fault> {
    let main = whole(&state, &signed_in, &FirstLink::default(), &[]).await?;
    Ok(signed_in.page("First steps", START, main))
}

/// `POST /console/{account}/start/check`
pub(super) async fn check(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    Form(wanted): Form<FirstLink>,
) -> Result<Response, Fault> {
    let faults = match admit(&state, &signed_in, &wanted).await? {
        Ok(job) => return Ok(signed_in.go(&place::job(job.job_id))),
        Err(faults) => faults,
    };
    let main = whole(&state, &signed_in, &wanted, &faults).await?;
    Ok(signed_in.page_with(StatusCode::UNPROCESSABLE_ENTITY, "First steps", START, main))
}

type Faults = Vec<(String, String)>;

/// Admits the link as a caller's request is.
async fn admit(state: &RelayState, signed_in: &SignedIn<Operator>, wanted: &FirstLink) -> Result<Result<JobRecord, Faults>, Fault> {
    let now = state.now();
    let unique = protocol::RequestId::random(now).to_string();
    let row = match wanted.row.trim() {
        "" => wanted.url.trim().trim_start_matches("https://").trim_start_matches("http://").chars().take(60).collect(),
        row => row.to_owned(),
    };
    let mut payload = serde_json::json!({ "idempotencyKey": unique, "trackingUrl": wanted.url.trim(), "source": SOURCE, "rowId": row });
    if !wanted.domain.trim().is_empty() {
        payload["expectedDomain"] = wanted.domain.trim().into();
    }
    let text = payload.to_string();
    let fetch = StrictValue::parse(text.as_bytes()).map_err(|error| vec![("url".to_owned(), error.to_string())]).and_then(|value| {
        FetchRequest::read(&value, |_| true).map_err(|faults| {
            let field = |pointer: &str| {
                if pointer == "/expectedDomain" {
                    "domain"
                } else if pointer == "/rowId" {
                    "row"
                } else {
                    "url"
                }
            };
            faults.into_iter().map(|fault| (field(&fault.pointer).to_owned(), format!("This {}.", fault.detail))).collect::<Faults>()
        })
    });
    let fetch = match fetch {
        Ok(fetch) => fetch,
        Err(faults) => return Ok(Err(faults)),
    };
    let request = AdmissionRequest::of_person((signed_in.account(), Environment::Live), fetch, signed_in.actor(), now);
    let refused = |why: &str| Ok(Err(vec![("url".to_owned(), why.to_owned())]));
    match signed_in.store.admit(request).await?.admission {
        Admission::Accepted(job) | Admission::Replayed(job) => Ok(Ok(*job)),
        Admission::QuotaExceeded => refused("The month's fetches are used up."),
        Admission::BacklogFull { .. } => refused("As many jobs wait as the plan allows."),
        Admission::PlanRequired => refused("The plan does not include checks."),
        Admission::NonceReused | Admission::NonceForgotten | Admission::IdempotencyMismatch { .. } => refused("Try again."),
    }
}

async fn whole<R: AtLeast>(
    state: &RelayState,
    signed_in: &SignedIn<R>,
    wanted: &FirstLink,
    faults: &[(String, String)],
) -> Result<Markup, Fault> {
    let (account, now) = (signed_in.account(), state.now());
    let desktops = Desktops::look(state, account).await?;
    let jobs = state.store.jobs(JobFilter::all_of(account, Environment::Live, 20)).await?.jobs;
    let concluded = jobs.iter().find(|job| job.state == JobState::Concluded);
    let (_, keys) = state.store.keys(account).await?;
    let has_key = !keys.is_empty();
    let (linked, online) = (desktops.linked() > 0, desktops.online(now) > 0);
    let first_open = [online, !jobs.is_empty(), concluded.is_some(), has_key].iter().position(|done| !done);
    let step = |number: usize, done: bool, title: &str, body: &Markup| {
        let class = if done {
            "done"
        } else if first_open == Some(number) {
            "now"
        } else {
            "later"
        };
        html! {
            li class=(class) {
                p.step-title { (title) @if done { " " (badge::badge(ui::Tone::Ok, "done")) } }
                div.step-body { (body) }
            }
        }
    };
    Ok(html! {
        (page_header("First steps", Some("From nothing to a result that you understand. Each step shows what is true now."), &html! {}))
        (notice::errors(faults))
        ol.steps {
            (step(0, online, "Link a desktop", &desktop_step(signed_in, linked, online)))
            (step(1, !jobs.is_empty(), "Have a link followed", &link_step(signed_in, wanted, faults)))
            (step(2, concluded.is_some(), "Read the result", &result_step(signed_in, &jobs, concluded)))
            (step(3, has_key, "Let your own programs ask", &key_step(signed_in, &signed_in.person.here.origin)))
        }
        p.faint { "As of " (time::time(now)) ". " a href=(signed_in.path(START)) { "Look again" } }
    })
}

fn desktop_step<R: AtLeast>(signed_in: &SignedIn<R>, linked: bool, online: bool) -> Markup {
    let command = format!("link-peeler desktop --relay {}", signed_in.person.here.origin);
    html! {
        @if online { p { "A desktop is online and waits for work." } }
        @else if linked { p { "A desktop is linked, but not online. Start it on its machine:" } (code::block("start-desktop", "Command that starts the desktop", "link-peeler desktop")) }
        @else {
            p { "A desktop follows links from a machine of yours, as a visitor would. On that machine:" }
            (code::block("link-desktop", "Commands that link and start a desktop", &command))
            p { "It shows a code; " a href=(signed_in.path("/devices")) { "approve it here" } "." }
        }
    }
}

fn link_step<R: AtLeast>(signed_in: &SignedIn<R>, wanted: &FirstLink, faults: &[(String, String)]) -> Markup {
    let fault = |name: &str| faults.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
    html! {
        @if signed_in.may(Role::Operator) {
            form.form method="post" action=(signed_in.path("/start/check")) {
                (field::input("url", &Field { name: "url", label: "Tracking URL", value: &wanted.url, hint: Some("The link that the network gave you. Following it counts as a click there."), error: fault("url"), required: true, autocomplete: Some("off"), max_length: Some(8_192) }))
                (field::input("text", &Field { name: "domain", label: "Expected domain", value: &wanted.domain, hint: Some("Where it should land, such as shop.example."), error: fault("domain"), autocomplete: Some("off"), ..Field::default() }))
                (field::input("text", &Field { name: "row", label: "Row id", value: &wanted.row, hint: Some("What you call the link."), error: fault("row"), autocomplete: Some("off"), max_length: Some(255), ..Field::default() }))
                (field::actions(&html! {
                    (button::submit(Weight::Main, Some(Icon::Working), "Follow it"))
                    (button::link(Weight::Plain, Some(Icon::Upload), "Or import a CSV", &signed_in.path("/rows/import")))
                }))
            }
        } @else { p { "An operator of this account can do this." } }
    }
}

fn result_step<R: AtLeast>(signed_in: &SignedIn<R>, jobs: &[JobRecord], concluded: Option<&JobRecord>) -> Markup {
    let result = concluded.and_then(|job| Some((job, evidence::read(job.result.as_deref()?, job.job_id)?)));
    html! {
        @match (result, jobs.first()) {
            (Some((job, result)), _) => {
                p { (badge::conclusion(result.conclusion)) " " (result.detail) }
                p { (ui::conclusion::explain(result.conclusion).means) }
                p { a href=(signed_in.path(&place::job(job.job_id))) { "See the whole chain" } ", or " a href=(signed_in.path("/rows")) { "all rows" } "." }
            },
            (None, Some(job)) => { p { "The result comes as soon as a desktop has followed the link. " a href=(signed_in.path(&place::job(job.job_id))) { "Watch the job" } "." } },
            (None, None) => { p { "The conclusion, what it means, what to do next, and every hop of the way." } },
        }
    }
}

fn key_step<R: AtLeast>(signed_in: &SignedIn<R>, origin: &str) -> Markup {
    let command = format!("link-peeler keys create --label \"my script\"\nlink-peeler fetch --relay {origin} https://track.example/c?id=1");
    html! {
        p { "Scripts and sheets ask by signed requests. A key for that is made on the desktop, so that its secret never crosses this page. On the desktop's machine:" }
        (code::block("make-key", "Commands that make a key and use it", &command))
        p { a href=(signed_in.path("/keys")) { "API keys" } " shows what there is, and when each was last used." }
    }
}
