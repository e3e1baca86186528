//! The audit: every decision is kept in the transaction that makes it, in one chain an account, and whatever is changed
//! afterwards is found.

use domain::audit::chain::Place;
use domain::audit::{Actor, Entry, Line};
use protocol::{AccountId, Conclusion, Environment, UnixMillis};
use store::admin::{AdminError, Found, walk_audit};
use store::{Admission, BlockRange};

use crate::admin::tamper;
use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, of, valid};

on_every_database! {
    async fn a_jobs_whole_way_is_kept_in_order(fixture) {
        let device = fixture.device().await;
        let job_id = fixture.job("a").await;
        let repeated = fixture.admit(fixture.submission("a")).await;
        assert!(matches!(repeated, Admission::Replayed(_)));
        let lease = fixture.lease_and_take_up(device, after(1)).await;
        fixture.report(device, vec![of(&lease, valid(after(2)))], after(2)).await;
        let other = fixture.job("b").await;
        fixture.store.cancel(fixture.account, Environment::Live, other, Actor::Operator("anna".to_owned()), after(3)).await.unwrap();

        let lines = lines(&fixture, fixture.account).await;
        let kinds: Vec<_> = lines.iter().map(|line| line.entry.kind()).collect();
        assert_eq!(kinds, [
            "account_created", "link_approved", "linked", "admitted", "replayed", "leased", "concluded", "admitted", "cancelled"
        ]);
        assert!(matches!(&lines[3].entry, Entry::Admitted { jobs, .. } if *jobs == [job_id]));
        assert!(matches!(&lines[5].entry, Entry::Leased { jobs, device: by, .. } if *jobs == [job_id] && *by == device));
        let concluded = Entry::Concluded { device: Some(device), environment: Environment::Live, jobs: vec![(job_id, Conclusion::Valid)] };
        assert_eq!(lines[6], Line { at: after(2), entry: concluded });
        assert!(matches!(&lines[8].entry, Entry::Cancelled { by: Actor::Operator(name), .. } if name == "anna"));
        assert_whole(&fixture).await;
    }

    async fn who_came_in_and_signed_in_is_kept(fixture) {
        let ada = fixture.owner("ada").await;
        let lines = lines(&fixture, fixture.account).await;
        let by = Actor::Operator(ada.to_string());
        assert!(lines.iter().any(|line| matches!(&line.entry, Entry::OperatorChanged { operator, change, .. }
            if *operator == ada.to_string() && change == "joined as owner")), "{lines:?}");
        assert!(lines.iter().any(|line| matches!(&line.entry, Entry::SignedIn { by: who, how, from }
            if *who == by && how == "set-up link" && !from.is_empty())), "{lines:?}");
        assert_whole(&fixture).await;
    }

    async fn what_admits_nothing_and_leases_nothing_writes_nothing(fixture) {
        let account = fixture.account_on("ten_a_month").await;
        let device = fixture.device_of(account).await;
        for number in 0..10 {
            fixture.accept(fixture.submission_of(account, &format!("offer-{number}"))).await;
        }
        let before = fixture.store.audit_ends(account).await.unwrap();
        assert_eq!(fixture.admit(fixture.submission_of(account, "one too many")).await, Admission::QuotaExceeded);
        fixture.store.pull(Pull::by(device).max(0).into_order(account)).await.unwrap();
        assert_eq!(fixture.store.audit_ends(account).await.unwrap(), before);
    }

    async fn one_commit_is_one_block_of_each_account(fixture) {
        let accounts = [fixture.account, fixture.account_on("ten_a_month").await];
        let mut before = Vec::new();
        for account in accounts {
            before.push(fixture.store.audit_ends(account).await.unwrap().head.seq);
        }
        let held = fixture.database.hold_writes().await;
        let admitting = (0..10).map(|number| fixture.admit(fixture.submission_of(accounts[number % 2], &format!("offer-{number}"))));
        let (answers, ()) = tokio::join!(futures_util::future::join_all(admitting), held.release());
        assert!(answers.iter().all(|answer| matches!(answer, Admission::Accepted(_))));
        for (account, before) in accounts.into_iter().zip(before) {
            let blocks = fixture.store.audit_blocks(account, BlockRange::After(before), 100).await.unwrap();
            // The first of them may have been on its way before the others came.
            assert!(blocks.len() <= 2, "{} blocks", blocks.len());
            let decisions: u64 = blocks.iter().flat_map(|block| block.lines().unwrap()).map(|line| line.entry.decisions()).sum();
            assert_eq!(decisions, 5);
        }
        assert_whole(&fixture).await;
    }

    async fn two_relays_at_once_make_one_chain(fixture) {
        let other = fixture.another_relay().await;
        let device = fixture.device().await;
        let working = (0..60).map(|number| {
            let store = if number % 2 == 0 { &fixture.store } else { &other };
            let (request, fixture) = (fixture.submission(&format!("offer-{number}")).into_request(), &fixture);
            async move {
                store.admit(request).await.unwrap();
                let leased = store.pull(Pull::by(device).max(1).into_order(fixture.account)).await.unwrap().jobs;
                let results = leased.iter().map(|lease| of(lease, valid(after(1)))).collect();
                store.report(fixture.account, device, results, after(1)).await.unwrap();
            }
        });
        futures_util::future::join_all(working).await;
        let lines = lines(&fixture, fixture.account).await;
        let of_kind = |kind: &str| lines.iter().filter(|line| line.entry.kind() == kind).map(|line| line.entry.decisions()).sum::<u64>();
        assert_eq!((of_kind("admitted"), of_kind("leased"), of_kind("concluded")), (60, 60, 60));
        assert_whole(&fixture).await;
        other.close().await;
    }

    async fn whatever_is_changed_afterwards_is_found_and_the_first_such_record_named(fixture) {
        for (number, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            fixture.store.set_plan(fixture.account, name, Actor::Machine, after(i64::try_from(number).unwrap())).await.unwrap();
        }
        assert_whole(&fixture).await;
        let noted = fixture.store.audit_ends(fixture.account).await.unwrap().head;
        for (damage, seq, why) in [
            ("UPDATE audit SET entries = replace(entries, '\"b\"', '\"x\"') WHERE seq = 3", 3, "Changed"),
            ("UPDATE audit SET entries = replace(entries, '\"x\"', '\"b\"') WHERE seq = 3; UPDATE audit SET at = at + 1 WHERE seq = 4", 4, "Changed"),
            ("UPDATE audit SET at = at - 1 WHERE seq = 4; UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)", 5, "BehindHead"),
            ("DELETE FROM audit WHERE seq = 2", 2, "Missing"),
        ] {
            tamper(&fixture.database, damage);
            let broken = broken(&fixture, &[]).await.unwrap();
            assert_eq!((broken.0, broken.1.as_str()), (seq, why), "{damage}");
        }
        tamper(&fixture.database, "DELETE FROM audit; DELETE FROM audit_heads");
        assert_eq!(broken(&fixture, &[]).await, None, "who takes everything away leaves nothing that contradicts itself");
        let seen = broken(&fixture, &[(fixture.account, noted)]).await;
        assert_eq!(seen, Some((5, "NotAsNoted".to_owned())), "but what was noted elsewhere does");
    }

    async fn records_without_a_chain_are_seen(fixture) {
        tamper(&fixture.database, "DELETE FROM audit_heads");
        let walked = walk_audit::<AdminError>(&fixture.database.url(), None, &[], |_| Ok(())).await;
        assert!(walked.is_err_and(|error| error.to_string().contains("belong to no chain")));
    }

    async fn what_is_left_after_pruning_is_still_a_chain(fixture) {
        for day in 0..6 {
            for change in 0..3 {
                let at = day_after(day).plus_seconds(change);
                fixture.store.set_plan(fixture.account, &format!("of day {day}"), Actor::Machine, at).await.unwrap();
            }
        }
        let year_and_three_days = day_after(365 + 3);
        prune(&fixture, year_and_three_days).await;
        let ends = fixture.store.audit_ends(fixture.account).await.unwrap();
        assert_eq!((ends.anchor.seq, ends.head.seq), (1 + 3 * 3, 1 + 6 * 3), "the first three days are gone, with what was before them");
        assert_whole(&fixture).await;
        prune(&fixture, year_and_three_days).await;
        assert_eq!(fixture.store.audit_ends(fixture.account).await.unwrap(), ends, "once is enough");
        tamper(&fixture.database, "DELETE FROM audit WHERE seq = 11");
        assert_eq!(broken(&fixture, &[]).await, Some((11, "Missing".to_owned())));
        prune(&fixture, day_after(3 * 365)).await;
        fixture.store.set_plan(fixture.account, "again", Actor::Machine, day_after(3 * 365)).await.unwrap();
        assert_whole(&fixture).await;
    }
}

fn day_after(days: i64) -> UnixMillis {
    NOW.plus_seconds(days * 86_400)
}

async fn prune(fixture: &Fixture, at: UnixMillis) {
    let mut from = None;
    loop {
        from = fixture.store.prune_audit(at, from).await.unwrap().next;
        if from.is_none() {
            return;
        }
    }
}

/// Everything that the audit of an account says, oldest first.
async fn lines(fixture: &Fixture, account: AccountId) -> Vec<Line> {
    let blocks = fixture.store.audit_blocks(account, BlockRange::After(0), 10_000).await.unwrap();
    blocks.iter().flat_map(|block| block.lines().unwrap()).collect()
}

async fn assert_whole(fixture: &Fixture) {
    assert_eq!(broken(fixture, &[]).await, None);
}

/// The first broken record of the first broken chain.
async fn broken(fixture: &Fixture, noted: &[(AccountId, Place)]) -> Option<(u64, String)> {
    let walked = walk_audit::<AdminError>(&fixture.database.url(), None, noted, |_| Ok(())).await.unwrap();
    walked.into_iter().find_map(|account| match account.found {
        Found::Whole(_) => None,
        Found::Broken(broken) => Some((broken.seq, format!("{:?}", broken.why))),
    })
}
