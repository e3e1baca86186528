//! A plan has room for so many keys and desktops; what was revoked gives its place back.

use domain::audit::Actor;
use futures_util::future::join_all;
use protocol::device_signature::DeviceKey;
use protocol::{AccountId, Environment, KeyId, Secret};
use store::{ApprovedLink, KeyChange, LinkDecided, NewKeyRecord};

use crate::fixture::Fixture;
use crate::words::{NOW, after};

const PLAN: &str = "two_of_each";

on_every_database! {
    async fn of_many_keys_at_once_as_many_are_made_as_there_is_room(fixture) {
        let account = fixture.account_on(PLAN).await;
        let changes = join_all((0..8).map(|_| make_key(&fixture, account))).await;
        let made: Vec<KeyId> = changes.iter().filter_map(|change| Some(change.clone().done()?.info.key_id)).collect();
        assert_eq!(made.len(), 2, "{changes:?}");
        assert!(changes.iter().all(|change| matches!(change, KeyChange::Done(_) | KeyChange::PlanFull { limit: 2 })), "{changes:?}");
        fixture.store.revoke_key(account, made[0].clone(), Actor::Machine, after(1)).await.unwrap();
        assert!(make_key(&fixture, account).await.done().is_some(), "a revoked key takes no room");
        assert!(make_key(&fixture, fixture.account).await.done().is_some(), "another account has room of its own");
    }

    async fn of_many_approvals_at_once_as_many_count_as_there_is_room(fixture) {
        let account = fixture.account_on(PLAN).await;
        let links: Vec<_> = (0..8).map(|number| link(account, number)).collect();
        let decided = join_all(links.iter().map(|link| approve(&fixture, link))).await;
        let approved: Vec<&ApprovedLink> =
            links.iter().zip(&decided).filter(|(_, decided)| **decided == LinkDecided::Done).map(|(link, _)| link).collect();
        assert_eq!(approved.len(), 2, "{decided:?}");
        assert!(decided.iter().all(|decided| matches!(decided, LinkDecided::Done | LinkDecided::PlanFull { limit: 2 })), "{decided:?}");
        let [first, second] = approved[..] else { unreachable!() };
        let linked = fixture.store.consume_link(first.device_code.clone(), after(1)).await.unwrap().unwrap();
        assert!(fixture.store.consume_link(second.device_code.clone(), after(1)).await.unwrap().is_some());
        assert_eq!(approve(&fixture, first).await, LinkDecided::Done, "what was decided stays decided");
        let late = link(account, 8);
        assert_eq!(approve(&fixture, &late).await, LinkDecided::PlanFull { limit: 2 });
        assert!(fixture.store.revoke_device(account, linked.device_id, Actor::Machine, after(2)).await.unwrap());
        assert_eq!(approve(&fixture, &late).await, LinkDecided::Done, "a revoked desktop takes no room");
    }

    async fn a_code_that_nobody_used_gives_its_place_back(fixture) {
        let account = fixture.account_on(PLAN).await;
        for number in 0..2 {
            let link = ApprovedLink { expires_at: after(10), ..link(account, number) };
            assert_eq!(approve(&fixture, &link).await, LinkDecided::Done);
        }
        let late = link(account, 2);
        assert_eq!(approve(&fixture, &late).await, LinkDecided::PlanFull { limit: 2 });
        assert_eq!(fixture.store.approve_link(late, Actor::Machine, after(11)).await.unwrap(), LinkDecided::Done);
    }
}

async fn make_key(fixture: &Fixture, account: AccountId) -> KeyChange {
    let new = NewKeyRecord::new(account, KeyId::generate(Environment::Live), Secret::generate(), "sheet", Actor::Machine, NOW);
    fixture.store.insert_key(new).await.unwrap()
}

fn link(account: AccountId, number: usize) -> ApprovedLink {
    ApprovedLink {
        account,
        device_code: format!("code-{number}"),
        public_key: DeviceKey::generate().public(),
        name: format!("desktop {number}"),
        platform: "linux".to_owned(),
        expires_at: after(600),
    }
}

async fn approve(fixture: &Fixture, link: &ApprovedLink) -> LinkDecided {
    fixture.store.approve_link(link.clone(), Actor::Machine, NOW).await.unwrap()
}
