//! Devices: linked by a code that works once, revoked for good.

use domain::audit::Actor;
use protocol::device_signature::DeviceKey;
use protocol::{JobState, Secret, UnixMillis};
use store::{ApprovedLink, LinkDecided, LinkStanding};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, ids};

const CODE: &str = "a-device-code-of-43-characters-or-so-in-all";

on_every_database! {
    async fn an_approved_code_makes_a_device_once(fixture) {
        let key = DeviceKey::generate();
        fixture.store.approve_link(link(&fixture, &key), Actor::Machine, NOW).await.unwrap();
        let linked = fixture.store.consume_link(CODE.to_owned(), after(1)).await.unwrap().unwrap();
        assert_eq!(linked.account, fixture.account);
        let device = fixture.store.device(linked.device_id).await.unwrap().unwrap();
        assert_eq!((device.account, device.id, &device.public_key), (fixture.account, linked.device_id, &key.public()));
        assert_eq!((device.name.as_str(), device.platform.as_str()), ("desk", "linux"));
        assert_eq!((device.linked_at, device.revoked_at), (after(1), None));
        // The answer may have been lost on the way: until the code runs out it is the same device, and no second one.
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), after(2)).await.unwrap(), Some(linked));
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), after(600)).await.unwrap(), None);
        assert_eq!(fixture.store.devices(fixture.account).await.unwrap().len(), 1);
    }

    async fn the_same_approval_again_changes_nothing(fixture) {
        let key = DeviceKey::generate();
        let approve = |expires_at| fixture.store.approve_link(ApprovedLink { expires_at, ..link(&fixture, &key) }, Actor::Machine, NOW);
        approve(after(600)).await.unwrap();
        approve(after(900)).await.unwrap();
        assert_eq!(standing(&fixture, after(600)).await, UNDECIDED, "no code lives longer than it was given");
        let linked = fixture.store.consume_link(CODE.to_owned(), after(1)).await.unwrap().unwrap();
        approve(after(600)).await.unwrap();
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), after(2)).await.unwrap(), Some(linked));
        let another_key = fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await;
        assert!(another_key.is_err());
    }

    async fn how_a_code_stands_can_be_asked_without_using_it(fixture) {
        assert_eq!(standing(&fixture, after(1)).await, UNDECIDED);
        fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await.unwrap();
        assert_eq!(standing(&fixture, after(1)).await, LinkStanding::Approved);
        assert!(fixture.store.consume_link(CODE.to_owned(), after(1)).await.unwrap().is_some());
        assert_eq!(standing(&fixture, after(1)).await, LinkStanding::Approved, "used, and to be told again");
    }

    async fn a_denied_code_makes_nothing_and_the_first_decision_stands(fixture) {
        let link = link(&fixture, &DeviceKey::generate());
        assert_eq!(fixture.store.deny_link(link.clone(), Actor::Machine, NOW).await.unwrap(), LinkDecided::Done);
        assert_eq!(fixture.store.deny_link(link.clone(), Actor::Machine, NOW).await.unwrap(), LinkDecided::Done);
        assert_eq!(fixture.store.approve_link(link, Actor::Machine, NOW).await.unwrap(), LinkDecided::Otherwise);
        assert_eq!(standing(&fixture, after(1)).await, LinkStanding::Denied);
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), after(1)).await.unwrap(), None);
    }

    async fn a_code_is_approved_for_one_account(fixture) {
        let stranger = fixture.account_on("ten_a_month").await;
        let ours = link(&fixture, &DeviceKey::generate());
        assert_eq!(fixture.store.approve_link(ours.clone(), Actor::Machine, NOW).await.unwrap(), LinkDecided::Done);
        let theirs = ApprovedLink { account: stranger, ..ours };
        assert_eq!(fixture.store.approve_link(theirs.clone(), Actor::Machine, NOW).await.unwrap(), LinkDecided::Otherwise);
        assert_eq!(fixture.store.deny_link(theirs, Actor::Machine, NOW).await.unwrap(), LinkDecided::Otherwise);
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), after(1)).await.unwrap().unwrap().account, fixture.account);
        assert_eq!(fixture.store.devices(stranger).await.unwrap().len(), 0);
    }

    async fn a_code_that_an_operator_looks_for_is_told_once_and_sealed(fixture) {
        let (shown, polled) = ("BCDF-GHJK".to_owned(), Secret::new(CODE.to_owned()));
        fixture.store.tell_link(shown.clone(), polled.clone()).await.unwrap();
        assert_eq!(fixture.store.told_link(shown.clone(), NOW).await.unwrap(), None, "nobody has asked");
        assert_eq!(standing(&fixture, NOW).await, UNDECIDED);
        fixture.store.want_link(shown.clone(), after(60)).await.unwrap();
        assert_eq!(fixture.store.told_link(shown.clone(), NOW).await.unwrap(), None);
        assert_eq!(standing(&fixture, NOW).await, LinkStanding::Undecided { wanted: true });
        fixture.store.tell_link(shown.clone(), polled.clone()).await.unwrap();
        fixture.store.tell_link(shown.clone(), Secret::new("another desktop's".to_owned())).await.unwrap();
        assert_eq!(fixture.store.told_link(shown.clone(), NOW).await.unwrap(), Some(polled.clone()));
        assert_eq!(standing(&fixture, NOW).await, UNDECIDED, "told is told");
        fixture.store.want_link(shown.clone(), after(90)).await.unwrap();
        assert_eq!(fixture.store.told_link(shown.clone(), after(80)).await.unwrap(), Some(polled));
        assert_eq!(fixture.store.told_link(shown, after(90)).await.unwrap(), None);
    }

    async fn of_many_polls_at_once_one_becomes_the_device(fixture) {
        fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await.unwrap();
        let polls = (0..16).map(|_| fixture.store.consume_link(CODE.to_owned(), NOW));
        let linked: Vec<_> = futures_util::future::join_all(polls).await.into_iter().map(|poll| poll.unwrap().unwrap()).collect();
        assert!(linked.iter().all(|same| *same == linked[0]), "{linked:?}");
        assert_eq!(fixture.store.devices(fixture.account).await.unwrap().len(), 1);
    }

    async fn a_code_that_was_not_approved_or_has_run_out_makes_nothing(fixture) {
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), NOW).await.unwrap(), None);
        fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await.unwrap();
        assert_eq!(fixture.store.consume_link(CODE.to_owned(), after(600)).await.unwrap(), None);
        assert_eq!(fixture.store.devices(fixture.account).await.unwrap().len(), 0);
    }

    async fn codes_that_ran_out_are_dropped(fixture) {
        fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await.unwrap();
        fixture.upkeep(after(600)).await;
        // Had it stayed, the same code could not be approved again.
        fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await.unwrap();
    }

    async fn devices_are_listed_in_the_order_in_which_they_were_linked(fixture) {
        let mut linked = Vec::new();
        for seconds in 0..3 {
            let device_code = format!("{CODE}-{seconds}");
            let link = ApprovedLink { device_code: device_code.clone(), ..link(&fixture, &DeviceKey::generate()) };
            fixture.store.approve_link(link, Actor::Machine, NOW).await.unwrap();
            linked.push(fixture.store.consume_link(device_code, after(seconds)).await.unwrap().unwrap().device_id);
        }
        let listed: Vec<_> = fixture.store.devices(fixture.account).await.unwrap().into_iter().map(|device| device.id).collect();
        assert_eq!(listed, linked);
    }

    async fn a_revoked_device_loses_its_jobs_to_the_others(fixture) {
        let jobs = fixture.jobs(2).await;
        let [gone, other] = [fixture.device().await, fixture.device().await];
        fixture.pull(Pull::by(gone)).await;
        let version = fixture.store.devices_version();
        assert!(fixture.store.revoke_device(fixture.account, gone, Actor::Machine, after(3)).await.unwrap());
        assert!(fixture.store.devices_version() > version);
        assert_eq!(fixture.store.device(gone).await.unwrap().unwrap().revoked_at, Some(after(3)));
        assert_eq!(fixture.look(jobs[0]).await.state, JobState::Queued);
        let mut again = ids(&fixture.pull(Pull::by(other).at(after(3))).await.jobs);
        again.sort();
        assert_eq!(again, jobs);
        let kept = fixture.store.all_devices().await.unwrap();
        assert_eq!(kept.iter().map(|device| device.id).collect::<Vec<_>>(), [other]);
        assert!(!fixture.store.revoke_device(fixture.account, gone, Actor::Machine, after(4)).await.unwrap(), "there is nothing left to revoke");
        assert_eq!(fixture.store.device(gone).await.unwrap().unwrap().revoked_at, Some(after(3)));
    }

    async fn a_revoked_device_gets_nothing_more_and_its_waiting_pulls_are_woken(fixture) {
        let [gone, other] = [fixture.device().await, fixture.device().await];
        let watch = fixture.store.watch_ready(fixture.account);
        let pulls = [watch.listen(), watch.listen()];
        assert!(fixture.store.revoke_device(fixture.account, gone, Actor::Machine, after(3)).await.unwrap());
        for woken in pulls {
            tokio::time::timeout(std::time::Duration::from_secs(10), woken).await.unwrap();
        }
        let job = fixture.job("a").await;
        assert_eq!(fixture.pull(Pull::by(gone).at(after(3))).await.jobs, []);
        assert_eq!(ids(&fixture.pull(Pull::by(other).at(after(3))).await.jobs), [job]);
    }

    async fn approved_codes_survive_a_restart(fixture) {
        let mut fixture = fixture;
        fixture.store.approve_link(link(&fixture, &DeviceKey::generate()), Actor::Machine, NOW).await.unwrap();
        fixture.restart().await;
        assert!(fixture.store.consume_link(CODE.to_owned(), after(1)).await.unwrap().is_some());
    }
}

const UNDECIDED: LinkStanding = LinkStanding::Undecided { wanted: false };

async fn standing(fixture: &Fixture, at: UnixMillis) -> LinkStanding {
    fixture.store.link_standing(CODE.to_owned(), "BCDF-GHJK".to_owned(), at).await.unwrap()
}

fn link(fixture: &Fixture, key: &DeviceKey) -> ApprovedLink {
    ApprovedLink {
        account: fixture.account,
        device_code: CODE.to_owned(),
        public_key: key.public(),
        name: "desk".to_owned(),
        platform: "linux".to_owned(),
        expires_at: after(600),
    }
}
