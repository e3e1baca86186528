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
    pub(super) q: String,
    pub(super) sort: String,
    /// Where the page begins: behind this row.
    pub(super) after: String,
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

impl RowQuery {
    /// The one that is shown, once [`place::shown_environment`] has been asked.
    pub(super) fn environment(&self) -> Environment {
        place::environment_of(&self.env).unwrap_or(Environment::Live)
    }

    pub(super) fn order(&self) -> RowOrder {
        match self.sort.as_str() {
            "row-desc" => RowOrder::KeyBack,
            "changed" => RowOrder::Change,
            _ if self.changed.is_empty() => RowOrder::Key,
            _ => RowOrder::Change,
        }
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
            changed_since: match self.changed.as_str() {
                "day" => Some(now.plus_millis(-DAY_MILLIS)),
                "week" => Some(now.plus_millis(-7 * DAY_MILLIS)),
                _ => None,
            },
            after: place(&self.after),
            limit: PAGE_ROWS,
        }
    }

    /// Whether anything is left out of what there is.
    pub(super) fn is_filtered(&self) -> bool {
        let filters = [&self.class, &self.conclusion, &self.source, &self.ready, &self.changed, &self.q];
        filters.iter().any(|filter| !filter.is_empty())
    }

    /// The query with one part changed and the page set back to the first.
    pub(super) fn with(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut changed = Self { after: String::new(), did: String::new(), ..self.clone() };
        change(&mut changed);
        changed.to_string()
    }

    /// The query of the next page.
    pub(super) fn next(&self, place: &RowPlace) -> String {
        let RowPlace { past_prefix, changed_at, source, row_id } = place;
        let after = format!("{}.{changed_at}.{}.{}", u8::from(*past_prefix), segment(source).replace('.', "%2E"), segment(row_id));
        self.with(|query| query.after = after)
    }

    /// What goes along with the filters' form.
    pub(super) fn kept(&self) -> Vec<(&str, &str)> {
        [("sort", self.sort.as_str())].into_iter().filter(|(_, value)| !value.is_empty()).collect()
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
            ("q", &self.q),
            ("sort", &self.sort),
            ("after", &self.after),
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
    let (past_prefix, changed_at, rest) = (parts.next()? == "1", parts.next()?.parse().ok()?, parts.next()?);
    let (source, row_id) = rest.split_once('.')?;
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned());
    Some(RowPlace { past_prefix, changed_at, source: decode(source)?, row_id: decode(row_id)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_the_address() {
        for (source, row_id) in [("csv", "a"), ("google_sheets", "a.b/c d"), ("platform_api", "ü…")] {
            let wanted = RowPlace { past_prefix: true, changed_at: 7, source: source.to_owned(), row_id: row_id.to_owned() };
            let query = RowQuery::default().next(&wanted);
            let after = query.strip_prefix("?after=").unwrap();
            let decoded = percent_encoding::percent_decode_str(after).decode_utf8().unwrap();
            assert_eq!(place(&decoded), Some(wanted));
        }
        assert_eq!(place("x"), None);
        assert_eq!(place("1.2.a"), None);
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
