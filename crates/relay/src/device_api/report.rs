//! `POST /api/device/report`: results, each with one outcome.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use protocol::device::{ReportAnswer, ReportRequest};

use super::results;
use super::signature::FromDevice;
use crate::answer;
use crate::problem::Refusal;
use crate::state::Shared;

pub(crate) async fn report(State(state): State<Shared>, from: FromDevice<ReportRequest>) -> Result<Response, Refusal> {
    let results = results::check(from.message.results, from.received_at)?;
    let outcomes = state.store.report(from.device.account, from.device.id, results, from.received_at).await?;
    results::note(&state.metrics, &outcomes);
    answer::json(StatusCode::OK, &ReportAnswer { outcomes })
}
