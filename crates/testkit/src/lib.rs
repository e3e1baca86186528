//! Real parts for tests. No test needs a running server: what is missing is started here, in a temporary folder, and
//! stopped with the process.

pub mod npm;
pub mod postgres;

/// Names how many rounds a race has, in place of what is usual: more than there is time for in every run.
pub const ROUNDS_VARIABLE: &str = "LINK_PEELER_ROUNDS";

/// Rounds of a race: so many, unless [`ROUNDS_VARIABLE`] says another number.
#[must_use]
pub fn rounds(usual: usize) -> usize {
    std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}
