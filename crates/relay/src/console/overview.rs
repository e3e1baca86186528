//! The first page of a morning: what needs attention, then how the work goes.

use axum::extract::{Query, State};
use axum::response::Response;
use domain::admission::Standing;
use domain::latency;
use protocol::{Class, Environment, UnixMillis};
use serde::Deserialize;
use store::{Attention, ConcludedHour, ConsoleRow, ConsoleRowFilter, QueueHead, RowOrder};
use ui::button::{self, Weight};
use ui::chart::{self, Chart, Series};
use ui::header::page_header;
use ui::{Icon, Markup, Tone, badge, card, conclusion, html, link, number, time};

use super::devices::{self, Desktops};
use super::fault::Fault;
use super::place::{self, RowName};
use super::signed_in::SignedIn;
use crate::state::{RelayState, Shared};

const HOUR_MILLIS: i64 = 3_600_000;
/// Hours that the charts show.
const HOURS: i64 = 24;
/// Rows that are listed as wanting a look.
const LISTED: usize = 8;
/// Percent of the quota from which its end is worth a word.
const QUOTA_NEAR: u64 = 80;

/// Live or test; without a word, whichever has rows.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    env: String,
}

/// Everything that the page is about.
struct Facts {
    environment: Environment,
    now: UnixMillis,
    attention: Attention,
    changed: Vec<ConsoleRow>,
    queue: QueueHead,
    desktops: Desktops,
    standing: Standing,
    hours: Vec<ConcludedHour>,
}

impl Facts {
    async fn gather(state: &RelayState, account: protocol::AccountId, asked: &str) -> Result<Self, Fault> {
        let now = state.now();
        let store = &state.store;
        let environment = place::shown_environment(store, account, asked).await?;
        let yesterday = now.plus_millis(-HOURS * HOUR_MILLIS);
        let changed = |class| ConsoleRowFilter {
            order: RowOrder::Change,
            class: Some(Some(class)),
            changed_since: Some(yesterday),
            ..ConsoleRowFilter::all_of(account, environment, LISTED)
        };
        // The first full hour of the day behind us.
        let first_hour = UnixMillis((now.0 / HOUR_MILLIS - HOURS + 1) * HOUR_MILLIS);
        let (attention, bad, review, queue, desktops, standing, hours) = tokio::try_join!(
            async { store.attention(account, environment, yesterday).await.map_err(Fault::from) },
            async { store.console_rows(changed(Class::Bad), now).await.map_err(Fault::from) },
            async { store.console_rows(changed(Class::Review), now).await.map_err(Fault::from) },
            async { store.queue_head(account).await.map_err(Fault::from) },
            Desktops::look(state, account),
            async { store.standing(account, environment, now).await.map_err(Fault::from) },
            async { store.concluded_hours(account, environment, first_hour).await.map_err(Fault::from) },
        )?;
        let changed = bad.rows.into_iter().chain(review.rows).take(LISTED).collect();
        Ok(Self { environment, now, attention, changed, queue, desktops, standing, hours })
    }
}

/// `GET /console/{account}`
pub(super) async fn page(State(state): State<Shared>, signed_in: SignedIn, Query(asked): Query<Asked>) -> Result<Response, Fault> {
    let facts = Facts::gather(&state, signed_in.account(), &asked.env).await?;
    if facts.attention.rows == 0 {
        return Ok(signed_in.go(super::start::START));
    }
    let page = Page { signed_in: &signed_in, facts: &facts };
    Ok(signed_in.page("Overview", "", page.whole()))
}

struct Page<'p> {
    signed_in: &'p SignedIn,
    facts: &'p Facts,
}

/// A count that stops at the bound.
fn bounded(count: u64) -> Markup {
    html! { @if count >= Attention::BOUND { (number::grouped(Attention::BOUND)) "+" } @else { (number::number(count)) } }
}

impl Page<'_> {
    fn whole(&self) -> Markup {
        let charts = [
            card::card("Conclusions by hour", &html! { span.faint { "last 24 hours, UTC" } }, &chart::bars(&self.by_class())),
            card::card("From request to result", &html! { span.faint { "last 24 hours, UTC" } }, &chart::lines(&self.latency())),
        ];
        html! {
            (page_header("Overview", self.about(), &html! { (button::link(Weight::Plain, Some(Icon::Rows), "All rows", &self.signed_in.path("/rows"))) }))
            (self.needs_attention())
            (self.tiles())
            (card::columns(&charts))
            (card::columns(&[self.quota(), devices::summary(self.signed_in, &self.facts.desktops, self.facts.now)]))
        }
    }

    /// Whoever looks at what was tried out must not take it for what runs.
    fn about(&self) -> Option<&'static str> {
        match self.facts.environment {
            Environment::Live => None,
            Environment::Test => Some("Of the test environment. What keys of the live environment ask for is apart from it."),
        }
    }

    fn needs_attention(&self) -> Markup {
        let facts = self.facts;
        let mut items: Vec<Markup> = Vec::new();
        let online = facts.desktops.online(facts.now);
        if facts.desktops.linked() == 0 {
            items.push(self.item(Tone::Bad, "No desktop is linked", "Nothing can be checked until one is.", "/devices", "Link a desktop"));
        } else if online == 0 {
            let waiting = if facts.queue.waiting == 0 {
                "Nothing can be checked.".to_owned()
            } else {
                format!("{} jobs wait.", number::grouped(facts.queue.waiting))
            };
            items.push(self.item(Tone::Bad, "No desktop is online", &waiting, "/devices", "See the desktops"));
        } else if let [first, rest @ ..] = facts.desktops.offline(facts.now).as_slice() {
            let title = if rest.is_empty() { "A desktop is offline" } else { "Desktops are offline" };
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let about = format!("{first}{more}. The others go on.");
            items.push(self.item(Tone::Review, title, &about, "/devices", "See the desktops"));
        }
        if let Some(limit) = facts.standing.limit {
            let used = number::percent(facts.standing.used, limit);
            if used >= QUOTA_NEAR {
                let tone = if used >= 100 { Tone::Bad } else { Tone::Review };
                let title = if used >= 100 { "The month's fetches are used up" } else { "The month's fetches run out" };
                let about = format!("{} of {} are used.", number::grouped(facts.standing.used), number::grouped(limit));
                items.push(self.item(tone, title, &about, "/settings", "See the plan"));
            }
        }
        items.extend(facts.changed.iter().map(|row| self.row(row)));
        let all = self.signed_in.path("/rows?changed=day");
        let body = html! {
            @if items.is_empty() {
                (card::empty(Icon::Check, "Nothing needs attention", "No row has become bad or doubtful since yesterday, a desktop is online, and there is quota left.", &html! {}))
            } @else { ul.attention { @for item in &items { (item) } } }
        };
        card::flush_card(
            "Needs attention",
            &html! { @if !facts.changed.is_empty() { a href=(all) { "Everything that changed since yesterday" } } },
            &body,
        )
    }

    fn item(&self, tone: Tone, title: &str, about: &str, path: &str, deed: &str) -> Markup {
        html! { li { span.attention-tone { (badge::badge(tone, title)) } span.attention-what { (about) } a href=(self.signed_in.path(path)) { (deed) } } }
    }

    fn row(&self, found: &ConsoleRow) -> Markup {
        let row = &found.row;
        let name = RowName { environment: self.facts.environment, source: row.source.clone(), row_id: row.row_id.clone() };
        html! {
            li {
                @if let Some(known) = row.conclusion { span.attention-tone { (badge::conclusion(known)) } }
                span.attention-what {
                    a.cell-main href=(self.signed_in.path(&name.path())) { (row.row_id) }
                    @if let Some(offer) = &row.offer_name { " " (offer) }
                    span.cell-sub.one-line {
                        @if let Some(previous) = found.previous { span.cell-aside { "was " (conclusion::words(previous)) } }
                        (link::outside_cut(&row.tracking_url))
                    }
                }
                @if let Some(at) = found.changed_at { span.faint { (time::ago(at, self.facts.now)) } }
            }
        }
    }

    fn tiles(&self) -> Markup {
        let Facts { attention, queue, hours, now, .. } = self.facts;
        let concluded: u64 = hours.iter().map(|hour| hour.jobs).sum();
        let latencies: Vec<_> = hours.iter().map(|hour| (hour.latency, hour.jobs)).collect();
        let rows = |query: &str| self.signed_in.path(&format!("/rows?{query}"));
        let since = |count: u64| html! { @if count == 0 { "none since yesterday" } @else { (bounded(count)) " since yesterday" } };
        let tone = |count: u64, tone| if count > 0 { tone } else { Tone::Plain };
        let waited = queue.oldest.map(|at| u64::try_from(now.0 - at.0).unwrap_or_default());
        card::tiles(&[
            card::tile(
                "Bad rows",
                &bounded(attention.bad),
                &since(attention.became_bad),
                tone(attention.bad, Tone::Bad),
                Some(&rows("class=bad")),
            ),
            card::tile(
                "To review",
                &bounded(attention.review),
                &since(attention.became_review),
                tone(attention.review, Tone::Review),
                Some(&rows("class=review")),
            ),
            card::tile(
                "Inconclusive",
                &bounded(attention.inconclusive),
                &html! { "nothing certain" },
                Tone::Plain,
                Some(&rows("class=inconclusive")),
            ),
            card::tile(
                "Concluded",
                &number::number(concluded),
                &html! { "in 24 hours" },
                Tone::Plain,
                Some(&self.signed_in.path("/jobs?state=concluded")),
            ),
            card::tile(
                "Median time",
                &html! { @match latency::percentile(&latencies, 50) { Some(millis) => (time::duration(millis)), None => "–" } },
                &html! { @if let Some(millis) = latency::percentile(&latencies, 95) { "95 % within " (time::duration(millis)) } },
                Tone::Plain,
                None,
            ),
            card::tile(
                "Waiting",
                &number::number(queue.waiting),
                &html! { @match waited { Some(millis) => { "the next for " (time::duration(millis)) }, None => "nothing waits" } },
                Tone::Plain,
                Some(&self.signed_in.path("/jobs?state=queued")),
            ),
        ])
    }

    fn quota(&self) -> Markup {
        let Standing { used, limit, month } = self.facts.standing;
        let actions = html! { a href=(self.signed_in.path("/settings")) { "Plan" } };
        card::card(
            "Fetches this month",
            &actions,
            &html! {
                (chart::gauge("Fetches this month", used, limit))
                p.faint { "Counted anew from " (time::time(month.renews_at())) "." }
            },
        )
    }

    /// The hour's number among those that are shown, 0 for the oldest.
    fn step(&self, hour: &ConcludedHour) -> Option<usize> {
        let oldest = self.facts.now.0 / HOUR_MILLIS - HOURS + 1;
        usize::try_from(hour.begins_at.0 / HOUR_MILLIS - oldest).ok().filter(|step| *step < HOURS as usize)
    }

    fn steps(&self) -> Vec<String> {
        let newest = self.facts.now.0 / HOUR_MILLIS;
        (0..HOURS).map(|step| format!("{:02}:00", (newest - HOURS + 1 + step).rem_euclid(24))).collect()
    }

    fn by_class(&self) -> Chart<'static> {
        let series = [Class::Ok, Class::Review, Class::Inconclusive, Class::Bad, Class::Skipped].map(|class| {
            let mut values = vec![0; HOURS as usize];
            for hour in self.facts.hours.iter().filter(|hour| hour.conclusion.class() == class) {
                if let Some(step) = self.step(hour) {
                    values[step] += hour.jobs;
                }
            }
            Series { name: class.as_str(), tone: class.into(), values }
        });
        let series = series.into_iter().filter(|series| series.name != "skipped" || series.values.iter().any(|value| *value > 0)).collect();
        Chart { id: "conclusions", title: "Conclusions by hour, last 24 hours", steps: self.steps(), series, format: number::grouped }
    }

    fn latency(&self) -> Chart<'static> {
        let mut counts = vec![Vec::new(); HOURS as usize];
        for hour in &self.facts.hours {
            if let Some(step) = self.step(hour) {
                counts[step].push((hour.latency, hour.jobs));
            }
        }
        let at = |share| counts.iter().map(|counts| latency::percentile(counts, share).unwrap_or_default()).collect();
        let series = vec![
            Series { name: "median", tone: Tone::Working, values: at(50) },
            Series { name: "95 of 100 within", tone: Tone::Inconclusive, values: at(95) },
        ];
        Chart {
            id: "latency",
            title: "Time from request to result by hour, last 24 hours",
            steps: self.steps(),
            series,
            format: time::duration,
        }
    }
}
