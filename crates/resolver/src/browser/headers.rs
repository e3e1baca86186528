//! Headers as `Network.…ExtraInfo` tells them.

use serde_json::Value;

use super::cdp::fields;
pub(super) use super::cdp::header;

/// Names of the cookies that an answer set.
pub(super) fn cookie_names(headers: &Value) -> Vec<String> {
    fields(headers).iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| cookie_name(value)).collect()
}

/// The name out of a Set-Cookie field (RFC 6265, section 5.2); empty for a nameless cookie.
pub(super) fn cookie_name(field: &str) -> String {
    let pair = field.split(';').next().unwrap_or_default();
    pair.split_once('=').map_or("", |(name, _)| name).trim().to_owned()
}
