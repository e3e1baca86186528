//! Orders of rows that no index has: what a bounded search has found is sorted here, and paged. An index on the last check
//! or the final URL would move with every check and cost more than all else that a report does to its row; readiness
//! moves by itself, with time ([ADR 19](../../../docs/adr/0019-sorting-what-was-found.md)).

use crate::console_rows::{ConsoleRow, ConsoleRowFilter, ConsoleRowPage, RowOrder, RowPlace};
use crate::page_room::Room;

impl RowOrder {
    /// Whether it holds among the first rows that are looked at, and not among all: see [`ConsoleRowPage::is_part`].
    #[must_use]
    pub const fn is_of_part(self) -> bool {
        self.sorts_by().is_some()
    }

    /// What is sorted by, and whether backwards.
    const fn sorts_by(self) -> Option<(SortsBy, bool)> {
        Some(match self {
            Self::Key | Self::KeyBack | Self::Change | Self::Worst => return None,
            Self::CheckedBack => (SortsBy::Check, false),
            Self::Checked => (SortsBy::Check, true),
            Self::Ready => (SortsBy::Readiness, false),
            Self::ReadyBack => (SortsBy::Readiness, true),
            Self::Offer => (SortsBy::Offer, false),
            Self::OfferBack => (SortsBy::Offer, true),
            Self::FinalUrl => (SortsBy::FinalUrl, false),
            Self::FinalUrlBack => (SortsBy::FinalUrl, true),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SortsBy {
    Check,
    Readiness,
    Offer,
    FinalUrl,
}

/// Where a row stands: what has no text stands behind all that have one, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    is_behind: bool,
    number: i64,
    text: String,
    source: String,
    row_id: String,
}

impl SortsBy {
    /// Texts are too long for the address of a page: its place is how many rows stand before it.
    const fn is_text(self) -> bool {
        matches!(self, Self::Offer | Self::FinalUrl)
    }

    fn mark(self, row: &ConsoleRow, is_back: bool) -> Mark {
        let row = &row.row;
        let (mut number, mut text) = (0, None);
        match self {
            // What was never checked was checked longest ago.
            Self::Check => number = row.last_checked.map_or(0, |at| at.0),
            // Ready ones before the others, and those alike together.
            Self::Readiness => number = row.not_ready_reasons.first().map_or(0, |reason| 1 + *reason as i64),
            Self::Offer => text = row.offer_name.as_deref(),
            // The host counts, and not how it was reached.
            Self::FinalUrl => text = row.final_url.as_deref().map(|url| url.split_once("://").map_or(url, |(_, rest)| rest)),
        }
        let is_behind = self.is_text() && (text.is_none() != is_back);
        let (source, row_id) = (row.source.clone(), row.row_id.clone());
        Mark { is_behind, number, text: text.unwrap_or_default().to_lowercase(), source, row_id }
    }
}

/// The page of what was found that begins behind the filter's place; as it was found where an index has the order.
pub(crate) fn sorted(found: ConsoleRowPage, filter: &ConsoleRowFilter) -> ConsoleRowPage {
    let Some((sorts_by, is_back)) = filter.order.sorts_by() else { return found };
    let ConsoleRowPage { mut rows, next, looked_at, .. } = found;
    let mark = |row: &ConsoleRow| sorts_by.mark(row, is_back);
    rows.sort_by_cached_key(mark);
    if is_back {
        rows.reverse();
    }
    let begin = match &filter.after {
        None => 0,
        Some(place) if sorts_by.is_text() => usize::try_from(place.at).unwrap_or_default().min(rows.len()),
        Some(place) => rows.partition_point(|row| {
            let Mark { number, source, row_id, .. } = mark(row);
            let (shown, here) = ((place.at, &place.source, &place.row_id), (number, &source, &row_id));
            if is_back { here >= shown } else { here <= shown }
        }),
    };
    rows.drain(..begin);
    let mut room = Room::of_part();
    let shown = rows.iter().take(filter.limit).take_while(|row| room.take_row(&row.row)).count();
    let has_more = rows.len() > shown;
    rows.truncate(shown);
    let last = rows.last().filter(|_| has_more).map(mark);
    let behind = i64::try_from(begin + shown).unwrap_or(i64::MAX);
    let place = |Mark { number, source, row_id, .. }| RowPlace {
        past_prefix: true,
        at: if sorts_by.is_text() { behind } else { number },
        source,
        row_id,
    };
    ConsoleRowPage { rows, next: last.map(place), looked_at, is_part: next.is_some() }
}
