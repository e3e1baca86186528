//! What the table shows, as a file: CSV for spreadsheets, JSON, and NDJSON. Written as it is read, piece by piece, so that a
//! million rows take no memory, and neither does a reader who does not read.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::stream::try_unfold;
use protocol::{Row, UnixMillis};
use store::{Asker, ConsoleRowFilter, RowPlace};

use super::csv_text::harmless;
use super::query::RowQuery;
use crate::console::fault::Fault;
use crate::console::signed_in::SignedIn;
use crate::console::still_may;
use crate::live::StillMay;
use crate::places::Place;
use crate::state::Shared;

/// Rows of one piece; where they are large, the store ends it earlier.
const STRETCH: usize = 1_000;

/// The columns of a CSV, in the words of the wire.
const COLUMNS: [&str; 13] = [
    "source",
    "rowId",
    "offerName",
    "trackingUrl",
    "expectedDomain",
    "checkStatus",
    "conclusion",
    "finalUrl",
    "error",
    "skipReason",
    "lastChecked",
    "readyForAds",
    "notReadyReasons",
];

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
    Ndjson,
}

impl Format {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
        }
    }
}

/// `GET /console/{account}/rows/export.csv`
pub(in crate::console) async fn csv(
    state: State<Shared>,
    signed_in: SignedIn,
    headers: HeaderMap,
    query: Query<RowQuery>,
) -> Result<Response, Fault> {
    file(Format::Csv, state, &signed_in, &headers, query)
}

/// `GET /console/{account}/rows/export.json`
pub(in crate::console) async fn json(
    state: State<Shared>,
    signed_in: SignedIn,
    headers: HeaderMap,
    query: Query<RowQuery>,
) -> Result<Response, Fault> {
    file(Format::Json, state, &signed_in, &headers, query)
}

/// `GET /console/{account}/rows/export.ndjson`
pub(in crate::console) async fn ndjson(
    state: State<Shared>,
    signed_in: SignedIn,
    headers: HeaderMap,
    query: Query<RowQuery>,
) -> Result<Response, Fault> {
    file(Format::Ndjson, state, &signed_in, &headers, query)
}

/// Where the file has come to.
enum At {
    Beginning,
    Row { after: Option<RowPlace>, is_first: bool },
    End,
}

/// A file that is being written.
struct Export {
    format: Format,
    state: Shared,
    filter: ConsoleRowFilter,
    now: UnixMillis,
    /// Whoever is signed out or removed meanwhile gets no more of it.
    still_may: StillMay,
    /// Held for as long as it is written.
    _place: Place,
}

fn file(
    format: Format,
    State(state): State<Shared>,
    signed_in: &SignedIn,
    headers: &HeaderMap,
    Query(query): Query<RowQuery>,
) -> Result<Response, Fault> {
    let now = state.now();
    let operator = signed_in.operator().id.to_string();
    let filter = ConsoleRowFilter { asker: Some(Asker::named(&operator)), ..query.whole_filter(signed_in.account(), now, STRETCH) };
    let (place, still_may) = (state.exports.take(operator)?, still_may::of(&state, headers, signed_in)?);
    let export = Export { format, state, filter, now, still_may, _place: place };
    let stream = try_unfold((export, At::Beginning), |(export, at)| async move {
        let part = export.next_part(at).await?;
        Ok::<_, io::Error>(part.map(|(bytes, at)| (bytes, (export, at))))
    });
    let mut response = Response::new(Body::from_stream(stream));
    let name = format!("attachment; filename=\"link-peeler-rows.{}\"", format.extension());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.extend(HeaderValue::from_str(&name).ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    Ok(response)
}

impl Export {
    async fn next_part(&self, at: At) -> Result<Option<(Bytes, At)>, io::Error> {
        let format = self.format;
        let (after, mut is_first) = match at {
            At::Beginning => {
                let start = match format {
                    Format::Csv => line(&COLUMNS)?,
                    Format::Json => b"[".to_vec(),
                    Format::Ndjson => Vec::new(),
                };
                return Ok(Some((start.into(), At::Row { after: None, is_first: true })));
            }
            At::Row { after, is_first } => (after, is_first),
            At::End => return Ok(None),
        };
        // A file that breaks off in the middle must look broken, and does: the connection ends without its end.
        if !(self.still_may)().await {
            return Err(io::Error::other("whoever asked for the file may not have it any more"));
        }
        let filter = ConsoleRowFilter { after, ..self.filter.clone() };
        let page = self.state.store.console_rows(filter, self.now).await.map_err(io::Error::other)?;
        let mut part = Vec::new();
        for found in &page.rows {
            match format {
                Format::Csv => part.extend(line(&cells(&found.row))?),
                Format::Json => {
                    part.extend_from_slice(if is_first { b"\n" } else { b",\n" });
                    serde_json::to_writer(&mut part, &found.row)?;
                }
                Format::Ndjson => {
                    serde_json::to_writer(&mut part, &found.row)?;
                    part.push(b'\n');
                }
            }
            is_first = false;
        }
        let then = match page.next {
            Some(place) => At::Row { after: Some(place), is_first },
            None => {
                if matches!(format, Format::Json) {
                    part.extend_from_slice(b"\n]\n");
                }
                At::End
            }
        };
        Ok(Some((part.into(), then)))
    }
}

fn line<T: AsRef<str>>(cells: &[T]) -> Result<Vec<u8>, io::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells.iter().map(|cell| harmless(cell.as_ref()).into_owned()))?;
    writer.into_inner().map_err(|error| error.into_error())
}

fn cells(row: &Row) -> [String; 13] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    [
        row.source.clone(),
        row.row_id.clone(),
        text(&row.offer_name),
        row.tracking_url.clone(),
        text(&row.expected_domain),
        word(serde_json::json!(row.check_status)),
        row.conclusion.map(|conclusion| conclusion.code().to_owned()).unwrap_or_default(),
        text(&row.final_url),
        text(&row.error),
        text(&row.skip_reason),
        row.last_checked.map(|at| at.to_string()).unwrap_or_default(),
        row.ready_for_ads.to_string(),
        row.not_ready_reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(" "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_quoted_and_harmless() {
        let written = String::from_utf8(line(&["=cmd|' /C calc'!A0", "a,b", "c\"d", "e\nf"]).unwrap()).unwrap();
        assert_eq!(written, "'=cmd|' /C calc'!A0,\"a,b\",\"c\"\"d\",\"e\nf\"\r\n");
    }
}
