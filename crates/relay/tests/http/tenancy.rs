//! Two accounts that use equal names for everything. Each endpoint of the router's own list is asked by one of them for
//! what is the other's: it gets what anybody gets for what is not there, and never a byte of the other's.

use protocol::device::{HeldJob, LeasedJob, PullAnswer, PullRequest, ReleaseAnswer, ReportAnswer, ReportRequest};
use protocol::device::{Outcome, ReleaseRequest};
use protocol::key::{KeyList, Verified};
use protocol::{Environment, Job, JobPage, JobResult, JobState, Row, RowPage};
use relay::{Audience, Endpoint};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::desk::{Desk, held, of, pull, valid};
use crate::stage::{Key, Stage};
use crate::wire::{Answer, Request, refused};

/// Stands in everything that only the one account may read.
const CANARY: &str = "canary-of-the-other";
const SHARED: &str = "shared-name";
/// Rows and jobs that only the other account has.
const THEIRS: &str = "their-own-name";
const LEASED: &str = "their-leased-name";
/// One that is not asked for under any name of one's own.
const UNTOUCHED: &str = "their-untouched-name";

/// One account with a key, a desktop and jobs.
struct Party {
    key: Key,
    desk: Desk,
    /// Ended, with the row of the name that both use.
    done: Job,
    /// Held by its desktop.
    leased: LeasedJob,
    queued: Job,
}

struct Parties {
    stage: Stage,
    /// Who asks.
    one: Party,
    /// In which the owner of the one's account is signed in.
    browser: Browser,
    /// Whose it is.
    other: Party,
}

fn wish(name: &str, mark: &str) -> Value {
    json!({
        "idempotencyKey": name, "trackingUrl": format!("https://trk.example/{mark}/{name}"), "source": "platform_api", "rowId": name,
        "expectedDomain": format!("{mark}.example"),
    })
}

async fn party(stage: &Stage, key: Key, mark: &str) -> Party {
    let desk = stage.desk_of(key.account).await;
    let mut jobs = Vec::new();
    let names = if mark == CANARY {
        [SHARED, LEASED, THEIRS, UNTOUCHED]
    } else {
        [SHARED, "my-own-leased-name", "my-own-name", "my-own-other-name"]
    };
    for (number, name) in names.into_iter().enumerate() {
        // So that they are leased in this order.
        stage.clock.set(stage.now().plus_seconds(1));
        // Both accounts use the same nonces, too.
        let body = wish(name, mark).to_string();
        let request =
            stage.signed_at(&key, stage.now(), &format!("nonce-of-both-{number:04}"), ("POST", "/api/links/fetch", body.as_bytes()));
        jobs.push(stage.send(&request).await.read::<Job>(202));
    }
    let title = Some(format!("title {mark}"));
    let job = desk.resolve_one(stage, JobResult { title, detail: mark.to_owned(), ..valid() }).await;
    assert_eq!(job.job_id, jobs[0].job_id);
    let leased = desk.pull(stage, 1).await.remove(0);
    let done = stage.send(&stage.signed_by(&key, "GET", &format!("/api/links/jobs/{}", job.job_id), b"")).await.read(200);
    Party { done, leased, queued: jobs.remove(2), key, desk }
}

impl Parties {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let other = party(&stage, stage.key_on("metered").await, CANARY).await;
        let one = party(&stage, stage.key.clone(), "mark-of-the-one").await;
        let browser = stage.owner("ada").await;
        Self { stage, one, browser, other }
    }

    fn signed(&self, method: &str, target: &str, body: &[u8]) -> Request {
        self.stage.signed_by(&self.one.key, method, target, body)
    }

    fn posted(&self, path: &str, message: &impl serde::Serialize) -> Request {
        self.one.desk.post(path, message)
    }

    /// What the one asks an endpoint for, and what it must get. `None`: nobody has thought about this endpoint.
    fn cases(&self, endpoint: &Endpoint) -> Option<Vec<(Request, Check)>> {
        let Self { one, other, .. } = self;
        let job = format!("/api/links/jobs/{}", other.done.job_id);
        let queued = format!("/api/links/jobs/{}", other.queued.job_id);
        let theirs = HeldJob { job_id: other.leased.job_id, fence: other.leased.fence };
        let get = |target: &str| self.signed("GET", target, b"");
        Some(match (endpoint.method, endpoint.path) {
            ("POST", "/api/links/fetch") => {
                let body = wish(THEIRS, "mark-of-the-one").to_string();
                vec![(self.signed("POST", "/api/links/fetch", body.as_bytes()), Check::NewJob)]
            }
            ("POST", "/api/links/fetch/batch") => {
                let body = json!({"jobs": [wish(LEASED, "mark-of-the-one")]}).to_string();
                vec![(self.signed("POST", "/api/links/fetch/batch", body.as_bytes()), Check::NewJobs)]
            }
            ("GET", "/api/links/jobs") => vec![
                (get("/api/links/jobs"), Check::Jobs),
                (get(&format!("/api/links/jobs?rowId={SHARED}")), Check::Jobs),
                (get(&format!("/api/links/jobs?cursor={}", other.queued.job_id)), Check::Jobs),
            ],
            ("GET", "/api/links/jobs/{job_id}") => {
                vec![(get(&job), Check::Absent), (get(&queued), Check::Absent), (get(&format!("{queued}?wait=1")), Check::Absent)]
            }
            ("DELETE", "/api/links/jobs/{job_id}") => {
                vec![(self.signed("DELETE", &job, b""), Check::Absent), (self.signed("DELETE", &queued, b""), Check::Absent)]
            }
            // Streams of their own have cases of their own; this one begins with nothing of the other's.
            ("GET", "/api/links/events") => vec![(get("/api/links/events"), Check::Served)],
            ("GET", "/api/channel") => vec![(get("/api/channel"), Check::Served)],
            ("GET", "/api/links/verify") => vec![(get("/api/links/verify"), Check::OwnKey)],
            ("GET", "/api/rows") => vec![(get("/api/rows"), Check::Rows), (get("/api/rows?source=platform_api"), Check::Rows)],
            ("GET", "/api/rows/{source}/{row_id}") => vec![
                (get(&format!("/api/rows/platform_api/{UNTOUCHED}")), Check::Absent),
                (get(&format!("/api/rows/platform_api/{SHARED}")), Check::OwnRow),
            ],
            ("POST", "/api/device/pull") => {
                let running = PullRequest { running: vec![theirs], ..pull(0) };
                let handing_in = PullRequest { results: vec![of(&other.leased, valid())], ..pull(0) };
                vec![
                    (self.posted("/api/device/pull", &running), Check::Lost),
                    (self.posted("/api/device/pull", &handing_in), Check::Unknown),
                ]
            }
            ("POST", "/api/device/report") => {
                let report = ReportRequest { results: vec![of(&other.leased, valid())] };
                vec![(self.posted("/api/device/report", &report), Check::UnknownReport)]
            }
            ("POST", "/api/device/release") => {
                vec![(self.posted("/api/device/release", &ReleaseRequest { jobs: vec![held(&other.leased)] }), Check::NoneReleased)]
            }
            ("GET", "/api/device/keys") => {
                vec![(one.desk.signed_at(self.stage.now(), "GET", "/api/device/keys", b""), Check::OwnKeys)]
            }
            ("POST", "/api/device/keys") => {
                let taken = json!({"keyId": other.key.id, "secret": "lps_a_secret_of_the_one_s_own", "label": "mine"});
                // Ids are the installation's, and 128 random bits: whoever knows one was told.
                vec![(self.posted("/api/device/keys", &taken), Check::Refused(409, "key_exists"))]
            }
            ("POST", "/api/device/keys/{key_id}/revoke") => {
                let path = format!("/api/device/keys/{}/revoke", other.key.id);
                vec![(one.desk.signed_at(self.stage.now(), "POST", &path, b""), Check::Absent)]
            }
            ("POST", "/api/device/keys/{key_id}/rotate") => {
                let rotation = json!({"secret": "lps_a_secret_of_the_one_s_own", "rotation": 1, "overlapSeconds": 0});
                vec![(self.posted(&format!("/api/device/keys/{}/rotate", other.key.id), &rotation), Check::Absent)]
            }
            ("POST", "/api/device/keys/{key_id}/rename") => {
                let path = format!("/api/device/keys/{}/rename", other.key.id);
                vec![(self.posted(&path, &json!({"label": "mine"})), Check::Absent)]
            }
            // These know no accounts: whoever asks gets what anybody gets.
            _ => match endpoint.audience {
                Audience::Linking | Audience::Anybody => {
                    vec![(Request::new(endpoint.method, &filled(endpoint.path, other)).header("Host", "a"), Check::NothingOfTheirs)]
                }
                // An API key is no token and no session, whosever it is.
                Audience::LocalOperator => vec![(self.signed(endpoint.method, &filled(endpoint.path, other), b""), Check::Absent)],
                Audience::Console => self.page_cases(endpoint),
                Audience::Caller | Audience::Device => return None,
            },
        })
    }

    /// A page of the other's account, and their ids on a page of one's own.
    fn page_cases(&self, endpoint: &Endpoint) -> Vec<(Request, Check)> {
        let Self { one, other, browser, .. } = self;
        let ask = |path: &str| match endpoint.method {
            "GET" => browser.request("GET", path),
            _ => browser.form(path, &[]),
        };
        let path = |account: &Key| filled(&endpoint.path.replace("{account}", &account.account.to_string()), other);
        if !endpoint.path.contains("{account}") {
            // A form here may end the session: it comes from a browser that has none.
            let path = filled(endpoint.path, other);
            let request = if endpoint.method == "GET" { ask(&path) } else { Browser::new(self.stage.address()).form(&path, &[]) };
            return vec![(request, Check::NothingOfTheirs)];
        }
        let mut cases = vec![(ask(&path(&other.key)), Check::NoPage)];
        if endpoint.path.replace("{account}", "").contains('{') {
            let check = if endpoint.method == "GET" { Check::NoPage } else { Check::NothingOfTheirs };
            cases.push((ask(&path(&one.key)), check));
        }
        cases
    }

    fn check(&self, answer: &Answer, check: Check, what: &str) {
        let Self { one, .. } = self;
        let said = format!("{:?} {}", answer.headers, answer.text());
        assert!(!said.contains(CANARY), "{what} tells what is the other's: {said}");
        match check {
            Check::Absent => assert_eq!(answer.refusal(), refused(404, "not_found"), "{what}"),
            Check::Refused(status, code) => assert_eq!(answer.refusal(), refused(status, code), "{what}"),
            Check::NothingOfTheirs => {}
            Check::NoPage => assert_eq!(answer.status, 404, "{what}"),
            Check::Served => assert_eq!(answer.status, 200, "{what}"),
            Check::NewJob => assert!(!answer.read::<Job>(202).replayed, "{what}"),
            Check::NewJobs => assert_eq!(answer.json()["answers"][0]["job"]["replayed"], false, "{what}: {said}"),
            Check::Jobs => {
                let jobs = answer.read::<JobPage>(200).jobs;
                assert!(jobs.iter().all(|job| job.tracking_url.contains("mark-of-the-one")), "{what}: {said}");
            }
            Check::OwnKey => assert_eq!(answer.read::<Verified>(200).key_id, one.key.id, "{what}"),
            Check::Rows => {
                let rows = answer.read::<RowPage>(200).rows;
                assert!(!rows.is_empty() && rows.iter().all(|row| row.tracking_url.contains("mark-of-the-one")), "{what}: {said}");
            }
            Check::OwnRow => assert_eq!(answer.read::<Row>(200).job_id, Some(one.done.job_id), "{what}"),
            Check::Lost => assert_eq!(answer.read::<PullAnswer>(200).lost, [self.other.leased.job_id], "{what}"),
            Check::Unknown => assert_eq!(answer.read::<PullAnswer>(200).outcomes[0].outcome, Outcome::Unknown, "{what}"),
            Check::UnknownReport => assert_eq!(answer.read::<ReportAnswer>(200).outcomes[0].outcome, Outcome::Unknown, "{what}"),
            Check::NoneReleased => assert_eq!(answer.read::<ReleaseAnswer>(200).released, 0, "{what}"),
            Check::OwnKeys => {
                let keys = answer.read::<KeyList>(200).keys;
                assert!(keys.iter().any(|key| key.key_id == one.key.id), "{what}: {keys:?}");
                assert!(keys.iter().all(|key| key.key_id != self.other.key.id), "{what}: {keys:?}");
            }
        }
    }
}

/// What an answer must be, beside that it has nothing of the other's.
#[derive(Clone, Copy)]
enum Check {
    Absent,
    Refused(u16, &'static str),
    NothingOfTheirs,
    /// As JSON or as a page for people.
    NoPage,
    /// One's own.
    Served,
    NewJob,
    NewJobs,
    Jobs,
    OwnKey,
    Rows,
    OwnRow,
    Lost,
    Unknown,
    UnknownReport,
    NoneReleased,
    OwnKeys,
}

/// The path with the other's ids in place of its variable parts.
fn filled(path: &str, other: &Party) -> String {
    let parts = path.split('/').map(|part| match part {
        "{job_id}" | "{job}" => other.done.job_id.to_string(),
        "{row_id}" | "{row}" => UNTOUCHED.to_owned(),
        "{key_id}" | "{key}" => other.key.id.to_string(),
        "{device_id}" | "{device}" => other.desk.id.to_string(),
        "{source}" => "platform_api".to_owned(),
        part if part.starts_with('{') => SHARED.to_owned(),
        part => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_endpoint_keeps_accounts_apart() {
    let parties = Parties::new().await;
    let endpoints = relay::endpoints();
    assert!(endpoints.len() > 20, "{endpoints:?}");
    for endpoint in &endpoints {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let cases =
            parties.cases(endpoint).unwrap_or_else(|| panic!("{what} is new: say in this file what one account gets for another's"));
        for (request, check) in cases {
            let answer = parties.stage.send(&request).await;
            parties.check(&answer, check, &format!("{what} as {}", request.target));
        }
    }
    everything_of_the_other_s_is_as_it_was(&parties).await;
}

async fn everything_of_the_other_s_is_as_it_was(Parties { stage, other, .. }: &Parties) {
    let get = async |target: &str| stage.send(&stage.signed_by(&other.key, "GET", target, b"")).await;
    let job = async |id| get(&format!("/api/links/jobs/{id}")).await.read::<Job>(200);
    assert_eq!(job(other.done.job_id).await, other.done);
    assert_eq!(job(other.queued.job_id).await.state, JobState::Queued);
    assert_eq!(job(other.leased.job_id).await.state, JobState::Leased);
    assert_eq!(get("/api/links/jobs").await.read::<JobPage>(200).jobs.len(), 4);
    assert_eq!(get(&format!("/api/rows/platform_api/{SHARED}")).await.read::<Row>(200).job_id, Some(other.done.job_id));
    assert_eq!(other.desk.report(stage, vec![of(&other.leased, valid())]).await, ["applied"]);
    assert_eq!(other.key.id.environment(), Environment::Live);
}
