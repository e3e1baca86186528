//! What a person expects of a row: one form, three edits. What is wrong with one leaves the others as they were asked for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use protocol::RequiredParameter;
use serde::Deserialize;
use store::{RowEdit, RowEdited};

use super::ROWS;
use super::bulk::FieldFault;
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

/// Edits with the fields that ask for them.
type Edits = Vec<(&'static str, RowEdit)>;

impl Expected {
    /// The edits, or the field at fault.
    fn edits(&self) -> Result<Edits, FieldFault> {
        let mut edits = Self::some(Some(self.domain.clone()), Some(self.parameters.clone()))?;
        edits.push(("accepted", RowEdit::AcceptedUrl(given(&self.accepted))));
        Ok(edits)
    }

    /// The edits of what is given, or the field at fault. An empty text takes the expectation away.
    pub(super) fn some(domain: Option<String>, parameters: Option<String>) -> Result<Edits, FieldFault> {
        let required = parameters.map(|text| {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let read =
                |line: &str| line.parse::<RequiredParameter>().map_err(|what| ("parameters".to_owned(), format!("“{line}” {what}.")));
            lines.map(read).collect::<Result<Vec<_>, _>>()
        });
        let domain = domain.map(|text| ("domain", RowEdit::ExpectedDomain(given(&text))));
        let parameters = required.transpose()?.map(|required| ("parameters", RowEdit::RequiredParameters(required)));
        Ok(domain.into_iter().chain(parameters).collect())
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
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
                match signed_in
                    .store
                    .edit_row(whose, (name.source.clone(), name.row_id.clone()), edit, signed_in.actor(), state.now())
                    .await?
                {
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
