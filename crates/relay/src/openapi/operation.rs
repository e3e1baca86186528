//! One operation of the document: how it is asked for, what it answers, and with which codes it refuses.

use std::collections::BTreeMap;

use protocol::{Problem, ProblemCode};
use serde_json::{Value, json};

use super::parts;
use super::schemas::Schemas;
use crate::route::Audience;

type Schema = fn(&mut Schemas) -> Value;

/// One method of one path, described.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// As the router has it.
    pub(super) path: &'static str,
    pub(super) audience: Audience,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: Vec<Value>,
    /// What is sent, and an example of it.
    pub(super) body: Option<(Schema, Value)>,
    pub(super) answers: Vec<Answer>,
    /// Codes of its own, beside those that every operation of its audience has.
    pub(super) refusals: &'static [ProblemCode],
}

/// An answer that is no refusal.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) schema: Schema,
    /// Media type of its body.
    pub(super) media_type: &'static str,
    pub(super) headers: &'static [&'static str],
}

impl Answer {
    /// An answer in JSON.
    pub(super) fn json(status: u16, about: &'static str, schema: Schema) -> Self {
        Self { status, about, schema, media_type: "application/json", headers: &[] }
    }

    pub(super) fn with_headers(self, headers: &'static [&'static str]) -> Self {
        Self { headers, ..self }
    }
}

/// With which any request may be refused, whoever sends it.
const OF_ANYBODY: &[ProblemCode] = &[
    ProblemCode::RequestTimeout,
    ProblemCode::BodyTooLarge,
    ProblemCode::RateLimited,
    ProblemCode::Internal,
    ProblemCode::Overloaded,
    ProblemCode::OutcomeUnknown,
];
/// With which any signed request may be refused.
const OF_SIGNED: &[ProblemCode] = &[
    ProblemCode::MissingHeader,
    ProblemCode::MalformedHeader,
    ProblemCode::InvalidCredentials,
    ProblemCode::StaleTimestamp,
    ProblemCode::NonceReused,
];
/// With which any request with a body may be refused.
const OF_BODIES: &[ProblemCode] = &[ProblemCode::MalformedJson, ProblemCode::InvalidPayload];

impl Operation {
    /// The path as it is written for readers: `{job_id}` is `{jobId}`, as everywhere on the wire.
    pub(super) fn public_path(&self) -> String {
        camel_case(self.path)
    }

    /// Every code with which it may refuse, in the order of their statuses.
    pub(super) fn codes(&self) -> Vec<ProblemCode> {
        let is_signed = matches!(self.audience, Audience::Caller | Audience::Device);
        let mut codes: Vec<ProblemCode> = [OF_ANYBODY, self.refusals].concat();
        codes.extend(is_signed.then_some(OF_SIGNED).into_iter().flatten());
        codes.extend(self.body.is_some().then_some(OF_BODIES).into_iter().flatten());
        if self.audience == Audience::Caller {
            // A key that may do nothing may still be verified.
            codes.extend((self.path != "/api/links/verify").then_some(ProblemCode::InsufficientScope));
            codes.push(if self.body.is_some() { ProblemCode::UnsupportedMediaType } else { ProblemCode::InvalidParameter });
        }
        let mut in_order: Vec<ProblemCode> = ProblemCode::ALL.iter().copied().filter(|code| codes.contains(code)).collect();
        in_order.sort_by_key(|code| code.status());
        in_order
    }

    /// Its entry in the document.
    pub(super) fn document(&self, schemas: &mut Schemas) -> Value {
        let mut entry = json!({
            "operationId": self.id, "tags": [self.tag], "summary": self.summary, "description": self.about,
            "security": parts::security(self.audience),
        });
        if !self.parameters.is_empty() {
            entry["parameters"] = self.parameters.clone().into();
        }
        if let Some((schema, example)) = &self.body {
            entry["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema(schemas), "example": example}}});
        }
        let limits: &[&str] = if self.audience == Audience::Caller { &["RateLimit-Policy", "RateLimit"] } else { &[] };
        let mut responses = serde_json::Map::new();
        for answer in &self.answers {
            let headers = [&["X-Request-Id"], limits, answer.headers].concat();
            responses.insert(
                answer.status.to_string(),
                json!({
                    "description": answer.about, "headers": parts::header_references(&headers),
                    "content": {answer.media_type: {"schema": (answer.schema)(schemas)}},
                }),
            );
        }
        let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
        for code in self.codes() {
            by_status.entry(code.status()).or_default().push(code);
        }
        for (status, codes) in by_status {
            responses.insert(status.to_string(), refusal(status, &codes, schemas));
        }
        entry["responses"] = responses.into();
        entry
    }
}

/// A response that is a problem with one of these codes.
fn refusal(status: u16, codes: &[ProblemCode], schemas: &mut Schemas) -> Value {
    let titles: Vec<String> = codes.iter().map(|code| format!("`{code}`: {}", code.title())).collect();
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let mut headers = vec!["X-Request-Id"];
    match status {
        401 => headers.push("WWW-Authenticate"),
        429 | 503 => headers.push("Retry-After"),
        _ => {}
    }
    json!({
        "description": titles.join("; "),
        "headers": parts::header_references(&headers),
        "content": {protocol::problem::MEDIA_TYPE: {"schema": {
            "allOf": [schemas.answered::<Problem>(), {"properties": {"code": {"enum": words}, "status": {"const": status}}}],
        }}},
    })
}

/// `job_id` as `jobId`, also within a path.
fn camel_case(text: &str) -> String {
    let mut parts = text.split('_');
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        joined.push_str(&first.to_uppercase());
        joined.push_str(rest);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_are_written_as_members_are() {
        assert_eq!(camel_case("/api/rows/{source}/{row_id}"), "/api/rows/{source}/{rowId}");
    }
}
