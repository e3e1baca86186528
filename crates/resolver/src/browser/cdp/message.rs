//! What we read of the protocol's messages. Every member is optional to us: a missing one reads as empty.

use serde_json::Value;

/// An event of one session.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The session; empty for the browser's own.
    pub(crate) session: String,
    pub(crate) method: String,
    pub(crate) params: Value,
}

/// Reading members without minding what is missing.
pub(crate) trait Fields {
    fn text(&self, name: &str) -> &str;
    fn number(&self, name: &str) -> f64;
    fn flag(&self, name: &str) -> bool;
    fn has(&self, name: &str) -> bool;
}

impl Fields for Value {
    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> f64 {
        self.get(name).and_then(Value::as_f64).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_null())
    }
}

/// `Target.TargetInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetInfo {
    pub(crate) target: String,
    /// `page`, `iframe`, `worker`, `service_worker` and what else there may be.
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) context: String,
}

impl TargetInfo {
    pub(crate) fn of(params: &Value) -> Self {
        let info = &params["targetInfo"];
        Self {
            target: info.text("targetId").to_owned(),
            kind: info.text("type").to_owned(),
            url: info.text("url").to_owned(),
            context: info.text("browserContextId").to_owned(),
        }
    }
}

/// `Network.Request`, with its fragment put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) referer: Option<String>,
}

impl Request {
    pub(crate) fn of(params: &Value) -> Self {
        let request = &params["request"];
        Self {
            url: format!("{}{}", request.text("url"), request.text("urlFragment")),
            method: request.text("method").to_owned(),
            referer: header(&request["headers"], "referer"),
        }
    }
}

/// `Network.Response`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    /// Names in lower case, one entry a field.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) http_version: Option<&'static str>,
    pub(crate) tls_version: Option<String>,
}

impl Response {
    pub(crate) fn of(response: &Value) -> Self {
        Self {
            // Chromium reads a status as any number of digits; what does not fit is no status.
            status: response.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()).unwrap_or_default(),
            media_type: response.text("mimeType").to_ascii_lowercase(),
            headers: fields(&response["headers"]),
            http_version: http_version(response.text("protocol")),
            tls_version: response["securityDetails"].get("protocol").and_then(Value::as_str).and_then(tls_version),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

fn http_version(protocol: &str) -> Option<&'static str> {
    Some(match protocol.to_ascii_lowercase().as_str() {
        "http/1.0" | "http/0.9" => "HTTP/1.0",
        "http/1.1" => "HTTP/1.1",
        "h2" => "HTTP/2",
        "h3" => "HTTP/3",
        _ => return None,
    })
}

/// `TLS 1.3` as OpenSSL and the http engine write it; QUIC is TLS 1.3 by definition (RFC 9001).
fn tls_version(protocol: &str) -> Option<String> {
    match protocol {
        "" => None,
        "QUIC" => Some("TLSv1.3".to_owned()),
        _ => Some(protocol.replace("TLS ", "TLSv")),
    }
}

/// The fields of a headers object; several of one name stand in one value, a line each.
pub(crate) fn fields(headers: &Value) -> Vec<(String, String)> {
    let Some(members) = headers.as_object() else { return Vec::new() };
    let mut fields = Vec::with_capacity(members.len());
    for (name, value) in members {
        for line in value.as_str().unwrap_or_default().split('\n') {
            fields.push((name.to_ascii_lowercase(), line.to_owned()));
        }
    }
    fields
}

/// The first field of that name, given in lower case.
pub(crate) fn header(headers: &Value, name: &str) -> Option<String> {
    headers.as_object()?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_response_is_read_and_what_is_missing_is_empty() {
        let response = Response::of(&json!({
            "status": 200, "mimeType": "Text/HTML", "protocol": "h2", "securityDetails": {"protocol": "TLS 1.3"},
            "headers": {"Set-Cookie": "a=1\nb=2", "X-New": "y"}, "somethingNew": {}
        }));
        assert_eq!((response.status, response.media_type.as_str()), (200, "text/html"));
        assert_eq!((response.http_version, response.tls_version.as_deref()), (Some("HTTP/2"), Some("TLSv1.3")));
        assert_eq!(response.headers.len(), 3);
        assert_eq!(Response::of(&json!(null)), Response::default());
    }
}
