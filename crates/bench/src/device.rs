//! A device without a desktop: signs, pulls and reports, and resolves nothing.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use protocol::device::{LeasedJob, Outcome, PullAnswer, PullRequest, ReportAnswer, ReportRequest, ReportedResult};
use protocol::device_signature::{DeviceKey, sign};
use protocol::{Clock, DeviceId, Hop, HopKind, JobResult, PollId, SystemClock};

use crate::http1::{self, Connection};

/// One linked device.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) address: SocketAddr,
    pub(crate) id: DeviceId,
    pub(crate) key: DeviceKey,
}

impl Device {
    /// A signed, finished request of this moment.
    fn request(&self, path: &str, body: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
        let body = serde_json::to_vec(body)?;
        let target = format!("http://{}{path}", self.address);
        let headers = sign(&self.key, self.id, SystemClock.now(), "POST", &target, &body);
        Ok(http1::post(self.address, path, &headers.pairs(), &body))
    }

    /// A pull for up to `max` jobs.
    pub(crate) fn pull_request(&self, max: u32, wait_seconds: u32) -> anyhow::Result<Vec<u8>> {
        let poll_id = PollId::random(SystemClock.now());
        self.request("/api/device/pull", &PullRequest { poll_id, max, wait_seconds, running: Vec::new(), results: Vec::new() })
    }

    /// A report of these results.
    pub(crate) fn report_request(&self, results: Vec<ReportedResult>) -> anyhow::Result<Vec<u8>> {
        self.request("/api/device/report", &ReportRequest { results })
    }
}

/// Sends a pull and reads the jobs that it got.
pub(crate) async fn pull(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Vec<LeasedJob>> {
    let answer: PullAnswer = accepted(connection, request).await?;
    Ok(answer.jobs)
}

/// Sends a report; every result must have taken effect.
pub(crate) async fn report(connection: &mut Connection, request: &[u8]) -> anyhow::Result<()> {
    let answer: ReportAnswer = accepted(connection, request).await?;
    match answer.outcomes.iter().find(|outcome| outcome.outcome != Outcome::Applied) {
        Some(outcome) => bail!("the result of {} did not take effect: {:?}", outcome.job_id, outcome.outcome),
        None => Ok(()),
    }
}

async fn accepted<A: serde::de::DeserializeOwned>(connection: &mut Connection, request: &[u8]) -> anyhow::Result<A> {
    let answer = connection.exchange(request).await?;
    if answer.status != 200 {
        bail!("the relay refused with {}: {}", answer.status, String::from_utf8_lossy(answer.body));
    }
    serde_json::from_slice(answer.body).context("an answer cannot be read")
}

/// A result as desktops report them: a chain of three hops that landed.
pub(crate) fn landed(job: &LeasedJob) -> ReportedResult {
    let hop = |index: u32| Hop {
        index,
        url: format!("https://hop{index}.example/click?id=0123456789abcdef&sub=offer"),
        method: "GET".to_owned(),
        kind: if index == 0 { HopKind::Start } else { HopKind::Http },
        status: Some(if index == 2 { 200 } else { 302 }),
        location: (index < 2).then(|| format!("https://hop{}.example/click?id=0123456789abcdef&sub=offer", index + 1)),
        remote_addr: Some("198.51.100.7:443".to_owned()),
        http_version: Some("HTTP/2".to_owned()),
        tls_version: Some("TLSv1.3".to_owned()),
        elapsed_ms: 41,
        ..Hop::default()
    };
    let result = JobResult {
        conclusion: protocol::Conclusion::Valid,
        detail: "The chain landed after 2 redirects.".to_owned(),
        final_url: Some("https://hop2.example/click?id=0123456789abcdef&sub=offer".to_owned()),
        http_status: Some(200),
        title: Some("Offer".to_owned()),
        engine: Some(protocol::result::Engine::Http),
        hops: (0..3).map(hop).collect(),
        duration_ms: 123,
        ..JobResult::not_executed(String::new(), SystemClock.now())
    };
    ReportedResult { job_id: job.job_id, fence: job.fence, result }
}
