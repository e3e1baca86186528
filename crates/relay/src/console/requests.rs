//! The signed requests of an account: admitted, replayed, and refused with the exact reason; and those that could not prove
//! whose they are, with all that helps to find the mistake.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use domain::audit::{Entry, Line};
use protocol::problem::ProblemCode;
use protocol::signature::{CallerHeaders, SignedTarget};
use protocol::{Environment, JobId, KeyId, UnixMillis};
use serde::Deserialize;
use ui::table::{Column, Keep, td};
use ui::{Icon, Markup, Tone, badge, html};

use super::audit;
use super::fault::Fault;
use super::place;
use super::signed_in::SignedIn;
use crate::refusals::Unproven;
use crate::state::{RelayState, Shared};

const REQUESTS: &str = "/requests";
/// Jobs that a line names; a batch made more.
const SHOWN_JOBS: usize = 3;

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    before: Option<u64>,
    /// `refused` for those alone.
    #[serde(default)]
    only: String,
}

/// `GET /console/{account}/requests`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let account = signed_in.account();
    let only_refused = wanted.only == "refused";
    let fits = |line: &Line| match line.entry {
        Entry::Refused { .. } => true,
        Entry::Admitted { .. } | Entry::Replayed { .. } => !only_refused,
        _ => false,
    };
    let found = audit::find(&state, account, wanted.before, fits).await?;
    let waiting: Vec<(u64, Line)> = match wanted.before {
        None => state.refusals.waiting_of(account).into_iter().rev().map(|line| (0, line)).collect(),
        Some(_) => Vec::new(),
    };
    let entries: Vec<(u64, Line)> = waiting.into_iter().chain(found.entries).collect();
    let path = signed_in.path(REQUESTS);
    let only = if only_refused { "only=refused&" } else { "" };
    let next = found.next.map(|before| format!("{path}?{only}before={before}"));
    let first = wanted.before.map(|_| format!("{path}?{only}"));
    let unproven = unproven_table(&state, &signed_in).await;
    let labels = labels(&state, account).await?;
    let main = html! {
        (ui::header::page_header("Requests", Some("What callers have sent, and the exact reason where it was refused."), &Markup::default()))
        (ui::header::tabs("Which requests", &[(&path, "All", None), (&format!("{path}?only=refused"), "Refused", None)],
            &if only_refused { format!("{path}?only=refused") } else { path.clone() }))
        @if wanted.before.is_none() && let Some(unproven) = unproven {
            (ui::card::flush_card("Signature not proven", &Markup::default(), &unproven))
        }
        @if entries.is_empty() {
            (ui::card::flush_card("Signed requests", &Markup::default(), &ui::card::empty(Icon::Requests, "No requests yet", "Signed requests of this account appear here, refused ones within seconds.", &Markup::default())))
        } @else {
            (ui::card::flush_card("Signed requests", &Markup::default(), &View { signed_in: &signed_in, labels: &labels }.table(&entries)))
        }
        @if first.is_some() || next.is_some() { (ui::pager::pager("newest first", first.as_deref(), None, next.as_deref())) }
    };
    Ok(signed_in.page("Requests", REQUESTS, main))
}

/// What people call the account's keys.
async fn labels(state: &RelayState, account: protocol::AccountId) -> Result<HashMap<KeyId, String>, Fault> {
    let (_, keys) = state.store.keys(account).await?;
    Ok(keys.into_iter().map(|key| (key.info.key_id, key.info.label)).collect())
}

struct View<'v> {
    signed_in: &'v SignedIn,
    labels: &'v HashMap<KeyId, String>,
}

impl View<'_> {
    fn table(&self, entries: &[(u64, Line)]) -> Markup {
        let columns = [
            Column::new("When"),
            Column::new("Outcome"),
            Column::new("Key").keep(Keep::Medium),
            Column::new("What came of it"),
            Column::new("Record").numeric().keep(Keep::Wide),
        ];
        ui::table::table("Signed requests", &columns, &html! { @for (seq, line) in entries { (self.row(*seq, line)) } })
    }

    fn row(&self, seq: u64, line: &Line) -> Markup {
        let (outcome, key, came_of_it) = match &line.entry {
            Entry::Admitted { key, environment, jobs } => (badge::badge(Tone::Ok, "admitted"), key, self.jobs(*environment, jobs)),
            Entry::Replayed { key, environment, jobs } => {
                (badge::badge_with(Tone::Plain, Icon::Working, "replayed"), key, self.jobs(*environment, jobs))
            }
            Entry::Refused { key, code, detail, target, nonce, times, until } => {
                let refused = Refused { code, detail, target, nonce, times: *times, from: line.at, until: *until };
                (badge::badge(Tone::Bad, "refused"), key, refused.told())
            }
            // Nothing else is asked for.
            _ => return html! {},
        };
        html! {
            tr {
                td { (ui::time::time(line.at)) }
                td { (outcome) }
                (td(Keep::Medium, &html! {
                    @if let Some(label) = self.labels.get(key) { strong { (label) } }
                    span.cell-sub { code { (key) } }
                }))
                td { (came_of_it) }
                // What has not been written yet has no number.
                (ui::table::td_right(Keep::Wide, &html! { @if seq == 0 { span.faint { "–" } } @else { (seq) } }))
            }
        }
    }

    fn jobs(&self, environment: Environment, jobs: &[JobId]) -> Markup {
        html! {
            @for (index, job) in jobs.iter().take(SHOWN_JOBS).enumerate() {
                @if index > 0 { ", " }
                a href=(self.signed_in.path(&place::job(*job))) { code { (job) } }
            }
            @if jobs.len() > SHOWN_JOBS { " and " (jobs.len() - SHOWN_JOBS) " more" }
            @if environment == Environment::Test { " " (badge::badge(Tone::Plain, "test")) }
        }
    }
}

/// A refusal of somebody whose signature was right.
struct Refused<'r> {
    code: &'r str,
    detail: &'r str,
    target: &'r str,
    nonce: &'r str,
    times: u64,
    from: UnixMillis,
    until: UnixMillis,
}

impl Refused<'_> {
    fn told(&self) -> Markup {
        let is_problem = ProblemCode::ALL.iter().any(|known| known.as_str() == self.code);
        html! {
            p { @if is_problem { a href={ "/problems/" (self.code) } { code { (self.code) } } } @else { code { (self.code) } } " " (self.detail) }
            (ui::card::fold("What was received", false, &ui::card::terms(&[
                ("To", html! { code { (self.target) } }),
                ("Nonce", html! { code { (self.nonce) } }),
                ("Times", html! { (self.times) @if self.times > 1 { ", the last " (ui::time::time(self.until)) } }),
                ("First", ui::time::time(self.from)),
            ])))
        }
    }
}

/// Requests with a signature that is not that of their key: nobody knows who sent them, so they are kept in memory alone.
async fn unproven_table(state: &RelayState, signed_in: &SignedIn) -> Option<Markup> {
    let all = state.refusals.unproven_of(signed_in.account());
    if all.is_empty() {
        return None;
    }
    let mut rows = Vec::new();
    for unproven in &all {
        let found = state.keys.find(&unproven.key_id).await;
        let verify = |target: SignedTarget<'_>, headers: &CallerHeaders<'_>, body: &[u8]| {
            found.value.verify(target, headers, body, unproven.at).is_some()
        };
        rows.push((unproven, unproven.likely_mistake(found.is_known.then_some(verify))));
    }
    let columns = [Column::new("When"), Column::new("Key"), Column::new("To"), Column::new("What was received"), Column::new("Mistake")];
    let rows = html! {
        @for (unproven, mistake) in &rows {
            tr {
                (td(Keep::default(), &ui::time::time(unproven.at)))
                (td(Keep::default(), &html! { code { (unproven.key_id) } }))
                (td(Keep::default(), &html! { code { (unproven.target.0) " " (unproven.target.1) } }))
                (td(Keep::default(), &received(unproven)))
                (td(Keep::default(), &html! { (mistake) }))
            }
        }
    };
    Some(ui::table::table("Signature not proven", &columns, &rows))
}

fn received(unproven: &Unproven) -> Markup {
    let timestamp = match unproven.timestamp.parse::<i64>() {
        Ok(seconds) => format!("{} ({:+} s from the relay's clock)", unproven.timestamp, seconds.saturating_sub(unproven.at.seconds())),
        Err(_) => unproven.timestamp.clone(),
    };
    ui::card::fold(
        &format!("{} bytes", unproven.body_bytes),
        false,
        &ui::card::terms(&[
            ("Body SHA-256", unproven.body_sha256.as_str()),
            ("Timestamp", timestamp.as_str()),
            ("Nonce", unproven.nonce.as_str()),
            ("Joined as", unproven.base()),
        ]),
    )
}
