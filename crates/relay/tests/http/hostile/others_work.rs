//! Results, renewals and releases for what is not the desktop's own: another account's, another desktop's, what has ended,
//! and leases that have moved on.

use protocol::device::{HeldJob, LeasedJob, PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportedResult};
use protocol::{Conclusion, Job, JobId, JobState};

use super::snapshot::Snapshot;
use super::{Scene, on_both};
use crate::desk::{concluded, held, of, pull, valid};

/// What a test sends counts for nothing.
const DEVICE_LIMIT: &str = "20:1000";

on_both! {
    another_accounts_jobs => super::another_accounts_jobs_are_not_there;
    another_desktops_jobs => super::another_desktops_jobs_stay_with_it;
    finished_jobs => super::what_has_ended_keeps_its_end;
    stale_fences => super::a_lease_that_has_moved_on_is_worth_nothing;
    one_batch => super::a_job_that_stands_twice_in_one_batch_ends_once;
}

impl Scene {
    async fn release(&self, jobs: Vec<HeldJob>) -> u32 {
        let answer = self.hostile.send(&self.stage, "/api/device/release", &ReleaseRequest { jobs }).await;
        answer.read::<ReleaseAnswer>(200).released
    }

    /// Says to be working on these; which of them it is told to stop.
    async fn renew(&self, running: Vec<HeldJob>) -> Vec<JobId> {
        let request = PullRequest { running, ..pull(0) };
        self.stage.send(&self.hostile.pull_request(&request)).await.read::<PullAnswer>(200).lost
    }
}

/// Under every fence that might be worth a try.
fn fences(job: &LeasedJob) -> Vec<LeasedJob> {
    [0, 1, job.fence, job.fence + 1, i32::MAX as u32, u32::MAX].map(|fence| LeasedJob { fence, ..job.clone() }).into()
}

/// As the hostile desktop would name a job that it was never given.
fn guessed(job: &Job, like: &LeasedJob) -> LeasedJob {
    LeasedJob { job_id: job.job_id, ..like.clone() }
}

async fn another_accounts_jobs_are_not_there(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let theirs = &scene.theirs;
    let jobs = [theirs.finished.clone(), theirs.leased.clone(), guessed(&theirs.queued, &theirs.leased)];
    let tries: Vec<LeasedJob> = jobs.iter().flat_map(fences).collect();
    let results: Vec<ReportedResult> = tries.iter().map(|job| of(job, valid())).collect();
    let outcomes = scene.hostile.report(&scene.stage, results.clone()).await;
    assert!(outcomes.iter().all(|outcome| outcome == "unknown"), "{outcomes:?}");
    let handing_in = PullRequest { results, ..pull(0) };
    let answer: PullAnswer = scene.stage.send(&scene.hostile.pull_request(&handing_in)).await.read(200);
    assert!(answer.outcomes.iter().all(|one| one.outcome == protocol::device::Outcome::Unknown));
    assert_eq!(scene.release(tries.iter().map(held).collect()).await, 0);
    assert_eq!(scene.renew(tries.iter().map(held).collect()).await.len(), tries.len(), "it is told to stop each");
    before.expect_unchanged(&Snapshot::of(&scene).await, "what was sent for another account's jobs");
}

async fn another_desktops_jobs_stay_with_it(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let ours = &scene.ours;
    let tries: Vec<LeasedJob> = [ours.leased.clone(), guessed(&ours.queued, &ours.leased)].iter().flat_map(fences).collect();
    let outcomes = scene.hostile.report(&scene.stage, tries.iter().map(|job| of(job, valid())).collect()).await;
    assert!(outcomes.iter().all(|outcome| outcome == "superseded"), "{outcomes:?}");
    assert_eq!(scene.release(tries.iter().map(held).collect()).await, 0);
    scene.renew(tries.iter().map(held).collect()).await;
    before.expect_unchanged(&Snapshot::of(&scene).await, "what was sent for another desktop's jobs");
    // And whoever holds it ends it as if nothing had been.
    assert_eq!(scene.honest.report(&scene.stage, vec![of(&ours.leased, valid())]).await, ["applied"]);
}

async fn what_has_ended_keeps_its_end(scene: Scene) {
    // One that it has ended itself, too: its word counts once.
    let own = scene.own.clone();
    assert_eq!(scene.hostile.report(&scene.stage, vec![of(&own, valid())]).await, ["applied"]);
    let before = Snapshot::of(&scene).await;
    for job in fences(&scene.ours.finished) {
        assert_eq!(scene.outcome(&job, job.fence).await, "superseded");
    }
    assert_eq!(scene.outcome(&own, own.fence).await, "duplicate");
    for fence in [0, own.fence + 1, u32::MAX] {
        assert_eq!(scene.outcome(&own, fence).await, "superseded");
    }
    assert_eq!(scene.release(vec![held(&own), held(&scene.ours.finished)]).await, 0);
    assert_eq!(scene.renew(vec![held(&own)]).await, [own.job_id]);
    before.expect_unchanged(&Snapshot::of(&scene).await, "what was sent for finished jobs");
    let job: Job = scene.stage.send(&scene.stage.get(&format!("/api/links/jobs/{}", own.job_id))).await.read(200);
    assert_eq!(job.result.unwrap().conclusion, Conclusion::Valid);
}

async fn a_lease_that_has_moved_on_is_worth_nothing(scene: Scene) {
    // It gives its job back, and somebody else gets it.
    let old = scene.own.clone();
    assert_eq!(scene.release(vec![held(&old); 500]).await, 1, "the same lease five hundred times is one");
    let waiting = scene.honest.pull(&scene.stage, 16).await;
    let moved = waiting.iter().find(|job| job.job_id == old.job_id).unwrap();
    assert_eq!(moved.fence, old.fence + 1);
    let before = Snapshot::of(&scene).await;
    for fence in [old.fence, moved.fence, moved.fence + 1] {
        assert_eq!(scene.outcome(&old, fence).await, "superseded");
        let lease = HeldJob { job_id: old.job_id, fence };
        assert_eq!(scene.release(vec![lease]).await, 0);
        assert_eq!(scene.renew(vec![lease]).await, [old.job_id]);
    }
    before.expect_unchanged(&Snapshot::of(&scene).await, "stale fences");
    assert_eq!(scene.honest.report(&scene.stage, vec![of(moved, valid())]).await, ["applied"]);
}

async fn a_job_that_stands_twice_in_one_batch_ends_once(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let own = &scene.own;
    let later = LeasedJob { fence: own.fence + 1, ..own.clone() };
    let mut results = vec![of(&later, valid()), of(own, concluded(Conclusion::HttpGone))];
    results.extend(vec![of(own, valid()); 98]);
    let outcomes = scene.hostile.report(&scene.stage, results).await;
    assert_eq!(outcomes[..2], ["superseded", "applied"]);
    assert!(outcomes[2..].iter().all(|outcome| outcome == "duplicate"), "{outcomes:?}");
    before.expect_unchanged(&Snapshot::of(&scene).await, "one job a hundred times in one batch");
    let job: Job = scene.stage.send(&scene.stage.get(&format!("/api/links/jobs/{}", own.job_id))).await.read(200);
    assert_eq!((job.state, job.result.unwrap().conclusion), (JobState::Concluded, Conclusion::HttpGone));
}
