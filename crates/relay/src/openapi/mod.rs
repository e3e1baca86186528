//! The OpenAPI 3.1 document of everything that callers and desktops may ask for. Shapes come from the wire types
//! themselves (JSON Schema by `schemars`), statuses and problem codes from the table of refusals; what is written by hand
//! is which of them belong to which endpoint, and a test holds that against the router.

mod callers;
mod desktops;
mod docs_page;
mod operation;
mod parts;
mod schemas;

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub(crate) use docs_page::docs;
use operation::Operation;
use schemas::Schemas;

use crate::state::Shared;

/// What the document says of itself.
const ABOUT: &str = "Where does a tracking link really end, and may money be spent on it? Callers send signed requests for links, desktops \
resolve them, and this API takes the one and tells the other. Requests of callers are signed with HMAC-SHA256, those of desktops with HTTP \
Message Signatures (RFC 9421); `docs/protocol.md` has the recipes, and working code in seven languages lies in `docs/recipes`. Every refusal \
is a problem (RFC 9457) with a stable `code`. Members may be added to answers; unknown members of requests are refused.";

/// The document for a relay that is reached at its own root.
static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

/// The OpenAPI document, with `/` as its server.
#[must_use]
pub fn openapi_document() -> Value {
    DOCUMENT.clone()
}

fn operations() -> Vec<Operation> {
    callers::operations().into_iter().chain(desktops::operations()).collect()
}

fn build() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let entry = paths.entry(operation.public_path()).or_insert_with(|| json!({}));
        entry[operation.method.to_lowercase()] = operation.document(&mut schemas);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Link Peeler", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This relay"}],
        "tags": [
            {"name": "Links", "description": "Ask for tracking links to be resolved, and read what came of it."},
            {"name": "Rows", "description": "What is known of each row, and whether money may be spent on it now."},
            {"name": "Linking", "description": "How a desktop gets a key that the relay knows (the shape of RFC 8628)."},
            {"name": "Desktop", "description": "What a linked desktop asks for."},
        ],
        "paths": paths,
        "components": {"securitySchemes": parts::security_schemes(), "headers": parts::headers()},
    });
    schemas.finish(&mut document);
    document
}

/// `GET /openapi.json`: the document, naming this relay as its server.
pub(crate) async fn document(State(state): State<Shared>) -> Response {
    // Written once: whoever asks for it has proven nothing.
    let document = state.openapi.get_or_init(|| {
        let mut document = openapi_document();
        document["servers"][0]["url"] = state.public_url.clone().into();
        document.to_string().into()
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        // It says nothing that is anybody's, and tools on other origins want to read it.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (StatusCode::OK, headers, document.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::route::Audience;

    #[test]
    fn every_public_endpoint_is_in_the_document_and_nothing_else() {
        let is_public = |audience| matches!(audience, Audience::Caller | Audience::Device | Audience::Linking);
        let routed: BTreeSet<_> = crate::router::endpoints()
            .into_iter()
            .filter(|endpoint| is_public(endpoint.audience))
            .map(|endpoint| (endpoint.method, endpoint.path, endpoint.audience))
            .collect();
        let documented: BTreeSet<_> = operations().iter().map(|operation| (operation.method, operation.path, operation.audience)).collect();
        assert_eq!(documented, routed, "describe a new endpoint in `openapi/callers.rs` or `openapi/desktops.rs`");
    }

    #[test]
    fn ids_of_operations_are_unique() {
        let ids: Vec<_> = operations().iter().map(|operation| operation.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn visit(value: &Value, seen: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    seen.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|value| visit(value, seen));
                }
                Value::Array(items) => items.iter().for_each(|value| visit(value, seen)),
                _ => {}
            }
        }
        let document = openapi_document();
        let mut references = BTreeSet::new();
        visit(&document, &mut references);
        assert!(references.len() > 20, "{references:?}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_document_in_the_repository_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let written = std::fs::read_to_string(file).unwrap_or_default();
        let current = format!("{:#}\n", openapi_document());
        assert!(written == current, "docs/openapi.json is not what the code says: run `cargo xtask openapi`");
    }
}
