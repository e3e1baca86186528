//! Query strings, read strictly: an unknown or repeated parameter is a mistake that its caller wants to know of.

use axum::http::Uri;

use crate::problem::Refusal;

/// The parameters of a request, taken by name.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of `uri`, which may have the named parameters only, each at most once.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Refusal::InvalidParameter { name: "query".to_owned(), detail: error.to_string() })?;
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let detail = if known.is_empty() {
                    "this endpoint has no parameters".to_owned()
                } else {
                    format!("expected one of {}", known.join(", "))
                };
                return Err(Refusal::InvalidParameter { name, detail });
            }
            if value.chars().any(char::is_control) {
                // No text that is stored has any, and databases differ in what they make of them.
                return Err(Refusal::InvalidParameter { name, detail: "has a control character".to_owned() });
            }
            if parameters.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Refusal::InvalidParameter { name, detail: "given more than once".to_owned() });
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The text of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must parse.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Refusal> {
        let refuse = || Refusal::InvalidParameter { name: name.to_owned(), detail: format!("expected {expected}") };
        self.text(name).map(|text| text.parse().map_err(|_| refuse())).transpose()
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, name: &str, bounds: std::ops::RangeInclusive<usize>, default: usize) -> Result<usize, Refusal> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let number = self.parsed(name, &expected)?.unwrap_or(default);
        if bounds.contains(&number) {
            Ok(number)
        } else {
            Err(Refusal::InvalidParameter { name: name.to_owned(), detail: format!("expected {expected}") })
        }
    }
}
