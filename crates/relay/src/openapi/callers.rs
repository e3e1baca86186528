//! What callers may ask for.

use protocol::key::Verified;
use protocol::{ActiveChannel, Conclusion, FetchRequest, Job, JobPage, JobState, Problem, ProblemCode, Row, RowPage};
use serde_json::{Value, json};

use super::operation::{Answer, Operation};
use super::parts::{path, query};
use super::schemas::Schemas;
use crate::route::Audience::Caller;

pub(super) fn operations() -> Vec<Operation> {
    vec![fetch(), batch(), job_page(), job(), cancel(), events(), verify(), row_page(), row(), channel()]
}

fn fetch() -> Operation {
    Operation {
        method: "POST",
        path: "/api/links/fetch",
        audience: Caller,
        id: "fetchLink",
        tag: "Links",
        summary: "Ask for one tracking link to be resolved",
        about: "Admits one job, durably, before it answers. Signed over `timestamp.nonce.body`. The same idempotency key with an equal payload \
                answers with the job that it made, as it is now; a retry signs again.",
        parameters: Vec::new(),
        body: Some((Schemas::sent::<FetchRequest>, fetch_example())),
        answers: vec![
            Answer::json(200, "Replayed, and the job has ended: the job with its result.", Schemas::answered::<Job>)
                .with_headers(&["Location", "Idempotent-Replayed"]),
            Answer::json(202, "Accepted, or replayed and not ended yet: the job.", Schemas::answered::<Job>)
                .with_headers(&["Location", "Idempotent-Replayed"]),
        ],
        refusals: ADMISSION,
    }
}

/// With which an admission may be refused.
const ADMISSION: &[ProblemCode] =
    &[ProblemCode::PlanRequired, ProblemCode::IdempotencyMismatch, ProblemCode::QuotaExceeded, ProblemCode::BacklogFull];

fn fetch_example() -> Value {
    json!({
        "idempotencyKey": "offer-001/2026-05-26", "trackingUrl": "https://trk.example/a1", "source": "platform_api", "rowId": "offer-001",
        "expectedDomain": "shop.example",
    })
}

fn batch() -> Operation {
    Operation {
        method: "POST",
        path: "/api/links/fetch/batch",
        audience: Caller,
        id: "fetchLinks",
        tag: "Links",
        summary: "Ask for up to 500 links under one signature",
        about: "Items stand alone: each is admitted or refused by itself, and each has one answer, in order. At most 1 MiB.",
        parameters: Vec::new(),
        body: Some((batch_schema, json!({"jobs": [fetch_example()]}))),
        answers: vec![Answer::json(200, "One answer an item, in order.", batch_answers)],
        refusals: &[],
    }
}

fn batch_schema(schemas: &mut Schemas) -> Value {
    let item = schemas.sent::<FetchRequest>();
    json!({
        "type": "object", "additionalProperties": false, "required": ["jobs"],
        "properties": {"jobs": {"type": "array", "minItems": 1, "maxItems": 500, "items": item}},
    })
}

fn batch_answers(schemas: &mut Schemas) -> Value {
    json!({"type": "object", "required": ["answers"], "properties": {"answers": {"type": "array", "items": {
        "type": "object", "required": ["status"], "description": "What the item would have been answered alone.",
        "properties": {
            "status": {"type": "integer", "description": "Its HTTP status."},
            "job": schemas.answered::<Job>(), "problem": schemas.answered::<Problem>(),
        },
    }}}})
}

fn cursor() -> Value {
    query("cursor", "The `nextCursor` of an earlier page.", json!({"type": "string"}))
}

fn limit() -> Value {
    query("limit", "How many at most.", json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}))
}

fn job_page() -> Operation {
    let states: Vec<&str> = [JobState::Queued, JobState::Leased, JobState::Concluded, JobState::Cancelled].map(JobState::as_str).to_vec();
    let conclusions: Vec<&str> = Conclusion::ALL.iter().map(|conclusion| conclusion.code()).collect();
    Operation {
        method: "GET",
        path: "/api/links/jobs",
        audience: Caller,
        id: "listJobs",
        tag: "Links",
        summary: "Jobs, newest first",
        about: "Jobs of the key's account and environment. A page may be empty although a cursor follows, when few jobs fit the filter.",
        parameters: vec![
            query("state", "Only jobs in this state.", json!({"type": "string", "enum": states})),
            query("source", "Only jobs of this source.", json!({"type": "string"})),
            query("rowId", "Only jobs of this row.", json!({"type": "string"})),
            query("conclusion", "Only jobs that have ended so.", json!({"type": "string", "enum": conclusions})),
            cursor(),
            limit(),
        ],
        body: None,
        answers: vec![Answer::json(200, "A page of jobs.", Schemas::answered::<JobPage>)],
        refusals: &[],
    }
}

fn job_id() -> Value {
    path("jobId", "The job.", json!({"type": "string", "examples": ["job_019e61f0000070008000000000000001"]}))
}

fn job() -> Operation {
    Operation {
        method: "GET",
        path: "/api/links/jobs/{job_id}",
        audience: Caller,
        id: "getJob",
        tag: "Links",
        summary: "One job, also as soon as it ends",
        about: "With `wait` it answers when the job ends or the time is over, whichever comes first.",
        parameters: vec![
            job_id(),
            query("wait", "Seconds to wait for the job's end.", json!({"type": "integer", "minimum": 0, "maximum": 60, "default": 0})),
        ],
        body: None,
        answers: vec![Answer::json(200, "The job as it is now.", Schemas::answered::<Job>)],
        refusals: &[ProblemCode::NotFound],
    }
}

fn cancel() -> Operation {
    Operation {
        method: "DELETE",
        path: "/api/links/jobs/{job_id}",
        audience: Caller,
        id: "cancelJob",
        tag: "Links",
        summary: "Cancel a job",
        about: "A queued job's fetch is given back. Cancelling again is harmless.",
        parameters: vec![job_id()],
        body: None,
        answers: vec![Answer::json(200, "The job, cancelled.", Schemas::answered::<Job>)],
        refusals: &[ProblemCode::NotFound, ProblemCode::AlreadyConcluded],
    }
}

fn events() -> Operation {
    Operation {
        method: "GET",
        path: "/api/links/events",
        audience: Caller,
        id: "listenToJobs",
        tag: "Links",
        summary: "Changes of jobs' states as they happen",
        about: "Server-sent events for as long as they are read: `job` with `jobId`, `state`, `conclusion` where there is one, `at` and \
                `statusUrl`; `reset` when what came after `Last-Event-ID` is no longer kept. Each change is told once, in order.",
        parameters: vec![json!({
            "name": "Last-Event-ID", "in": "header", "required": false, "schema": {"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,9}$"},
            "description": "The id of the last event that was seen: the stream goes on behind it.",
        })],
        body: None,
        answers: vec![Answer { media_type: "text/event-stream", ..Answer::json(200, "Events, until one side hangs up.", event_stream) }],
        refusals: &[ProblemCode::TooManyStreams],
    }
}

fn event_stream(_: &mut Schemas) -> Value {
    json!({"type": "string"})
}

fn channel() -> Operation {
    Operation {
        method: "GET",
        path: "/api/channel",
        audience: Caller,
        id: "getChannel",
        tag: "Rows",
        summary: "From where scripts should read",
        about: "An operator chooses the source, and how long a row's check counts for its readiness.",
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json(200, "The account's active channel.", Schemas::answered::<ActiveChannel>)],
        refusals: &[],
    }
}

fn verify() -> Operation {
    Operation {
        method: "GET",
        path: "/api/links/verify",
        audience: Caller,
        id: "verifyKey",
        tag: "Links",
        summary: "Check key, secret and clock",
        about: "A signed request that does nothing, for setting a caller up.",
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json(200, "The key, its plan and what is left of its quota.", Schemas::answered::<Verified>)],
        refusals: &[ProblemCode::PlanRequired],
    }
}

fn row_page() -> Operation {
    Operation {
        method: "GET",
        path: "/api/rows",
        audience: Caller,
        id: "listRows",
        tag: "Rows",
        summary: "Rows, by source and row id",
        about: "What the newest check said of each row, and whether a script may spend money on it now.",
        parameters: vec![
            query("source", "Only rows of this source.", json!({"type": "string"})),
            query("readyForAds", "Only rows that are ready, or only those that are not.", json!({"type": "boolean"})),
            cursor(),
            limit(),
        ],
        body: None,
        answers: vec![Answer::json(200, "A page of rows.", Schemas::answered::<RowPage>)],
        refusals: &[],
    }
}

fn row() -> Operation {
    Operation {
        method: "GET",
        path: "/api/rows/{source}/{row_id}",
        audience: Caller,
        id: "getRow",
        tag: "Rows",
        summary: "One row",
        about: "",
        parameters: vec![
            path("source", "Where the row lives.", json!({"type": "string", "examples": ["platform_api"]})),
            path("rowId", "Its identity there.", json!({"type": "string", "examples": ["offer-001"]})),
        ],
        body: None,
        answers: vec![Answer::json(200, "The row.", Schemas::answered::<Row>)],
        refusals: &[ProblemCode::NotFound],
    }
}
