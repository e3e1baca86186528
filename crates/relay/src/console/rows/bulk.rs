//! What a person does to many rows at once, or to one: check again, skip, take in again, accept where they land. Each row is
//! an operation of its own; what could not be done is said.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use store::{Admission, Recheck, RowEdit, RowEdited};
use ui::confirm::{Question, question};
use ui::field::{self, Field};
use ui::{Markup, Tone, html, link};

use super::ROWS;
use super::list::said;
use crate::console::fault::Fault;
use crate::console::form::Form;
use crate::console::place::{RowName, segment};
use crate::console::signed_in::{Operator, SignedIn};
use crate::state::{RelayState, Shared};

/// Rows that one form acts on: more than a page has.
const MAX_ROWS: usize = 200;

/// The fields of a form with ticks; a name may come many times.
pub(in crate::console) type Fields = Vec<(String, String)>;

fn all<'f>(fields: &'f Fields, name: &str) -> Vec<&'f str> {
    fields.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
}

fn first<'f>(fields: &'f Fields, name: &str) -> &'f str {
    all(fields, name).first().copied().unwrap_or_default()
}

/// `POST /console/{account}/rows/act`
pub(in crate::console) async fn act(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let names: Vec<RowName> = all(&fields, "row").into_iter().take(MAX_ROWS).filter_map(|name| name.parse().ok()).collect();
    let back = first(&fields, "back");
    let go_back = |did: &str| {
        let back = if back.starts_with('/') { back.to_owned() } else { format!("{ROWS}{back}") };
        let sign = if back.contains('?') { '&' } else { '?' };
        signed_in.go(&format!("{back}{sign}did={}", segment(did)))
    };
    if names.is_empty() {
        return Ok(go_back("nothing"));
    }
    match (first(&fields, "act"), first(&fields, "reason").trim()) {
        ("recheck", _) => recheck(&state, &signed_in, &names).await.map(|done| go_back(&done)),
        ("unskip", _) => {
            let edits = names.iter().map(|name| (name, RowEdit::Unskip)).collect();
            edit_each(&state, &signed_in, edits, "unskipped").await.map(|done| go_back(&done))
        }
        ("skip", "") => Ok(signed_in.page("Skip rows", ROWS, ask_reason(&signed_in, &names, back))),
        ("skip", reason) => {
            let edits = names.iter().map(|name| (name, RowEdit::Skip { reason: reason.to_owned() })).collect();
            edit_each(&state, &signed_in, edits, "skipped").await.map(|done| go_back(&done))
        }
        ("accept", _) => {
            let seen = all(&fields, "seen");
            if seen.len() != names.len() {
                let main = ask_acceptance(&state, &signed_in, &names, back).await?;
                return Ok(signed_in.page("Accept where rows land", ROWS, main));
            }
            let accept = |(name, seen): (&'_ RowName, &&str)| (name.clone(), RowEdit::AcceptFinalUrl { seen: (*seen).to_owned() });
            let edits: Vec<(RowName, RowEdit)> = names.iter().zip(&seen).map(accept).collect();
            let edits = edits.iter().map(|(name, edit)| (name, edit.clone())).collect();
            edit_each(&state, &signed_in, edits, "accepted").await.map(|done| go_back(&done))
        }
        _ => Ok(signed_in.page_with(StatusCode::BAD_REQUEST, "Rows", ROWS, said(Tone::Bad, "Choose what to do with the rows."))),
    }
}

async fn recheck(state: &RelayState, signed_in: &SignedIn<Operator>, names: &[RowName]) -> Result<String, Fault> {
    let mut done = 0;
    for name in names {
        let whose = (signed_in.account(), name.environment);
        match state.store.recheck(whose, (name.source.clone(), name.row_id.clone()), signed_in.actor(), state.now()).await? {
            Recheck::Decided(Admission::Accepted(_) | Admission::Replayed(_)) | Recheck::UnderWay(_) => done += 1,
            // The same would be said of every other row: the first is enough.
            Recheck::Decided(Admission::QuotaExceeded) => return Ok(format!("quota-{done}")),
            Recheck::Decided(Admission::BacklogFull { .. }) => return Ok(format!("backlog-{done}")),
            Recheck::Decided(_) | Recheck::Unknown => {}
        }
    }
    Ok(format!("rechecked-{done}"))
}

async fn edit_each(
    state: &RelayState,
    signed_in: &SignedIn<Operator>,
    edits: Vec<(&RowName, RowEdit)>,
    word: &str,
) -> Result<String, Fault> {
    let mut done = 0;
    for (name, edit) in edits {
        let whose = (signed_in.account(), name.environment);
        match state.store.edit_row(whose, (name.source.clone(), name.row_id.clone()), edit, signed_in.actor(), state.now()).await? {
            RowEdited::Done(_) => done += 1,
            RowEdited::Unknown | RowEdited::LandsElsewhere { .. } => {}
            RowEdited::Invalid(fault) => {
                return Err(Fault::BadForm(format!("{}: {}.", fault.pointer.trim_start_matches('/'), fault.detail)));
            }
        }
    }
    Ok(format!("{word}-{done}"))
}

fn names_as_fields(names: &[RowName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn ask_reason(signed_in: &SignedIn<Operator>, names: &[RowName], back: &str) -> Markup {
    let values = names_as_fields(names);
    let mut fields: Vec<(&str, &str)> = values.iter().map(|value| ("row", value.as_str())).collect();
    fields.extend([("act", "skip"), ("back", back)]);
    question(&Question {
        title: &match names {
            [one] => format!("Skip {}?", one.row_id),
            many => format!("Skip {} rows?", many.len()),
        },
        consequences: html! { p { "They are not checked until somebody takes them in again. Checks that wait now end as skipped; no quota is used for them." } },
        deed: "Skip",
        action: &signed_in.path("/rows/act"),
        cancel: &signed_in.path(&format!("{ROWS}{back}")),
        fields: &fields,
        asks: field::input(
            "text",
            &Field {
                name: "reason",
                label: "Reason",
                hint: Some("Whoever sees the row will read it: “paused until June”."),
                required: true,
                max_length: Some(500),
                ..Field::default()
            },
        ),
        form_extras: html! {},
    })
}

async fn ask_acceptance(state: &RelayState, signed_in: &SignedIn<Operator>, names: &[RowName], back: &str) -> Result<Markup, Fault> {
    let mut landing = Vec::new();
    for name in names {
        let whose = (signed_in.account(), name.environment);
        let row = state.store.console_row(whose, (name.source.clone(), name.row_id.clone()), state.now()).await?;
        if let Some(url) = row.and_then(|row| row.row.final_url) {
            landing.push((name, url));
        }
    }
    let values = landing.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    let mut fields: Vec<(&str, &str)> = values.iter().map(|value| ("row", value.as_str())).collect();
    fields.extend(landing.iter().map(|(_, url)| ("seen", url.as_str())));
    fields.extend([("act", "accept"), ("back", back)]);
    let consequences = html! {
        @if landing.is_empty() { p { "None of these rows has landed anywhere yet." } }
        @else {
            p { "From the next check on, landing on another host or path is told as drift." }
            ul.landing { @for (name, url) in &landing { li { strong { (name.row_id) } br; (link::outside(url)) } } }
        }
    };
    Ok(question(&Question {
        title: "Accept where these rows land?",
        consequences,
        deed: "Accept",
        action: &signed_in.path("/rows/act"),
        cancel: &signed_in.path(&format!("{ROWS}{back}")),
        fields: &fields,
        asks: html! {},
        form_extras: html! {},
    }))
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
        "imported" => said(Tone::Working, &format!("{rows} imported and queued.")),
        "saved" => said(Tone::Ok, "Saved. The next check goes by it."),
        "nothing" => said(Tone::Review, "No row was ticked."),
        _ => html! {},
    }
}
