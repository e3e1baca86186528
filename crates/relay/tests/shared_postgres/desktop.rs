//! A device that pulls and reports, and resolves nothing.

use protocol::device::{LeasedJob, Outcome, PullAnswer, PullRequest, ReportAnswer, ReportRequest, ReportedResult};
use protocol::device_signature::{DeviceKey, sign};
use protocol::{Clock, Conclusion, DeviceId, JobResult, PollId, SystemClock};
use serde::Serialize;

use crate::caller::{Answer, client};

/// A linked device.
#[derive(Clone)]
pub(crate) struct Device {
    http: reqwest::Client,
    pub(crate) id: DeviceId,
    key: DeviceKey,
}

impl Device {
    pub(crate) fn new(id: DeviceId, key: DeviceKey) -> Self {
        Self { http: client(), id, key }
    }

    /// A signed POST.
    pub(crate) async fn post(&self, relay: &str, path: &str, message: &impl Serialize) -> reqwest::Result<Answer> {
        let body = serde_json::to_vec(message).unwrap();
        let target = format!("{relay}{path}");
        let headers = sign(&self.key, self.id, SystemClock.now(), "POST", &target, &body);
        let mut request = self.http.post(target).body(body);
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        Answer::read(request.send().await?).await
    }

    /// A pull. The same poll id again gets the same jobs.
    pub(crate) async fn pull_as(&self, relay: &str, poll_id: PollId, max: u32, wait_seconds: u32) -> reqwest::Result<Answer> {
        let message = PullRequest { poll_id, max, wait_seconds, running: Vec::new(), results: Vec::new() };
        self.post(relay, "/api/device/pull", &message).await
    }

    /// The jobs of a pull that is answered.
    pub(crate) async fn pull(&self, relay: &str, max: u32, wait_seconds: u32) -> Vec<LeasedJob> {
        let answer = self.pull_as(relay, PollId::random(SystemClock.now()), max, wait_seconds).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        leased(&answer)
    }

    /// A report of these jobs.
    pub(crate) async fn try_report(&self, relay: &str, jobs: &[LeasedJob]) -> reqwest::Result<Answer> {
        let results = jobs.iter().map(finished).collect();
        self.post(relay, "/api/device/report", &ReportRequest { results }).await
    }

    /// The outcomes of a report that is answered.
    pub(crate) async fn report(&self, relay: &str, jobs: &[LeasedJob]) -> Vec<Outcome> {
        let answer = self.try_report(relay, jobs).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        outcomes(&answer)
    }

    /// Whether the relay takes this device for a linked one.
    pub(crate) async fn is_known(&self, relay: &str) -> bool {
        self.try_report(relay, &[]).await.unwrap().status == 200
    }
}

/// The jobs in a pull's answer.
pub(crate) fn leased(answer: &Answer) -> Vec<LeasedJob> {
    serde_json::from_value::<PullAnswer>(answer.body.clone()).unwrap().jobs
}

/// The outcomes in a report's answer.
pub(crate) fn outcomes(answer: &Answer) -> Vec<Outcome> {
    let answer: ReportAnswer = serde_json::from_value(answer.body.clone()).unwrap();
    answer.outcomes.iter().map(|outcome| outcome.outcome).collect()
}

fn finished(job: &LeasedJob) -> ReportedResult {
    let result = JobResult {
        conclusion: Conclusion::Valid,
        final_url: Some("https://shop.example/offer".to_owned()),
        ..JobResult::not_executed(format!("lease {}", job.fence), SystemClock.now())
    };
    ReportedResult { job_id: job.job_id, fence: job.fence, result }
}
