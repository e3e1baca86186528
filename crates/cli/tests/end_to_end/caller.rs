//! A caller: signs, sends, and tries again when there is no answer.

use std::time::Duration;

use protocol::signature::{self, UnsignedRequest};
use protocol::{Job, KeyId, Secret};

/// Time for one attempt: a relay may die before it answers.
const ATTEMPT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    base: String,
    key_id: KeyId,
    secret: Secret,
}

/// A request whose bytes are made: it can be sent more than once.
pub(crate) struct Signed {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Caller {
    pub(crate) fn new(base: String, key_id: KeyId, secret: Secret) -> Self {
        let http = reqwest::Client::builder().timeout(ATTEMPT).build().unwrap();
        Self { http, base, key_id, secret }
    }

    pub(crate) fn sign_fetch(&self, name: &str, tracking_url: &str) -> Signed {
        let payload = serde_json::json!({"idempotencyKey": name, "trackingUrl": tracking_url, "source": "platform_api", "rowId": name});
        self.sign("POST", signature::FETCH_PATH, Some(payload.to_string()))
    }

    fn sign(&self, method: &str, path: &str, body: Option<String>) -> Signed {
        let unsigned = UnsignedRequest::now(method, path, body.as_deref().unwrap_or_default().as_bytes());
        let headers = signature::sign(&self.key_id, &self.secret, &unsigned);
        Signed { path: path.to_owned(), headers: headers.pairs().map(|(name, value)| (name, value.to_owned())).into(), body }
    }

    /// Status and body, or nothing when no answer came.
    pub(crate) async fn send(&self, signed: &Signed) -> Option<(u16, String)> {
        let url = format!("{}{}", self.base, signed.path);
        let mut request = match &signed.body {
            Some(body) => self.http.post(url).header("Content-Type", "application/json").body(body.clone()),
            None => self.http.get(url),
        };
        for (name, value) in &signed.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// What a request that does nothing is answered.
    pub(crate) async fn verify(&self) -> u16 {
        self.send(&self.sign("GET", "/api/links/verify", None)).await.unwrap().0
    }

    /// The wish, signed anew, once. `None`: no answer came, or only that there is none at this time.
    pub(crate) async fn fetch(&self, name: &str, tracking_url: &str) -> Option<Job> {
        let (status, body) = self.send(&self.sign_fetch(name, tracking_url)).await?;
        match status {
            200 | 202 => Some(serde_json::from_str(&body).unwrap()),
            503 => None,
            _ => panic!("{status}: {body}"),
        }
    }

    /// The job as it is now; `None` when no answer came.
    pub(crate) async fn job(&self, job_id: protocol::JobId) -> Option<Job> {
        let (status, body) = self.send(&self.sign("GET", &format!("/api/links/jobs/{job_id}"), None)).await?;
        match status {
            200 => Some(serde_json::from_str(&body).unwrap()),
            503 => None,
            _ => panic!("{status}: {body}"),
        }
    }
}
