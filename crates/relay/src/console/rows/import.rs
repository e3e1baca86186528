//! Rows from a CSV file: paste or drop, say which column is what, see what would be read and what is wrong with it line by
//! line, then take it in. Every row is admitted as a caller's request is, so quota and backlog hold.

use std::borrow::Cow;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::audit::Actor;
use futures_util::{StreamExt, stream};
use protocol::strict_json::StrictValue;
use protocol::text::is_plain_text;
use protocol::{AccountId, Environment, FetchRequest, RequiredParameter, UnixMillis};
use serde::Deserialize;
use store::{Admission, AdmissionRequest, RowEdit, Store};
use ui::button::{self, Weight};
use ui::field::{self, Field};
use ui::header::{crumbs, page_header};
use ui::table::{Column, table};
use ui::{Icon, Markup, Tone, card, html, notice};

use super::ROWS;
use super::csv_text::{self, Line, Sheet};
use super::list::said;
use crate::console::fault::Fault;
use crate::console::form::LongForm;
use crate::console::signed_in::{Operator, SignedIn};
use crate::state::Shared;

/// Where rows from files live.
const SOURCE: &str = "csv";
/// Rows that one file may have: what can be admitted while a person waits.
const MAX_ROWS: usize = 5_000;
/// Rows of the preview.
const PREVIEWED: usize = 8;
/// Faults that are listed; a file with more has the same one throughout.
const MAX_FAULTS: usize = 50;
/// Bytes of a refused file that are shown again, to be mended in place.
const MAX_ECHO: usize = 64 * 1_024;
/// Characters of a cell, of a column's name or of what is wrong with a line that are shown: enough to know it again.
const MAX_SHOWN: usize = 200;
/// Required parameters of one row, as for callers.
const MAX_REQUIRED: usize = protocol::expectation::MAX_REQUIRED_PARAMETERS;
/// Characters of the name of an offer.
const MAX_OFFER: usize = 300;
/// Admissions that are on their way at once.
const AT_ONCE: usize = 64;

/// What a column may be: field of the form, what a person calls it, names by which it is guessed, whether it is needed.
const PARTS: [(&str, &str, &[&str], bool); 5] = [
    ("row", "Row id", &["row", "id", "rowid", "row id", "row_id", "campaign", "campaign id", "name"], true),
    ("url", "Tracking URL", &["url", "link", "trackingurl", "tracking url", "tracking_url", "click url", "tracking link"], true),
    ("domain", "Expected domain", &["domain", "expecteddomain", "expected domain", "expected_domain", "landing domain"], false),
    ("offer", "Offer name", &["offer", "offername", "offer name", "offer_name", "title"], false),
    (
        "required",
        "Required parameters",
        &["required", "parameters", "requiredparameters", "required parameters", "required_parameters"],
        false,
    ),
];

/// The form. `step` says how far the person has come.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Import {
    csv: String,
    step: String,
    /// Names this import, so that sending it twice takes it in once.
    import: String,
    row: String,
    url: String,
    domain: String,
    offer: String,
    required: String,
}

/// Which column is what: the column's number by the order of [`PARTS`].
type Mapping = [Option<usize>; 5];

/// A row as the file has it.
struct Wanted {
    line: u64,
    fetch: FetchRequest,
    offer: Option<String>,
    required: Vec<RequiredParameter>,
}

/// A line that cannot be taken in, and why.
type LineFault = (u64, String);

/// `GET /console/{account}/rows/import`
pub(in crate::console) async fn page(signed_in: SignedIn<Operator>) -> Response {
    signed_in.page("Import rows", ROWS, first_step(&signed_in, "", None))
}

/// `POST /console/{account}/rows/import`
pub(in crate::console) async fn import(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    LongForm(form): LongForm<Import>,
) -> Result<Response, Fault> {
    let read = csv_text::read(&form.csv, MAX_ROWS);
    let (header, lines) = match read {
        Err((line, why)) => return Ok(again(&signed_in, &form.csv, &format!("Line {line} cannot be taken: {why}."))),
        Ok(Sheet { is_cut: true, .. }) => {
            let why = format!("A file may have {} rows. Split it.", ui::number::grouped(MAX_ROWS as u64));
            return Ok(again(&signed_in, &form.csv, &why));
        }
        Ok(Sheet { header, lines, .. }) if header.is_empty() || lines.is_empty() => {
            let why = "There must be a line with the names of the columns, and at least one line below it.";
            return Ok(again(&signed_in, &form.csv, why));
        }
        Ok(Sheet { header, lines, .. }) => (header, lines),
    };
    let mapping = form.mapping(&header);
    let token = if form.import.is_empty() { protocol::RequestId::random(state.now()).to_string() } else { form.import.clone() };
    let (wanted, mut faults) = wanted(&lines, &mapping, &token);
    if form.step != "go" || !faults.is_empty() || wanted.is_empty() {
        let status = if form.step == "go" { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let step = Step { form: &form, header: &header, lines: &lines, mapping: &mapping, token: &token };
        return Ok(signed_in.page_with(status, "Import rows", ROWS, step.second(&signed_in, wanted.len(), &faults)));
    }
    let taken = take_in(&signed_in.store, (signed_in.account(), signed_in.actor(), state.now()), wanted, &mut faults).await?;
    if faults.is_empty() {
        return Ok(signed_in.go(&format!("{ROWS}?source={SOURCE}&did=imported-{taken}")));
    }
    Ok(signed_in.page("Import rows", ROWS, last_step(&signed_in, taken, &faults)))
}

impl Import {
    fn chosen(&self) -> [&str; 5] {
        [&self.row, &self.url, &self.domain, &self.offer, &self.required]
    }

    /// What the person has chosen; before that, what the names of the columns suggest.
    fn mapping(&self, header: &[String]) -> Mapping {
        let guess = self.step.is_empty();
        let mut mapping = [None; 5];
        for (place, ((_, _, names, _), chosen)) in mapping.iter_mut().zip(PARTS.iter().zip(self.chosen())) {
            *place = if guess {
                names.iter().find_map(|name| header.iter().position(|column| column.to_lowercase() == *name))
            } else {
                chosen.parse().ok().filter(|column| *column < header.len())
            };
        }
        mapping
    }
}

/// The rows that the lines stand for, and the lines that stand for none.
fn wanted(lines: &[Line], mapping: &Mapping, token: &str) -> (Vec<Wanted>, Vec<LineFault>) {
    let (mut wanted, mut faults) = (Vec::new(), Vec::new());
    if mapping[0].is_none() || mapping[1].is_none() {
        return (wanted, faults);
    }
    let mut seen = std::collections::HashMap::new();
    for line in lines {
        match read_line(line, mapping, token) {
            Err(why) => faults.push((line.number, why)),
            Ok(row) => match seen.insert(row.fetch.row_id.clone(), line.number) {
                Some(earlier) => faults.push((line.number, format!("has the row id of line {earlier}"))),
                None => wanted.push(row),
            },
        }
    }
    (wanted, faults)
}

fn read_line(line: &Line, mapping: &Mapping, token: &str) -> Result<Wanted, String> {
    let cell = |part: usize| mapping[part].and_then(|column| line.cells.get(column)).map(String::as_str).filter(|cell| !cell.is_empty());
    // Read as a caller's request is, by the same rules and with the same words.
    let mut payload = serde_json::json!({
        "idempotencyKey": format!("import/{token}/{}", line.number),
        "trackingUrl": cell(1).unwrap_or_default(),
        "source": SOURCE,
        "rowId": cell(0).unwrap_or_default(),
    });
    if let Some(domain) = cell(2) {
        payload["expectedDomain"] = domain.into();
    }
    let text = payload.to_string();
    let value = StrictValue::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let fetch = FetchRequest::read(&value, |_| true).map_err(|faults| {
        let told = |fault: &protocol::PayloadError| format!("{} {}", part_of(&fault.pointer), fault.detail);
        faults.iter().map(told).collect::<Vec<_>>().join("; ")
    })?;
    let names = cell(4).unwrap_or_default().split([',', ';', ' ']).filter(|name| !name.is_empty());
    let told = |name: &str, why: &dyn std::fmt::Display| format!("required parameter “{}” {why}", shortened(name));
    // One more than may be is enough to know that there are too many.
    let required = names.take(MAX_REQUIRED + 1).map(|name| name.parse::<RequiredParameter>().map_err(|why| told(name, &why)));
    let required: Vec<RequiredParameter> = required.collect::<Result<_, _>>()?;
    if required.len() > MAX_REQUIRED {
        return Err(format!("a row may have {MAX_REQUIRED} required parameters"));
    }
    let offer = cell(3).map(str::to_owned);
    if offer.as_ref().is_some_and(|name| name.chars().count() > MAX_OFFER || !is_plain_text(name)) {
        return Err(format!(
            "the offer name must have at most {MAX_OFFER} characters, and none that control or turn the direction of text"
        ));
    }
    Ok(Wanted { line: line.number, fetch, offer, required })
}

/// What a person calls a member of the payload.
fn part_of(pointer: &str) -> &'static str {
    match pointer {
        "/trackingUrl" => "the tracking URL",
        "/rowId" => "the row id",
        "/expectedDomain" => "the expected domain",
        _ => "the line",
    }
}

/// Admits the rows; returns how many were.
async fn take_in(
    store: &Store,
    (account, by, now): (AccountId, Actor, UnixMillis),
    wanted: Vec<Wanted>,
    faults: &mut Vec<LineFault>,
) -> Result<usize, Fault> {
    let answers: Vec<Result<Option<LineFault>, Fault>> =
        stream::iter(wanted).map(|row| take_in_one(store, account, row, by.clone(), now)).buffered(AT_ONCE).collect().await;
    let mut taken = 0;
    for answer in answers {
        match answer? {
            None => taken += 1,
            Some(fault) => faults.push(fault),
        }
    }
    Ok(taken)
}

async fn take_in_one(store: &Store, account: AccountId, row: Wanted, by: Actor, now: UnixMillis) -> Result<Option<LineFault>, Fault> {
    let Wanted { line, fetch, offer, required } = row;
    let whose = (account, Environment::Live);
    let name = (fetch.source.clone(), fetch.row_id.clone());
    let request = AdmissionRequest::of_person(whose, fetch, by.clone(), now);
    let refused = match store.admit(request).await?.admission {
        // Sent twice: it was taken in the first time.
        Admission::Accepted(_) | Admission::Replayed(_) | Admission::NonceReused => None,
        Admission::QuotaExceeded => Some("the month's fetches are used up"),
        Admission::BacklogFull { .. } => Some("as many jobs wait as the plan allows"),
        Admission::PlanRequired => Some("the plan does not include checks"),
        Admission::NonceForgotten | Admission::IdempotencyMismatch { .. } => Some("this import is too old; begin again"),
    };
    if let Some(why) = refused {
        return Ok(Some((line, why.to_owned())));
    }
    // A row must be there before anything can be expected of it; its first job, which waits, is told at once.
    let has_expectation = !required.is_empty();
    if has_expectation {
        store.edit_row(whose, name.clone(), RowEdit::RequiredParameters(required), by, now).await?;
    }
    if offer.is_some() || has_expectation {
        store.finish_import(whose, name, offer).await?;
    }
    Ok(None)
}

/// What is wrong with the file, above what was pasted. A long one is not sent back: it would come back many times as long.
fn again(signed_in: &SignedIn<Operator>, csv: &str, why: &str) -> Response {
    let csv = if csv.len() <= MAX_ECHO { csv } else { "" };
    signed_in.page_with(StatusCode::UNPROCESSABLE_ENTITY, "Import rows", ROWS, first_step(signed_in, csv, Some(why)))
}

fn around(signed_in: &SignedIn<Operator>, about: &str, body: &Markup) -> Markup {
    html! {
        (crumbs(&[(&signed_in.path(ROWS), "Rows")]))
        (page_header("Import rows", Some(about), &html! {}))
        (body)
    }
}

fn first_step(signed_in: &SignedIn<Operator>, csv: &str, error: Option<&str>) -> Markup {
    let example = "row id,tracking url,expected domain\nspring-sale,https://track.example/c?id=1,shop.example\n";
    let form = html! {
        form.form method="post" action=(signed_in.path("/rows/import")) {
            (notice::errors(&error.map(|why| ("csv".to_owned(), why.to_owned())).into_iter().collect::<Vec<_>>()))
            (field::file_into("csv-file", "csv", ".csv,.tsv,.txt,text/csv", "Choose or drop a CSV file"))
            (field::area(12, &Field {
                name: "csv", label: "CSV", value: csv, required: true, error,
                hint: Some("Paste it here. The first line names the columns; commas, semicolons or tabs separate them."), ..Field::default()
            }))
            (field::actions(&button::submit(Weight::Main, Some(Icon::Right), "Go on")))
        }
    };
    around(
        signed_in,
        "Each row is checked at once, and uses one fetch of the quota.",
        &html! {
            (card::card("The file", &html! {}, &form))
            (card::fold("What it looks like", false, &ui::code::block("example", "Example of a CSV file", example)))
        },
    )
}

fn last_step(signed_in: &SignedIn<Operator>, taken: usize, faults: &[LineFault]) -> Markup {
    around(
        signed_in,
        "The rows that could be taken in are queued.",
        &html! {
            (said(if taken > 0 { Tone::Review } else { Tone::Bad }, &format!("{taken} rows imported, {} not", faults.len())))
            (card::flush_card("Lines that were not taken in", &html! {}, &faults_table(faults)))
            div.buttons { (button::link(Weight::Main, None, "To the rows", &signed_in.path(&format!("{ROWS}?source={SOURCE}")))) }
        },
    )
}

fn faults_table(faults: &[LineFault]) -> Markup {
    let body = html! {
        @for (line, why) in faults.iter().take(MAX_FAULTS) { tr { td.right { (line) } td { (shortened(why)) } } }
        @if faults.len() > MAX_FAULTS { tr { td.right { "…" } td { (faults.len() - MAX_FAULTS) " more lines" } } }
    };
    table("Lines with errors", &[Column::new("Line").numeric(), Column::new("What is wrong")], &body)
}

/// A text of the file, as far as it is shown.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_SHOWN) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The file as it was read, with what the person said of its columns.
struct Step<'s> {
    form: &'s Import,
    header: &'s [String],
    lines: &'s [Line],
    mapping: &'s Mapping,
    token: &'s str,
}

impl Step<'_> {
    fn second(&self, signed_in: &SignedIn<Operator>, good: usize, faults: &[LineFault]) -> Markup {
        let columns: Vec<(String, Cow<'_, str>)> =
            self.header.iter().enumerate().map(|(index, name)| (index.to_string(), shortened(name))).collect();
        let ready = self.mapping[0].is_some() && self.mapping[1].is_some();
        let form = html! {
            form.form method="post" action=(signed_in.path("/rows/import")) {
                input type="hidden" name="csv" value=(self.form.csv);
                input type="hidden" name="import" value=(self.token);
                div.mapping {
                    @for ((name, label, _, needed), chosen) in PARTS.iter().zip(self.mapping) {
                        @let value = chosen.map(|column| column.to_string()).unwrap_or_default();
                        @let options = std::iter::once(("", if *needed { "choose a column" } else { "none" })).chain(columns.iter().map(|(index, column)| (index.as_str(), column.as_ref()))).collect::<Vec<_>>();
                        (field::select(&options, &Field { name, label, value: &value, required: *needed, ..Field::default() }))
                    }
                }
                (field::actions(&html! {
                    (button::choice(Weight::Plain, Some(Icon::Working), "Look again", "step", "look"))
                    @if ready && faults.is_empty() && good > 0 { (button::choice(Weight::Main, Some(Icon::Upload), &format!("Import {good} rows"), "step", "go")) }
                    (button::link(Weight::Quiet, None, "Begin again", &signed_in.path("/rows/import")))
                }))
            }
        };
        around(
            signed_in,
            "Say which column is what.",
            &html! {
                @if !ready { (said(Tone::Review, "Choose the columns of row id and tracking URL.")) }
                @else if faults.is_empty() { (said(Tone::Ok, &format!("{good} rows can be imported."))) }
                @else { (said(Tone::Bad, &format!("{} of {} lines cannot be read. Mend them in the file and begin again, or choose other columns.", faults.len(), self.lines.len()))) }
                (card::card("Columns", &html! {}, &form))
                @if !faults.is_empty() { (card::flush_card("What is wrong", &html! {}, &faults_table(faults))) }
                (card::flush_card("Preview", &html! { span.faint { (self.lines.len()) " lines" } }, &self.preview()))
            },
        )
    }

    fn preview(&self) -> Markup {
        let names: Vec<Cow<'_, str>> = self.header.iter().map(|name| shortened(name)).collect();
        let columns: Vec<Column<'_>> =
            std::iter::once(Column::new("Line").numeric()).chain(names.iter().map(|name| Column::new(name))).collect();
        let body = html! {
            @for line in self.lines.iter().take(PREVIEWED) {
                tr { td.right { (line.number) } @for index in 0..self.header.len() { td { (line.cells.get(index).map(|cell| shortened(cell)).unwrap_or_default()) } } }
            }
        };
        table("Preview of the file", &columns, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Wanted>, Vec<LineFault>) {
        let Sheet { header, lines, .. } = csv_text::read(text, MAX_ROWS).unwrap();
        let mapping = Import::default().mapping(&header);
        wanted(&lines, &mapping, "t")
    }

    #[test]
    fn columns_are_guessed_by_their_names() {
        let (rows, faults) = read("Offer,Tracking URL,Row ID,required\nShoes,https://t.example/1,a,gclid sub=7\n");
        assert_eq!(faults, []);
        assert_eq!((rows[0].fetch.row_id.as_str(), rows[0].fetch.tracking_url.as_str()), ("a", "https://t.example/1"));
        assert_eq!(rows[0].offer.as_deref(), Some("Shoes"));
        assert_eq!(rows[0].required.iter().map(ToString::to_string).collect::<Vec<_>>(), ["gclid", "sub=7"]);
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let (rows, faults) = read("row,url\na,https://t.example/1\nb,javascript:alert(1)\na,https://t.example/2\n,https://t.example/3\n");
        assert_eq!(rows.len(), 1);
        assert_eq!(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(faults[0].1.starts_with("the tracking URL") && faults[1].1.contains("line 2"), "{faults:?}");
    }
}
