//! The `RateLimit-Policy` and `RateLimit` headers of every answer to an authenticated request
//! (draft-ietf-httpapi-ratelimit-headers, structured fields). The draft still moves: this is the one place that writes
//! them.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::admission::Standing;
use protocol::UnixMillis;

use crate::ingress::signature::Caller;
use crate::problem::Refusal;
use crate::rate::BurstStanding;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// How a caller stands with its limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    burst: Option<BurstStanding>,
    monthly: Option<Standing>,
    now: UnixMillis,
}

impl Limits {
    pub(crate) const fn known(caller: &Caller, monthly: Option<Standing>) -> Self {
        Self { burst: caller.burst, monthly, now: caller.received_at }
    }

    /// Writes the headers, as far as there are limits.
    pub(crate) fn write(&self, response: &mut Response) {
        let mut policies = Vec::new();
        let mut standings = Vec::new();
        if let Some(BurstStanding { size, per_second, remaining }) = self.burst {
            // The window is the time in which an empty bucket fills.
            policies.push(format!("\"burst\";q={size};w={}", size.div_ceil(per_second.max(1))));
            standings.push(format!("\"burst\";r={remaining};t={}", (size - remaining.min(size)).div_ceil(per_second.max(1))));
        }
        if let Some((standing, limit)) = self.monthly.and_then(|standing| Some((standing, standing.limit?))) {
            let renews_in = (standing.month.renews_at().0 - self.now.0).max(0) / 1_000;
            policies.push(format!("\"monthly\";q={limit};w=2678400"));
            standings.push(format!("\"monthly\";r={};t={renews_in}", limit.saturating_sub(standing.used)));
        }
        for (name, values) in [(POLICY, policies), (LIMIT, standings)] {
            if let Ok(value) = HeaderValue::from_str(&values.join(", "))
                && !values.is_empty()
            {
                response.headers_mut().insert(name, value);
            }
        }
    }

    /// An answer with the headers.
    pub(crate) fn on(self, answer: Result<Response, Refusal>) -> Response {
        let mut response = answer.into_response();
        self.write(&mut response);
        response
    }
}
