//! `GET /docs`: the OpenAPI document as a page for people. It is made here from the document and asks no other host for
//! anything, so it also works where there is no way out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use ui::document::{Page, Site, bare};
use ui::table::{Column, Keep, table, td};
use ui::{Markup, card, code, html};

use super::openapi_document;
use crate::state::Shared;

/// Methods in the order in which a path's operations are shown.
const METHODS: [&str; 3] = ["get", "post", "delete"];

pub(crate) async fn docs(State(state): State<Shared>) -> Response {
    let document = openapi_document();
    let site = Site { name: "API", home: "/docs", ..Site::default() };
    let page = Page { title: "API reference", here: "/docs", ..Page::default() };
    ui::response::page(StatusCode::OK, bare(&site, &page, body(&document, &state.public_url))).into_response()
}

fn body(document: &Value, public_url: &str) -> Markup {
    html! {
        (ui::header::page_header("API reference", Some("Every endpoint for callers and for desktops, with what it takes, answers and refuses."), &html! {
            a href="/openapi.json" { "OpenAPI 3.1" }
        }))
        p { (prose(text(&document["info"]["description"]))) }
        (code::block("base", "Where this relay is", public_url))
        nav aria-label="Endpoints" {
            @for tag in items(&document["tags"]) {
                h2 { (text(&tag["name"])) }
                p { (text(&tag["description"])) }
                ul {
                    @for (path, method, operation) in operations(document) {
                        @if items(&operation["tags"]).contains(&tag["name"]) {
                            li { a href={ "#" (text(&operation["operationId"])) } { code { (method.to_uppercase()) " " (path) } } " " (text(&operation["summary"])) }
                        }
                    }
                }
            }
        }
        @for (path, method, operation) in operations(document) { (operation_card(path, method, operation)) }
        h2 { "Types" }
        @for (name, schema) in members(&document["components"]["schemas"]) { (type_card(name, schema)) }
    }
}

fn operation_card(path: &str, method: &str, operation: &Value) -> Markup {
    let id = text(&operation["operationId"]);
    let sent = &operation["requestBody"]["content"]["application/json"];
    let content = html! {
        p { code { (method.to_uppercase()) " " (path) } }
        p { (prose(text(&operation["description"]))) }
        @if items(&operation["security"]).is_empty() { p { "Needs no signature." } }
        @if !items(&operation["parameters"]).is_empty() {
            (table("Parameters", &[Column::new("Parameter"), Column::new("Where"), Column::new("Type"), Column::new("Meaning")], &html! {
                @for parameter in items(&operation["parameters"]) {
                    tr {
                        (td(Keep::Always, &html! { code { (text(&parameter["name"])) } }))
                        (td(Keep::Always, &html! { (text(&parameter["in"])) }))
                        (td(Keep::Always, &kind(&parameter["schema"])))
                        (td(Keep::Always, &html! { (prose(text(&parameter["description"]))) }))
                    }
                }
            }))
        }
        @if !sent.is_null() {
            p { "Sends " (kind(&sent["schema"])) ":" }
            (code::block(&format!("{id}-example"), "Example of what is sent", &format!("{:#}", sent["example"])))
        }
        (table("Answers", &[Column::new("Status"), Column::new("Meaning"), Column::new("Body")], &html! {
            @for (status, response) in members(&operation["responses"]) {
                tr {
                    (td(Keep::Always, &html! { code { (status) } }))
                    (td(Keep::Always, &meaning(response)))
                    (td(Keep::Always, &html! { @for (_, content) in members(&response["content"]) { (kind(&content["schema"])) } }))
                }
            }
        }))
    };
    html! { div id=(id) { (card::card(text(&operation["summary"]), &html! {}, &content)) } }
}

/// What a response means; of a refusal, each code with a link to its own page.
fn meaning(response: &Value) -> Markup {
    let codes = &response["content"][protocol::problem::MEDIA_TYPE]["schema"]["allOf"][1]["properties"]["code"]["enum"];
    if items(codes).is_empty() {
        return prose(text(&response["description"]));
    }
    html! { @for (index, code) in items(codes).iter().enumerate() { @if index > 0 { ", " } a href={ "/problems/" (text(code)) } { code { (text(code)) } } } }
}

fn type_card(name: &str, schema: &Value) -> Markup {
    let content = html! {
        @if !text(&schema["description"]).is_empty() { p { (prose(text(&schema["description"]))) } }
        @if schema["properties"].is_object() {
            (table("Members", &[Column::new("Member"), Column::new("Type"), Column::new("Meaning")], &html! {
                @for (member, shape) in members(&schema["properties"]) {
                    tr {
                        (td(Keep::Always, &html! { code { (member) } @if items(&schema["required"]).contains(&Value::from(member)) { " (required)" } }))
                        (td(Keep::Always, &kind(shape)))
                        (td(Keep::Always, &html! { (prose(text(&shape["description"]))) }))
                    }
                }
            }))
        } @else {
            (words(schema))
        }
    };
    html! { div id={ "type-" (name) } { (card::card(name, &html! {}, &content)) } }
}

/// The values of a closed list, each with what it means.
fn words(schema: &Value) -> Markup {
    let each = |value: &Value| html! { li { code { (text(&value["const"])) } " " (prose(text(&value["description"]))) } };
    html! {
        @if items(&schema["oneOf"]).is_empty() { p { (kind(schema)) } } @else { ul { @for value in items(&schema["oneOf"]) { (each(value)) } } }
    }
}

/// The type of a schema in a few words, with links to what it is made of.
fn kind(schema: &Value) -> Markup {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return html! { a href={ "#type-" (name) } { (name) } };
    }
    for combined in ["anyOf", "allOf", "oneOf"] {
        let parts: Vec<&Value> =
            items(&schema[combined]).iter().filter(|part| part["$ref"].is_string() || part["type"].is_string()).collect();
        if !parts.is_empty() {
            return html! { @for (index, part) in parts.iter().enumerate() { @if index > 0 { " or " } (kind(part)) } };
        }
    }
    if schema["items"].is_object() {
        return html! { "list of " (kind(&schema["items"])) };
    }
    let bounds =
        ["minimum", "maximum", "minLength", "maxLength", "maxItems", "default"].into_iter().filter(|name| !schema[*name].is_null());
    html! {
        @match &schema["type"] {
            Value::Array(types) => { @for (index, one) in types.iter().enumerate() { @if index > 0 { " or " } (text(one)) } },
            one => (text(one)),
        }
        @for value in items(&schema["enum"]) { " " code { (text(value)) } }
        @for name in bounds { ", " (name) " " (schema[name].to_string()) }
        @if let Some(pattern) = schema["pattern"].as_str() { ", " code { (pattern) } }
    }
}

/// A sentence in which words between backticks are code.
fn prose(sentence: &str) -> Markup {
    html! { @for (index, part) in sentence.split('`').enumerate() { @if index % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    members(&document["paths"])
        .flat_map(|(path, methods)| METHODS.into_iter().filter_map(move |method| Some((path, method, methods.get(method)?))))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
