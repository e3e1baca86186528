//! Finds the mistake behind a signature that does not match: signs the same request in every way that callers are known
//! to get wrong, and says which of them gives the signature in question.

use protocol::Secret;
use protocol::signature::SignedTarget;

use super::spelled::Spelled;

/// What was probably done differently, in words for the caller; `None` when no known mistake explains the signature.
pub(crate) fn explain(request: &Spelled, signature: &str) -> Option<String> {
    let wanted = signature.to_ascii_lowercase();
    let fits = |request: &Spelled| request.headers().signature() == wanted;
    let bodies = bodies(&request.body).into_iter().map(|(words, body)| (words, Spelled { body, ..request.clone() }));
    let secrets = secrets(request.secret.expose()).into_iter().map(|(words, secret)| (words, Spelled { secret, ..request.clone() }));
    let others = [
        ("the timestamp is in milliseconds; it must be in seconds", request.timestamp.checked_mul(1_000)),
        ("the timestamp here is in milliseconds; the signature was made over seconds", Some(request.timestamp / 1_000)),
    ]
    .into_iter()
    .filter_map(|(words, timestamp)| Some((words.to_owned(), Spelled { timestamp: timestamp?, ..request.clone() })));
    let targets = targets(request);
    bodies
        .chain(secrets)
        .chain(others)
        .chain(targets)
        .find(|(_, variation)| fits(variation))
        .map(|(words, _)| words)
        .or_else(|| (other_base(request) == wanted).then(|| other_base_words(request)))
}

fn bodies(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut variations: Vec<(&str, Vec<u8>)> = Vec::new();
    for (end, name) in [(&b"\r\n"[..], "a carriage return and line feed"), (b"\n", "a line feed")] {
        if let Some(shorter) = body.strip_suffix(end) {
            let words = if name.starts_with("a carriage") {
                "the signature is over the body without the carriage return and line feed at its end"
            } else {
                "the signature is over the body without the line feed at its end (`printf %s` adds none, `echo` does)"
            };
            variations.push((words, shorter.to_vec()));
        }
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
    variations.into_iter().map(|(words, body)| (words.to_owned(), body)).collect()
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

fn secrets(secret: &str) -> Vec<(String, Secret)> {
    let mut variations = vec![
        ("the secret that signed has a line feed at its end".to_owned(), format!("{secret}\n")),
        ("the secret that signed lacks white space that this one has around it".to_owned(), secret.trim().to_owned()),
    ];
    if let Some(rest) = secret.strip_prefix(Secret::API_KEY_PREFIX) {
        let words = format!("the secret was used without its prefix `{}`; it belongs to it", Secret::API_KEY_PREFIX);
        variations.push((words, rest.to_owned()));
    }
    variations.into_iter().map(|(words, secret)| (words, Secret::new(secret))).collect()
}

fn targets(request: &Spelled) -> Vec<(String, Spelled)> {
    let mut variations = Vec::new();
    let mut with = |words: String, method: &str, target: &str| {
        variations.push((words, Spelled { method: method.to_owned(), target: target.to_owned(), ..request.clone() }));
    };
    with("the method must be in upper case".to_owned(), &request.method.to_ascii_lowercase(), &request.target);
    if let Some((path, _)) = request.target.split_once('?') {
        with("the query belongs to what is signed".to_owned(), &request.method, path);
    }
    for method in ["GET", "POST", "DELETE"] {
        with(format!("the signature was made for {method}"), method, &request.target);
    }
    variations
}

/// The base of the fetch endpoint for another one, and the other way round.
fn other_base(request: &Spelled) -> String {
    match request.signed_target() {
        SignedTarget::Fetch => request.signature_for(SignedTarget::Endpoint { method: &request.method, path_and_query: &request.target }),
        SignedTarget::Endpoint { .. } => request.signature_for(SignedTarget::Fetch),
    }
}

fn other_base_words(request: &Spelled) -> String {
    format!("the parts were joined as for another endpoint; here they are joined as {}", request.signed_target().recipe())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Spelled {
        Spelled {
            key: "lp_test_0123456789abcdef".parse().unwrap(),
            secret: Secret::new("lps_example".to_owned()),
            method: "POST".to_owned(),
            target: "/api/links/fetch".to_owned(),
            timestamp: 1_779_753_600,
            nonce: "aaaaaaaaaaaaaaaa".to_owned(),
            body: br#"{"rowId":"a: b","source":"platform_api"}"#.to_vec(),
        }
    }

    /// What `explain` says of a signature that was made over `changed` instead of the plain request.
    fn explained(change: impl FnOnce(&mut Spelled)) -> String {
        let mut changed = request();
        change(&mut changed);
        explain(&request(), changed.headers().signature()).unwrap_or_default()
    }

    #[test]
    fn the_usual_mistakes_are_recognised() {
        assert!(explained(|r| r.body.push(b'\n')).contains("line feed after it"));
        assert!(explained(|r| r.body = Vec::new()).contains("no body"));
        assert!(explained(|r| r.body = br#"{"rowId": "a: b", "source": "platform_api"}"#.to_vec()).contains("written anew"));
        assert!(explained(|r| r.secret = Secret::new("example".to_owned())).contains("prefix `lps_`"));
        assert!(explained(|r| r.secret = Secret::new("lps_example\n".to_owned())).contains("secret that signed has a line feed"));
        assert!(explained(|r| r.timestamp *= 1_000).contains("milliseconds"));
        assert!(explained(|r| r.method = "GET".to_owned()).contains("made for GET"));
        let joined_otherwise = request().signature_for(SignedTarget::Endpoint { method: "POST", path_and_query: "/api/links/fetch" });
        assert!(explain(&request(), &joined_otherwise).unwrap().contains("timestamp.nonce.body"));
    }

    #[test]
    fn a_body_that_ends_in_a_line_feed_is_told_when_the_signature_leaves_it_out() {
        let with_line_feed = Spelled { body: [request().body.as_slice(), b"\n"].concat(), ..request() };
        let words = explain(&with_line_feed, request().headers().signature()).unwrap();
        assert!(words.contains("without the line feed at its end"), "{words}");
    }

    #[test]
    fn what_no_known_mistake_explains_is_not_explained() {
        assert_eq!(explain(&request(), &"0".repeat(64)), None);
    }
}
