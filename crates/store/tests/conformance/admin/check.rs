//! `db check` finds what must never be, says it by name, and repairs counters alone.

use store::DatabaseUrl;
use store::admin::{CheckReport, check, migrate};

use super::{fill, tamper};
use crate::fixture::Fixture;
use crate::words::{NOW, after};

on_every_database! {
    async fn a_database_that_was_only_used_is_sound(fixture) {
        fill(&fixture).await;
        let report = check(&fixture.database.url(), false).await.unwrap();
        assert_eq!(violations(&report), []);
        assert!(report.checks.len() >= 14);
        assert_eq!(report.repaired_counters, None);
    }

    async fn a_pruned_database_is_sound(fixture) {
        fill(&fixture).await;
        for day in [1, 31, 91, 140] {
            let at = NOW.plus_seconds(day * 86_400);
            while fixture.upkeep(at).await.more {}
            while fixture.store.prune(at, None).await.unwrap().next.is_some() {}
            fixture.accept(fixture.submission(&format!("of day {day}")).at(at)).await;
            assert_eq!(violations(&look(&fixture).await), [], "day {day}");
        }
    }

    async fn each_violation_is_named(fixture) {
        let places = fill(&fixture).await;
        let leased = places.leased.job_id;
        let hex = |id: protocol::JobId| id.to_string().trim_start_matches("job_").to_owned();
        let blob = |id: protocol::JobId| literal(&fixture, &hex(id));
        for (damage, name) in [
            (format!("DELETE FROM ready WHERE job_id = {}", blob(places.ready)), "job_nowhere"),
            (
                format!("INSERT INTO ready SELECT account, priority, 1, job_id, environment, fence, attempts, expires_at FROM leased WHERE job_id = {}", blob(leased)),
                "job_in_two_places",
            ),
            (format!("UPDATE jobs SET ended_state = 3, ended_fence = 1 WHERE id = {}", blob(places.delayed)), "ended_job_queued"),
            (format!("DELETE FROM results WHERE job_id = {}", blob(places.concluded)), "concluded_without_result"),
            (format!("INSERT INTO results SELECT account, id, 'x' FROM jobs WHERE id = {}", blob(leased)), "result_without_conclusion"),
            ("UPDATE rows SET conclusion = 'valid' WHERE row_id = 'concluded'".to_owned(), "row_against_job"),
            ("DELETE FROM idempotency WHERE key = 'leased'".to_owned(), "job_without_key"),
            ("DELETE FROM accounts".to_owned(), "unknown_account"),
            ("UPDATE backlog SET waiting = waiting + 3".to_owned(), "backlog_counter"),
            ("UPDATE usage SET used = used + 1 WHERE environment = 1".to_owned(), "usage_counter"),
        ] {
            tamper(&fixture.database, &damage);
            let found = violations(&look(&fixture).await);
            assert!(found.iter().any(|(found, count)| *found == name && *count >= 1), "{damage}: {found:?}");
        }
        tamper(&fixture.database, "DELETE FROM jobs");
        let found: Vec<_> = violations(&look(&fixture).await).into_iter().map(|(name, _)| name).collect();
        for name in ["queued_without_job", "row_without_job", "key_without_job"] {
            assert!(found.contains(&name), "{found:?}");
        }
    }

    async fn counters_are_repaired_and_nothing_else(fixture) {
        fill(&fixture).await;
        tamper(&fixture.database, "UPDATE backlog SET waiting = -7; DELETE FROM usage WHERE environment = 1; DELETE FROM results");
        tamper(&fixture.database, "UPDATE usage SET used = 100");
        let report = check(&fixture.database.url(), true).await.unwrap();
        assert_eq!(violations(&report), [("concluded_without_result", 1), ("backlog_counter", 1), ("usage_counter", 2)]);
        assert_eq!(report.repaired_counters, Some(3));
        assert_eq!(violations(&look(&fixture).await), [("concluded_without_result", 1)]);
        assert_eq!(fixture.used(fixture.account, protocol::Environment::Live, after(0)).await, 5, "six, and one was given back");
    }

    async fn counters_are_repaired_while_a_relay_works(fixture) {
        fill(&fixture).await;
        tamper(&fixture.database, "UPDATE backlog SET waiting = 1000");
        let url = fixture.database.url();
        let working = async {
            for number in 0..60 {
                fixture.job(&format!("meanwhile {number}")).await;
            }
        };
        let (report, ()) = tokio::join!(check(&url, true), working);
        assert_eq!(report.unwrap().repaired_counters, Some(1));
        assert_eq!(violations(&look(&fixture).await), []);
    }
}

async fn look(fixture: &Fixture) -> CheckReport {
    check(&fixture.database.url(), false).await.unwrap()
}

fn violations(report: &CheckReport) -> Vec<(&'static str, u64)> {
    report.violations().map(|check| (check.name, check.violations)).collect()
}

/// Bytes as each database writes them.
fn literal(fixture: &Fixture, hex: &str) -> String {
    match fixture.database.url() {
        DatabaseUrl::Sqlite(_) => format!("x'{hex}'"),
        DatabaseUrl::Postgres(_) => format!("'\\x{hex}'::bytea"),
    }
}

#[tokio::test]
async fn a_damaged_file_is_a_violation_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (cut, text) = (folder.path().join("cut.sqlite"), folder.path().join("text.sqlite"));
    let fixture = Fixture::open(crate::fixture::Backend::Sqlite).await;
    let tools = store::admin::Tools::default();
    store::admin::backup(&fixture.database.url(), &cut, &tools).await.unwrap();
    let mut bytes = std::fs::read(&cut).unwrap();
    // The header stays: it opens as a database, and its schema cannot be read.
    bytes[100..4_096].fill(0x5a);
    std::fs::write(&cut, &bytes).unwrap();
    std::fs::write(&text, "not a database, but long enough to be looked at as one. ".repeat(100)).unwrap();
    for path in [cut, text] {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let report = check(&DatabaseUrl::Sqlite(path), false).await.unwrap();
        assert_eq!(violations(&report), [("integrity", 1)], "{name}");
        assert!(report.notes.iter().any(|note| note.contains(&name)), "{:?}", report.notes);
    }
}

#[tokio::test]
async fn a_standby_can_be_checked_in_the_primarys_place() {
    let primary = testkit::postgres::Server::start(&["fsync=off"]).unwrap();
    let url = DatabaseUrl::Postgres(primary.new_database().unwrap());
    migrate(&url).await.unwrap();
    let DatabaseUrl::Postgres(text) = &url else { unreachable!() };
    testkit::postgres::sql(text, "INSERT INTO backlog VALUES ('\\x00000000000000000000000000000001', 5)").unwrap();
    let standby = testkit::postgres::Server::start_standby(&primary, "standby", &["fsync=off"]).unwrap();
    let copy = DatabaseUrl::Postgres(text.replace(&primary.url(), &standby.url()));
    assert_ne!(copy, url);
    let report = check(&copy, false).await.unwrap();
    assert_eq!(violations(&report), [("unknown_account", 1), ("backlog_counter", 1)]);
    let refused = check(&copy, true).await.unwrap_err().to_string();
    assert!(refused.contains("read-only"), "{refused}");
}
