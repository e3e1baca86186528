//! What a person asked the table of rows for, as it stands in the address: it can be kept, sent and gone back to. What
//! cannot be read is left out, as if it had not been asked for.

use protocol::{AccountId, Class, Conclusion, Environment, UnixMillis};
use serde::Deserialize;
use store::{ConsoleRowFilter, RowOrder, RowPlace};

use crate::console::place::{self, segment};

/// Rows a page shows.
pub(super) const PAGE_ROWS: usize = 50;
/// Characters of a text to look for; longer ones find nothing that a person would type.
const MAX_TEXT: usize = 200;
const DAY_MILLIS: i64 = 86_400_000;
/// Pages back that an address remembers.
const MAX_TRAIL: usize = 10;
/// The first page, in a trail.
const FIRST: &str = "0";

/// The query as it stands in the address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in crate::console) struct RowQuery {
    pub(super) env: String,
    pub(super) class: String,
    pub(super) conclusion: String,
    pub(super) source: String,
    pub(super) ready: String,
    pub(super) changed: String,
    /// A day, `2026-05-26` in UTC: what has changed from its beginning on. Goes before `changed`.
    pub(super) since: String,
    pub(super) q: String,
    pub(super) sort: String,
    /// Where the page begins: behind this row.
    pub(super) after: String,
    /// Where the pages before this one began, the last at the end, joined by commas; the first page begins nowhere.
    pub(super) trail: String,
    /// What was done just now, as a word and a number.
    pub(super) did: String,
}

/// Classes as the filter names them.
pub(super) const CLASSES: &[(&str, &str)] = &[
    ("", "any"),
    ("bad", "bad"),
    ("review", "review"),
    ("inconclusive", "inconclusive"),
    ("ok", "ok"),
    ("skipped", "skipped"),
    ("pending", "not checked yet"),
];

/// Orders that can be asked for, besides the usual one.
const ORDERS: &[(&str, &str)] = &[
    ("worst", "worst first"),
    ("changed", "newest change, those alone that changed"),
    ("checked", "newest check"),
    ("checked-asc", "oldest check"),
    ("ready", "ready first"),
    ("ready-last", "not ready first"),
    ("offer", "offer, A to Z"),
    ("offer-desc", "offer, Z to A"),
    ("url", "final URL, A to Z"),
    ("url-desc", "final URL, Z to A"),
    ("row-desc", "row id, backwards"),
];

impl RowQuery {
    /// The one that is shown, once [`place::shown_environment`] has been asked.
    pub(super) fn environment(&self) -> Environment {
        place::environment_of(&self.env).unwrap_or(Environment::Live)
    }

    pub(super) fn order(&self) -> RowOrder {
        match self.sort.as_str() {
            "row-desc" => RowOrder::KeyBack,
            "changed" => RowOrder::Change,
            "checked" => RowOrder::Checked,
            "checked-asc" => RowOrder::CheckedBack,
            "worst" => RowOrder::Worst,
            "ready" => RowOrder::Ready,
            "ready-last" => RowOrder::ReadyBack,
            "offer" => RowOrder::Offer,
            "offer-desc" => RowOrder::OfferBack,
            "url" => RowOrder::FinalUrl,
            "url-desc" => RowOrder::FinalUrlBack,
            _ if self.changed_since(UnixMillis(0)).is_none() => RowOrder::Key,
            _ => RowOrder::Change,
        }
    }

    /// As [`Self::filter`], for whoever wants all rows that fit: in an order that leads through all of them.
    pub(super) fn whole_filter(&self, account: AccountId, now: UnixMillis, limit: usize) -> ConsoleRowFilter {
        let filter = ConsoleRowFilter { after: None, limit, ..self.filter(account, now) };
        if filter.order.is_of_part() { ConsoleRowFilter { order: RowOrder::Key, ..filter } } else { filter }
    }

    fn changed_since(&self, now: UnixMillis) -> Option<UnixMillis> {
        ui::time::beginning_of_day(&self.since).or_else(|| match self.changed.as_str() {
            "day" => Some(now.plus_millis(-DAY_MILLIS)),
            "week" => Some(now.plus_millis(-7 * DAY_MILLIS)),
            _ => None,
        })
    }

    /// What the store is asked.
    pub(super) fn filter(&self, account: AccountId, now: UnixMillis) -> ConsoleRowFilter {
        let class = match self.class.as_str() {
            "pending" => Some(None),
            word => [Class::Ok, Class::Skipped, Class::Review, Class::Inconclusive, Class::Bad]
                .into_iter()
                .find(|class| class.as_str() == word)
                .map(Some),
        };
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ConsoleRowFilter {
            account,
            asker: None,
            environment: self.environment(),
            order: self.order(),
            class,
            conclusion: self.conclusion.parse::<Conclusion>().ok(),
            source: given(&self.source),
            ready: match self.ready.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            text: given(&self.q.trim().chars().take(MAX_TEXT).collect::<String>()),
            changed_since: self.changed_since(now),
            after: place(&self.after),
            limit: PAGE_ROWS,
        }
    }

    /// Whether anything is left out of what there is.
    pub(super) fn is_filtered(&self) -> bool {
        let filters = [&self.class, &self.conclusion, &self.source, &self.ready, &self.changed, &self.since, &self.q];
        filters.iter().any(|filter| !filter.is_empty())
    }

    /// The query with one part changed and the page set back to the first.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut changed = Self { after: String::new(), trail: String::new(), did: String::new(), ..self.clone() };
        change(&mut changed);
        changed.to_string()
    }

    /// The query of the next page.
    pub(super) fn next(&self, place: &RowPlace) -> String {
        let RowPlace { past_prefix, at, source, row_id } = place;
        let after = format!("{}.{at}.{}.{}", u8::from(*past_prefix), segment(source).replace('.', "%2E"), segment(row_id));
        let mut trail: Vec<&str> = self.trail.split(',').filter(|_| !self.trail.is_empty()).collect();
        trail.push(if self.after.is_empty() { FIRST } else { &self.after });
        // Whoever has gone further than that goes back to the first page, or by their browser.
        let kept = trail.split_off(trail.len().saturating_sub(MAX_TRAIL));
        self.with(|query| (query.after, query.trail) = (after, kept.join(",")))
    }

    /// The query of the page before this one; none: on the first, and when the way back is no longer known.
    pub(super) fn previous(&self) -> Option<String> {
        let (trail, last) = self.trail.rsplit_once(',').unwrap_or(("", &self.trail));
        let after = if last == FIRST { "" } else { last };
        (!last.is_empty()).then(|| self.with(|query| (query.after, query.trail) = (after.to_owned(), trail.to_owned())))
    }

    /// The query of this very page, as it was asked for.
    pub(super) fn here(&self) -> String {
        let here = Self { did: String::new(), ..self.clone() };
        here.to_string()
    }

    /// What the filters' form offers to sort by; on narrow screens most columns are not there to be clicked.
    pub(super) fn orders(&self) -> Vec<(&'static str, &'static str)> {
        let usual = if self.changed_since(UnixMillis(0)).is_some() { "newest change" } else { "row id" };
        std::iter::once(("", usual)).chain(ORDERS.iter().copied()).collect()
    }

    /// The order as [`Self::orders`] names it.
    pub(super) fn order_word(&self) -> &str {
        ORDERS.iter().map(|(word, _)| *word).find(|word| *word == self.sort).unwrap_or_default()
    }
}

/// `?class=bad&q=shoe`, or nothing.
impl std::fmt::Display for RowQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            ("env", &self.env),
            ("class", &self.class),
            ("conclusion", &self.conclusion),
            ("source", &self.source),
            ("ready", &self.ready),
            ("changed", &self.changed),
            ("since", &self.since),
            ("q", &self.q),
            ("sort", &self.sort),
            ("after", &self.after),
            ("trail", &self.trail),
            ("did", &self.did),
        ];
        let mut sign = '?';
        for (name, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
            write!(f, "{sign}{name}={}", segment(value))?;
            sign = '&';
        }
        Ok(())
    }
}

/// Reads what [`RowQuery::next`] wrote. The source's own dots are encoded; the row id is whatever stands behind the third.
fn place(text: &str) -> Option<RowPlace> {
    let mut parts = text.splitn(3, '.');
    let (past_prefix, at, rest) = (parts.next()? == "1", parts.next()?.parse().ok()?, parts.next()?);
    let (source, row_id) = rest.split_once('.')?;
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned());
    Some(RowPlace { past_prefix, at, source: decode(source)?, row_id: decode(row_id)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_the_address() {
        for (source, row_id) in [("csv", "a"), ("google_sheets", "a.b/c d"), ("platform_api", "ü…")] {
            let wanted = RowPlace { past_prefix: true, at: 7, source: source.to_owned(), row_id: row_id.to_owned() };
            let query = RowQuery::default().next(&wanted);
            let (after, trail) = query.strip_prefix("?after=").unwrap().split_once('&').unwrap();
            assert_eq!(trail, "trail=0");
            let decoded = percent_encoding::percent_decode_str(after).decode_utf8().unwrap();
            assert_eq!(place(&decoded), Some(wanted));
        }
        assert_eq!(place("x"), None);
        assert_eq!(place("1.2.a"), None);
    }

    #[test]
    fn the_way_back_leads_over_every_page_before() {
        let place = |row: &str| RowPlace { past_prefix: true, at: 0, source: "csv".to_owned(), row_id: row.to_owned() };
        let read = |query: &str| -> RowQuery { serde_urlencoded(query) };
        let mut query = RowQuery { class: "bad".to_owned(), ..RowQuery::default() };
        let mut pages = vec![query.to_string()];
        for row in ["a,b", "c", "d"] {
            let next = query.next(&place(row));
            pages.push(next.clone());
            query = read(&next);
        }
        while let Some(previous) = query.previous() {
            pages.pop();
            assert_eq!(Some(&previous), pages.last());
            query = read(&previous);
        }
        assert_eq!(pages.len(), 1);
        for number in 0..100 {
            query = read(&query.next(&place(&number.to_string())));
        }
        assert_eq!(query.trail.split(',').count(), MAX_TRAIL);
    }

    /// As a page reads its query.
    fn serde_urlencoded(query: &str) -> RowQuery {
        let uri = format!("/rows{query}").parse().unwrap();
        axum::extract::Query::<RowQuery>::try_from_uri(&uri).unwrap().0
    }

    #[test]
    fn nothing_that_is_asked_for_breaks_the_address() {
        let query = RowQuery { q: "a&class=ok#<\"".to_owned(), class: "bad".to_owned(), ..RowQuery::default() };
        assert_eq!(query.to_string(), "?class=bad&q=a%26class%3Dok%23%3C%22");
        assert_eq!(query.with(|query| query.class.clear()), "?q=a%26class%3Dok%23%3C%22");
    }

    #[test]
    fn what_cannot_be_read_is_not_asked_for() {
        let query = RowQuery { class: "worst".to_owned(), conclusion: "?".to_owned(), after: "..".to_owned(), ..RowQuery::default() };
        let filter = query.filter(AccountId::from_bytes([0; 16]), UnixMillis(0));
        assert!(filter.class.is_none() && filter.conclusion.is_none() && filter.after.is_none());
    }
}
