//! `GET /api/links/verify`: a signed no-op, for setting a caller up.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use domain::Month;
use protocol::key::Verified;

use crate::answer;
use crate::ingress::read::signed_read;
use crate::ingress::signature::{NoBody, Signed, ToVerify};
use crate::keys::SignedWith;
use crate::problem::{Refusal, Refused};
use crate::state::Shared;

pub(crate) async fn verify(
    State(state): State<Shared>,
    uri: Uri,
    Signed { caller, .. }: Signed<NoBody<ToVerify>>,
) -> Result<Response, Refused> {
    signed_read(&state, &caller, (&uri, &[]), async |_| {
        let key = &caller.key;
        if !key.plan.as_ref().is_some_and(|plan| plan.api_links) {
            return Err(Refusal::PlanRequired);
        }
        let verified = Verified {
            key_id: key.key_id.clone(),
            label: key.label.clone(),
            environment: key.environment,
            scopes: key.terms.scopes,
            expires_at: key.terms.expires_at,
            secret_ends_at: match caller.signed_with {
                SignedWith::Current => None,
                SignedWith::Previous(end) => Some(end),
            },
            plan: key.plan_name.clone(),
            quota_remaining: caller.last_standing().and_then(|standing| standing.remaining()),
            quota_renews_at: Month::of(caller.received_at).renews_at(),
        };
        answer::json(StatusCode::OK, &verified)
    })
    .await
}
