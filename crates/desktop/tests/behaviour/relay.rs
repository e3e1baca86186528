//! A relay that does what the test's script says, and remembers everything it was asked.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use protocol::device::{
    HeldJob, LeasedJob, Outcome, PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportAnswer, ReportOutcome, ReportRequest,
    ReportedResult,
};
use protocol::device_signature::{ClaimedSignature, DevicePublicKey};
use protocol::key::{KeyInfo, KeyList, NewKey, RenameKey, RotateKey};
use protocol::linking::{LinkRequest, LinkStarted, Linked};
use protocol::{AccountId, Clock, Context, DeviceId, JobId, Problem, ProblemCode, SystemClock, UnixMillis};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What the next pull that asks for jobs is answered with; without a script it waits.
pub(crate) enum Reply {
    Jobs(Vec<LeasedJob>),
    Empty,
    /// The answer begins and breaks off: the relay has leased, the desktop does not know.
    Lost,
    Refuse(ProblemCode, Option<u32>),
}

/// How the next poll for a link ends; without a script it is approved.
pub(crate) enum TokenReply {
    Problem(ProblemCode),
}

/// What becomes of a change of a key.
#[derive(Clone, Copy)]
enum KeyFault {
    Refused(ProblemCode),
    Lost,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) links: Vec<LinkRequest>,
    pub(crate) token_polls: usize,
    pub(crate) pulls: Vec<(Instant, PullRequest)>,
    pub(crate) reports: Vec<ReportRequest>,
    pub(crate) released: Vec<HeldJob>,
    pub(crate) new_keys: Vec<NewKey>,
    pub(crate) revoked: Vec<String>,
    pub(crate) rotated: Vec<RotateKey>,
    pub(crate) signature_faults: Vec<String>,
    pub(crate) refused_reports: usize,
    pub(crate) reports_begun: usize,
}

impl Seen {
    /// Pulls that ask for jobs.
    pub(crate) fn asking(&self) -> Vec<&PullRequest> {
        self.pulls.iter().map(|(_, pull)| pull).filter(|pull| pull.max > 0).collect()
    }

    /// Every result, however it came.
    pub(crate) fn results(&self) -> Vec<&ReportedResult> {
        let by_pull = self.pulls.iter().flat_map(|(_, pull)| &pull.results);
        self.reports.iter().flat_map(|report| &report.results).chain(by_pull).collect()
    }
}

#[derive(Default)]
struct Script {
    seen: Seen,
    pulls: VecDeque<Reply>,
    tokens: VecDeque<TokenReply>,
    new_keys: VecDeque<Option<KeyFault>>,
    keys: Vec<KeyInfo>,
    keys_version: u64,
    /// Jobs to call lost when they are named as running.
    lost: HashSet<JobId>,
    outcome: Option<Outcome>,
    /// Refuse results for what they are.
    poisonous: HashSet<JobId>,
    /// Refuse results that have any evidence.
    refuse_evidence: bool,
    refuse_results: bool,
    refuse_renewals: bool,
    /// Reports wait for their answer.
    hold_reports: bool,
    key: Option<DevicePublicKey>,
    /// What the relay's clock shows beyond the machine's.
    clock_ahead_ms: i64,
    jobs_made: u8,
    /// What pull answers say of renewed leases.
    lease_seconds: Option<u32>,
}

impl Script {
    fn relay_time(&self) -> UnixMillis {
        SystemClock.now().plus_millis(self.clock_ahead_ms)
    }
}

pub(crate) struct ScriptedRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    script: Mutex<Script>,
    changed: Notify,
    device: DeviceId,
    account: AccountId,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl ScriptedRelay {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared {
            script: Mutex::default(),
            changed: Notify::new(),
            device: DeviceId::random(UnixMillis(1)),
            account: AccountId::random(UnixMillis(1)),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.shared.device
    }

    pub(crate) fn account(&self) -> AccountId {
        self.shared.account
    }

    /// A job for a pull to bring. `lease_seconds` until it must be taken up.
    pub(crate) fn job(&self, tracking_url: String, lease_seconds: u32) -> LeasedJob {
        let mut script = self.shared.script.lock().unwrap();
        script.jobs_made += 1;
        LeasedJob {
            job_id: JobId::new(UnixMillis(1), [script.jobs_made; 10]),
            fence: 1,
            lease_seconds,
            tracking_url,
            expected_domain: None,
            expectation: protocol::RowExpectation::default(),
            context: Context::default(),
            deadline: script.relay_time().plus_seconds(3_600),
        }
    }

    pub(crate) fn next_pull(&self, reply: Reply) {
        self.change(|script| script.pulls.push_back(reply));
    }

    pub(crate) fn next_token(&self, reply: TokenReply) {
        self.change(|script| script.tokens.push_back(reply));
    }

    pub(crate) fn next_new_key(&self, refusal: Option<ProblemCode>) {
        self.change(|script| script.new_keys.push_back(refusal.map(KeyFault::Refused)));
    }

    /// The next change of a key is made, and its answer is lost.
    pub(crate) fn lose_next_key_answer(&self) {
        self.change(|script| script.new_keys.push_back(Some(KeyFault::Lost)));
    }

    /// Somebody else changes the inventory, or the relay is restored to another state.
    pub(crate) fn change_keys(&self, change: impl FnOnce(&mut Vec<KeyInfo>)) {
        self.change(|script| {
            change(&mut script.keys);
            script.keys_version += 1;
        });
    }

    pub(crate) fn keys(&self) -> Vec<KeyInfo> {
        self.shared.script.lock().unwrap().keys.clone()
    }

    pub(crate) fn take_back(&self, job: JobId) {
        self.change(|script| script.lost.extend([job]));
    }

    pub(crate) fn settle_results_as(&self, outcome: Outcome) {
        self.change(|script| script.outcome = Some(outcome));
    }

    pub(crate) fn refuse_result_of(&self, job: JobId) {
        self.change(|script| script.poisonous.extend([job]));
    }

    pub(crate) fn refuse_evidence(&self) {
        self.change(|script| script.refuse_evidence = true);
    }

    pub(crate) fn refuse_results(&self, refuse: bool) {
        self.change(|script| script.refuse_results = refuse);
    }

    pub(crate) fn hold_reports(&self, hold: bool) {
        self.change(|script| script.hold_reports = hold);
    }

    pub(crate) fn refuse_renewals(&self) {
        self.change(|script| script.refuse_renewals = true);
    }

    pub(crate) fn set_clock_ahead(&self, millis: i64) {
        self.change(|script| script.clock_ahead_ms = millis);
    }

    pub(crate) fn renew_leases_for(&self, seconds: u32) {
        self.change(|script| script.lease_seconds = Some(seconds));
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.shared.script.lock().unwrap());
        self.shared.changed.notify_waiters();
    }

    /// Looks at what was asked so far.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.script.lock().unwrap().seen)
    }

    /// Waits until `condition` holds of what was asked.
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut(&Seen) -> bool) {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                if condition(&self.shared.script.lock().unwrap().seen) {
                    return;
                }
                changed.await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain for: {what}");
        self.seen(|seen| assert!(seen.signature_faults.is_empty(), "{:?}", seen.signature_faults));
    }
}

impl Drop for ScriptedRelay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path();
    if path == "/api/device/link" {
        return start_link(&shared, &body);
    }
    if path == "/api/device/link/token" {
        return link_token(&shared);
    }
    if let Err(refusal) = check_signature(&shared, &method, &uri, &headers, &body) {
        return *refusal;
    }
    let answered = match path {
        "/api/device/pull" => pull(&shared, serde_json::from_slice(&body).unwrap()).await,
        "/api/device/report" => report(&shared, serde_json::from_slice(&body).unwrap()).await,
        "/api/device/release" => release(&shared, serde_json::from_slice(&body).unwrap()),
        _ if path.starts_with("/api/device/keys") => keys(&shared, path, &body),
        _ => problem(ProblemCode::NotFound, None, serde_json::Map::new()),
    };
    shared.changed.notify_waiters();
    answered
}

fn start_link(shared: &Shared, body: &[u8]) -> Response {
    let request: LinkRequest = serde_json::from_slice(body).unwrap();
    let mut script = shared.script.lock().unwrap();
    script.key = Some(DevicePublicKey::from_hex(&request.public_key).unwrap());
    script.seen.links.push(request);
    shared.changed.notify_waiters();
    json(&LinkStarted {
        device_code: format!("code-{}", script.seen.links.len()),
        user_code: format!("BCDF-GHJ{}", script.seen.links.len()),
        verification_uri: "http://relay.example/link".to_owned(),
        verification_uri_complete: "http://relay.example/link?code".to_owned(),
        expires_in: 600,
        interval: 0,
    })
}

fn link_token(shared: &Shared) -> Response {
    let mut script = shared.script.lock().unwrap();
    script.seen.token_polls += 1;
    shared.changed.notify_waiters();
    match script.tokens.pop_front() {
        Some(TokenReply::Problem(code)) => problem(code, None, serde_json::Map::new()),
        None => json(&Linked { device_id: shared.device, account: shared.account }),
    }
}

/// A device's request is checked as the relay does: over the absolute URL that it was sent to.
fn check_signature(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), Box<Response>> {
    let mut script = shared.script.lock().unwrap();
    let target = format!("http://{}{uri}", headers[header::HOST].to_str().unwrap());
    let relay_time = script.relay_time();
    let checked = ClaimedSignature::read(|name| headers.get(name)?.to_str().ok())
        .and_then(|claim| claim.verify(script.key.as_ref().unwrap(), relay_time, method.as_str(), &target, body));
    match checked {
        Ok(()) => Ok(()),
        Err(protocol::device_signature::DeviceSignatureFault::Stale) => {
            let members = serde_json::Map::from_iter([("serverTime".to_owned(), relay_time.to_string().into())]);
            Err(Box::new(problem(ProblemCode::StaleTimestamp, None, members)))
        }
        Err(fault) => {
            script.seen.signature_faults.push(format!("{method} {target}: {fault}"));
            Err(Box::new(problem(ProblemCode::InvalidCredentials, None, serde_json::Map::new())))
        }
    }
}

async fn pull(shared: &Shared, request: PullRequest) -> Response {
    let mut answer = PullAnswer {
        jobs: Vec::new(),
        lost: Vec::new(),
        outcomes: Vec::new(),
        server_time: UnixMillis(0),
        lease_seconds: None,
        keys_version: None,
    };
    {
        let mut script = shared.script.lock().unwrap();
        answer.server_time = script.relay_time();
        answer.lease_seconds = script.lease_seconds;
        answer.keys_version = Some(script.keys_version);
        if let Some(refusal) = refused_results(&mut script, &request.results) {
            return refusal;
        }
        if request.max == 0 && script.refuse_renewals && !request.running.is_empty() {
            return problem(ProblemCode::Overloaded, Some(1), serde_json::Map::new());
        }
        answer.lost = request.running.iter().map(|held| held.job_id).filter(|job| script.lost.contains(job)).collect();
        answer.outcomes = outcomes(&script, &request.results);
        script.seen.pulls.push((Instant::now(), request.clone()));
        shared.changed.notify_waiters();
    }
    if request.max == 0 {
        return json(&answer);
    }
    let waited = tokio::time::timeout(Duration::from_secs(request.wait_seconds.into()), async {
        loop {
            let changed = shared.changed.notified();
            if let Some(reply) = shared.script.lock().unwrap().pulls.pop_front() {
                return reply;
            }
            changed.await;
        }
    });
    let reply = waited.await.unwrap_or(Reply::Empty);
    answer.server_time = shared.script.lock().unwrap().relay_time();
    match reply {
        Reply::Jobs(jobs) => json(&PullAnswer { jobs, ..answer }),
        Reply::Empty => json(&answer),
        Reply::Refuse(code, retry_after) => problem(code, retry_after, serde_json::Map::new()),
        Reply::Lost => {
            let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"{\"jobs\":")), Err(std::io::Error::other("gone"))]);
            Response::new(Body::from_stream(broken))
        }
    }
}

async fn report(shared: &Shared, request: ReportRequest) -> Response {
    shared.script.lock().unwrap().seen.reports_begun += 1;
    shared.changed.notify_waiters();
    loop {
        let changed = shared.changed.notified();
        if !shared.script.lock().unwrap().hold_reports {
            break;
        }
        changed.await;
    }
    let mut script = shared.script.lock().unwrap();
    if let Some(refusal) = refused_results(&mut script, &request.results) {
        return refusal;
    }
    let outcomes = outcomes(&script, &request.results);
    script.seen.reports.push(request);
    json(&ReportAnswer { outcomes })
}

fn refused_results(script: &mut Script, results: &[ReportedResult]) -> Option<Response> {
    if script.refuse_results && !results.is_empty() {
        script.seen.refused_reports += 1;
        return Some(problem(ProblemCode::Overloaded, Some(1), serde_json::Map::new()));
    }
    let is_refused =
        |result: &ReportedResult| script.poisonous.contains(&result.job_id) || script.refuse_evidence && !result.result.hops.is_empty();
    let at = results.iter().position(is_refused)?;
    script.seen.refused_reports += 1;
    let errors = serde_json::json!([{"pointer": "", "detail": format!("result {at} has a member that this relay does not know")}]);
    Some(problem(ProblemCode::InvalidPayload, None, serde_json::Map::from_iter([("errors".to_owned(), errors)])))
}

fn outcomes(script: &Script, results: &[ReportedResult]) -> Vec<ReportOutcome> {
    let outcome = script.outcome.unwrap_or(Outcome::Applied);
    results.iter().map(|result| ReportOutcome { job_id: result.job_id, outcome }).collect()
}

fn release(shared: &Shared, request: ReleaseRequest) -> Response {
    let mut script = shared.script.lock().unwrap();
    let released = u32::try_from(request.jobs.len()).unwrap();
    script.seen.released.extend(request.jobs);
    json(&ReleaseAnswer { released })
}

/// A small inventory, as the relay's: what the script says happens to a request, before or after it was done.
fn keys(shared: &Shared, path: &str, body: &[u8]) -> Response {
    let mut script = shared.script.lock().unwrap();
    if body.is_empty() {
        return json(&KeyList { version: script.keys_version, keys: script.keys.clone() });
    }
    let fault = script.new_keys.pop_front().flatten();
    if let Some(KeyFault::Refused(code)) = fault {
        if path == "/api/device/keys" {
            script.seen.new_keys.push(serde_json::from_slice(body).unwrap());
        }
        return problem(code, None, serde_json::Map::new());
    }
    script.keys_version += 1;
    let now = script.relay_time();
    let answered = if path == "/api/device/keys" {
        let new: NewKey = serde_json::from_slice(body).unwrap();
        let info = KeyInfo {
            key_id: new.key_id.clone(),
            label: new.label.clone(),
            environment: new.key_id.environment(),
            terms: new.terms(),
            created_at: now,
            made_by: Some(shared.device),
            last_used_at: None,
            rotation: 0,
            previous_ends_at: None,
            revoked_at: None,
        };
        script.seen.new_keys.push(new);
        if !script.keys.iter().any(|key| key.key_id == info.key_id) {
            script.keys.push(info.clone());
        }
        json(&info)
    } else {
        let mut parts = path.trim_start_matches("/api/device/keys/").split('/');
        let (key_id, deed) = (parts.next().unwrap(), parts.next().unwrap());
        if deed == "revoke" {
            script.seen.revoked.push(key_id.to_owned());
        }
        let Some(key) = script.keys.iter_mut().find(|key| key.key_id.as_str() == key_id) else {
            return problem(ProblemCode::NotFound, None, serde_json::Map::new());
        };
        match deed {
            "revoke" => key.revoked_at = key.revoked_at.or(Some(now)),
            "rename" => key.label = serde_json::from_slice::<RenameKey>(body).unwrap().label,
            _ => {
                let rotate: RotateKey = serde_json::from_slice(body).unwrap();
                key.rotation = rotate.rotation;
                key.previous_ends_at = Some(now.plus_seconds(rotate.overlap_seconds.into()));
                let key = key.clone();
                script.seen.rotated.push(rotate);
                return if matches!(fault, Some(KeyFault::Lost)) { lost() } else { json(&key) };
            }
        }
        json(key)
    };
    if matches!(fault, Some(KeyFault::Lost)) { lost() } else { answered }
}

/// An answer that begins and breaks off.
fn lost() -> Response {
    let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    Body::from_stream(broken).into_response()
}

fn json(value: &impl Serialize) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], serde_json::to_vec(value).unwrap()).into_response()
}

fn problem(code: ProblemCode, retry_after: Option<u32>, members: serde_json::Map<String, serde_json::Value>) -> Response {
    let problem = Problem {
        type_uri: format!("http://relay.example/problems/{code}"),
        title: code.title().to_owned(),
        status: code.status(),
        detail: "as the script says".to_owned(),
        code: code.as_str().to_owned(),
        request_id: "req_1".to_owned(),
        members,
    };
    let mut response = json(&problem);
    *response.status_mut() = StatusCode::from_u16(code.status()).unwrap();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
