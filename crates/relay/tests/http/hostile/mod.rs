//! A desktop that is linked and means harm. Whatever it sends, every row of a neighbour's account and of work that is not
//! its own reads the same afterwards, byte for byte, on either database; and a neighbour's pulls are answered as before.

mod contents;
mod floods;
mod others_work;
mod snapshot;

use protocol::Job;
use protocol::device::LeasedJob;
use relay::Config;
use store::DatabaseUrl;

use crate::desk::{Desk, of, valid};
use crate::stage::{Key, Stage};

/// An account with a hostile desktop beside an honest one, and a neighbour's account.
struct Scene {
    stage: Stage,
    database: DatabaseUrl,
    hostile: Desk,
    /// Held by the hostile desktop: the only thing here that is its own.
    own: LeasedJob,
    honest: Desk,
    /// Of the hostile desktop's account, and not its own.
    ours: Work,
    neighbour: Key,
    /// Of the neighbour's account.
    theirs: Work,
}

/// One job in each state that a desktop may be curious about.
struct Work {
    finished: LeasedJob,
    leased: LeasedJob,
    queued: Job,
}

impl Work {
    async fn of(stage: &Stage, key: &Key, desk: &Desk) -> Self {
        let mut jobs = Vec::new();
        for name in ["finished", "leased", "queued"] {
            // So that they are leased in this order.
            stage.clock.set(stage.now().plus_seconds(1));
            jobs.push(stage.send(&stage.fetch_by(key, name)).await.read::<Job>(202));
        }
        let finished = desk.resolve_one(stage, valid()).await;
        let leased = desk.pull(stage, 1).await.remove(0);
        assert_eq!([finished.job_id, leased.job_id], [jobs[0].job_id, jobs[1].job_id]);
        Self { finished, leased, queued: jobs.remove(2) }
    }
}

impl Scene {
    async fn on(stage: Stage, database: DatabaseUrl) -> Self {
        let hostile = stage.desk().await;
        let job: Job = stage.send(&stage.fetch("own")).await.read(202);
        let own = hostile.pull(&stage, 1).await.remove(0);
        assert_eq!(own.job_id, job.job_id);
        let honest = stage.desk().await;
        let ours = Work::of(&stage, &stage.key, &honest).await;
        let neighbour = stage.key_on("metered").await;
        let desk = stage.desk_of(neighbour.account).await;
        let theirs = Work::of(&stage, &neighbour, &desk).await;
        Self { stage, database, hostile, own, honest, ours, neighbour, theirs }
    }

    /// What the hostile desktop is told about a result for a job under a fence.
    async fn outcome(&self, job: &LeasedJob, fence: u32) -> String {
        let job = LeasedJob { fence, ..job.clone() };
        self.hostile.report(&self.stage, vec![of(&job, crate::desk::concluded(protocol::Conclusion::HttpGone))]).await.remove(0)
    }
}

async fn on_sqlite(device_limit: &str) -> Scene {
    let stage = Stage::with(|config| config.device_limit = device_limit.parse().ok()).await;
    let database = DatabaseUrl::Sqlite(stage.folder.path().join("relay.db"));
    Scene::on(stage, database).await
}

async fn on_postgres(device_limit: &str) -> Scene {
    let database = DatabaseUrl::Postgres(testkit::postgres::new_database());
    let url = database.clone();
    let change = |config: &mut Config| {
        config.device_limit = device_limit.parse().ok();
        config.database = url;
    };
    Scene::on(Stage::with(change).await, database).await
}

/// The same test on either database. `DEVICE_LIMIT` says what one desktop may send there.
macro_rules! on_both {
    ($($(#[$doc:meta])* $name:ident => $body:path;)*) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                $body(super::super::on_sqlite(super::DEVICE_LIMIT).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                $body(super::super::on_postgres(super::DEVICE_LIMIT).await).await;
            }
        }
    )*};
}

use on_both;
