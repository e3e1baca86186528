//! Jobs as they go: what desktops hold now, and the newest of all. It stays true while it is open where scripts run.

use axum::extract::{Query, State};
use axum::response::Response;
use protocol::{JobId, JobState, UnixMillis};
use serde::Deserialize;
use store::{Asker, HeldLease, JobFilter, JobRecordPage, QueueHead};
use ui::field::{filter_bar, filter_select};
use ui::header::page_header;
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Markup, Tone, badge, card, html, link, number, pager, time};

use super::evidence::Summary;
use super::fault::Fault;
use super::place::{self, RowName};
use super::signed_in::SignedIn;
use crate::state::Shared;

/// The page's place in the navigation.
pub(super) const JOBS: &str = "/jobs";
const PAGE_JOBS: usize = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct JobQuery {
    env: String,
    state: String,
    before: String,
}

/// `GET /console/{account}/jobs`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(mut query): Query<JobQuery>) -> Result<Response, Fault> {
    let account = signed_in.account();
    let environment = place::shown_environment(&state.store, account, &query.env).await?;
    environment.as_str().clone_into(&mut query.env);
    let filter = JobFilter {
        asker: Some(Asker::named(&signed_in.operator().id.to_string())),
        state: query.state.parse::<JobState>().ok(),
        before: query.before.parse::<JobId>().ok(),
        ..JobFilter::all_of(account, environment, PAGE_JOBS)
    };
    let jobs = state.store.jobs(filter).await?;
    let (queue, leases) = (state.store.queue_head(account).await?, state.store.held_leases(account).await?);
    let view = View { signed_in: &signed_in, query: &query, now: state.now() };
    let main = html! {
        (page_header("Jobs", Some("What waits, what desktops are following now, and what has ended."), &html! {}))
        (signed_in.live_part("live-jobs", &view.live(&jobs, queue, &leases)))
    };
    Ok(signed_in.live_page("Jobs", JOBS, main))
}

struct View<'v> {
    signed_in: &'v SignedIn,
    query: &'v JobQuery,
    now: UnixMillis,
}

impl View<'_> {
    fn live(&self, jobs: &JobRecordPage, queue: QueueHead, leases: &[HeldLease]) -> Markup {
        let waited = queue.oldest.map(|at| u64::try_from(self.now.0 - at.0).unwrap_or_default());
        html! {
                (card::tiles(&[
                    card::tile("Waiting", &number::number(queue.waiting), &html! { @match waited { Some(millis) => { "the next for " (time::duration(millis)) }, None => "nothing waits" } }, Tone::Plain, None),
                    card::tile("With desktops", &number::number(queue.leased), &html! { "being followed now" }, Tone::Plain, None),
                ]))
                section.card.flush {
                    div.card-head { (self.filters()) }
                    @if jobs.jobs.is_empty() {
                        (card::empty(Icon::Jobs, "No jobs here", "A job comes with each signed request, and whenever a row is checked again.", &html! {}))
                    } @else { (self.table(jobs, leases)) }
                    (self.pager(jobs))
                }
        }
    }

    fn filters(&self) -> Markup {
        let states = [("", "any"), ("queued", "queued"), ("leased", "leased"), ("concluded", "concluded"), ("cancelled", "cancelled")];
        let filters = html! {
            (filter_select("state", "State", &states, &self.query.state))
            (filter_select("env", "Environment", &[("live", "live"), ("test", "test")], &self.query.env))
        };
        filter_bar(&self.signed_in.path(JOBS), &[], &filters, !self.query.state.is_empty())
    }

    fn table(&self, jobs: &JobRecordPage, leases: &[HeldLease]) -> Markup {
        let columns = [
            Column::new("Row"),
            Column::new("State"),
            Column::new("Lands on").keep(Keep::Medium),
            Column::new("Took").numeric().keep(Keep::Wide),
            Column::new("Admitted").keep(Keep::Medium),
        ];
        let body = html! {
            @for job in &jobs.jobs {
                @let result = Summary::of(job);
                @let lease = leases.iter().find(|lease| lease.job_id == job.job_id);
                @let row = RowName { environment: job.environment, source: job.source.clone(), row_id: job.row_id.clone() };
                tr {
                    td {
                        a.cell-main href=(self.signed_in.path(&place::job(job.job_id))) { (row.row_id) }
                        span.cell-sub { (link::outside_cut(&job.tracking_url)) }
                    }
                    td {
                        @match &result {
                            Some(result) => (badge::conclusion(result.conclusion)),
                            None => (badge::job_state(job.state)),
                        }
                        @if let Some(lease) = lease { span.cell-sub { "attempt " (lease.attempt) } }
                    }
                    (td(Keep::Medium, &html! { @match result.as_ref().and_then(|result| result.final_url.as_deref()) { Some(url) => (link::outside_cut(url)), None => { span.faint { "–" } } } }))
                    (ui::table::td_right(Keep::Wide, &html! { @match &result { Some(result) => (time::duration(result.duration_ms)), None => { span.faint { "–" } } } }))
                    (td(Keep::Medium, &time::ago(job.created_at, self.now)))
                }
            }
        };
        table("Jobs, newest first", &columns, &body)
    }

    fn pager(&self, jobs: &JobRecordPage) -> Markup {
        let path = |before: Option<JobId>| {
            let before = before.map(|id| id.to_string()).unwrap_or_default();
            let parts = [("state", self.query.state.as_str()), ("env", &self.query.env), ("before", &before)];
            let parts: Vec<String> = parts
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}={}", place::segment(value)))
                .collect();
            self.signed_in.path(&format!("{JOBS}?{}", parts.join("&")))
        };
        let first = (!self.query.before.is_empty()).then(|| path(None));
        let next = jobs.next.map(|id| path(Some(id)));
        html! {
            @if first.is_some() || next.is_some() {
                (pager::pager(&format!("{} jobs", jobs.jobs.len()), first.as_deref(), None, next.as_deref()))
            }
        }
    }
}
