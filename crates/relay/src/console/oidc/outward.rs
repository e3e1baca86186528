//! The relay's one way out: to the providers that its operator has named, and to nobody else. Answers are bounded in size and
//! time, and no redirect is followed: an address that nobody named is never called.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

/// A provider that takes longer to accept a connection is as good as absent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole exchange: a person waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: the largest key sets in use have some ten kibibytes.
const MAX_BYTES: usize = 256 * 1_024;
/// Exchanges at once, of all providers: a slow provider must not hold more than these.
const AT_ONCE: usize = 16;

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No connection, or none that lasted.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// More than is read.
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLong,
    /// Too many exchanges are under way.
    #[error("{AT_ONCE} exchanges are under way")]
    Busy,
    /// It is not what was asked for.
    #[error("{0}")]
    Unreadable(String),
}

/// An answer as it came.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// The way out.
#[derive(Debug)]
pub(super) struct Outward {
    client: Client,
    places: Semaphore,
}

impl Outward {
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new() -> Result<Self, CallError> {
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("link-peeler/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| CallError::Unreachable(causes(&error)))?;
        Ok(Self { client, places: Semaphore::new(AT_ONCE) })
    }

    /// Asks for a document; `bearer` is what allows it.
    pub(super) async fn get(&self, url: &Url, bearer: Option<&str>) -> Result<Bytes, CallError> {
        let request = self.client.get(url.clone());
        let answer = self.send(match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        });
        let answer = answer.await?;
        if answer.status == StatusCode::OK {
            Ok(answer.body)
        } else {
            Err(CallError::Unreadable(format!("{url} answered {}", answer.status)))
        }
    }

    /// Posts a form; `basic` is who does.
    pub(super) async fn post(&self, url: &Url, basic: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Result<Answer, CallError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let answer = self.send(match basic {
            Some((name, secret)) => request.basic_auth(name, Some(secret)),
            None => request,
        });
        answer.await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let _place = self.places.try_acquire().map_err(|_| CallError::Busy)?;
        let failed = |error: reqwest::Error| CallError::Unreachable(causes(&error));
        let mut response = request.header(ACCEPT, "application/json").send().await.map_err(failed)?;
        let status = response.status();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(CallError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: body.freeze() })
    }
}

/// An error with what caused it: the first says little more than that something was sent.
fn causes(error: &reqwest::Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
