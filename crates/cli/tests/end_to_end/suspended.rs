//! A desktop that hangs past its lease, as a laptop whose lid is closed, and comes back after another has done its work.

use protocol::{Conclusion, Job, JobState};

use crate::caller::Caller;
use crate::desktop::Desktop;
use crate::process::until;
use crate::relay::Relay;
use crate::site::Site;

async fn ended(caller: &Caller, job: &Job) -> Job {
    until("the job has ended", async || caller.job(job.job_id).await.filter(|job| job.state.has_ended())).await
}

#[tokio::test]
async fn a_result_that_is_reported_after_another_desktop_has_concluded_the_job_changes_nothing() {
    let folders: [tempfile::TempDir; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let site = Site::start().await;
    let mut relay = Relay::start(folders[0].path()).await;
    let caller = relay.new_caller().await;
    let slow = Desktop::start(&relay, folders[1].path(), &[site.address()]).await;
    let job = caller.fetch("offer-1", &site.url()).await.unwrap();
    let job_id = serde_json::json!(job.job_id);
    slow.process.tells("leased", &job_id).await;
    site.asked(1).await;

    // With the relay gone, its result gets no further than its outbox; then it hangs.
    relay.kill();
    site.open();
    slow.process.tells("resolved", &job_id).await;
    slow.process.signal("STOP");
    relay.start_again().await;
    let quick = Desktop::start(&relay, folders[2].path(), &[site.address()]).await;
    quick.process.tells("settled", &job_id).await;
    let concluded = ended(&caller, &job).await;
    assert_eq!(concluded.result.as_ref().unwrap().conclusion, Conclusion::Valid);

    slow.process.signal("CONT");
    let late = slow.process.tells("settled", &job_id).await;
    assert_eq!(late["outcome"], "superseded");
    assert_eq!(caller.job(job.job_id).await.unwrap(), concluded);
    assert_eq!(quick.settled().len(), 1);
}

#[tokio::test]
async fn work_that_outlived_its_lease_is_dropped_and_another_desktop_does_it() {
    let folders: [tempfile::TempDir; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let site = Site::start().await;
    let relay = Relay::start(folders[0].path()).await;
    let caller = relay.new_caller().await;
    let (slow, quick) = (
        Desktop::start(&relay, folders[1].path(), &[site.address()]).await,
        Desktop::start(&relay, folders[2].path(), &[site.address()]).await,
    );
    let job = caller.fetch("offer-1", &site.url()).await.unwrap();
    let job_id = serde_json::json!(job.job_id);
    let holder = until("one of them has it", async || {
        [&slow, &quick]
            .into_iter()
            .position(|desktop| !desktop.process.said(|said| said["event"] == "leased" && said["jobId"] == job_id).is_empty())
    })
    .await;
    let [hangs, other] = if holder == 0 { [&slow, &quick] } else { [&quick, &slow] };
    site.asked(1).await;
    hangs.process.signal("STOP");
    other.process.tells("leased", &job_id).await;
    site.asked(2).await;
    site.open();
    assert_eq!(other.process.tells("settled", &job_id).await["outcome"], "applied");
    let concluded = ended(&caller, &job).await;

    hangs.process.signal("CONT");
    until("the one that hung has heard of it", async || {
        let of_job = |said: &serde_json::Value| said["jobId"] == job_id && (said["event"] == "lost" || said["event"] == "settled");
        hangs.process.said(of_job).into_iter().next()
    })
    .await;
    assert!(hangs.settled().iter().all(|settled| settled["outcome"] == "superseded"));
    let still = caller.job(job.job_id).await.unwrap();
    assert_eq!((still.state, &still), (JobState::Concluded, &concluded));
}
