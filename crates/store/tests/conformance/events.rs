//! Events: whoever reads on behind what they have seen misses nothing and sees nothing twice, whoever writes meanwhile.

use std::collections::BTreeMap;

use domain::audit::Actor;
use domain::channel::Channel;
use domain::events::{Event, EventId};
use protocol::{Environment, JobState};
use store::{EventPage, EventQuery, Store};

use crate::fixture::Fixture;
use crate::words::{NOW, Pull, after, of, valid};

on_every_database! {
    async fn what_two_relays_do_at_once_is_told_once_and_in_order(fixture) {
        const JOBS: usize = 120;
        let other = fixture.another_relay().await;
        let device = fixture.device().await;
        let beginning = EventId::behind_block(fixture.store.audit_ends(fixture.account).await.unwrap().head.seq);
        let working = futures_util::future::join_all((0..JOBS).map(|number| {
            let store = if number % 2 == 0 { &fixture.store } else { &other };
            let (request, fixture) = (fixture.submission(&format!("offer-{number}")).into_request(), &fixture);
            async move {
                store.admit(request).await.unwrap();
                let leased = store.pull(Pull::by(device).max(1).into_order(fixture.account)).await.unwrap().jobs;
                let results = leased.iter().map(|lease| of(lease, valid(after(1)))).collect();
                store.report(fixture.account, device, results, after(1)).await.unwrap();
            }
        }));
        // Reads while they work, at both relays in turn, and each time behind what it has seen itself.
        let reading = async {
            let (mut seen, mut behind, mut turn) = (Vec::<Event>::new(), beginning, 0);
            while seen.iter().filter(|event| event.state == JobState::Concluded).count() < JOBS {
                let watch = fixture.store.watch_recorded(fixture.account);
                let woken = watch.listen();
                turn += 1;
                let (events, next) = read(if turn % 2 == 0 { &fixture.store } else { &other }, &fixture, Some(behind)).await;
                // As one who was cut off in the middle of a page: it goes on behind the last event that came.
                let kept = if turn % 3 == 0 { events.len() / 2 } else { events.len() };
                behind = if kept == events.len() { next } else { events[..kept].last().map_or(behind, |event| event.id) };
                if events.is_empty() {
                    let _ = tokio::time::timeout(std::time::Duration::from_millis(200), woken).await;
                }
                seen.extend(events.into_iter().take(kept));
            }
            seen
        };
        let (_, seen) = tokio::join!(working, reading);
        assert!(seen.windows(2).all(|pair| pair[0].id < pair[1].id), "in order, and none twice");
        let mut of_jobs: BTreeMap<_, Vec<JobState>> = BTreeMap::new();
        for event in &seen {
            of_jobs.entry(event.job_id).or_default().push(event.state);
        }
        assert_eq!(of_jobs.len(), JOBS);
        for states in of_jobs.values() {
            assert_eq!(*states, [JobState::Queued, JobState::Leased, JobState::Concluded]);
        }
        other.close().await;
    }

    async fn a_retry_and_a_cancellation_are_told(fixture) {
        let beginning = fixture.device().await;
        let from = EventId::behind_block(fixture.store.audit_ends(fixture.account).await.unwrap().head.seq);
        let job_id = fixture.job("a").await;
        fixture.lease_and_take_up(beginning, NOW).await;
        assert_eq!(fixture.upkeep(after(61)).await.reclaimed, 1);
        fixture.store.cancel(fixture.account, Environment::Live, job_id, Actor::Machine, after(62)).await.unwrap();
        let (events, _) = read(&fixture.store, &fixture, Some(from)).await;
        let states: Vec<_> = events.iter().map(|event| event.state).collect();
        assert_eq!(states, [JobState::Queued, JobState::Leased, JobState::Queued, JobState::Cancelled]);
    }

    async fn of_one_environment_and_from_now_on(fixture) {
        let (nothing, now) = read(&fixture.store, &fixture, None).await;
        assert_eq!(nothing, []);
        fixture.accept(fixture.submission("test").test_environment()).await;
        let live = fixture.job("live").await;
        let (events, _) = read(&fixture.store, &fixture, Some(now)).await;
        assert_eq!(events.iter().map(|event| event.job_id).collect::<Vec<_>>(), [live]);
        let both = EventQuery { environment: None, ..query(&fixture, Some(now)) };
        assert!(matches!(fixture.store.events(both).await.unwrap(), EventPage::Events { events, .. } if events.len() == 2));
    }

    async fn a_channel_is_kept_and_its_change_recorded_once(fixture) {
        let usual = fixture.store.channel(fixture.account).await.unwrap();
        assert_eq!((usual.source.as_str(), usual.freshness_seconds), ("platform_api", 86_400));
        let chosen = Channel { source: "platform_api".to_owned(), freshness_seconds: 3_600 };
        for _ in 0..2 {
            fixture.store.set_channel(fixture.account, chosen.clone(), Actor::Machine, NOW).await.unwrap();
        }
        assert_eq!(fixture.store.channel(fixture.account).await.unwrap(), chosen);
        let stranger = fixture.account_on("ten_a_month").await;
        assert_eq!(fixture.store.channel(stranger).await.unwrap(), usual);
        let blocks = fixture.store.audit_blocks(fixture.account, store::BlockRange::After(0), 100).await.unwrap();
        let changes = blocks.iter().flat_map(|block| block.lines().unwrap()).filter(|line| line.entry.kind() == "setting_changed").count();
        assert_eq!(changes, 2, "source and freshness, each when it was chosen, and not again");
    }
}

fn query(fixture: &Fixture, after: Option<EventId>) -> EventQuery {
    EventQuery { account: fixture.account, environment: Some(Environment::Live), after, resumes_at: None }
}

async fn read(store: &Store, fixture: &Fixture, after: Option<EventId>) -> (Vec<Event>, EventId) {
    match store.events(query(fixture, after)).await.unwrap() {
        EventPage::Events { events, next, .. } => (events, next),
        EventPage::Reset { next } => panic!("reset to {next}"),
    }
}
