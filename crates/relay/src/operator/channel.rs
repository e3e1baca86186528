//! An account's active channel, for whoever is at the relay's own machine.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::audit::Actor;
use domain::channel::Channel;
use protocol::fetch_request::PayloadError;
use serde::Deserialize;

use super::{Operator, account_named, read};
use crate::path::PathParts;
use crate::problem::Refusal;
use crate::state::Shared;
use crate::{answer, ingress};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewChannel {
    source: String,
    freshness_seconds: u32,
}

/// `GET /api/operator/accounts/{account}/channel`
pub(crate) async fn show(
    State(state): State<Shared>,
    PathParts(name): PathParts<String>,
    _operator: Operator,
) -> Result<Response, Refusal> {
    let account = account_named(&state, &name).await?;
    let channel = state.store.channel(account.id).await?;
    answer::json(StatusCode::OK, &ingress::channel::active(&state, channel))
}

/// `POST /api/operator/accounts/{account}/channel`
pub(crate) async fn set(
    State(state): State<Shared>,
    PathParts(name): PathParts<String>,
    _operator: Operator,
    request: Request,
) -> Result<Response, Refusal> {
    let NewChannel { source, freshness_seconds } = read(&state, request).await?;
    let account = account_named(&state, &name).await?;
    let channel = Channel::new(&source, freshness_seconds, &state.store.channel_sources(account.id).await?)
        .map_err(|error| Refusal::InvalidPayload(vec![PayloadError::new("", format!("is refused: {error}"))]))?;
    state.store.set_channel(account.id, channel.clone(), Actor::Machine, state.now()).await?;
    answer::json(StatusCode::OK, &ingress::channel::active(&state, channel))
}
