//! What a store does, whatever the database beneath it: each test runs once on every database of
//! [`fixture::Backend`], each time on a fresh one. Time is a parameter throughout; nothing here waits for it.
#![allow(clippy::unwrap_used)]

/// Expands each test once for every database. The body gets a fixture on a fresh one.
macro_rules! on_every_database {
    ($($(#[$attribute:meta])* async fn $name:ident($fixture:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(clippy::wildcard_imports, unused_imports)]
            use super::*;

            async fn case($fixture: crate::fixture::Fixture) $body

            #[tokio::test]
            async fn sqlite() {
                case(crate::fixture::Fixture::open(crate::fixture::Backend::Sqlite).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                case(crate::fixture::Fixture::open(crate::fixture::Backend::Postgres).await).await;
            }
        }
    )*};
}

mod admin;
mod admission;
mod audit;
mod backlog;
mod cancel;
mod clock;
mod console;
mod contention;
mod devices;
mod events;
mod fixture;
mod idempotency;
mod isolation;
mod keys;
mod last_unit;
mod lease;
mod lists;
#[cfg(feature = "made-up")]
mod made_up;
mod nonces;
mod people;
mod plan_room;
mod polls;
mod prune;
mod quota;
mod release;
mod report;
mod row_edits;
mod rows;
mod sealing;
mod sequences;
mod upkeep;
mod weights;
mod words;
mod writer;
