//! The database server's clock, where there is one.

use protocol::{Clock, SystemClock};

use crate::fixture::{Backend, Fixture};

#[tokio::test]
async fn an_embedded_database_has_no_clock_of_its_own() {
    assert_eq!(Fixture::open(Backend::Sqlite).await.store.database_clock().await.unwrap(), None);
}

#[tokio::test]
async fn a_server_tells_its_clock_as_it_is_when_asked() {
    let store = Fixture::open(Backend::Postgres).await.store;
    let before = SystemClock.now();
    let first = store.database_clock().await.unwrap().unwrap();
    let second = store.database_clock().await.unwrap().unwrap();
    // Server and test run on one machine.
    assert!(before <= first && first <= second && second <= SystemClock.now(), "{before:?} {first:?} {second:?}");
}
