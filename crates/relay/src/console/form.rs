//! The fields of a form, within bounds.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::state::Shared;

/// Bytes of a form: names, addresses, passphrases, a few hundred ticks.
const MAX_BYTES: usize = 64 * 1_024;

/// The fields of a form.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let body = state.bodies.read(body, MAX_BYTES).await?;
        let whole = Request::from_parts(parts, body.bytes.into());
        match axum::Form::<T>::from_request(whole, state).await {
            Ok(axum::Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(Fault::BadForm("A field is missing or has a value that it cannot have. Open the page again.".to_owned())),
        }
    }
}
