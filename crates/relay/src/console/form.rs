//! The fields of a form, within bounds.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::body::Sender;
use crate::state::Shared;

/// Bytes of a form: names, addresses, passphrases, a few hundred ticks.
const MAX_BYTES: usize = 64 * 1_024;

/// The fields of a form.
pub(crate) struct Form<T>(pub(crate) T);

/// The fields of a form with a file's text in it.
pub(crate) struct LongForm<T>(pub(crate) T);

/// Bytes of a form with a file: some thousand rows with their URLs, which forms write three times as long.
const MAX_LONG_BYTES: usize = 4 * 1_024 * 1_024;

impl<T: DeserializeOwned> FromRequest<Shared> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Fault> {
        read(request, state, MAX_BYTES).await.map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<Shared> for LongForm<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Fault> {
        read(request, state, MAX_LONG_BYTES).await.map(Self)
    }
}

async fn read<T: DeserializeOwned>(request: Request, state: &Shared, most: usize) -> Result<T, Fault> {
    let (parts, body) = request.into_parts();
    let body = state.bodies.read(Sender::of(&parts.extensions), body, most).await?;
    let whole = Request::from_parts(parts, body.bytes.into());
    match axum::Form::<T>::from_request(whole, state).await {
        Ok(axum::Form(fields)) => Ok(fields),
        Err(_) => Err(Fault::BadForm("A field is missing or has a value that it cannot have. Open the page again.".to_owned())),
    }
}
