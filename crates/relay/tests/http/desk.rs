//! A desktop, as far as its requests go.

use std::net::SocketAddr;

use protocol::device::{HeldJob, LeasedJob, PullAnswer, PullRequest, ReportAnswer, ReportRequest, ReportedResult};
use protocol::device_signature::{self, DeviceKey};
use protocol::result::{Engine, Hop, Observed};
use protocol::{Conclusion, DeviceId, JobResult, PollId, UnixMillis};

use crate::stage::{NOW, Stage};
use crate::wire::{Answer, Request};

pub(crate) struct Desk {
    pub(crate) id: DeviceId,
    pub(crate) key: DeviceKey,
    pub(crate) address: SocketAddr,
}

impl Desk {
    /// A request that this desktop has signed at `at`.
    pub(crate) fn signed_at(&self, at: UnixMillis, method: &str, path: &str, body: &[u8]) -> Request {
        let uri = format!("http://{}{path}", self.address);
        let headers = device_signature::sign(&self.key, self.id, at, method, &uri, body);
        let mut request = Request::new(method, path).header("Host", self.address.to_string()).body(body);
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        if body.is_empty() { request } else { request.header("Content-Type", "application/json") }
    }

    pub(crate) fn post(&self, path: &str, message: &impl serde::Serialize) -> Request {
        self.signed_at(NOW, "POST", path, &serde_json::to_vec(message).unwrap())
    }

    pub(crate) fn pull_request(&self, pull: &PullRequest) -> Request {
        self.post("/api/device/pull", pull)
    }

    /// Takes up to `max` jobs that are ready.
    pub(crate) async fn pull(&self, stage: &Stage, max: u32) -> Vec<LeasedJob> {
        stage.send(&self.pull_request(&pull(max))).await.read::<PullAnswer>(200).jobs
    }

    /// Hands in results, each of whatever outcome; returns the outcomes' words.
    pub(crate) async fn report(&self, stage: &Stage, results: Vec<ReportedResult>) -> Vec<String> {
        let answer: ReportAnswer = stage.send(&self.post("/api/device/report", &ReportRequest { results })).await.read(200);
        let word = |outcome| serde_json::to_value(outcome).unwrap().as_str().unwrap().to_owned();
        answer.outcomes.into_iter().map(|one| word(one.outcome)).collect()
    }

    /// Takes one job and concludes it.
    pub(crate) async fn resolve_one(&self, stage: &Stage, result: JobResult) -> LeasedJob {
        let job = self.pull(stage, 1).await.remove(0);
        assert_eq!(self.report(stage, vec![of(&job, result)]).await, ["applied"]);
        job
    }

    pub(crate) async fn send(&self, stage: &Stage, path: &str, message: &impl serde::Serialize) -> Answer {
        stage.send(&self.post(path, message)).await
    }
}

/// A pull that does not wait.
pub(crate) fn pull(max: u32) -> PullRequest {
    PullRequest { poll_id: PollId::random(NOW), max, wait_seconds: 0, running: vec![], results: vec![] }
}

pub(crate) fn held(job: &LeasedJob) -> HeldJob {
    HeldJob { job_id: job.job_id, fence: job.fence }
}

pub(crate) fn of(job: &LeasedJob, result: JobResult) -> ReportedResult {
    ReportedResult { job_id: job.job_id, fence: job.fence, result }
}

/// A chain of one hop that landed well.
pub(crate) fn valid() -> JobResult {
    concluded(Conclusion::Valid)
}

/// A chain of one hop with this conclusion.
pub(crate) fn concluded(conclusion: Conclusion) -> JobResult {
    let landing = "https://shop.example/offer".to_owned();
    let status = match conclusion {
        Conclusion::HttpGone => 404,
        Conclusion::HttpClientError => 400,
        Conclusion::HttpServerError => 503,
        _ => 200,
    };
    let hop = Hop { url: landing.clone(), method: "GET".to_owned(), status: Some(status), ..Hop::default() };
    JobResult {
        conclusion,
        detail: format!("ended as {conclusion}"),
        final_url: Some(landing),
        http_status: Some(status),
        engine: Some(Engine::Http),
        hops: vec![hop],
        observed: Observed::default(),
        ..JobResult::not_executed("", NOW)
    }
}
