//! The variable parts of a path.

use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Refusal;

/// The variable parts of a path, decoded. A part that decodes to no text, or to one with control characters, names nothing
/// that could be here.
pub(crate) struct PathParts<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParts<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let texts = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Refusal::NotFound)?;
        if texts.iter().any(|(_, text)| text.chars().any(char::is_control)) {
            return Err(Refusal::NotFound);
        }
        let Path(values) = Path::<T>::from_request_parts(parts, state).await.map_err(|_| Refusal::NotFound)?;
        Ok(Self(values))
    }
}
