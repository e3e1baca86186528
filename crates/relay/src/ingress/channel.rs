//! `GET /api/channel`: from where the account's scripts should read, and for how long a check counts there.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use domain::channel::Channel;
use protocol::ActiveChannel;

use crate::answer;
use crate::ingress::read::signed_read;
use crate::ingress::signature::{NoBody, Signed};
use crate::problem::Refused;
use crate::state::{RelayState, Shared};

pub(crate) async fn channel(State(state): State<Shared>, uri: Uri, Signed { caller, .. }: Signed<NoBody>) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, &[]), async |_| {
        let channel = state.store.channel(caller.key.account).await?;
        answer::json(StatusCode::OK, &active(&state, channel))
    })
    .await
}

/// A channel as it is told.
pub(crate) fn active(state: &RelayState, Channel { source, freshness_seconds }: Channel) -> ActiveChannel {
    ActiveChannel { rows_url: format!("{}/api/rows?source={source}", state.public_url), source, freshness_seconds }
}
