//! The farm: serves the redirect corpus (`fixtures/chains/redirects.json`) from one loopback port, plain and TLS alike,
//! telling cases apart by Host header. It answers with bytes of its own, since the corpus has status lines, header
//! fields and endings that no HTTP library would send.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let corpus = lab::farm::Corpus::parse(r#"{"cases":[{"id":"x","group":"status","description":"","start":"http://a.test/s",
//!     "routes":[{"host":"a.test","path":"/s","status":302,"headers":[["Location","/land"]],"body":""}],
//!     "expect":{"final_url":"http://a.test/land","kind":"landed","needs_js":false,"hops":[]}}]}"#)?;
//! let farm = lab::farm::Farm::start(&corpus.cases).await?;
//! // Dial `farm.address()` for every host that ends in `.test`, and trust `farm.authority()`.
//! farm.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificate;
mod corpus;
mod exchange;
mod routes;
mod server;

pub use corpus::{Corpus, Expect, ExpectedHop, FarmCase, Kind, Route, When};
pub use server::Farm;
