//! What many operations of the document share: how requests are signed, which headers answers have.

use serde_json::{Value, json};

use crate::route::Audience;

/// How requests prove whose they are.
pub(super) fn security_schemes() -> Value {
    let header = |name: &str, about: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": about});
    json!({
        "CallerKey": header("X-Link-Peeler-Key", "The API key's public id: `lp_live_` or `lp_test_`, then 16 to 64 letters and digits."),
        "CallerTimestamp": header("X-Link-Peeler-Timestamp", "Unix seconds, within 300 s of the relay's clock."),
        "CallerNonce": header("X-Link-Peeler-Nonce", "A one-time value: 16 to 128 of `[A-Za-z0-9_-]`."),
        "CallerSignature": header(
            "X-Link-Peeler-Signature",
            "HMAC-SHA256 in hexadecimal under the secret's text. For `POST /api/links/fetch` over `timestamp.nonce.body`; everywhere else \
             over `timestamp.nonce.METHOD path?query`, a line feed, and the body.",
        ),
        "DeviceDigest": header("Content-Digest", "`sha-256=:…:` over the body (RFC 9530)."),
        "DeviceSignatureInput": header(
            "Signature-Input",
            "`link-peeler=(\"@method\" \"@target-uri\" \"content-digest\");created=…;nonce=\"…\";keyid=\"dev_…\";alg=\"ed25519\"` (RFC 9421), in \
             exactly this spelling.",
        ),
        "DeviceSignature": header("Signature", "`link-peeler=:…:`, Ed25519 under the device's key."),
    })
}

/// What a request of this audience must carry.
pub(super) fn security(audience: Audience) -> Value {
    match audience {
        Audience::Caller => json!([{"CallerKey": [], "CallerTimestamp": [], "CallerNonce": [], "CallerSignature": []}]),
        Audience::Device => json!([{"DeviceDigest": [], "DeviceSignatureInput": [], "DeviceSignature": []}]),
        Audience::Linking | Audience::LocalOperator | Audience::Console | Audience::Anybody => json!([]),
    }
}

/// Headers of answers.
pub(super) fn headers() -> Value {
    let text = |about: &str| json!({"description": about, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": {
            "description": "Names this one request in the relay's log.",
            "schema": {"type": "string", "pattern": "^req_[0-9a-f]{32}$"},
        },
        "Location": {"description": "Where to ask for the job again.", "schema": {"type": "string", "format": "uri"}},
        "Idempotent-Replayed": {
            "description": "The answer repeats an earlier admission of the same idempotency key.",
            "schema": {"type": "string", "const": "true"},
        },
        "RateLimit-Policy": text("The limits of the key and of the account, where the plan has them (structured fields)."),
        "RateLimit": text("What is left of them."),
        "Retry-After": {"description": "Seconds after which another try is worth it.", "schema": {"type": "integer", "minimum": 0}},
        "WWW-Authenticate": text("How requests are signed here."),
    })
}

/// References to some of them, of which none need be there.
pub(super) fn header_references(names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))).collect()
}

/// A parameter of a query.
pub(super) fn query(name: &str, about: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "required": false, "description": about, "schema": schema})
}

/// A variable part of a path.
pub(super) fn path(name: &str, about: &str, schema: Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema})
}
