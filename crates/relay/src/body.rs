//! Reading a body once, whole, within its bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::problem::Refusal;

/// Time that a body may take to arrive: a slow sender must not hold a connection for long.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Reads the body.
///
/// # Errors
/// When it has more than `limit` bytes, or does not arrive within [`ARRIVAL`], or breaks off.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    use http_body::Body as _;
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::BodyTooLarge { limit });
    }
    tokio::time::timeout(ARRIVAL, collect(body, limit)).await.unwrap_or(Err(Refusal::RequestTimeout))
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::RequestTimeout)?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + joined.len() + data.len() > limit {
            return Err(Refusal::BodyTooLarge { limit });
        }
        // Nearly every body comes in one piece, which needs no copy.
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}
