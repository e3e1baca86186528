//! The search for a page of rows: along one index, or along several one behind the other, stretch by stretch, until the page
//! is full or enough was looked at. What a page is, and what else the console asks of rows, is in
//! [`console_rows`](crate::console_rows).

use protocol::{Class, Conclusion, Row as HostedRow, UnixMillis};

use crate::console_rows::{ConsoleRow, ConsoleRowFilter, ConsoleRowPage, LOOKED_AT, RowOrder, RowPlace, class_number, one, read, sources};
use crate::error::StoreError;
use crate::page_room::Room;
use crate::row::RowKey;
use crate::session::{Row, Session, Value};
use crate::statement::{self, Statement};

/// Rows that are read at once while looking for rare ones.
const STRETCH: usize = 1_000;
/// Rows that one page looks through by class: there each lies on a page of its own, and takes twice as long to read.
const LOOKED_AT_BY_CLASS: usize = 1_250;

/// The page that the filter asks for, in an order that an index has.
pub(crate) async fn found(
    session: &mut Session<'_>,
    filter: &ConsoleRowFilter,
    (now, freshness_millis): (UnixMillis, i64),
    room: Room,
) -> Result<ConsoleRowPage, StoreError> {
    let looks = Room::of_look();
    let mut search = Search { filter, now, freshness_millis, phase: None, page: ConsoleRowPage::default(), room, looks };
    let start = filter.after.clone();
    if filter.text.is_some() && !start.as_ref().is_some_and(|place| place.past_prefix) && search.goes_by_key() {
        if search.with_prefix(session, start).await? {
            return Ok(search.page);
        }
        // Before the first row, as a place that a next page can begin at.
        let source = filter.source.clone().unwrap_or_default();
        search.walk(session, Some(RowPlace { past_prefix: true, at: 0, source, row_id: String::new() })).await?;
    } else {
        search.walk(session, start).await?;
    }
    Ok(search.page)
}

struct Search<'f> {
    filter: &'f ConsoleRowFilter,
    now: UnixMillis,
    freshness_millis: i64,
    /// Where the search stands in [`WORST_FIRST`], when it goes that way.
    phase: Option<usize>,
    page: ConsoleRowPage,
    /// For what is shown.
    room: Room,
    /// For what is looked through.
    looks: Room,
}

/// The index along which rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    Key,
    KeyBack,
    Change,
    Class(Class),
    Skipped,
}

/// What a person looks at first; behind it, whatever is left.
const WORST_FIRST: [Along; 4] = [Along::Class(Class::Bad), Along::Class(Class::Review), Along::Class(Class::Inconclusive), Along::Key];

impl Search<'_> {
    fn goes_by_key(&self) -> bool {
        self.filter.changed_since.is_none() && self.filter.order == RowOrder::Key
    }

    /// Shows a row; `false`: the page is full.
    fn show(&mut self, row: ConsoleRow) -> bool {
        let fits = self.page.rows.len() < self.filter.limit && self.room.take_row(&row.row);
        if fits {
            self.page.rows.push(row);
        }
        fits
    }

    fn is_full(&self) -> bool {
        self.page.rows.len() >= self.filter.limit
    }

    /// Rows whose id begins with the text: by the key, so they are found among any number. True: the page is full.
    async fn with_prefix(&mut self, session: &mut Session<'_>, start: Option<RowPlace>) -> Result<bool, StoreError> {
        let Some(prefix) = self.filter.text.clone() else { return Ok(false) };
        let from = start.as_ref().map(|place| place.source.clone()).unwrap_or_default();
        let mut next: Option<RowPlace> = None;
        for source in sources(session, &(self.filter.account, self.filter.environment)).await? {
            if source < from || self.filter.source.as_ref().is_some_and(|wanted| *wanted != source) {
                continue;
            }
            if self.room.is_full() && next.is_some() {
                self.page.next = next;
                return Ok(true);
            }
            let behind = start.as_ref().filter(|place| place.source == source).map(|place| place.row_id.clone());
            if behind.is_none() {
                self.exactly(session, &source, &prefix).await?;
            }
            let behind = behind.unwrap_or_else(|| prefix.clone());
            let most = self.filter.limit + 1 - self.page.rows.len().min(self.filter.limit);
            let parameters = [
                (&self.filter.account).into(),
                self.filter.environment.into(),
                (&source).into(),
                (&behind).into(),
                Value::Int(i64::try_from(most).unwrap_or(1)),
            ];
            let rows = session.rows_within(&statement::ROWS_FOUND, &parameters, &mut self.looks).await?;
            let mut may_be_more = self.looks.is_full() || rows.len() == most;
            let mut place = RowPlace { past_prefix: false, at: 0, source: source.clone(), row_id: behind };
            for row in &rows {
                let row = self.read(row)?;
                if row.row.source != source || !row.row.row_id.starts_with(&prefix) {
                    may_be_more = false;
                    break;
                }
                let row_id = row.row.row_id.clone();
                if self.fits(&row) && !self.show(row) {
                    self.page.next = Some(place);
                    return Ok(true);
                }
                self.page.looked_at += 1;
                place.row_id = row_id;
            }
            // Not all of these fitted: what stands behind them begins with the text, too, and comes on the next page.
            if may_be_more {
                self.page.next = Some(place);
                return Ok(true);
            }
            next = Some(place);
        }
        Ok(false)
    }

    async fn exactly(&mut self, session: &mut Session<'_>, source: &str, row_id: &str) -> Result<(), StoreError> {
        let key = RowKey {
            account: self.filter.account,
            environment: self.filter.environment,
            source: source.to_owned(),
            row_id: row_id.to_owned(),
        };
        if let Some(found) = one(session, &key, self.now, self.freshness_millis).await?
            && self.fits(&found)
        {
            self.room.take_row(&found.row);
            self.page.rows.push(found);
        }
        Ok(())
    }

    /// The index whose order is the one that is asked for; `None`: several, the worst first.
    fn along(&self) -> Option<Along> {
        let filter = self.filter;
        let of_class = filter.class.flatten().or(filter.conclusion.map(Conclusion::class));
        Some(match (filter.order, of_class) {
            (RowOrder::Change, _) => Along::Change,
            _ if filter.changed_since.is_some() => Along::Change,
            (_, Some(Class::Skipped)) => Along::Skipped,
            (_, Some(class @ (Class::Review | Class::Inconclusive | Class::Bad))) => Along::Class(class),
            (RowOrder::KeyBack, _) => Along::KeyBack,
            (RowOrder::Worst, None) if filter.class.is_none() => return None,
            // In an order that no index has what is found by key is sorted.
            (
                RowOrder::Key
                | RowOrder::Worst
                | RowOrder::Checked
                | RowOrder::CheckedBack
                | RowOrder::Ready
                | RowOrder::ReadyBack
                | RowOrder::Offer
                | RowOrder::OfferBack
                | RowOrder::FinalUrl
                | RowOrder::FinalUrlBack,
                _,
            ) => Along::Key,
        })
    }

    /// Along one index, or along one behind the other.
    async fn walk(&mut self, session: &mut Session<'_>, start: Option<RowPlace>) -> Result<(), StoreError> {
        if let Some(along) = self.along() {
            return self.walk_along(session, along, start).await;
        }
        let begin = start.as_ref().and_then(|place| usize::try_from(place.at).ok()).unwrap_or_default();
        let mut start = start;
        for (phase, along) in WORST_FIRST.iter().enumerate().skip(begin) {
            self.phase = Some(phase);
            // A page that is full when a class ends goes on before the first row of the next.
            let source = self.filter.source.clone().unwrap_or_default();
            let before_all = RowPlace { past_prefix: true, at: i64::try_from(phase).unwrap_or_default(), source, row_id: String::new() };
            self.walk_along(session, *along, Some(start.take().unwrap_or(before_all))).await?;
            if self.page.next.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Stretch by stretch along an index, until the page is full or enough was looked at, in rows or in bytes.
    async fn walk_along(&mut self, session: &mut Session<'_>, along: Along, start: Option<RowPlace>) -> Result<(), StoreError> {
        let mut place = start;
        // Most pages are full after their first stretch.
        let mut stretch = self.filter.limit + 1;
        let most = if matches!(along, Along::Class(_)) { LOOKED_AT_BY_CLASS } else { LOOKED_AT };
        while self.page.looked_at < most && !self.looks.is_full() {
            let rows = self.stretch(session, along, place.as_ref(), stretch).await?;
            let was_last = rows.len() < stretch && !self.looks.is_full();
            for row in &rows {
                let row = self.read(row)?;
                if self.is_past_source(along, &row) {
                    return Ok(());
                }
                if self.is_full() {
                    self.page.next = place;
                    return Ok(());
                }
                let at = self.place_of(&row, along);
                if self.fits(&row) && !self.was_shown(&row) && !self.show(row) {
                    self.page.next = place;
                    return Ok(());
                }
                self.page.looked_at += 1;
                place = Some(at);
            }
            if was_last {
                return Ok(());
            }
            stretch = STRETCH.min(most.saturating_sub(self.page.looked_at)).max(1);
        }
        self.page.next = place;
        Ok(())
    }

    async fn stretch(
        &mut self,
        session: &mut Session<'_>,
        along: Along,
        place: Option<&RowPlace>,
        most: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let filter = self.filter;
        let (account, environment) = (Value::from(&filter.account), Value::from(filter.environment));
        let most = Value::Int(i64::try_from(most).unwrap_or(i64::MAX));
        let row_id = place.map_or("", |place| place.row_id.as_str());
        // A source's rows stand together: begin before its first one.
        let source = place.map_or_else(|| filter.source.as_deref().unwrap_or_default(), |place| place.source.as_str());
        let by_key = |statement: &'static Statement| (statement, vec![account, environment, source.into(), row_id.into(), most]);
        let (statement, parameters) = match along {
            Along::Key => by_key(&statement::ROWS_FOUND),
            Along::Skipped => by_key(&statement::ROWS_SKIPPED),
            Along::Class(class) => {
                let class = Value::Int(class_number(class));
                (&statement::ROWS_BY_CLASS, vec![account, environment, class, source.into(), row_id.into(), most])
            }
            Along::KeyBack => {
                // Behind every source and every row id, or behind the rows of the one source.
                let (source, row_id) = match (place, &filter.source) {
                    (Some(place), _) => (place.source.as_str(), place.row_id.as_str()),
                    (None, Some(source)) => (source.as_str(), BEHIND_ALL),
                    (None, None) => (BEHIND_ALL, ""),
                };
                (&statement::ROWS_FOUND_BACK, vec![account, environment, source.into(), row_id.into(), most])
            }
            // Sources stand mixed among moments: begin behind every one of them.
            Along::Change => {
                let since = filter.changed_since.unwrap_or(UnixMillis(0));
                let (before, source, row_id) = place.map_or((i64::MAX, "", ""), |place| (place.at, &place.source, &place.row_id));
                (&statement::ROWS_BY_CHANGE, vec![account, environment, since.into(), before.into(), source.into(), row_id.into(), most])
            }
        };
        session.rows_within(statement, &parameters, &mut self.looks).await
    }

    fn place_of(&self, row: &ConsoleRow, along: Along) -> RowPlace {
        let at = match along {
            Along::Change => row.changed_at.map_or(0, |at| at.0),
            _ => self.phase.and_then(|phase| i64::try_from(phase).ok()).unwrap_or_default(),
        };
        RowPlace { past_prefix: true, at, source: row.row.source.clone(), row_id: row.row.row_id.clone() }
    }

    fn read(&self, row: &Row) -> Result<ConsoleRow, StoreError> {
        read(row, self.now, self.freshness_millis)
    }

    /// Behind the rows of the one source that is asked for, nothing fits any more. By change, sources are mixed.
    fn is_past_source(&self, along: Along, row: &ConsoleRow) -> bool {
        along != Along::Change && self.filter.source.as_ref().is_some_and(|source| *source != row.row.source)
    }

    /// Whether an earlier page has shown it for its row id.
    fn was_shown(&self, row: &ConsoleRow) -> bool {
        self.goes_by_key() && self.filter.text.as_ref().is_some_and(|text| row.row.row_id.starts_with(text))
    }

    fn fits(&self, row: &ConsoleRow) -> bool {
        let (filter, changed_at, row) = (self.filter, row.changed_at, &row.row);
        let class = row.conclusion.map(Conclusion::class);
        // A row that a person excluded keeps its class beneath; it is among those that are left.
        let is_of_phase = self.phase.is_none_or(|phase| {
            let of = |phase: Along| class.is_some_and(|class| phase == Along::Class(class));
            match WORST_FIRST.get(phase) {
                Some(class @ Along::Class(_)) => of(*class),
                _ => !WORST_FIRST.into_iter().any(of),
            }
        });
        is_of_phase
            && filter.class.is_none_or(|wanted| class == wanted)
            && filter.conclusion.is_none_or(|wanted| row.conclusion == Some(wanted))
            && filter.source.as_ref().is_none_or(|source| *source == row.source)
            && filter.ready.is_none_or(|ready| ready == row.ready_for_ads)
            && filter.changed_since.is_none_or(|since| changed_at.is_some_and(|at| at >= since))
            && filter.text.as_ref().is_none_or(|text| has_text(row, text))
    }
}

/// No source and no row id of ours begins with this: the highest character there is.
const BEHIND_ALL: &str = "\u{10ffff}";

fn has_text(row: &HostedRow, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let has = |field: &str| field.to_ascii_lowercase().contains(&text);
    has(&row.row_id) || has(&row.tracking_url) || row.offer_name.as_deref().is_some_and(has) || row.final_url.as_deref().is_some_and(has)
}
