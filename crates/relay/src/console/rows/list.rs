//! The working table: every row with what is known of it, filters, and what can be done to many at once.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::Role;
use protocol::{NotReadyReason, UnixMillis};
use store::{Asker, ConsoleRow, ConsoleRowFilter, ConsoleRowPage, RowOrder};
use ui::button::{self, Weight};
use ui::field::{checkbox, filter_bar, filter_day, filter_select, filter_text};
use ui::table::{Column, Keep, Order, select_one, table, td, ticked_table};
use ui::{Icon, Markup, Tone, badge, card, html, link, notice, number, pager, time};

use super::query::{CLASSES, RowQuery};
use super::{ROWS, bulk};
use crate::console::fault::Fault;
use crate::console::place::{self, RowName};
use crate::console::signed_in::SignedIn;
use crate::state::Shared;

/// Name of the form that ticks belong to.
const BULK: &str = "bulk";

/// `GET /console/{account}/rows`
pub(in crate::console) async fn page(
    State(state): State<Shared>,
    signed_in: SignedIn,
    Query(mut query): Query<RowQuery>,
) -> Result<Response, Fault> {
    let (account, now) = (signed_in.account(), state.now());
    place::shown_environment(&state.store, account, &query.env).await?.as_str().clone_into(&mut query.env);
    let asker = Some(Asker::named(&signed_in.operator().id.to_string()));
    let found = state.store.console_rows(ConsoleRowFilter { asker, ..query.filter(account, now) }, now).await?;
    let sources = state.store.sources(account, query.environment()).await?;
    let view = View { signed_in: &signed_in, query: &query, now };
    let main = view.page(&found, &sources);
    Ok(signed_in.page("Rows", ROWS, main))
}

struct View<'v> {
    signed_in: &'v SignedIn,
    query: &'v RowQuery,
    now: UnixMillis,
}

impl View<'_> {
    fn page(&self, found: &ConsoleRowPage, sources: &[String]) -> Markup {
        let has_rows = !sources.is_empty();
        html! {
            (ui::header::page_header("Rows", Some("Every link of this account, and whether money may be spent on it now."), &self.actions(has_rows)))
            (bulk::done(&self.query.did))
            @if has_rows || self.query.is_filtered() {
                section.card.flush {
                    div.card-head { (self.filters(sources)) }
                    @if found.is_part && !found.rows.is_empty() { (self.part(found)) }
                    @if found.rows.is_empty() { (self.nothing(found)) } @else { (self.rows(&found.rows)) }
                    @if self.may_act() && !found.rows.is_empty() { (self.bulk()) }
                    (self.pager(found))
                }
            } @else {
                (card::card("No rows yet", &html! {}, &card::empty(Icon::Rows, "Nothing to check yet",
                    "A row comes with the first signed request for it, or from a CSV file.",
                    &html! {
                        @if self.may_act() { (button::link(Weight::Main, Some(Icon::Upload), "Import CSV", &self.signed_in.path("/rows/import"))) }
                        (button::link(Weight::Plain, Some(Icon::Start), "First steps", &self.signed_in.path("/start")))
                    })))
            }
        }
    }

    fn may_act(&self) -> bool {
        self.signed_in.may(Role::Operator)
    }

    fn path(&self, query: &str) -> String {
        self.signed_in.path(&format!("{ROWS}{query}"))
    }

    fn actions(&self, has_rows: bool) -> Markup {
        let export = |kind: &str| self.signed_in.path(&format!("/rows/export.{kind}{}", self.query.with(|_| ())));
        html! {
            @if has_rows {
                details.menu {
                    summary.button { (Icon::Download) span { "Export" } }
                    ul {
                        @for (kind, name) in [("csv", "CSV, for spreadsheets"), ("json", "JSON"), ("ndjson", "NDJSON, a line a row")] {
                            li { a href=(export(kind)) download { (name) } }
                        }
                    }
                }
            }
            @if self.may_act() { (button::link(Weight::Main, Some(Icon::Upload), "Import CSV", &self.signed_in.path("/rows/import"))) }
        }
    }

    fn filters(&self, sources: &[String]) -> Markup {
        let query = self.query;
        let of_sources: Vec<(&str, &str)> =
            std::iter::once(("", "any")).chain(sources.iter().map(|source| (source.as_str(), source.as_str()))).collect();
        let conclusions: Vec<(&str, &str)> = std::iter::once(("", "any"))
            .chain(protocol::Conclusion::ALL.iter().map(|conclusion| (conclusion.code(), ui::conclusion::words(*conclusion))))
            .collect();
        let filters = html! {
            (filter_text("q", "Text", "Row id, offer or address", &query.q))
            (filter_select("class", "Class", CLASSES, &query.class))
            (filter_select("conclusion", "Conclusion", &conclusions, &query.conclusion))
            (filter_select("ready", "Ready for ads", &[("", "any"), ("yes", "ready"), ("no", "not ready")], &query.ready))
            (filter_select("changed", "Changed", &[("", "any time"), ("day", "since yesterday"), ("week", "within a week")], &query.changed))
            (filter_day("since", "Changed from", &query.since))
            @if sources.len() > 1 { (filter_select("source", "Source", &of_sources, &query.source)) }
            (filter_select("env", "Environment", &[("live", "live"), ("test", "test")], &query.env))
            (filter_select("sort", "Sorted by", &query.orders(), query.order_word()))
        };
        filter_bar(&self.path(""), &[], &filters, query.is_filtered())
    }

    /// Each header asks for its order, and for the other way round once it has it.
    fn columns(&self) -> Vec<Column<'static>> {
        let order = self.query.order();
        let sort = |word: &str| self.path(&self.query.with(|query| word.clone_into(&mut query.sort)));
        // The order of the first click, that of the second, and which way round the first one goes.
        let both = |(first, word): (RowOrder, &'static str), (second, other): (RowOrder, &'static str), way: Order| match order {
            now if now == first => (other, Some(way)),
            now if now == second => (word, Some(way.turned())),
            _ => (word, None),
        };
        let (to_key, by_key) = both((RowOrder::Key, "row"), (RowOrder::KeyBack, "row-desc"), Order::Rising);
        let (to_ready, by_ready) = both((RowOrder::Ready, "ready"), (RowOrder::ReadyBack, "ready-last"), Order::Rising);
        let (to_url, by_url) = both((RowOrder::FinalUrl, "url"), (RowOrder::FinalUrlBack, "url-desc"), Order::Rising);
        let (to_check, by_check) = both((RowOrder::Checked, "checked"), (RowOrder::CheckedBack, "checked-asc"), Order::Falling);
        vec![
            Column::new("Row").sort(sort(to_key), by_key),
            Column::new("Conclusion").sort(sort("worst"), (order == RowOrder::Worst).then_some(Order::Falling)),
            Column::new("Changed").keep(Keep::Wide).sort(sort("changed"), (order == RowOrder::Change).then_some(Order::Falling)),
            Column::new("Ready").keep(Keep::Medium).sort(sort(to_ready), by_ready),
            Column::new("Final URL").keep(Keep::Medium).sort(sort(to_url), by_url),
            Column::new("Checked").keep(Keep::Medium).sort(sort(to_check), by_check),
        ]
    }

    fn rows(&self, rows: &[ConsoleRow]) -> Markup {
        let body = html! { @for row in rows { (self.row(row)) } };
        if self.may_act() { ticked_table("Rows", &self.columns(), &body) } else { table("Rows", &self.columns(), &body) }
    }

    fn row(&self, found: &ConsoleRow) -> Markup {
        let row = &found.row;
        let name = RowName { environment: self.query.environment(), source: row.source.clone(), row_id: row.row_id.clone() };
        html! {
            tr {
                @if self.may_act() { td.narrow { (select_one(BULK, "row", &name.to_string(), &row.row_id)) } }
                td {
                    a.cell-main href=(self.signed_in.path(&name.path())) { (row.row_id) }
                    span.cell-sub.one-line { @if let Some(offer) = &row.offer_name { span.cell-aside { (offer) } } (link::outside_cut(&row.tracking_url)) }
                }
                td {
                    (badge::conclusion_or_pending(row.conclusion))
                    @if let Some(previous) = found.previous { span.cell-sub { "was " (ui::conclusion::words(previous)) } }
                }
                (td(Keep::Wide, &time::ago_or_dash(found.changed_at, self.now)))
                (td(Keep::Medium, &readiness(&row.not_ready_reasons)))
                (td(Keep::Medium, &html! { @match &row.final_url { Some(url) => (link::outside_cut(url)), None => { span.faint { "–" } } } }))
                (td(Keep::Medium, &time::ago_or_dash(row.last_checked, self.now)))
            }
        }
    }

    fn bulk(&self) -> Markup {
        let all = format!("All that fit, on every page (up to {})", number::grouped(bulk::MOST_ROWS as u64));
        html! {
            form.bulk id=(BULK) method="post" action=(self.signed_in.path("/rows/act")) {
                input type="hidden" name="back" value=(self.query.here());
                div.bulk-what {
                    p.bulk-count { span data-select-count { "Tick rows, then:" } }
                    (checkbox("scope", "all", &all, None, false))
                }
                (button::choice(Weight::Plain, Some(Icon::Working), "Check again", "act", "recheck"))
                (button::choice(Weight::Plain, Some(Icon::Edit), "Expect", "act", "expect"))
                (button::choice(Weight::Plain, Some(Icon::Check), "Accept where it lands", "act", "accept"))
                (button::choice(Weight::Plain, Some(Icon::Skip), "Skip", "act", "skip"))
                (button::choice(Weight::Plain, Some(Icon::Plus), "Take in again", "act", "unskip"))
            }
        }
    }

    /// An order that no index has holds among the rows that were looked at: said before anybody trusts the first line.
    fn part(&self, found: &ConsoleRowPage) -> Markup {
        html! {
            p.table-note {
                "Sorted among the first " (number::grouped(found.looked_at as u64)) " rows, by source and row id. Narrow them down by class, source or row id to have all that fit sorted; "
                a href=(self.path(&self.query.with(|query| query.sort.clear()))) { "by row id" }
                " leads through all of them."
            }
        }
    }

    fn nothing(&self, found: &ConsoleRowPage) -> Markup {
        match &found.next {
            // In this order nobody can look further.
            None if found.is_part => card::empty(
                Icon::Search,
                "Nothing yet",
                &format!("None of the first {} rows fits. Sorted by row id you can look further.", number::grouped(found.looked_at as u64)),
                &button::link(Weight::Main, None, "Sort by row id", &self.path(&self.query.with(|query| query.sort.clear()))),
            ),
            Some(place) => card::empty(
                Icon::Search,
                "Nothing yet",
                &format!("None of the {} rows that were looked at fits.", number::grouped(found.looked_at as u64)),
                &button::link(Weight::Main, None, "Look further", &self.path(&self.query.next(place))),
            ),
            None => card::empty(
                Icon::Search,
                "No row fits",
                "Nothing here is of this kind.",
                &button::link(Weight::Plain, None, "Show all rows", &self.path("")),
            ),
        }
    }

    fn pager(&self, found: &ConsoleRowPage) -> Markup {
        if found.rows.is_empty() {
            return html! {};
        }
        let shown = match (found.rows.len(), found.looked_at) {
            (1, _) => "1 row".to_owned(),
            (shown, looked_at) if looked_at > shown + 1 && !self.query.order().is_of_part() => {
                format!("{shown} of {} rows that were looked at", number::grouped(looked_at as u64))
            }
            (shown, _) => format!("{shown} rows"),
        };
        let first = (!self.query.after.is_empty()).then(|| self.path(&self.query.with(|_| ())));
        let previous = self.query.previous().map(|query| self.path(&query));
        let next = found.next.as_ref().map(|place| self.path(&self.query.next(place)));
        pager::pager(&shown, first.as_deref(), previous.as_deref(), next.as_deref())
    }
}

/// Ready, or every reason why not.
pub(super) fn readiness(reasons: &[NotReadyReason]) -> Markup {
    html! {
        (badge::readiness(reasons.is_empty()))
        @if !reasons.is_empty() {
            span.cell-sub { (reasons.iter().map(|reason| reason_words(*reason)).collect::<Vec<_>>().join(", ")) }
        }
    }
}

/// A reason in words.
pub(super) const fn reason_words(reason: NotReadyReason) -> &'static str {
    match reason {
        NotReadyReason::NeverChecked => "never checked",
        NotReadyReason::NotValid => "not valid",
        NotReadyReason::Stale => "checked too long ago",
        NotReadyReason::ChangedSinceCheck => "changed since the check",
        NotReadyReason::ContextNotUsed => "another context was used",
    }
}

/// What happened, above the table.
pub(super) fn said(tone: Tone, title: &str) -> Markup {
    notice::notice(tone, title, &html! {})
}
