//! What a person does to many rows at once, or to one: check again, skip, take in again, accept where they land, expect
//! something of them. Each row is an operation of its own; what could not be done is said. What is asked first is in
//! [`ask`](super::ask).

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use store::{Admission, ConsoleRowFilter, Recheck, RowEdit, RowEdited};
use ui::{Markup, Tone, html};

use super::edit::Expected;
use super::list::said;
use super::query::RowQuery;
use super::{ROWS, ask};
use crate::console::fault::Fault;
use crate::console::form::LongForm;
use crate::console::place::{RowName, segment};
use crate::console::signed_in::{Operator, SignedIn};
use crate::state::{RelayState, Shared};

/// Rows that one form acts on: what can be done while a person waits.
pub(super) const MOST_ROWS: usize = 1_000;
/// Rows that are changed at once; they share the writer's commits.
const AT_ONCE: usize = 64;
/// Stretches that are looked through for all rows that fit: a hundred thousand rows.
const MOST_STRETCHES: usize = 40;

/// The fields of a form with ticks; a name may come many times.
type Fields = Vec<(String, String)>;

/// What is to be done, to which rows.
pub(super) struct Order<'f> {
    fields: &'f Fields,
    /// The rows.
    pub(super) names: Vec<RowName>,
    /// Whether there are more that fit than one form acts on.
    pub(super) is_cut: bool,
}

impl<'f> Order<'f> {
    pub(super) fn all(&self, name: &str) -> Vec<&'f str> {
        self.fields.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn first(&self, name: &str) -> &'f str {
        self.fields.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.as_str())
    }

    /// Where the person came from: a query of the table, or the path of a row's page.
    pub(super) fn back(&self) -> &'f str {
        self.first("back")
    }

    /// The same about other rows.
    pub(super) fn of(&self, names: Vec<RowName>) -> Self {
        Self { fields: self.fields, names, is_cut: self.is_cut }
    }

    fn is_confirmed(&self) -> bool {
        self.first("confirmed") == "yes"
    }

    /// Rows that were ticked, or all that fit what the table showed.
    async fn read(state: &RelayState, signed_in: &SignedIn<Operator>, fields: &'f Fields) -> Result<Self, Fault> {
        let mut order = Self { fields, names: Vec::new(), is_cut: false };
        if order.first("scope") == "all" && !order.is_confirmed() {
            (order.names, order.is_cut) = fitting(state, signed_in, order.back()).await?;
        } else {
            order.names = order.all("row").into_iter().take(MOST_ROWS).filter_map(|name| name.parse().ok()).collect();
        }
        Ok(order)
    }

    /// Off to where the person came from, with what was done.
    fn go_back(&self, signed_in: &SignedIn<Operator>, did: &str) -> Response {
        let back = if self.back().starts_with('/') { self.back().to_owned() } else { format!("{ROWS}{}", self.back()) };
        let sign = if back.contains('?') { '&' } else { '?' };
        signed_in.go(&format!("{back}{sign}did={}", segment(did)))
    }
}

/// All rows that fit a query of the table, up to [`MOST_ROWS`], and whether there may be more.
async fn fitting(state: &RelayState, signed_in: &SignedIn<Operator>, query: &str) -> Result<(Vec<RowName>, bool), Fault> {
    let unreadable = || Fault::BadForm("The rows that were shown cannot be told from the form. Open the page again.".to_owned());
    let uri = format!("{ROWS}{query}").parse().map_err(|_| unreadable())?;
    let Query(query) = Query::<RowQuery>::try_from_uri(&uri).map_err(|_| unreadable())?;
    let mut filter = query.whole_filter(signed_in.account(), state.now(), MOST_ROWS);
    let mut names = Vec::new();
    for _ in 0..MOST_STRETCHES {
        let page = state.store.console_rows(ConsoleRowFilter { limit: MOST_ROWS - names.len(), ..filter.clone() }, state.now()).await?;
        let environment = filter.environment;
        names.extend(page.rows.into_iter().map(|found| RowName { environment, source: found.row.source, row_id: found.row.row_id }));
        match page.next {
            None => return Ok((names, false)),
            Some(_) if names.len() == MOST_ROWS => break,
            Some(place) => filter.after = Some(place),
        }
    }
    Ok((names, true))
}

/// `POST /console/{account}/rows/act`
pub(in crate::console) async fn act(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    LongForm(fields): LongForm<Fields>,
) -> Result<Response, Fault> {
    let order = Order::read(&state, &signed_in, &fields).await?;
    if order.names.is_empty() {
        return Ok(order.go_back(&signed_in, "nothing"));
    }
    // Whoever has not seen each of the rows is told how many they are.
    let has_seen = order.first("scope") != "all" || order.is_confirmed();
    let ask = |title: &str, main: Markup| Ok(signed_in.page(title, ROWS, main));
    let did = match (order.first("act"), order.first("reason").trim()) {
        ("recheck", _) if !has_seen => return ask("Check rows again", ask::recheck(&signed_in, &order)),
        ("recheck", _) => recheck(&state, &signed_in, &order.names).await?,
        ("unskip", _) if !has_seen => return ask("Take rows in again", ask::unskip(&signed_in, &order)),
        ("unskip", _) => each(&state, &signed_in, &order.names, |_| RowEdit::Unskip, "unskipped").await?,
        ("skip", "") => return ask("Skip rows", ask::reason(&signed_in, &order)),
        ("skip", reason) => each(&state, &signed_in, &order.names, |_| RowEdit::Skip { reason: reason.to_owned() }, "skipped").await?,
        ("accept", _) => {
            let seen = order.all("seen");
            if seen.len() != order.names.len() {
                return ask("Accept where rows land", ask::acceptance(&state, &signed_in, &order).await?);
            }
            let accept = |index: usize| RowEdit::AcceptFinalUrl { seen: seen.get(index).copied().unwrap_or_default().to_owned() };
            each(&state, &signed_in, &order.names, accept, "accepted").await?
        }
        ("expect", _) if !order.is_confirmed() => return ask("Expect of rows", ask::expectations(&signed_in, &order, None)),
        ("expect", _) => match expect(&state, &signed_in, &order).await? {
            Ok(did) => did,
            Err(fault) => {
                let main = ask::expectations(&signed_in, &order, Some(&fault));
                return Ok(signed_in.page_with(StatusCode::UNPROCESSABLE_ENTITY, "Expect of rows", ROWS, main));
            }
        },
        _ => return Ok(signed_in.page_with(StatusCode::BAD_REQUEST, "Rows", ROWS, said(Tone::Bad, "Choose what to do with the rows."))),
    };
    Ok(order.go_back(&signed_in, &did))
}

async fn recheck(state: &RelayState, signed_in: &SignedIn<Operator>, names: &[RowName]) -> Result<String, Fault> {
    let one = |name: &RowName| {
        let (whose, key) = ((signed_in.account(), name.environment), (name.source.clone(), name.row_id.clone()));
        signed_in.store.recheck(whose, key, signed_in.actor(), state.now())
    };
    let mut rechecks = stream::iter(names.iter().map(one)).buffered(AT_ONCE);
    let mut done = 0;
    while let Some(recheck) = rechecks.next().await {
        match recheck? {
            Recheck::Decided(Admission::Accepted(_) | Admission::Replayed(_)) | Recheck::UnderWay(_) => done += 1,
            // The same would be said of every other row: the first is enough.
            Recheck::Decided(Admission::QuotaExceeded) => return Ok(format!("quota-{done}")),
            Recheck::Decided(Admission::BacklogFull { .. }) => return Ok(format!("backlog-{done}")),
            Recheck::Decided(_) | Recheck::Unknown => {}
        }
    }
    Ok(format!("rechecked-{done}"))
}

/// One edit of each row; `edit` is given the row's number. The first that breaks a rule ends it.
async fn each(
    state: &RelayState,
    signed_in: &SignedIn<Operator>,
    names: &[RowName],
    edit: impl Fn(usize) -> RowEdit,
    word: &str,
) -> Result<String, Fault> {
    let edits = names.iter().enumerate().map(|(index, name)| (name, edit(index))).collect();
    match apply(state, signed_in, edits).await? {
        Ok(done) => Ok(format!("{word}-{done}")),
        Err((_, fault)) => Err(Fault::BadForm(fault)),
    }
}

/// What a form got wrong: the field, and the sentence.
pub(super) type FieldFault = (String, String);

async fn apply(
    state: &RelayState,
    signed_in: &SignedIn<Operator>,
    edits: Vec<(&RowName, RowEdit)>,
) -> Result<Result<usize, FieldFault>, Fault> {
    let one = |(name, edit): (&RowName, RowEdit)| {
        let (whose, key) = ((signed_in.account(), name.environment), (name.source.clone(), name.row_id.clone()));
        signed_in.store.edit_row(whose, key, edit, signed_in.actor(), state.now())
    };
    let mut edited = stream::iter(edits.into_iter().map(one)).buffered(AT_ONCE);
    let mut done = 0;
    while let Some(edited) = edited.next().await {
        match edited? {
            RowEdited::Done(_) => done += 1,
            RowEdited::Unknown | RowEdited::LandsElsewhere { .. } => {}
            RowEdited::Invalid(fault) => {
                let field = fault.pointer.trim_start_matches('/').to_owned();
                return Ok(Err((field.clone(), format!("{field}: {}.", fault.detail))));
            }
        }
    }
    Ok(Ok(done))
}

/// What is expected of all of them from now on: the parts that the person has ticked.
async fn expect(state: &RelayState, signed_in: &SignedIn<Operator>, order: &Order<'_>) -> Result<Result<String, FieldFault>, Fault> {
    let given = |name: &str| (order.first(&format!("set-{name}")) == "yes").then(|| order.first(name).to_owned());
    let edits = match Expected::some(given("domain"), given("parameters")) {
        Ok(edits) if edits.is_empty() => {
            return Ok(Err(("set-domain-yes".to_owned(), "Tick what shall be changed.".to_owned())));
        }
        Ok(edits) => edits,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut least = order.names.len();
    for (field, edit) in edits {
        match apply(state, signed_in, order.names.iter().map(|name| (name, edit.clone())).collect()).await? {
            Ok(done) => least = least.min(done),
            Err((_, words)) => return Ok(Err((field.to_owned(), words))),
        }
    }
    Ok(Ok(format!("expected-{least}")))
}

/// What was done, from the address: a known word and a number, no text of anybody's.
pub(super) fn done(did: &str) -> Markup {
    let (word, count) = did.split_once('-').unwrap_or((did, ""));
    let count: usize = count.parse().unwrap_or_default();
    let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    match word {
        "rechecked" => said(Tone::Working, &format!("{rows} will be checked now.")),
        "quota" => said(Tone::Bad, &format!("The month's fetches are used up. {rows} will be checked, the others not.")),
        "backlog" => said(Tone::Bad, &format!("As many jobs wait as the plan allows. {rows} will be checked, the others not.")),
        "skipped" => said(Tone::Skipped, &format!("{rows} skipped.")),
        "unskipped" => said(Tone::Ok, &format!("{rows} taken in again.")),
        "accepted" => said(Tone::Ok, &format!("{rows}: where it lands is what is expected now. Check again to see it judged by that.")),
        "expected" => said(Tone::Ok, &format!("{rows}: saved. The next check goes by it.")),
        "imported" => said(Tone::Working, &format!("{rows} imported and queued.")),
        "saved" => said(Tone::Ok, "Saved. The next check goes by it."),
        "nothing" => said(Tone::Review, "No row was ticked, or none fits any more."),
        _ => html! {},
    }
}
