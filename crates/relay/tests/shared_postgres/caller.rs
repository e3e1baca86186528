//! A caller that signs what it sends, to whichever relay it is told.

use protocol::signature::{SignedHeaders, UnsignedRequest, sign};
use protocol::{Job, JobId, KeyId, Secret};
use serde_json::{Value, json};

/// The path of the POST.
const FETCH: &str = "/api/links/fetch";

/// A caller with its key.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    pub(crate) key_id: KeyId,
    secret: Secret,
}

/// What a relay said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A request with its signature, which can be sent more than once.
pub(crate) struct Signed {
    body: Vec<u8>,
    headers: SignedHeaders,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        Ok(Self { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The job of an acceptance.
    pub(crate) fn job(&self) -> Job {
        serde_json::from_value(self.body.clone()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Caller {
    pub(crate) fn new(key_id: KeyId, secret: Secret) -> Self {
        Self { http: client(), key_id, secret }
    }

    /// The same caller over connections of its own: a process that was cut off dials anew.
    pub(crate) fn dialling_anew(&self) -> Self {
        Self { http: client(), ..self.clone() }
    }

    /// A fetch of the job of this name, signed.
    pub(crate) fn signed_fetch(&self, name: &str) -> Signed {
        let body = json!({
            "idempotencyKey": name, "trackingUrl": format!("https://trk.example/{name}"), "source": "platform_api", "rowId": name,
        });
        let body = body.to_string().into_bytes();
        let headers = sign(&self.key_id, &self.secret, &UnsignedRequest::now("POST", FETCH, &body));
        Signed { body, headers }
    }

    /// Sends exactly these bytes.
    pub(crate) async fn send(&self, relay: &str, signed: &Signed) -> reqwest::Result<Answer> {
        let mut request = self.http.post(format!("{relay}{FETCH}")).header("Content-Type", "application/json").body(signed.body.clone());
        for (name, value) in signed.headers.pairs() {
            request = request.header(name, value);
        }
        Answer::read(request.send().await?).await
    }

    /// Asks for the job of this name.
    pub(crate) async fn fetch(&self, relay: &str, name: &str) -> reqwest::Result<Answer> {
        self.send(relay, &self.signed_fetch(name)).await
    }

    /// Asks for the job of this name, which is accepted.
    pub(crate) async fn admit(&self, relay: &str, name: &str) -> Job {
        let answer = self.fetch(relay, name).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.job()
    }

    /// A signed GET.
    pub(crate) async fn get(&self, relay: &str, target: &str) -> reqwest::Result<Answer> {
        let headers = sign(&self.key_id, &self.secret, &UnsignedRequest::now("GET", target, b""));
        let mut request = self.http.get(format!("{relay}{target}"));
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        Answer::read(request.send().await?).await
    }

    /// The job, once it has concluded or the time is over.
    pub(crate) async fn wait_for(&self, relay: &str, job: JobId, seconds: u32) -> reqwest::Result<Answer> {
        self.get(relay, &format!("/api/links/jobs/{job}?wait={seconds}")).await
    }

    /// The status of `verify`: 200 while the key may sign.
    pub(crate) async fn verify(&self, relay: &str) -> u16 {
        self.get(relay, "/api/links/verify").await.unwrap().status
    }
}

/// A client that goes straight to the relay.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(60)).build().unwrap()
}
