//! The caller's side: signed requests to a relay, tried again where that is safe.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use protocol::signature::{UnsignedRequest, sign};
use protocol::{KeyId, Problem, Secret};
use reqwest::{Method, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;

use crate::exit::Failure;
use crate::secret_source;

/// Where `link-peeler relay` and `link-peeler up` listen unless told otherwise: "PEEL" on a telephone's keys.
pub(crate) const DEFAULT_RELAY: &str = "http://127.0.0.1:7335";
/// For what the relay answers at once; waits come on top.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// Tries of a request that may safely be made again.
const TRIES: u32 = 4;
/// The longest pause between tries that a person at a shell should sit through.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read: a page of 500 jobs with much evidence.
const MAX_ANSWER_BYTES: usize = 64 * 1_024 * 1_024;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Relay and key")]
pub(crate) struct CallerFlags {
    /// The relay, or the endpoint that `up` printed
    #[arg(long, env = "LINK_PEELER_RELAY", default_value = DEFAULT_RELAY, value_name = "URL")]
    relay: String,
    /// Public id of the API key; by default the only one in this desktop's keyring
    #[arg(long, env = secret_source::KEY_VARIABLE, value_name = "KEY_ID")]
    key: Option<KeyId>,
    /// File with the key's secret; else LINK_PEELER_SECRET, else this desktop's keyring
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Data folder whose keyring may have the secret
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// One key at one relay.
pub(crate) struct Caller {
    base: Url,
    key: KeyId,
    secret: Secret,
    http: reqwest::Client,
}

impl CallerFlags {
    pub(crate) fn caller(&self) -> Result<Caller, Failure> {
        let (key, secret) = secret_source::find(self.key.as_ref(), self.secret_file.as_deref(), self.data_dir.clone())?;
        Caller::new(&self.relay, key, secret)
    }
}

impl Caller {
    /// `relay` may be the endpoint's whole URL: its path is known.
    pub(crate) fn new(relay: &str, key: KeyId, secret: Secret) -> Result<Self, Failure> {
        let mut base = Url::parse(relay).map_err(|error| Failure::usage(format!("--relay {relay}: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(Failure::usage(format!("--relay {relay}: expected an http or https URL")));
        }
        base.set_path("/");
        base.set_query(None);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("link-peeler/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none());
        if matches!(base.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")) {
            // A proxy from the environment has another idea of what this machine is.
            builder = builder.no_proxy();
        }
        let http = builder.build().context("could not set up TLS")?;
        Ok(Self { base, key, secret, http })
    }

    /// Gets, waiting `wait` longer than usual for the answer.
    pub(crate) async fn get<A: DeserializeOwned>(&self, path_and_query: &str, wait: Duration) -> Result<A, Failure> {
        self.send(Method::GET, path_and_query, &[], wait).await
    }

    /// Posts JSON that may be posted again: it carries its idempotency key.
    pub(crate) async fn post<A: DeserializeOwned>(&self, path_and_query: &str, body: &[u8]) -> Result<A, Failure> {
        self.send(Method::POST, path_and_query, body, Duration::ZERO).await
    }

    /// Deletes; once more does no harm.
    pub(crate) async fn delete<A: DeserializeOwned>(&self, path_and_query: &str) -> Result<A, Failure> {
        self.send(Method::DELETE, path_and_query, &[], Duration::ZERO).await
    }

    async fn send<A: DeserializeOwned>(&self, method: Method, path_and_query: &str, body: &[u8], wait: Duration) -> Result<A, Failure> {
        let mut tries = 1;
        loop {
            // Signed anew each time: a nonce works once.
            let failed = match self.attempt(&method, path_and_query, body, wait).await {
                Ok(response) if response.status().is_success() => {
                    let bytes = read(response).await?;
                    return Ok(serde_json::from_slice(&bytes).context("the relay's answer cannot be read")?);
                }
                Ok(response) => Failed::Refused(response),
                Err(error) => Failed::Unreachable(error),
            };
            let pause = failed.pause(tries);
            match pause.filter(|_| tries < TRIES) {
                Some(pause) => {
                    tracing::warn!(tries, pause_ms = pause.as_millis(), "trying again: {failed}");
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                None => return Err(failed.into_failure(&self.base).await),
            }
        }
    }

    async fn attempt(&self, method: &Method, path_and_query: &str, body: &[u8], wait: Duration) -> reqwest::Result<Response> {
        let headers = sign(&self.key, &self.secret, &UnsignedRequest::now(method.as_str(), path_and_query, body));
        let url = format!("{}{}", self.base.as_str().trim_end_matches('/'), path_and_query);
        let mut request = self.http.request(method.clone(), url).timeout(ANSWER_TIMEOUT + wait);
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        request.send().await
    }
}

enum Failed {
    Refused(Response),
    Unreachable(reqwest::Error),
}

impl Failed {
    /// How long to wait before another try; `None` when another would end alike, or is too far off.
    fn pause(&self, tries: u32) -> Option<Duration> {
        let own = Duration::from_millis(250 << tries);
        match self {
            Self::Unreachable(error) => (error.is_connect() || error.is_request()).then_some(own),
            Self::Refused(response) => {
                let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                let asked = Duration::from_secs(retry_after.unwrap_or(0)).max(own);
                let passing = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
                (passing && asked <= LONGEST_PAUSE).then_some(asked)
            }
        }
    }

    async fn into_failure(self, base: &Url) -> Failure {
        match self {
            Self::Unreachable(error) => {
                Failure::Unreachable(anyhow::Error::new(error.without_url()).context(format!("cannot reach {base}")))
            }
            Self::Refused(response) => {
                let status = response.status();
                match read(response).await.map(|bytes| serde_json::from_slice::<Problem>(&bytes)) {
                    Ok(Ok(problem)) => Failure::Refused(Box::new(problem)),
                    _ => Failure::Unreachable(anyhow::anyhow!("{base} answered {status} without a problem: is this a relay?")),
                }
            }
        }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(response) => write!(f, "{}", response.status()),
            Self::Unreachable(error) => write!(f, "{error}"),
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the relay's answer broke off")? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(anyhow::anyhow!("the relay's answer has more than {MAX_ANSWER_BYTES} bytes").into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_as_good_as_the_relays_url() {
        let base = |relay: &str| {
            let key = "lp_test_0123456789abcdef".parse().unwrap();
            Caller::new(relay, key, Secret::new("s".to_owned())).map(|caller| caller.base.to_string())
        };
        assert_eq!(base("http://127.0.0.1:7335/api/links/fetch").unwrap(), "http://127.0.0.1:7335/");
        assert_eq!(base("https://relay.example").unwrap(), "https://relay.example/");
        assert!(matches!(base("relay.example"), Err(Failure::Usage(_))));
        assert!(matches!(base("ftp://relay.example"), Err(Failure::Usage(_))));
    }
}
