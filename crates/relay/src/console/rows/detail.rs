//! One row: what is known of it, the chain of its newest check, what is expected of it, and the checks before.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::Role;
use protocol::{JobId, JobState, Row, UnixMillis};
use serde::Deserialize;
use store::{ConsoleRow, JobFilter};
use ui::button::{self, Weight};
use ui::field::{self, Field};
use ui::header::{crumbs, page_header};
use ui::table::{Column, Keep, table, td};
use ui::{Icon, Markup, Tone, badge, card, conclusion, html, link, notice, time, timeline};

use super::list::readiness;
use super::{ROWS, bulk};
use crate::console::compare::Comparison;
use crate::console::evidence::Check;
use crate::console::fault::Fault;
use crate::console::place::{self, RowName};
use crate::console::signed_in::{AtLeast, SignedIn};
use crate::path::PathParts;
use crate::state::{RelayState, Shared};

/// Earlier checks that the page lists.
const SHOWN_CHECKS: usize = 20;

/// The variable parts of a path about a row.
#[derive(Deserialize)]
pub(in crate::console) struct RowPath {
    env: String,
    source: String,
    row: String,
}

impl RowPath {
    pub(super) fn name(self) -> Result<RowName, Fault> {
        let environment = place::environment_of(&self.env).ok_or(Fault::NotFound)?;
        Ok(RowName { environment, source: self.source, row_id: self.row })
    }
}

/// What is shown of it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct RowView {
    /// An earlier check to compare the newest with.
    with: String,
    did: String,
}

/// `GET /console/{account}/rows/{env}/{source}/{row}`
pub(in crate::console) async fn page(
    State(state): State<Shared>,
    signed_in: SignedIn,
    PathParts(path): PathParts<RowPath>,
    Query(view): Query<RowView>,
) -> Result<Response, Fault> {
    let name = path.name()?;
    let main = whole(&state, &signed_in, &name, &view, &[]).await?;
    Ok(signed_in.page(&name.row_id, ROWS, main))
}

/// Everything about the row, with what a form got wrong.
pub(super) async fn whole<R: AtLeast>(
    state: &RelayState,
    signed_in: &SignedIn<R>,
    name: &RowName,
    view: &RowView,
    faults: &[(String, String)],
) -> Result<Markup, Fault> {
    let now = state.now();
    let whose = (signed_in.account(), name.environment);
    let found = state.store.console_row(whose, (name.source.clone(), name.row_id.clone()), now).await?.ok_or(Fault::NotFound)?;
    let filter = JobFilter {
        source: Some(name.source.clone()),
        row_id: Some(name.row_id.clone()),
        ..JobFilter::all_of(signed_in.account(), name.environment, SHOWN_CHECKS)
    };
    let checks = state.store.jobs(filter).await?.jobs.into_iter().map(Check::of).collect::<Vec<_>>();
    let newest = checks.iter().find(|check| check.result.is_some());
    let compared = view.with.parse::<JobId>().ok().and_then(|id| checks.iter().find(|check| check.job.job_id == id));
    let page = Page { signed_in, name, found: &found, now };
    Ok(html! {
        (crumbs(&[(&signed_in.path(ROWS), "Rows")]))
        (page_header(&name.row_id, found.row.offer_name.as_deref(), &page.actions()))
        (bulk::done(&view.did))
        (notice::errors(faults))
        (page.under_way(&checks))
        @match (found.row.conclusion, newest) {
            (Some(known), _) => (conclusion::verdict(known, found.row.error.as_deref().or(found.row.skip_reason.as_deref()).unwrap_or_default())),
            (None, _) => (notice::notice(Tone::Plain, "Not checked yet", &html! { "Nothing is known about this link until its first check has ended." })),
        }
        (card::columns(&[page.facts(), page.expectation(faults)]))
        @if let Some(compared) = newest.zip(compared).and_then(|(newest, earlier)| Comparison::of(newest, earlier)) {
            section.stack id="compare" aria-label="Comparison" { (compared.in_words()) (compared.side_by_side()) }
        }
        @else if let Some(Check { job, result: Some(result) }) = newest {
            (card::card("The way of the newest check", &html! { a href=(signed_in.path(&place::job(job.job_id))) { "All of it" } }, &timeline::timeline(result)))
        }
        (page.history(&checks, newest))
    })
}

struct Page<'p, R: AtLeast> {
    signed_in: &'p SignedIn<R>,
    name: &'p RowName,
    found: &'p ConsoleRow,
    now: UnixMillis,
}

impl<R: AtLeast> Page<'_, R> {
    fn row(&self) -> &Row {
        &self.found.row
    }

    fn is_skipped(&self) -> bool {
        self.row().skip_reason.is_some()
    }

    fn actions(&self) -> Markup {
        let (act, value, back) = (self.signed_in.path("/rows/act"), self.name.to_string(), self.name.path());
        let one = |weight, icon, words: &str, act_word: &str| {
            button::post(weight, Some(icon), words, &act, &[("row", &value), ("back", &back), ("act", act_word)], &html! {})
        };
        html! {
            @if self.signed_in.may(Role::Operator) {
                @if self.is_skipped() { (one(Weight::Main, Icon::Plus, "Take in again", "unskip")) }
                @else {
                    (one(Weight::Plain, Icon::Skip, "Skip", "skip"))
                    @if self.row().final_url.is_some() { (one(Weight::Plain, Icon::Check, "Accept where it lands", "accept")) }
                    (one(Weight::Main, Icon::Working, "Check again", "recheck"))
                }
            }
        }
    }

    /// A check that has not ended yet.
    fn under_way(&self, checks: &[Check]) -> Markup {
        let open = checks.iter().find(|check| !check.job.state.has_ended());
        html! {
            @if let Some(check) = open {
                (notice::notice(Tone::Working, if check.job.state == JobState::Leased { "A desktop is checking it now" } else { "A check waits for a desktop" }, &html! {
                    a href=(self.signed_in.path(&place::job(check.job.job_id))) { "Watch the job" } ", admitted " (time::ago(check.job.created_at, self.now)) "."
                }))
            }
        }
    }

    fn facts(&self) -> Markup {
        let row = self.row();
        let mut terms = vec![
            ("Ready for ads", readiness(&row.not_ready_reasons)),
            ("Tracking URL", link::outside(&row.tracking_url)),
            ("Lands on", row.final_url.as_deref().map_or_else(|| html! { span.faint { "nothing known" } }, link::outside)),
            ("Last checked", time::ago_or_dash(row.last_checked, self.now)),
        ];
        if let (Some(previous), Some(at)) = (self.found.previous, self.found.changed_at) {
            terms.push(("Before that", html! { (badge::conclusion(previous)) " until " (time::time(at)) }));
        }
        terms.push((
            "Source",
            html! { (row.source) @if self.name.environment == protocol::Environment::Test { " " (badge::badge(Tone::Plain, "test")) } },
        ));
        card::card("Row", &html! {}, &card::terms(&terms))
    }

    fn expectation(&self, faults: &[(String, String)]) -> Markup {
        let row = self.row();
        let required = row.required_parameters.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let fault = |name: &str| faults.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str());
        let body = html! {
            @if self.signed_in.may(Role::Operator) {
                form.form method="post" action=(self.signed_in.path(&format!("{}/expect", self.name.path().replacen("/rows", "/rows/edit", 1)))) {
                    (field::input("text", &Field {
                        name: "domain", label: "Expected domain", value: row.expected_domain.as_deref().unwrap_or_default(),
                        hint: Some("Where it should land, such as shop.example. Another domain is told as wrong destination."),
                        error: fault("domain"), max_length: Some(253), autocomplete: Some("off"), ..Field::default()
                    }))
                    (field::area(3, &Field {
                        name: "parameters", label: "Required parameters", value: &required,
                        hint: Some("One a line: a name for any value (gclid), name=value for exactly this one."),
                        error: fault("parameters"), ..Field::default()
                    }))
                    (field::input("text", &Field {
                        name: "accepted", label: "Accepted URL", value: row.accepted_url.as_deref().unwrap_or_default(),
                        hint: Some("Where it landed when a person looked. Another host or path is told as drift."),
                        error: fault("accepted"), autocomplete: Some("off"), ..Field::default()
                    }))
                    (field::actions(&button::submit(Weight::Plain, None, "Save")))
                }
            } @else {
                (card::terms(&[
                    ("Expected domain", html! { (row.expected_domain.as_deref().unwrap_or("any")) }),
                    ("Required parameters", html! { @if required.is_empty() { "none" } @else { code { (required) } } }),
                    ("Accepted URL", html! { @match &row.accepted_url { Some(url) => (link::outside(url)), None => "none" } }),
                ]))
            }
        };
        card::card("What is expected of it", &html! {}, &body)
    }

    fn history(&self, checks: &[Check], newest: Option<&Check>) -> Markup {
        let columns = [
            Column::new("Check"),
            Column::new("Conclusion"),
            Column::new("Lands on").keep(Keep::Medium),
            Column::new("Hops").numeric().keep(Keep::Medium),
            Column::new(""),
        ];
        let newest = newest.map(|check| check.job.job_id);
        let body = html! {
            @for check in checks {
                tr {
                    td { a.cell-main href=(self.signed_in.path(&place::job(check.job.job_id))) { (time::ago(check.job.created_at, self.now)) } }
                    td {
                        @match &check.result {
                            Some(result) => (badge::conclusion(result.conclusion)),
                            None => (badge::job_state(check.job.state)),
                        }
                    }
                    (td(Keep::Medium, &html! { @match check.result.as_ref().and_then(|result| result.final_url.as_deref()) { Some(url) => (link::outside_cut(url)), None => { span.faint { "–" } } } }))
                    (ui::table::td_right(Keep::Medium, &html! { @match &check.result { Some(result) => (result.hops.len()), None => { span.faint { "–" } } } }))
                    td {
                        @if check.result.is_some() && newest != Some(check.job.job_id) {
                            a href={ (self.signed_in.path(&self.name.path())) "?with=" (check.job.job_id) "#compare" } { "Compare" }
                        }
                    }
                }
            }
        };
        let shown = if checks.is_empty() {
            card::empty(Icon::Clock, "No checks are kept", "Checks are kept as long as the relay's retention says.", &html! {})
        } else {
            table("Checks of this row", &columns, &body)
        };
        card::flush_card("Checks", &html! {}, &shown)
    }
}
