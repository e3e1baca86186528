//! What a row asks of the page where its link lands, beyond the domain: parameters that must arrive, and the URL that was
//! accepted before. Operators set it; the POST of a fetch never carries it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::fetch_request::PayloadError;
use crate::text::is_clean_text;
use crate::tracking_url;

/// Parameters that one row may ask for: more than a landing page reads.
pub const MAX_REQUIRED_PARAMETERS: usize = 32;
/// Bytes of one name or value: click identifiers are some hundred bytes long.
pub const MAX_REQUIRED_PARAMETER_BYTES: usize = 1_024;
/// Bytes of an accepted URL: as many as a tracking URL may have.
pub const MAX_ACCEPTED_URL_BYTES: usize = tracking_url::MAX_BYTES;

/// A query parameter that must reach the landing page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequiredParameter {
    /// Its name, decoded.
    pub name: String,
    /// Its value, decoded; absent when any value but an empty one will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What a row asks of the final URL, beyond its domain. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RowExpectation {
    /// What must be in its query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_parameters: Vec<RequiredParameter>,
    /// The final URL that was accepted before: another host or path is drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_url: Option<String>,
}

impl RowExpectation {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks bounds and shape.
    ///
    /// # Errors
    /// The first member at fault, by pointer.
    pub fn check(&self) -> Result<(), PayloadError> {
        if self.required_parameters.len() > MAX_REQUIRED_PARAMETERS {
            return Err(PayloadError::new("/requiredParameters", "must have at most 32 parameters"));
        }
        for (index, required) in self.required_parameters.iter().enumerate() {
            required.check().map_err(|detail| PayloadError::new(format!("/requiredParameters/{index}"), detail))?;
            if self.required_parameters[..index].iter().any(|earlier| earlier.name == required.name) {
                return Err(PayloadError::new(format!("/requiredParameters/{index}/name"), "is asked for twice"));
            }
        }
        self.accepted_url.as_deref().map_or(Ok(()), check_accepted_url)
    }
}

impl RequiredParameter {
    fn check(&self) -> Result<(), &'static str> {
        let fits = |text: &str| text.len() <= MAX_REQUIRED_PARAMETER_BYTES && is_clean_text(text);
        if self.name.is_empty() {
            Err("must have a name")
        } else if !fits(&self.name) || !self.value.as_deref().is_none_or(fits) {
            Err("name and value have at most 1024 bytes each and no control characters")
        } else {
            Ok(())
        }
    }
}

fn check_accepted_url(text: &str) -> Result<(), PayloadError> {
    let fault = |detail: &str| Err(PayloadError::new("/acceptedUrl", detail));
    if text.len() > MAX_ACCEPTED_URL_BYTES || !is_clean_text(text) {
        return fault("must have at most 8192 bytes and no control characters");
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        Ok(_) | Err(_) => fault("must be an absolute http or https URL"),
    }
}

impl fmt::Display for RequiredParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => f.write_str(&self.name),
            Some(value) => write!(f, "{}={value}", self.name),
        }
    }
}

/// `NAME` for any value but an empty one, `NAME=VALUE` for exactly this one.
impl FromStr for RequiredParameter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let required = Self { name: name.to_owned(), value };
        required.check().map(|()| required)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(expectation: &RowExpectation) -> Option<String> {
        expectation.check().err().map(|fault| fault.pointer)
    }

    #[test]
    fn a_parameter_is_spelled_with_or_without_its_value() {
        let of = |name: &str, value: Option<&str>| RequiredParameter { name: name.into(), value: value.map(str::to_owned) };
        assert_eq!("clickid".parse(), Ok(of("clickid", None)));
        assert_eq!("sub=a=b".parse(), Ok(of("sub", Some("a=b"))));
        assert_eq!("sub=".parse(), Ok(of("sub", Some(""))));
        assert!("=x".parse::<RequiredParameter>().is_err());
        assert!("a\nb".parse::<RequiredParameter>().is_err());
    }

    #[test]
    fn every_bound_is_named_by_member() {
        let named = |names: &[&str]| RowExpectation {
            required_parameters: names.iter().map(|name| RequiredParameter { name: (*name).to_owned(), value: None }).collect(),
            ..RowExpectation::default()
        };
        let accepted = |url: &str| RowExpectation { accepted_url: Some(url.to_owned()), ..RowExpectation::default() };
        assert_eq!(pointer(&named(&["a", "b"])), None);
        assert_eq!(pointer(&named(&["a", ""])).as_deref(), Some("/requiredParameters/1"));
        assert_eq!(pointer(&named(&["a", "a"])).as_deref(), Some("/requiredParameters/1/name"));
        assert_eq!(pointer(&named(&["a"; 33])).as_deref(), Some("/requiredParameters"));
        assert_eq!(pointer(&accepted("https://shop.example/a?b=1#c")), None);
        for bad in ["shop.example", "javascript:alert(1)", "https://", "https://a.example/\u{1b}"] {
            assert_eq!(pointer(&accepted(bad)).as_deref(), Some("/acceptedUrl"), "{bad}");
        }
    }
}
