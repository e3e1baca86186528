//! Finds the mistake behind a signature that does not match: tries the same request in every way that callers are known to
//! get wrong, and says which of them the signature belongs to. Whoever asks decides what "belongs" means, so that one who
//! holds a secret only to verify with can ask, too.

use super::base::SignedTarget;

/// A request as it was received, or nearly so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The method, as it stood on the request line.
    pub method: String,
    /// Path and query, as they stood there.
    pub target: String,
    /// The timestamp, as it was written.
    pub timestamp: String,
    /// The nonce.
    pub nonce: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Attempt {
    /// What it is aimed at.
    #[must_use]
    pub fn signed_target(&self) -> SignedTarget<'_> {
        SignedTarget::of(&self.method, &self.target)
    }
}

/// What was probably done differently, in words for the caller; `None` when no known mistake explains the signature. `fits`:
/// whether the signature is that of the secret over this attempt, joined as for this target.
pub fn explain(attempt: &Attempt, fits: impl Fn(&Attempt, SignedTarget<'_>) -> bool) -> Option<String> {
    let bodies = bodies(&attempt.body).into_iter().map(|(words, body)| (words.to_owned(), Attempt { body, ..attempt.clone() }));
    let variations = bodies.chain(timestamps(attempt)).chain(targets(attempt));
    let found = variations.into_iter().find(|(_, variation)| fits(variation, variation.signed_target()));
    found.map(|(words, _)| words).or_else(|| {
        let other = match attempt.signed_target() {
            SignedTarget::Fetch => SignedTarget::Endpoint { method: &attempt.method, path_and_query: &attempt.target },
            SignedTarget::Endpoint { .. } => SignedTarget::Fetch,
        };
        fits(attempt, other)
            .then(|| format!("the parts were joined as for another endpoint; here they are joined as {}", attempt.signed_target().recipe()))
    })
}

fn timestamps(attempt: &Attempt) -> impl Iterator<Item = (String, Attempt)> {
    let seconds: Option<i64> = attempt.timestamp.parse().ok();
    let others = [
        ("the timestamp is in milliseconds; it must be in seconds", seconds.and_then(|seconds| seconds.checked_mul(1_000))),
        ("the timestamp here is in milliseconds; the signature was made over seconds", seconds.map(|millis| millis / 1_000)),
    ];
    let attempt = attempt.clone();
    others
        .into_iter()
        .filter_map(move |(words, timestamp)| Some((words.to_owned(), Attempt { timestamp: timestamp?.to_string(), ..attempt.clone() })))
}

fn bodies(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut variations: Vec<(&str, Vec<u8>)> = Vec::new();
    if let Some(shorter) = body.strip_suffix(b"\r\n") {
        variations.push(("the signature is over the body without the carriage return and line feed at its end", shorter.to_vec()));
    }
    if let Some(shorter) = body.strip_suffix(b"\n") {
        let words = "the signature is over the body without the line feed at its end (`printf %s` adds none, `echo` does)";
        variations.push((words, shorter.to_vec()));
    }
    variations
        .push(("the signature is over the body with a line feed after it (`echo` adds one, `printf %s` does not)", [body, b"\n"].concat()));
    variations.push(("the signature is over the body with a carriage return and line feed after it", [body, b"\r\n"].concat()));
    variations.push(("the signature is over no body at all", Vec::new()));
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        variations.push(("the signature is over the body without its byte order mark", rest.to_vec()));
    }
    variations.push(("the signature is over the body with a byte order mark before it", [b"\xef\xbb\xbf", body].concat()));
    let unix: Vec<u8> = String::from_utf8_lossy(body).replace("\r\n", "\n").into_bytes();
    variations.push(("the signature is over the body with line feeds instead of carriage returns and line feeds", unix));
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        let again = "the JSON was written anew between signing and sending: sign the very bytes that are sent";
        variations.extend([serde_json::to_vec(&value), serde_json::to_vec_pretty(&value)].into_iter().flatten().map(|body| (again, body)));
        variations.push((again, spaced(&value).into_bytes()));
    }
    variations
}

/// JSON as Python writes it by default: a space after each colon and comma outside of strings.
fn spaced(value: &serde_json::Value) -> String {
    let (mut text, mut in_string, mut escaped) = (String::new(), false, false);
    for c in value.to_string().chars() {
        text.push(c);
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            in_string = c == '"';
            if matches!(c, ':' | ',') {
                text.push(' ');
            }
        }
    }
    text
}

fn targets(attempt: &Attempt) -> Vec<(String, Attempt)> {
    let mut variations = Vec::new();
    let mut with = |words: String, method: &str, target: &str| {
        variations.push((words, Attempt { method: method.to_owned(), target: target.to_owned(), ..attempt.clone() }));
    };
    with("the method must be in upper case".to_owned(), &attempt.method.to_ascii_lowercase(), &attempt.target);
    if let Some((path, _)) = attempt.target.split_once('?') {
        with("the query belongs to what is signed".to_owned(), &attempt.method, path);
    }
    for method in ["GET", "POST", "DELETE"] {
        with(format!("the signature was made for {method}"), method, &attempt.target);
    }
    variations
}
