//! The variable parts of a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Refusal;

/// The variable parts of a path, decoded. A part that decodes to no text names nothing that could be here.
pub(crate) struct PathParts<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParts<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(values) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| Refusal::NotFound)?;
        Ok(Self(values))
    }
}
