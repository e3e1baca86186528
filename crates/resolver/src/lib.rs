//! Tracking URL in, chain of hops and one conclusion out.
//!
//! [`Resolver::resolve`] always ends in a [`protocol::JobResult`]. The judge of what a link does is a real browser: the
//! HTTP engine follows every rule that needs none, and says so when it cannot know. [`guard`] classifies each resolved
//! address before it is dialled.
//!
//! ```no_run
//! # async fn example() -> Result<(), resolver::SetupError> {
//! let resolver = resolver::Resolver::new(resolver::Settings::default())?;
//! let request = resolver::ResolveRequest { tracking_url: "https://trk.example/a1".to_owned(), ..Default::default() };
//! let result = resolver.resolve(&request).await;
//! println!("{}: {}", result.conclusion, result.detail);
//! # Ok(()) }
//! ```

mod answer;
mod browser;
pub mod budgets;
pub mod chain;
pub mod conclude;
mod confirm;
mod connect;
mod content;
mod context;
mod cookies;
mod decode;
mod fetch;
pub mod guard;
mod handover;
mod hsts;
mod html;
mod http1;
mod load;
mod location;
mod pace;
mod parameters;
pub mod proxy;
mod referrer;
mod refresh;
mod report;
mod request;
mod resolve;
pub mod rules;
mod settings;
mod walk;

pub use budgets::Budgets;
pub use chain::{Chain, End, Screenshot};
pub use conclude::{Expectation, Verdict, conclude};
pub use context::{DEFAULT_ACCEPT_LANGUAGE, default_user_agent};
pub use handover::settle;
pub use proxy::ProxyProfile;
pub use request::ResolveRequest;
pub use resolve::Resolver;
pub use rules::{InvalidRules, KnownRule, Rules};
pub use settings::{BrowserChoice, PictureFormat, Screenshots, Settings, SetupError};
