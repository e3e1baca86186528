//! A caller that signs: finished `POST /api/links/fetch` requests, each of a new job.

use std::net::SocketAddr;

use protocol::signature::{FETCH_PATH, SignedTarget, UnsignedRequest, sign};
use protocol::{Clock, KeyId, Secret, SystemClock};

use crate::http1;

/// A key, and the number of its next job.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) key_id: KeyId,
    pub(crate) secret: Secret,
    /// Part of every name, so that a second caller of the same key asks for other jobs.
    pub(crate) name: String,
    pub(crate) next: u64,
}

impl Caller {
    /// The next request, signed at this moment.
    pub(crate) fn next_request(&mut self) -> Vec<u8> {
        let (name, number) = (&self.name, self.next);
        self.next += 1;
        let body = format!(
            r#"{{"idempotencyKey":"{name}-{number}","trackingUrl":"https://trk.example/{name}/{number}","source":"platform_api","rowId":"offer-{name}-{number}"}}"#
        );
        let request = UnsignedRequest {
            target: SignedTarget::Fetch,
            body: body.as_bytes(),
            timestamp_seconds: SystemClock.now().seconds(),
            nonce: format!("{name}-nonce-{number:016}").into(),
        };
        let headers = sign(&self.key_id, &self.secret, &request);
        http1::post(self.address, FETCH_PATH, &headers.pairs(), body.as_bytes())
    }
}
