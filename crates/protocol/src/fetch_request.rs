//! The body of `POST /api/links/fetch`: read strictly, every fault named at once.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::strict_json::StrictValue;
use crate::text::is_clean_text;
use crate::tracking_url;

/// Bytes that the body may have.
pub const MAX_BODY_BYTES: usize = 64 * 1_024;
/// Characters of an idempotency key and of a row id.
pub const MAX_NAME_CHARS: usize = 255;
/// Seconds that a caller may give a job, shortest and longest.
pub const DEADLINE_SECONDS: std::ops::RangeInclusive<u32> = 30..=604_800;
/// Seconds that a job has when its caller says nothing.
pub const DEFAULT_DEADLINE_SECONDS: u32 = 86_400;
/// Bytes of a header value that a context may ask for.
pub const MAX_CONTEXT_BYTES: usize = 1_024;

/// A wish to resolve one tracking URL, every rule of its shape checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::never_null))]
#[serde(rename_all = "camelCase")]
pub struct FetchRequest {
    /// Names the logical job within account and environment.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")))]
    pub idempotency_key: String,
    /// Where the chain begins.
    #[cfg_attr(feature = "schema", schemars(length(min = 8, max = 8192), url))]
    pub tracking_url: String,
    /// Where the row lives.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub source: String,
    /// The row's stable identity within its source.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS), regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")))]
    pub row_id: String,
    /// Registrable domain or host where the link should land, in its [canonical form](canonical_domain).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_domain: Option<String>,
    /// What the request should look like to the link.
    #[serde(skip_serializing_if = "Context::is_empty")]
    #[cfg_attr(feature = "schema", schemars(default))]
    pub context: Context,
    /// Seconds until the job is given up.
    #[cfg_attr(feature = "schema", schemars(default = "default_deadline", range(min = 30, max = 604_800)))]
    pub deadline_seconds: u32,
}

/// What a request should look like to the link that it follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = crate::schema::never_null))]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// Viewport, touch and the default user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceKind>,
    /// The User-Agent header, word for word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_CONTEXT_BYTES)))]
    pub user_agent: Option<String>,
    /// The Referer header of the first hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(url))]
    pub referer: Option<String>,
    /// The Accept-Language header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_CONTEXT_BYTES)))]
    pub accept_language: Option<String>,
    /// Name of a proxy profile that the desktop knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_.-]{1,64}$")))]
    pub proxy: Option<String>,
    /// Which engine resolves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineChoice>,
}

#[cfg(feature = "schema")]
const fn default_deadline() -> u32 {
    DEFAULT_DEADLINE_SECONDS
}

impl Context {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the shape of its texts, as a relay does: for contexts that no relay has read.
    ///
    /// # Errors
    /// The first member at fault, by pointer.
    pub fn check(&self) -> Result<(), PayloadError> {
        let faults = [
            ("/userAgent", self.user_agent.as_deref().and_then(header_fault)),
            ("/referer", self.referer.as_deref().and_then(url_fault)),
            ("/acceptLanguage", self.accept_language.as_deref().and_then(header_fault)),
            ("/proxy", self.proxy.as_deref().and_then(proxy_name_fault)),
        ];
        let first = faults.into_iter().find_map(|(pointer, fault)| Some(PayloadError::new(pointer, fault?)));
        first.map_or(Ok(()), Err)
    }
}

/// The kind of device that a context imitates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A computer.
    Desktop,
    /// A phone.
    Mobile,
}

/// Which engine resolves a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The HTTP engine first, the browser only when needed.
    #[default]
    Auto,
    /// The HTTP engine alone.
    Http,
    /// The browser from the start.
    Browser,
}

/// One fault in a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PayloadError {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl PayloadError {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// Hash over a payload as parsed: equal for equal values, whatever their order, white space or escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl FetchRequest {
    /// Reads one request. `has_source` tells whether the account has a source of that name.
    ///
    /// # Errors
    /// Every fault that the value has, never only the first.
    pub fn read(value: &StrictValue<'_>, has_source: impl Fn(&str) -> bool) -> Result<Self, Vec<PayloadError>> {
        let mut members = Members::of(value, "")?;
        let idempotency_key = members.text("idempotencyKey").and_then(|text| members.checked("idempotencyKey", text, name_fault(text)));
        let tracking_url = members.text("trackingUrl").and_then(|text| members.checked("trackingUrl", text, url_fault(text)));
        let source = members.text("source").and_then(|text| {
            members.checked(
                "source",
                text,
                (!has_source(text)).then(|| "not a source that this endpoint takes; `platform_api` is".to_owned()),
            )
        });
        let row_id = members.text("rowId").and_then(|text| members.checked("rowId", text, name_fault(text)));
        let expected_domain = members.optional_text("expectedDomain").and_then(|text| {
            let canonical = canonical_domain(text);
            if canonical.is_none() {
                members.fault("expectedDomain", DOMAIN_RULE);
            }
            canonical
        });
        let deadline_seconds = members.deadline();
        let context = members.context();
        members.finish()?;
        match (idempotency_key, tracking_url, source, row_id) {
            (Some(idempotency_key), Some(tracking_url), Some(source), Some(row_id)) => Ok(Self {
                idempotency_key: idempotency_key.to_owned(),
                tracking_url: tracking_url.to_owned(),
                source: source.to_owned(),
                row_id: row_id.to_owned(),
                expected_domain,
                context,
                deadline_seconds,
            }),
            // `finish` has failed if one of the four was missing or wrong.
            _ => Err(vec![PayloadError::new("", "a required member is missing")]),
        }
    }

    /// The fingerprint that a replay must have. A deadline that is spelled out and one that is left to the default are
    /// equal: the value is the same.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        // Every field in a fixed order, each with its length before it, so that no two requests share their bytes.
        let mut hash = Sha256::new();
        let mut field = |value: Option<&str>| match value {
            Some(text) => {
                hash.update((text.len() as u64 + 1).to_le_bytes());
                hash.update(text.as_bytes());
            }
            None => hash.update(0_u64.to_le_bytes()),
        };
        let context = &self.context;
        field(Some(&self.idempotency_key));
        field(Some(&self.tracking_url));
        field(Some(&self.source));
        field(Some(&self.row_id));
        field(self.expected_domain.as_deref());
        field(context.device.map(|device| match device {
            DeviceKind::Desktop => "desktop",
            DeviceKind::Mobile => "mobile",
        }));
        field(context.user_agent.as_deref());
        field(context.referer.as_deref());
        field(context.accept_language.as_deref());
        field(context.proxy.as_deref());
        field(context.engine.map(|engine| match engine {
            EngineChoice::Auto => "auto",
            EngineChoice::Http => "http",
            EngineChoice::Browser => "browser",
        }));
        hash.update(self.deadline_seconds.to_le_bytes());
        Fingerprint(hash.finalize().into())
    }
}

/// A member's name as a part of a JSON pointer (RFC 6901, section 3).
pub(crate) fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn name_fault(text: &str) -> Option<String> {
    let chars = text.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&chars) {
        Some(format!("must have 1 to {MAX_NAME_CHARS} characters, has {chars}"))
    } else if text.chars().any(char::is_control) {
        Some("must not contain control characters".to_owned())
    } else {
        None
    }
}

fn url_fault(text: &str) -> Option<String> {
    tracking_url::parse(text).err().map(|fault| fault.to_string())
}

/// A line break in a header's value would let a caller write headers of its own into the desktop's requests.
fn header_fault(text: &str) -> Option<String> {
    let fits = (1..=MAX_CONTEXT_BYTES).contains(&text.len()) && is_clean_text(text);
    (!fits).then(|| format!("must have 1 to {MAX_CONTEXT_BYTES} bytes and no control characters"))
}

fn proxy_name_fault(text: &str) -> Option<String> {
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    (!is_name).then(|| "must be the name of a proxy profile: 1 to 64 letters, digits, `_`, `-` and `.`".to_owned())
}

/// What is said of an expected domain without a [canonical form](canonical_domain).
pub const DOMAIN_RULE: &str = "must be a domain or host such as `shop.example`, without scheme, port or path";

/// Bytes of a domain, as written and in its canonical form (RFC 1035, section 2.3.4, without the dots at both ends).
const MAX_DOMAIN_BYTES: usize = 253;

/// A domain or host as it stands in a parsed URL: lower case, Unicode as punycode. `None` when the text is neither. Two
/// spellings of one domain have one canonical form, and only that can be compared with where a link lands.
#[must_use]
pub fn canonical_domain(text: &str) -> Option<String> {
    let is_bare = !text.contains(['/', ':', '@', '?', '#']) && !text.ends_with('.');
    if text.is_empty() || text.len() > MAX_DOMAIN_BYTES || !is_bare {
        return None;
    }
    let canonical = url::Host::parse(text).ok()?.to_string();
    // Full-width characters and the like become ASCII, a dot at the end included.
    (canonical.len() <= MAX_DOMAIN_BYTES && !canonical.ends_with('.')).then_some(canonical)
}

/// The members of one object, taken by name; what is left over is unknown.
struct Members<'v, 'a> {
    prefix: &'static str,
    left: Vec<(&'v str, &'v StrictValue<'a>)>,
    faults: Vec<PayloadError>,
}

impl<'v, 'a> Members<'v, 'a> {
    fn of(value: &'v StrictValue<'a>, prefix: &'static str) -> Result<Self, Vec<PayloadError>> {
        match value {
            StrictValue::Object(members) => {
                Ok(Self { prefix, left: members.iter().map(|(name, value)| (&**name, value)).collect(), faults: Vec::new() })
            }
            other => Err(vec![PayloadError::new(prefix, format!("must be an object, is {}", other.kind()))]),
        }
    }

    fn take(&mut self, name: &str) -> Option<&'v StrictValue<'a>> {
        let at = self.left.iter().position(|(known, _)| *known == name)?;
        Some(self.left.swap_remove(at).1)
    }

    fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(PayloadError::new(format!("{}/{}", self.prefix, pointer_token(name)), detail));
    }

    fn text(&mut self, name: &str) -> Option<&'v str> {
        match self.take(name) {
            None => {
                self.fault(name, "is required");
                None
            }
            Some(value) => self.as_text(name, value),
        }
    }

    fn optional_text(&mut self, name: &str) -> Option<&'v str> {
        self.take(name).and_then(|value| self.as_text(name, value))
    }

    fn as_text(&mut self, name: &str, value: &'v StrictValue<'a>) -> Option<&'v str> {
        match value {
            StrictValue::String(text) => Some(text),
            other => {
                self.fault(name, format!("must be a string, is {}", other.kind()));
                None
            }
        }
    }

    fn checked(&mut self, name: &str, text: &'v str, fault: Option<String>) -> Option<&'v str> {
        match fault {
            None => Some(text),
            Some(detail) => {
                self.fault(name, detail);
                None
            }
        }
    }

    fn word<T>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T>
    where
        T: Copy,
    {
        let text = self.optional_text(name)?;
        let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if known.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.fault(name, format!("must be one of {}", words.join(", ")));
        }
        known
    }

    fn optional(&mut self, name: &str, fault: impl Fn(&str) -> Option<String>) -> Option<String> {
        let text = self.optional_text(name)?;
        self.checked(name, text, fault(text)).map(str::to_owned)
    }

    fn deadline(&mut self) -> u32 {
        let name = "deadlineSeconds";
        let Some(value) = self.take(name) else { return DEFAULT_DEADLINE_SECONDS };
        let seconds = match value {
            StrictValue::Number(number) => number.as_u64().and_then(|seconds| u32::try_from(seconds).ok()),
            _ => None,
        };
        seconds.filter(|seconds| DEADLINE_SECONDS.contains(seconds)).unwrap_or_else(|| {
            self.fault(name, format!("must be an integer from {} to {}", DEADLINE_SECONDS.start(), DEADLINE_SECONDS.end()));
            DEFAULT_DEADLINE_SECONDS
        })
    }

    fn context(&mut self) -> Context {
        let Some(value) = self.take("context") else { return Context::default() };
        let mut members = match Members::of(value, "/context") {
            Ok(members) => members,
            Err(faults) => {
                self.faults.extend(faults);
                return Context::default();
            }
        };
        let context = Context {
            device: members.word("device", &[("desktop", DeviceKind::Desktop), ("mobile", DeviceKind::Mobile)]),
            user_agent: members.optional("userAgent", header_fault),
            referer: members.optional("referer", url_fault),
            accept_language: members.optional("acceptLanguage", header_fault),
            proxy: members.optional("proxy", proxy_name_fault),
            engine: members
                .word("engine", &[("auto", EngineChoice::Auto), ("http", EngineChoice::Http), ("browser", EngineChoice::Browser)]),
        };
        if let Err(faults) = members.finish() {
            self.faults.extend(faults);
        }
        context
    }

    fn finish(mut self) -> Result<(), Vec<PayloadError>> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(name, "is not a member of this object");
        }
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FetchRequest, Vec<PayloadError>> {
        FetchRequest::read(&StrictValue::parse(text.as_bytes()).unwrap(), |source| source == "platform_api")
    }

    fn pointers(text: &str) -> Vec<String> {
        let mut pointers: Vec<_> = read(text).unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        pointers.sort();
        pointers
    }

    const PLAIN: &str = r#"{"idempotencyKey":"a-1","trackingUrl":"https://trk.example/a1","source":"platform_api","rowId":"offer-001"}"#;

    #[test]
    fn the_plain_request_reads() {
        let request = read(PLAIN).unwrap();
        assert_eq!(request.deadline_seconds, 86_400);
        assert!(request.context.is_empty());
    }

    #[test]
    fn a_context_that_no_relay_has_read_is_checked_by_the_same_rules() {
        let with = |name: &str, text: &str| {
            let context: Context = serde_json::from_value(serde_json::json!({ name: text })).unwrap();
            let body = serde_json::json!({"idempotencyKey": "a", "trackingUrl": "https://a.example/", "source": "platform_api", "rowId": "r", "context": {name: text}});
            assert_eq!(context.check().is_err(), read(&body.to_string()).is_err(), "{name} {text:?}");
            context.check().map_err(|fault| fault.pointer)
        };
        for (name, right, wrong) in [
            ("userAgent", "Probe/1", &["", "a\nb"][..]),
            ("referer", "https://news.example/", &["foo", ""]),
            ("acceptLanguage", "de-DE,de;q=0.9", &["", "de\u{0}"]),
            ("proxy", "de", &["a b", ""]),
        ] {
            assert_eq!(with(name, right), Ok(()));
            wrong.iter().for_each(|text| assert_eq!(with(name, text), Err(format!("/{name}")), "{text:?}"));
        }
    }

    #[test]
    fn equal_values_have_equal_fingerprints() {
        let spelled = r#"{ "rowId":"offer-001","source":"platform_api", "trackingUrl":"https:\/\/trk.example\/a1","idempotencyKey":"\u0061-1","deadlineSeconds":86400,"context":{}}"#;
        assert_eq!(read(PLAIN).unwrap().fingerprint(), read(spelled).unwrap().fingerprint());
        for other in [
            PLAIN.replace("offer-001", "offer-002"),
            PLAIN.replace("\"rowId\"", "\"deadlineSeconds\":60,\"rowId\""),
            PLAIN.replace("\"rowId\"", "\"context\":{\"engine\":\"http\"},\"rowId\""),
        ] {
            assert_ne!(read(PLAIN).unwrap().fingerprint(), read(&other).unwrap().fingerprint(), "{other}");
        }
    }

    #[test]
    fn an_expected_domain_is_kept_as_urls_have_it() {
        let with_domain = |domain: &str| read(&PLAIN.replace("\"rowId\"", &format!("\"expectedDomain\":\"{domain}\",\"rowId\""))).unwrap();
        let canonical = with_domain("xn--bcher-kva.example");
        for spelling in ["b\u{fc}cher.example", "B\u{dc}CHER.Example", "XN--BCHER-KVA.example"] {
            let request = with_domain(spelling);
            assert_eq!(request.expected_domain.as_deref(), Some("xn--bcher-kva.example"), "{spelling}");
            assert_eq!(request.fingerprint(), canonical.fingerprint(), "{spelling}");
        }
        assert_eq!(with_domain("127.1").expected_domain.as_deref(), Some("127.0.0.1"));
        let too_long = format!("{}example", "a.".repeat(124));
        for text in ["", "https://x", "x:1", "x/", "x.", "x\u{3002}", "a b", too_long.as_str()] {
            assert_eq!(canonical_domain(text), None, "{text}");
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        assert_eq!(pointers("{}"), ["/idempotencyKey", "/rowId", "/source", "/trackingUrl"]);
        assert_eq!(
            pointers(
                r#"{"idempotencyKey":"","trackingUrl":"ftp://x/","source":"nowhere","rowId":7,"expectedDomain":"https://x","context":{"device":"fridge","userAgent":"a\r\nb","x/y":1},"deadlineSeconds":29,"Extra":0}"#
            ),
            [
                "/Extra",
                "/context/device",
                "/context/userAgent",
                "/context/x~1y",
                "/deadlineSeconds",
                "/expectedDomain",
                "/idempotencyKey",
                "/rowId",
                "/source",
                "/trackingUrl"
            ]
        );
        assert_eq!(pointers("[]"), [""]);
        assert_eq!(pointers(&PLAIN.replace("\"a-1\"", "null")), ["/idempotencyKey"]);
        for deadline in ["29", "604801", "86400.5", "\"60\"", "-1", "null", "1e400"] {
            let text = PLAIN.replace("\"rowId\"", &format!("\"deadlineSeconds\":{deadline},\"rowId\""));
            assert!(StrictValue::parse(text.as_bytes()).is_err() || pointers(&text) == ["/deadlineSeconds"], "{deadline}");
        }
    }

    #[test]
    fn lengths_count_characters() {
        let with_key = |key: &str| read(&PLAIN.replace("a-1", key));
        assert!(with_key(&"ü".repeat(255)).is_ok());
        assert!(with_key(&"ü".repeat(256)).is_err());
        assert!(with_key("a\\u0000").is_err());
    }
}
