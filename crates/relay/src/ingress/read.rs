//! What every signed request does that is no admission: it spends its nonce, reads its query, and is answered with its
//! caller's limits.

use axum::http::Uri;
use axum::response::Response;

use crate::ingress::query::Query;
use crate::ingress::signature::Caller;
use crate::problem::{Refusal, Refused};
use crate::state::Shared;

/// Answers a signed request, whose query may have these parameters.
pub(crate) async fn signed_read<A>(
    state: &Shared,
    caller: &Caller,
    (uri, parameters): (&Uri, &[&str]),
    answer: impl FnOnce(Query) -> A,
) -> Result<Response, Refused>
where
    A: Future<Output = Result<Response, Refusal>>,
{
    let limits = caller.spend_nonce(state).await?;
    let answered = match Query::read(uri, parameters) {
        Ok(query) => answer(query).await,
        Err(refusal) => Err(refusal),
    };
    Ok(limits.on(answered))
}
