//! Schemas of the wire types, each in two forms where they differ: as it may be sent (what has a default may be left out)
//! and as it is answered (what is always written is there). A type whose forms are equal has one schema.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Where schemas of sent types are until [`Schemas::finish`].
const SENT: &str = "#/components/sent/";
const ANSWERED: &str = "#/components/schemas/";
/// What a sent form is called that differs from the answered one.
const SUFFIX: &str = "Sent";

/// The schemas that operations have asked for.
pub(super) struct Schemas {
    sent: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = |path: &str| {
            let path = path.trim_start_matches('#').trim_end_matches('/').to_owned();
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = path.into();
                settings.meta_schema = None;
            })
        };
        Self { sent: settings(SENT).for_deserialize().into_generator(), answered: settings(ANSWERED).for_serialize().into_generator() }
    }

    /// A type as it may be sent.
    pub(super) fn sent<T: JsonSchema>(&mut self) -> Value {
        self.sent.subschema_for::<T>().into()
    }

    /// A type as it is answered.
    pub(super) fn answered<T: JsonSchema>(&mut self) -> Value {
        self.answered.subschema_for::<T>().into()
    }

    /// Puts every schema that was asked for into the document.
    pub(super) fn finish(mut self, document: &mut Value) {
        let mut sent = self.sent.take_definitions(true);
        let mut answered = self.answered.take_definitions(true);
        // The door refuses unknown members of whatever is sent; answers may grow.
        for schema in sent.values_mut().filter(|schema| schema["type"] == "object") {
            schema["additionalProperties"] = false.into();
        }
        let differing = differing(&sent, &answered);
        let renamed = |name: &str| if differing.contains(name) { format!("{name}{SUFFIX}") } else { name.to_owned() };
        let redirect = |reference: &str| reference.strip_prefix(SENT).map(|name| format!("{ANSWERED}{}", renamed(name)));
        for (name, mut schema) in std::mem::take(&mut sent) {
            rewrite(&mut schema, &redirect);
            answered.insert(renamed(&name), schema);
        }
        rewrite(document, &redirect);
        answered.values_mut().for_each(without_links);
        answered.sort_keys();
        document["components"]["schemas"] = Value::Object(answered);
    }
}

/// Names of types whose two forms are not the same, in themselves or in what they refer to.
fn differing(sent: &Map<String, Value>, answered: &Map<String, Value>) -> BTreeSet<String> {
    let as_answered = |schema: &Value| {
        let mut schema = schema.clone();
        rewrite(&mut schema, &|reference| reference.strip_prefix(SENT).map(|name| format!("{ANSWERED}{name}")));
        schema
    };
    let both = || sent.iter().filter_map(|(name, schema)| Some((name, schema, answered.get(name)?)));
    let mut differing: BTreeSet<String> =
        both().filter(|(_, sent, answered)| as_answered(sent) != **answered).map(|(name, ..)| name.clone()).collect();
    loop {
        let more: Vec<String> = both()
            .filter(|(name, sent, _)| !differing.contains(*name) && references(sent).iter().any(|name| differing.contains(name)))
            .map(|(name, ..)| name.clone())
            .collect();
        if more.is_empty() {
            return differing;
        }
        differing.extend(more);
    }
}

fn references(schema: &Value) -> Vec<String> {
    let found = std::cell::RefCell::new(Vec::new());
    rewrite(&mut schema.clone(), &|reference| {
        found.borrow_mut().extend(reference.strip_prefix(SENT).map(str::to_owned));
        None
    });
    found.into_inner()
}

/// Replaces references for which there is something else.
fn rewrite(value: &mut Value, other: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(other) = other(reference)
            {
                *reference = other;
            }
            members.values_mut().for_each(|value| rewrite(value, other));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rewrite(value, other)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes the links to items of the code out of descriptions, which are doc comments: `[this form](path)`, ``[`Item`]``.
fn without_links(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = without_links_in(text);
            }
            members.values_mut().for_each(without_links);
        }
        Value::Array(items) => items.iter_mut().for_each(without_links),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn without_links_in(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((name, after)) = after.split_once(']') else {
            plain.push('[');
            rest = after;
            continue;
        };
        plain.push_str(name);
        rest = after.strip_prefix('(').and_then(|target| target.split_once(')')).map_or(after, |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_lose_their_links_and_nothing_else() {
        for (text, plain) in [
            ("in its [canonical form](canonical_domain), if any", "in its canonical form, if any"),
            ("Up to [`MAX_RESULTS`].", "Up to `MAX_RESULTS`."),
            ("a [b", "a [b"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_links_in(text), plain);
        }
    }
}
