//! `db status` and `db migrate`.

use store::DatabaseUrl;
use store::admin::{AdminError, migrate, status};

use super::fill;
use crate::words::{NOW, after};

on_every_database! {
    async fn it_says_what_there_is(fixture) {
        let places = fill(&fixture).await;
        fixture.store.ensure_account("empty", "unlimited", NOW).await.unwrap();
        let status = status(&fixture.database.url(), 10, after(100)).await.unwrap();
        let counts = status.counts.unwrap();
        assert_eq!((counts.accounts, counts.devices, counts.api_keys), (2, 1, 0));
        assert_eq!((counts.waiting, counts.leased), (3, 1));
        // Seven were admitted, and one was given back.
        assert_eq!((counts.jobs_this_month, counts.jobs_counted), (6, 6));
        let most: Vec<_> = status.most_waiting.iter().map(|account| (account.name.as_str(), account.waiting)).collect();
        assert_eq!(most, [("default", 3)]);
        assert!(status.schema.pending.is_empty() && status.schema.applied.len() >= 2 && status.size_bytes > 10_000);
        assert_ne!(places.ready, places.delayed);
    }

    async fn migrating_again_changes_nothing(fixture) {
        let before = migrate(&fixture.database.url()).await.unwrap();
        assert!(before.pending.is_empty());
    }
}

#[tokio::test]
async fn an_empty_database_is_migrated_and_shows_what_was_pending() {
    let folder = tempfile::tempdir().unwrap();
    let file = DatabaseUrl::Sqlite(folder.path().join("new.db"));
    assert!(matches!(status(&file, 1, NOW).await, Err(AdminError::Missing(_))), "looking makes nothing");
    for url in [file, DatabaseUrl::Postgres(testkit::postgres::new_database())] {
        let before = migrate(&url).await.unwrap();
        assert_eq!((before.applied.len(), before.version()), (0, 0));
        let after = status(&url, 1, NOW).await.unwrap().schema;
        assert_eq!(after.applied.len(), before.pending.len());
        assert_eq!((after.pending.len(), after.unknown.len()), (0, 0));
    }
}
