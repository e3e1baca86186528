//! A local site of links that do what tracking links do: for trying out, for tests and for benchmarks. Every case is
//! data ([`CASES`]) and says what it should be concluded as.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let lab = lab::Lab::start("127.0.0.1:0".parse().unwrap()).await?;
//! assert!(lab.cases().iter().any(|case| case.name == "chain-302-3"));
//! lab.shutdown().await;
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod case;
pub mod farm;
mod index;
mod server;
mod site;

pub use case::{CASES, Case};
pub use server::Lab;
