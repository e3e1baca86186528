//! `POST /api/links/fetch/batch`: many fetch requests under one signature. The items stand alone: each is admitted or
//! refused by itself, and each has one answer, in order.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::join_all;
use protocol::fetch_request::PayloadError;
use protocol::key::Scope;
use protocol::strict_json::StrictValue;
use protocol::{FetchRequest, Job, Problem, RequestId};
use serde::Serialize;

use crate::answer;
use crate::ingress::fetch::{self, Admitted};
use crate::ingress::limits::Limits;
use crate::ingress::signature::{Caller, Payload, Signed};
use crate::problem::{Refusal, Refused};
use crate::state::{RelayState, Shared};

/// Requests of one batch.
const ITEMS: std::ops::RangeInclusive<usize> = 1..=500;

/// The items, each read or with what is wrong with it.
pub(crate) struct Batch(Vec<Result<FetchRequest, Vec<PayloadError>>>);

impl Payload for Batch {
    const MAX_BYTES: usize = 1_024 * 1_024;
    const HAS_BODY: bool = true;
    const SCOPE: Option<Scope> = Some(Scope::Submit);

    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let value = StrictValue::parse(body).map_err(|error| Refusal::MalformedJson(error.to_string()))?;
        let StrictValue::Object(members) = &value else {
            return Err(Refusal::MalformedJson(format!("Expected an object, found {}", value.kind())));
        };
        let unknown = members
            .iter()
            .filter(|(name, _)| name != "jobs")
            .map(|(name, _)| PayloadError::new(format!("/{name}"), "is not a member of this object"));
        let mut faults: Vec<PayloadError> = unknown.collect();
        let jobs = members.iter().find(|(name, _)| name == "jobs").map(|(_, jobs)| jobs);
        match jobs {
            Some(StrictValue::Array(items)) if ITEMS.contains(&items.len()) && faults.is_empty() => {
                return Ok(Self(items.iter().map(|item| FetchRequest::read(item, |source| source == "platform_api")).collect()));
            }
            Some(StrictValue::Array(items)) if ITEMS.contains(&items.len()) => {}
            Some(StrictValue::Array(items)) => {
                faults
                    .push(PayloadError::new("/jobs", format!("must have {} to {} items, has {}", ITEMS.start(), ITEMS.end(), items.len())));
            }
            Some(other) => faults.push(PayloadError::new("/jobs", format!("must be an array, is {}", other.kind()))),
            None => faults.push(PayloadError::new("/jobs", "is required")),
        }
        Err(Refusal::InvalidPayload(faults))
    }
}

#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

/// What one item would have been answered alone.
#[derive(Serialize)]
struct Answer {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Job>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

pub(crate) async fn fetch(
    State(state): State<Shared>,
    Extension(request_id): Extension<RequestId>,
    Signed { caller, payload, .. }: Signed<Batch>,
) -> Result<Response, Refused> {
    // The signature's nonce is spent once, for the whole; what is read after it is harmless to repeat item by item.
    caller.spend_nonce(&state).await?;
    // Each item is a request to the burst limit; the batch itself has paid for the first.
    let more = u32::try_from(payload.0.len() - 1).unwrap_or(u32::MAX);
    let standing = caller.key.burst.as_ref().map(|burst| burst.charge(more));
    let caller = Caller { burst: standing, ..caller };
    let items = payload.0.into_iter().enumerate().map(|(index, item)| one(&state, &caller, index, item));
    let admitted = join_all(items).await;
    let limits = Limits::known(&caller, caller.last_standing());
    let proven = caller.proven("POST", "/api/links/fetch/batch");
    let answers = (admitted.into_iter())
        .map(|item| match item.and_then(|Admitted { job, replayed, .. }| answer::job(job, replayed, &state.public_url)) {
            Ok(job) => Answer { status: fetch::status_of(&job).as_u16(), job: Some(job), problem: None },
            Err(refusal) => {
                state.refusals.proven(&proven, &refusal, caller.received_at);
                let problem = refusal.problem(&state.public_url, request_id);
                Answer { status: problem.status, job: None, problem: Some(problem) }
            }
        })
        .collect();
    Ok(limits.on(answer::json(StatusCode::OK, &Answers { answers })))
}

async fn one(
    state: &RelayState,
    caller: &Caller,
    index: usize,
    item: Result<FetchRequest, Vec<PayloadError>>,
) -> Result<Admitted, Refusal> {
    let payload = item.map_err(Refusal::InvalidPayload)?;
    // No nonce of a caller has a dot: the items' one-time values can collide with none, and with one another neither.
    let nonce = format!("{}.{index}", caller.nonce);
    fetch::admit(state, caller, &nonce, payload).await.map_err(|(_, refusal)| refusal)
}
