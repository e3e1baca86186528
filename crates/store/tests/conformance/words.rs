//! Requests, pulls and results in few words, so that a test shows only what matters to it.

use protocol::device::{HeldJob, LeasedJob, ReportedResult};
use protocol::result::{Engine, Hop, Observed};
use protocol::{AccountId, Conclusion, Context, DeviceId, Environment, FetchRequest, JobId, JobResult, PollId, UnixMillis};
use store::{AdmissionRequest, PreparedResult, PullOrder};

/// The moment at which most tests happen: 2026-05-26T00:00:00Z.
pub(crate) const NOW: UnixMillis = UnixMillis(1_779_753_600_000);

/// `seconds` after [`NOW`].
pub(crate) const fn after(seconds: i64) -> UnixMillis {
    NOW.plus_seconds(seconds)
}

/// A verified request on its way to admission.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    account: AccountId,
    environment: Environment,
    key_id: String,
    nonce: String,
    timestamp_seconds: Option<i64>,
    at: UnixMillis,
    fetch: FetchRequest,
}

impl Submission {
    pub(crate) fn new(account: AccountId, name: &str, nonce: String) -> Self {
        let fetch = FetchRequest {
            idempotency_key: name.to_owned(),
            tracking_url: "https://trk.example/a1".to_owned(),
            source: "platform_api".to_owned(),
            row_id: name.to_owned(),
            expected_domain: None,
            context: Context::default(),
            deadline_seconds: 86_400,
        };
        let key_id = "lp_live_0123456789abcdef".to_owned();
        Self { account, environment: Environment::Live, key_id, nonce, timestamp_seconds: None, at: NOW, fetch }
    }

    pub(crate) fn test_environment(self) -> Self {
        Self { environment: Environment::Test, key_id: "lp_test_0123456789abcdef".to_owned(), ..self }
    }

    pub(crate) fn signed_by(self, key_id: &str) -> Self {
        Self { key_id: key_id.to_owned(), ..self }
    }

    pub(crate) fn nonce(self, nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), ..self }
    }

    /// Received at this moment, and signed at it unless [`Self::signed_at`] says otherwise.
    pub(crate) fn at(self, at: UnixMillis) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn signed_at(self, at: UnixMillis) -> Self {
        Self { timestamp_seconds: Some(at.seconds()), ..self }
    }

    pub(crate) fn url(mut self, url: &str) -> Self {
        self.fetch.tracking_url = url.to_owned();
        self
    }

    pub(crate) fn row(mut self, row_id: &str) -> Self {
        self.fetch.row_id = row_id.to_owned();
        self
    }

    pub(crate) fn source(mut self, source: &str) -> Self {
        self.fetch.source = source.to_owned();
        self
    }

    pub(crate) fn expecting(mut self, domain: &str) -> Self {
        self.fetch.expected_domain = Some(domain.to_owned());
        self
    }

    pub(crate) fn context(mut self, context: Context) -> Self {
        self.fetch.context = context;
        self
    }

    pub(crate) fn deadline(mut self, seconds: u32) -> Self {
        self.fetch.deadline_seconds = seconds;
        self
    }

    pub(crate) fn into_request(self) -> AdmissionRequest {
        let signed_at = self.timestamp_seconds.unwrap_or(self.at.seconds());
        AdmissionRequest::new(
            (self.account, self.environment),
            (&self.key_id.parse().unwrap(), &self.nonce, signed_at),
            self.fetch,
            self.at,
        )
    }
}

/// A device asks for jobs.
#[derive(Debug)]
pub(crate) struct Pull {
    device: DeviceId,
    poll_id: PollId,
    max: u32,
    running: Vec<HeldJob>,
    results: Vec<PreparedResult>,
    at: UnixMillis,
}

impl Pull {
    /// A new poll for up to 16 jobs.
    pub(crate) fn by(device: DeviceId) -> Self {
        Self { device, poll_id: PollId::random(NOW), max: 16, running: Vec::new(), results: Vec::new(), at: NOW }
    }

    pub(crate) fn poll(self, poll_id: PollId) -> Self {
        Self { poll_id, ..self }
    }

    pub(crate) fn max(self, max: u32) -> Self {
        Self { max, ..self }
    }

    pub(crate) fn at(self, at: UnixMillis) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn running(self, jobs: &[&LeasedJob]) -> Self {
        Self { running: jobs.iter().copied().map(held).collect(), ..self }
    }

    pub(crate) fn results(self, results: Vec<PreparedResult>) -> Self {
        Self { results, ..self }
    }

    pub(crate) fn into_order(self, account: AccountId) -> PullOrder {
        let Self { device, poll_id, max, running, results, at } = self;
        PullOrder { account, device, poll_id, max, running, results, now: at }
    }
}

/// A lease as its holder names it.
pub(crate) fn held(job: &LeasedJob) -> HeldJob {
    HeldJob { job_id: job.job_id, fence: job.fence }
}

/// The ids of leased jobs, in order.
pub(crate) fn ids(jobs: &[LeasedJob]) -> Vec<JobId> {
    jobs.iter().map(|job| job.job_id).collect()
}

/// The result under the lease that it was made under.
pub(crate) fn of(job: &LeasedJob, result: JobResult) -> PreparedResult {
    PreparedResult::new(ReportedResult { job_id: job.job_id, fence: job.fence, result })
}

/// A chain of one hop that landed well.
pub(crate) fn valid(at: UnixMillis) -> JobResult {
    concluded(Conclusion::Valid, at)
}

/// A chain of one hop with this conclusion.
pub(crate) fn concluded(conclusion: Conclusion, at: UnixMillis) -> JobResult {
    let landing = "https://shop.example/offer".to_owned();
    let hop = Hop { url: landing.clone(), method: "GET".to_owned(), status: Some(200), ..Hop::default() };
    JobResult {
        conclusion,
        detail: format!("ended as {conclusion}"),
        final_url: Some(landing),
        http_status: Some(200),
        engine: Some(Engine::Http),
        hops: vec![hop],
        checked_at: at,
        duration_ms: 12,
        observed: Observed::default(),
        ..JobResult::not_executed("", at)
    }
}
