//! Events: every change of a job's state, once and in order, for as long as somebody listens, and from where they stopped.

use std::time::Duration;

use protocol::{ActiveChannel, Environment, JobEvent, JobState, ProblemCode};

use crate::desk::valid;
use crate::stage::{Key, NOW, Stage};
use crate::wire::{Connection, Request, refused};

/// An open stream.
struct Listener {
    connection: Connection,
    seen: String,
}

/// What a stream has said: the id of each event, its name and its data.
#[derive(Debug, PartialEq)]
struct Told {
    id: String,
    event: String,
    data: String,
}

impl Listener {
    async fn open(stage: &Stage, key: &Key, last_id: Option<&str>) -> Self {
        let request = stage.signed_by(key, "GET", "/api/links/events", b"");
        let request = last_id.iter().fold(request, |request, id| request.header("Last-Event-ID", id));
        let mut connection = Connection::open(stage.address()).await;
        connection.write(&request.to_bytes()).await.unwrap();
        let seen = connection.read_until("retry: ").await;
        assert!(seen.starts_with("HTTP/1.1 200") && seen.contains("text/event-stream"), "{seen}");
        Self { connection, seen }
    }

    /// Reads on until that many events have been told in all.
    async fn told(&mut self, count: usize) -> Vec<Told> {
        loop {
            let told = self.all();
            if told.len() >= count {
                return told;
            }
            self.seen += &self.connection.read_until("\n").await;
        }
    }

    fn all(&self) -> Vec<Told> {
        let lines: Vec<&str> = self.seen.lines().collect();
        let value = |line: &str, name: &str| line.strip_prefix(name).map(str::to_owned);
        let told = lines.windows(4).filter_map(|event| {
            let complete = event[3].trim().is_empty();
            let (id, name, data) = (value(event[0], "id: ")?, value(event[1], "event: ")?, value(event[2], "data: ")?);
            complete.then_some(Told { id, event: name, data })
        });
        told.collect()
    }

    /// The place that a stream without events yet begins at.
    async fn place(&mut self) -> String {
        while !self.seen.lines().any(|line| line.starts_with("id: ")) {
            self.seen += &self.connection.read_until("\n").await;
        }
        self.seen.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned()
    }
}

fn states(told: &[Told]) -> Vec<JobState> {
    told.iter().map(|told| serde_json::from_str::<JobEvent>(&told.data).unwrap().state).collect()
}

#[tokio::test]
async fn a_jobs_way_is_told_as_it_happens_and_again_to_whoever_goes_on_also_after_a_restart() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    let mut listener = Listener::open(&stage, &stage.key, None).await;
    let beginning = listener.place().await;
    let job = stage.job("a").await;
    desk.resolve_one(&stage, valid()).await;
    let told = listener.told(3).await;
    assert_eq!(states(&told), [JobState::Queued, JobState::Leased, JobState::Concluded]);
    let last: JobEvent = serde_json::from_str(&told[2].data).unwrap();
    assert_eq!((last.job_id, last.conclusion), (job.job_id, Some(protocol::Conclusion::Valid)));
    assert_eq!(last.status_url, job.status_url);

    let mut later = Listener::open(&stage, &stage.key, Some(&told[0].id)).await;
    assert_eq!(later.told(2).await, told[1..]);
    drop((listener, later));
    let stage = stage.restart().await;
    let mut after = Listener::open(&stage, &stage.key, Some(&beginning)).await;
    let again = after.told(3).await;
    assert_eq!(again.iter().map(|told| &told.id).collect::<Vec<_>>(), told.iter().map(|told| &told.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn nobody_hears_of_jobs_that_are_not_theirs() {
    let stage = Stage::new().await;
    let (test, stranger) = (stage.new_key(Environment::Test).await, stage.key_on("metered").await);
    let mut listener = Listener::open(&stage, &stage.key, None).await;
    listener.place().await;
    stage.send(&stage.fetch_by(&test, "of test")).await;
    stage.send(&stage.fetch_by(&stranger, "of another account")).await;
    let job = stage.job("ours").await;
    let told = listener.told(1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(serde_json::from_str::<JobEvent>(&told[0].data).unwrap().job_id, job.job_id);
}

#[tokio::test]
async fn an_id_that_is_gone_or_never_was_is_answered_with_a_reset_and_the_stream_goes_on() {
    let stage = Stage::new().await;
    stage.job("a").await;
    for (id, days) in [("999999-1", 0), ("1-1", 4), ("1-1", 400)] {
        stage.clock.set(NOW.plus_seconds(days * 86_400));
        if days > 365 {
            let mut from = None;
            loop {
                from = stage.relay.store().prune_audit(stage.now(), from).await.unwrap().next;
                if from.is_none() {
                    break;
                }
            }
        }
        let mut listener = Listener::open(&stage, &stage.key, Some(id)).await;
        let told = listener.told(1).await;
        assert_eq!(told[0].event, "reset", "{id} after {days} days");
        let job = stage.job(&format!("after {id} and {days}")).await;
        let told = listener.told(2).await;
        assert!(told[1].data.contains(&job.job_id.to_string()));
    }
}

#[tokio::test]
async fn an_id_off_its_form_is_refused_and_so_is_one_stream_too_many() {
    let stage = Stage::new().await;
    for id in ["x", "1", "-1-1", "0-0"] {
        let answer = stage.send(&stage.get("/api/links/events").header("Last-Event-ID", id)).await;
        assert_eq!(answer.refusal(), refused(400, "invalid_parameter"), "{id}");
    }
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Listener::open(&stage, &stage.key, None).await);
    }
    let answer = stage.send(&stage.get("/api/links/events")).await;
    assert_eq!(answer.refusal(), refused(429, ProblemCode::TooManyStreams.as_str()));
    assert!(answer.header("retry-after").is_some());
    open.pop();
    // The place is free once the relay has noticed that its reader is gone.
    let freed = async { while stage.send(&stage.get("/api/links/events?x=1")).await.status == 429 {} };
    tokio::time::timeout(Duration::from_secs(60), freed).await.unwrap();
}

#[tokio::test]
async fn a_revoked_key_hears_no_more() {
    let stage = Stage::new().await;
    let key = stage.new_key(Environment::Live).await;
    let mut listener = Listener::open(&stage, &key, None).await;
    listener.place().await;
    assert!(
        stage.relay.store().revoke_key(key.account, key.id.clone(), domain::audit::Actor::Machine, NOW).await.unwrap().done().is_some()
    );
    stage.job("after").await;
    let rest = String::from_utf8(listener.connection.until_closed_or("0\r\n\r\n").await).unwrap();
    assert!(!rest.contains("event: job"), "{rest}");
}

#[tokio::test]
async fn a_shutdown_ends_streams_at_once() {
    let stage = Stage::new().await;
    let listener = Listener::open(&stage, &stage.key, None).await;
    let Stage { relay, .. } = stage;
    tokio::time::timeout(Duration::from_secs(20), relay.shutdown()).await.unwrap();
    drop(listener);
}

#[tokio::test]
async fn the_channel_says_where_to_read_and_for_how_long_a_check_counts() {
    let stage = Stage::new().await;
    let channel: ActiveChannel = stage.send(&stage.get("/api/channel")).await.read(200);
    let rows_url = format!("{}/api/rows?source=platform_api", stage.relay.public_url());
    assert_eq!(channel, ActiveChannel { source: "platform_api".to_owned(), rows_url, freshness_seconds: 86_400 });
    let unsigned = stage.send(&Request::new("GET", "/api/channel").header("Host", "a")).await;
    assert_eq!(unsigned.refusal(), refused(401, "missing_header"));

    stage.job("a").await;
    stage.desk().await.resolve_one(&stage, valid()).await;
    let row = async || stage.send(&stage.get("/api/rows/platform_api/a")).await.read::<protocol::Row>(200);
    stage.clock.set(NOW.plus_seconds(3_600));
    assert!(row().await.ready_for_ads);
    let hour = domain::channel::Channel { source: "platform_api".to_owned(), freshness_seconds: 3_599 };
    stage.relay.store().set_channel(stage.relay.account(), hour, domain::audit::Actor::Machine, stage.now()).await.unwrap();
    assert!(!row().await.ready_for_ads, "the account's own freshness counts");
    assert_eq!(stage.send(&stage.get("/api/channel")).await.read::<ActiveChannel>(200).freshness_seconds, 3_599);
}
