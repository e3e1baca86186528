//! The signed requests of an account: admitted, replayed, and refused with the exact reason; and those that could not prove
//! whose they are, with all that helps to find the mistake.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use domain::audit::{Entry, Line, Received};
use protocol::problem::ProblemCode;
use protocol::signature::{CallerHeaders, SignedTarget};
use protocol::{Environment, JobId, KeyId};
use serde::Deserialize;
use ui::table::{Column, Keep, td};
use ui::{Icon, Markup, Tone, badge, html, number};

use super::audit;
use super::fault::Fault;
use super::page::encoded;
use super::place;
use super::received;
use super::signed_in::SignedIn;
use crate::refusals::Unproven;
use crate::state::{RelayState, Shared};

const REQUESTS: &str = "/requests";
/// Jobs that a line names; a batch made more.
const SHOWN_JOBS: usize = 3;

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    before: Option<u64>,
    /// All requests of this record of the audit, and no others.
    record: Option<u64>,
    /// `refused` for those alone.
    #[serde(default)]
    only: String,
    /// A job, a key, a hash: what the record says somewhere.
    #[serde(default)]
    about: String,
}

/// `GET /console/{account}/requests`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    let account = signed_in.account();
    let only_refused = wanted.only == "refused";
    let is_wanted = |line: &Line| match line.entry {
        Entry::Refused { .. } => true,
        Entry::Admitted { .. } | Entry::Replayed { .. } => !only_refused,
        _ => false,
    };
    let about = wanted.about.trim();
    let fits = |line: &Line| is_wanted(line) && audit::is_about(line, about);
    // Only the first page is of this moment.
    let is_now = wanted.before.is_none() && wanted.record.is_none();
    let mut waiting = if is_now { state.refusals.waiting_of(account) } else { Vec::new() };
    let found = match wanted.record {
        Some(record) => audit::of_record(&state, account, record, fits).await?,
        None => audit::find(&state, account, wanted.before, fits).await?,
    };
    waiting.retain(|line| !found.entries.iter().any(|(_, written)| written == line));
    let waiting = waiting.into_iter().rev().filter(&fits).map(|line| (0, line));
    let entries: Vec<(u64, Line)> = waiting.chain(found.entries).collect();
    let path = signed_in.path(REQUESTS);
    let only = if only_refused { "refused" } else { "" };
    let filter = format!("{path}?only={only}&about={}", encoded(about));
    let next = found.next.map(|before| format!("{filter}&before={before}"));
    let first = (!is_now).then_some(filter.as_str());
    let unproven = if is_now { unproven_table(&state, &signed_in, about).await } else { None };
    let labels = labels(&state, account).await?;
    let view = View { signed_in: &signed_in, labels: &labels, is_record: wanted.record.is_some() };
    let refused_alone = format!("{path}?only=refused");
    let kept: &[(&str, &str)] = if only_refused { &[("only", only)] } else { &[] };
    let filters = ui::field::filter_text("about", "About", "a job, a key, the SHA-256 of a body", about);
    let main = html! {
        (ui::header::page_header("Requests", Some("What callers have sent, and the exact reason where it was refused."), &Markup::default()))
        (ui::header::tabs("Which requests", &[(&path, "All", None), (&refused_alone, "Refused", None)], if only_refused { &refused_alone } else { &path }))
        (ui::field::filter_bar(&path, kept, &filters, !about.is_empty()))
        @if let Some(unproven) = &unproven { (ui::card::flush_card("Signature not proven", &Markup::default(), unproven)) }
        (ui::card::flush_card("Signed requests", &Markup::default(), &match (entries.is_empty(), about.is_empty() && !only_refused) {
            (false, _) => view.table(&entries),
            (true, true) => ui::card::empty(Icon::Requests, "No requests yet", "Signed requests of this account appear here, refused ones within seconds.", &Markup::default()),
            (true, false) => ui::card::empty(Icon::Search, "No request fits", if next.is_some() { "None of the latest is of this kind. Older ones may be: look further." } else { "Nothing that is kept is of this kind." }, &Markup::default()),
        }))
        @if first.is_some() || next.is_some() { (ui::pager::pager("newest first", first, None, next.as_deref())) }
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
    /// One record is shown, whole.
    is_record: bool,
}

impl View<'_> {
    fn table(&self, entries: &[(u64, Line)]) -> Markup {
        let columns = [
            Column::new("Outcome"),
            Column::new("Key").keep(Keep::Medium),
            Column::new("What came of it"),
            Column::new("Record").numeric().keep(Keep::Wide),
        ];
        ui::table::table("Signed requests", &columns, &html! { @for (seq, line) in entries { (self.row(*seq, line)) } })
    }

    fn row(&self, seq: u64, line: &Line) -> Markup {
        let (outcome, key, came_of_it) = match &line.entry {
            Entry::Admitted { key, environment, jobs, received } => {
                (badge::badge(Tone::Ok, "admitted"), key, self.made(seq, line, (*environment, jobs, received)))
            }
            Entry::Replayed { key, environment, jobs, received } => {
                (badge::badge_with(Tone::Plain, Icon::Working, "replayed"), key, self.made(seq, line, (*environment, jobs, received)))
            }
            Entry::Refused { key, .. } => (badge::badge(Tone::Bad, "refused"), key, refused(line)),
            // Nothing else is asked for.
            _ => return html! {},
        };
        html! {
            tr {
                td { (outcome) span.cell-sub { (ui::time::time(line.at)) } }
                (td(Keep::Medium, &html! {
                    @if let Some(label) = self.labels.get(key) { strong { (label) } }
                    span.cell-sub { code { (key) } }
                }))
                td.prose { (came_of_it) }
                // What has not been written yet has no number.
                (ui::table::td_right(Keep::Wide, &html! { @if seq == 0 { span.faint { "–" } } @else { (seq) } }))
            }
        }
    }

    fn made(&self, seq: u64, line: &Line, (environment, jobs, requests): (Environment, &[JobId], &[(Received, u32)])) -> Markup {
        html! {
            div {
                @for (index, job) in jobs.iter().take(SHOWN_JOBS).enumerate() {
                    @if index > 0 { ", " }
                    a href=(self.signed_in.path(&place::job(*job))) { code { (job) } }
                }
                @if jobs.len() > SHOWN_JOBS { " and " (jobs.len() - SHOWN_JOBS) " more" }
                @if environment == Environment::Test { " " (badge::badge(Tone::Plain, "test")) }
            }
            (received::each(requests, line.at, (!self.is_record).then(|| self.signed_in.path(&format!("{REQUESTS}?record={seq}")))))
        }
    }
}

/// A refusal of somebody whose signature was right.
fn refused(line: &Line) -> Markup {
    let Entry::Refused { code, detail, target, nonce, times, until, received, .. } = &line.entry else { return html! {} };
    let is_problem = ProblemCode::ALL.iter().any(|known| known.as_str() == *code);
    let more = vec![
        ("To", html! { code { (target) } }),
        ("Nonce", html! { code { (nonce) } }),
        ("Times", html! { (number::number(*times)) @if *times > 1 { ", the last " (ui::time::time(*until)) } }),
    ];
    html! {
        p { @if is_problem { a href={ "/problems/" (code) } { code { (code) } } } @else { code { (code) } } " " (detail) }
        @match received {
            Some(received) => (received::one(received, line.at, more)),
            // Of an older relay, which kept no more.
            None => (ui::card::fold("What was received", false, &ui::card::terms(&more))),
        }
    }
}

/// Requests with a signature that is not that of their key: nobody knows who sent them, so they are kept in memory alone.
async fn unproven_table(state: &RelayState, signed_in: &SignedIn, about: &str) -> Option<Markup> {
    let mut all = state.refusals.unproven_of(signed_in.account());
    all.retain(|unproven| unproven.is_about(about));
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
    // Key and target stand in a column that narrow screens leave out.
    let more = |unproven: &Unproven| {
        vec![
            ("Key", html! { code { (unproven.key_id) } }),
            ("To", html! { code { (unproven.target.0) " " (unproven.target.1) } }),
            ("Nonce", html! { code { (unproven.nonce) } }),
            ("Joined as", html! { code { (unproven.base()) } }),
        ]
    };
    let columns = [Column::new("When"), Column::new("Key and target").keep(Keep::Medium), Column::new("What was received")];
    let rows = html! {
        @for (unproven, mistake) in &rows {
            tr {
                (td(Keep::default(), &ui::time::time(unproven.at)))
                (td(Keep::Medium, &html! { code { (unproven.key_id) } span.cell-sub { code { (unproven.target.0) " " (unproven.target.1) } } }))
                (td(Keep::default(), &html! { p { (mistake) } (received::one(&unproven.received, unproven.at, more(unproven))) }))
            }
        }
    };
    Some(ui::table::table("Signature not proven", &columns, &rows))
}
