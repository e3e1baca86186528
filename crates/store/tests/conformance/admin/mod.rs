//! What operators do to a database as a whole.

mod backup;
mod check;
mod copy;
mod status;

use domain::audit::Actor;
use protocol::{Conclusion, DeviceId, JobId};
use store::{Cancelled, DatabaseUrl};

use crate::fixture::{Database, Fixture};
use crate::words::{NOW, Pull, after, concluded, of};

/// One job in every place that a job can be in.
struct EveryPlace {
    device: DeviceId,
    ready: JobId,
    delayed: JobId,
    leased: protocol::device::LeasedJob,
    concluded: JobId,
}

/// Fills a database with something of everything.
async fn fill(fixture: &Fixture) -> EveryPlace {
    let device = fixture.device().await;
    let concluded_job = fixture.job("concluded").await;
    let leased = fixture.lease(device, NOW).await;
    fixture.report(device, vec![of(&leased, concluded(Conclusion::HttpGone, NOW))], NOW).await;

    let delayed = fixture.job("delayed").await;
    fixture.lease_and_take_up(device, NOW).await;
    assert_eq!(fixture.upkeep(after(61)).await.reclaimed, 1);

    let cancelled = fixture.job("cancelled while queued").await;
    cancel(fixture, cancelled).await;
    let cancelled = fixture.job("cancelled while leased").await;
    assert_eq!(fixture.pull(Pull::by(device).max(1)).await.jobs[0].job_id, cancelled);
    cancel(fixture, cancelled).await;

    fixture.job("leased").await;
    let leased = fixture.pull(Pull::by(device).max(1).at(after(62))).await.jobs.remove(0);
    let ready = fixture.job("ready").await;
    fixture.accept(fixture.submission("test").test_environment()).await;
    EveryPlace { device, ready, delayed, leased, concluded: concluded_job }
}

async fn cancel(fixture: &Fixture, job_id: JobId) {
    let cancelled = fixture.store.cancel(fixture.account, protocol::Environment::Live, job_id, Actor::Machine, NOW).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Done(_)));
}

/// Changes a database behind the store's back.
pub(crate) fn tamper(database: &Database, sql: &str) {
    match database.url() {
        DatabaseUrl::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
        DatabaseUrl::Postgres(url) => {
            testkit::postgres::sql(&url, sql).unwrap();
        }
    }
}
