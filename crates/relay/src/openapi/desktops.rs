//! What desktops may ask for.

use protocol::ProblemCode;
use protocol::device::{PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportAnswer, ReportRequest};
use protocol::key::{KeyInfo, KeyList, NewKey, RenameKey, RotateKey};
use protocol::linking::{LinkPoll, LinkRequest, LinkStarted, Linked};
use serde_json::{Value, json};

use super::operation::{Answer, Operation};
use super::parts::path;
use super::schemas::Schemas;
use crate::route::Audience::{Device, Linking};

pub(super) fn operations() -> Vec<Operation> {
    vec![start_link(), link_token(), pull(), report(), release(), list_keys(), create_key(), revoke_key(), rotate_key(), rename_key()]
}

fn start_link() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/link",
        audience: Linking,
        id: "startLink",
        tag: "Linking",
        summary: "Ask for a linking code",
        about: "The code lives ten minutes and makes one device, once an operator has approved it.",
        parameters: Vec::new(),
        body: Some((Schemas::sent::<LinkRequest>, json!({"publicKey": "d7".repeat(32), "name": "office", "platform": "linux x86_64"}))),
        answers: vec![Answer::json(200, "What the desktop shows, and what it polls with.", Schemas::answered::<LinkStarted>)],
        refusals: &[],
    }
}

fn link_token() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/link/token",
        audience: Linking,
        id: "pollLink",
        tag: "Linking",
        summary: "Poll for the linked device",
        about: "Every `interval` seconds at most. Once approved, it tells the same device for as long as the code lives.",
        parameters: Vec::new(),
        body: Some((Schemas::sent::<LinkPoll>, json!({"deviceCode": "nQ2m6zYyq6rjYx1mJx0uT1cV1bq0w7n1m0Zk2yD5h3E"}))),
        answers: vec![Answer::json(200, "The device has been made.", Schemas::answered::<Linked>)],
        refusals: &[ProblemCode::AuthorizationPending, ProblemCode::SlowDown, ProblemCode::AccessDenied, ProblemCode::ExpiredToken],
    }
}

fn pull() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/pull",
        audience: Device,
        id: "pull",
        tag: "Desktop",
        summary: "Take jobs, extend leases, hand in results",
        about: "Extends the leases of `running`, takes in `results`, then answers at once when there is news, else when a job becomes ready, \
                else empty after `waitSeconds`. The same `pollId` again gives the same leases.",
        parameters: Vec::new(),
        body: Some((
            Schemas::sent::<PullRequest>,
            json!({"pollId": "poll_019e61f0000070008000000000000001", "max": 16, "waitSeconds": 45}),
        )),
        answers: vec![Answer::json(200, "Jobs, lost jobs and outcomes.", Schemas::answered::<PullAnswer>)],
        refusals: &[ProblemCode::TooManyPulls],
    }
}

fn report() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/report",
        audience: Device,
        id: "report",
        tag: "Desktop",
        summary: "Hand in results",
        about: "Up to 100 results and 4 MiB. A result takes effect exactly once, whoever reports it how often.",
        parameters: Vec::new(),
        body: Some((Schemas::sent::<ReportRequest>, json!({"results": []}))),
        answers: vec![Answer::json(200, "One outcome a result, in order.", Schemas::answered::<ReportAnswer>)],
        refusals: &[],
    }
}

fn release() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/release",
        audience: Device,
        id: "release",
        tag: "Desktop",
        summary: "Give leases back",
        about: "What a desktop does when it shuts down; it costs the jobs no attempt.",
        parameters: Vec::new(),
        body: Some((Schemas::sent::<ReleaseRequest>, json!({"jobs": [{"jobId": "job_019e61f0000070008000000000000001", "fence": 1}]}))),
        answers: vec![Answer::json(200, "How many went back.", Schemas::answered::<ReleaseAnswer>)],
        refusals: &[],
    }
}

fn list_keys() -> Operation {
    Operation {
        method: "GET",
        path: "/api/device/keys",
        audience: Device,
        id: "listKeys",
        tag: "Desktop",
        summary: "The account's API keys",
        about: "Newest first, revoked ones included; never a secret.",
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json(200, "Every key.", Schemas::answered::<KeyList>)],
        refusals: WITHOUT_MESSAGE,
    }
}

/// A body that should not be there is read as a message all the same, and refused when it is none.
const WITHOUT_MESSAGE: &[ProblemCode] = &[ProblemCode::MalformedJson, ProblemCode::InvalidPayload];

fn create_key() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/keys",
        audience: Device,
        id: "createKey",
        tag: "Desktop",
        summary: "Make an API key known",
        about: "The desktop made id and secret; the relay seals the secret. The very same again is harmless.",
        parameters: Vec::new(),
        body: Some((
            Schemas::sent::<NewKey>,
            json!({"keyId": "lp_test_0123456789abcdefghijklmnop", "secret": "lps_example_of_a_secret_only", "label": "nightly script"}),
        )),
        answers: vec![Answer::json(201, "The key.", Schemas::answered::<KeyInfo>)],
        refusals: &[ProblemCode::KeyExists, ProblemCode::TooManyKeys, ProblemCode::PlanFull],
    }
}

fn revoke_key() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/keys/{key_id}/revoke",
        audience: Device,
        id: "revokeKey",
        tag: "Desktop",
        summary: "Revoke an API key",
        about: "For good, at once. Again is harmless.",
        parameters: vec![key_id()],
        body: None,
        answers: vec![Answer::json(200, "The key, revoked.", Schemas::answered::<KeyInfo>)],
        refusals: &[ProblemCode::NotFound, ProblemCode::MalformedJson, ProblemCode::InvalidPayload],
    }
}

fn key_id() -> Value {
    path("keyId", "The key.", json!({"type": "string", "examples": ["lp_test_0123456789abcdefghijklmnop"]}))
}

fn rotate_key() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/keys/{key_id}/rotate",
        audience: Device,
        id: "rotateKey",
        tag: "Desktop",
        summary: "Give an API key another secret",
        about: "The secret before it goes on signing for the overlap. `rotation` is the number that the key has afterwards: the very same again \
                is harmless, and of two desktops at once one gets `key_changed`.",
        parameters: vec![key_id()],
        body: Some((
            Schemas::sent::<RotateKey>,
            json!({"secret": "lps_another_example_of_a_secret", "rotation": 1, "overlapSeconds": 86_400}),
        )),
        answers: vec![Answer::json(200, "The key.", Schemas::answered::<KeyInfo>)],
        refusals: &[ProblemCode::NotFound, ProblemCode::KeyChanged],
    }
}

fn rename_key() -> Operation {
    Operation {
        method: "POST",
        path: "/api/device/keys/{key_id}/rename",
        audience: Device,
        id: "renameKey",
        tag: "Desktop",
        summary: "Call an API key something else",
        about: "The label is for people; nothing depends on it.",
        parameters: vec![key_id()],
        body: Some((Schemas::sent::<RenameKey>, json!({"label": "nightly script"}))),
        answers: vec![Answer::json(200, "The key.", Schemas::answered::<KeyInfo>)],
        refusals: &[ProblemCode::NotFound, ProblemCode::KeyChanged],
    }
}
