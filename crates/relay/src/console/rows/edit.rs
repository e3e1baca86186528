//! What a person expects of a row: one form, three edits. What is wrong with one leaves the others as they were asked for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use protocol::RequiredParameter;
use serde::Deserialize;
use store::{RowEdit, RowEdited};

use super::ROWS;
use super::detail::{self, RowPath, RowView};
use crate::console::fault::Fault;
use crate::console::form::Form;
use crate::console::signed_in::{Operator, SignedIn};
use crate::path::PathParts;
use crate::state::Shared;

#[derive(Deserialize)]
pub(in crate::console) struct Expected {
    domain: String,
    parameters: String,
    accepted: String,
}

impl Expected {
    /// The edits, or the field at fault.
    fn edits(&self) -> Result<Vec<(&'static str, RowEdit)>, (String, String)> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let lines = self.parameters.lines().map(str::trim).filter(|line| !line.is_empty());
        let required = lines
            .map(|line| line.parse::<RequiredParameter>().map_err(|what| ("parameters".to_owned(), format!("“{line}” {what}."))))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(vec![
            ("domain", RowEdit::ExpectedDomain(given(&self.domain))),
            ("parameters", RowEdit::RequiredParameters(required)),
            ("accepted", RowEdit::AcceptedUrl(given(&self.accepted))),
        ])
    }
}

/// `POST /console/{account}/rows/edit/{env}/{source}/{row}/expect`
pub(in crate::console) async fn expect(
    State(state): State<Shared>,
    signed_in: SignedIn<Operator>,
    PathParts(path): PathParts<RowPath>,
    Form(expected): Form<Expected>,
) -> Result<Response, Fault> {
    let name = path.name()?;
    let whose = (signed_in.account(), name.environment);
    let mut faults = Vec::new();
    match expected.edits() {
        Err(fault) => faults.push(fault),
        Ok(edits) => {
            for (field, edit) in edits {
                match state.store.edit_row(whose, (name.source.clone(), name.row_id.clone()), edit, signed_in.actor(), state.now()).await? {
                    RowEdited::Done(_) | RowEdited::LandsElsewhere { .. } => {}
                    RowEdited::Unknown => return Err(Fault::NotFound),
                    RowEdited::Invalid(fault) => faults.push((field.to_owned(), format!("This {}.", fault.detail))),
                }
            }
        }
    }
    if faults.is_empty() {
        return Ok(signed_in.go(&format!("{}?did=saved", name.path())));
    }
    let main = detail::whole(&state, &signed_in, &name, &RowView::default(), &faults).await?;
    Ok(signed_in.page_with(StatusCode::UNPROCESSABLE_ENTITY, &name.row_id, ROWS, main))
}
