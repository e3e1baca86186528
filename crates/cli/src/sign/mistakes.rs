//! Finds the mistake behind a signature that does not match, as [`protocol::signature::mistakes`] does, and looks at the
//! secret besides: here it is at hand.

use protocol::Secret;
use protocol::signature::SignedTarget;
use protocol::signature::mistakes::{self, Attempt};

use super::spelled::Spelled;

/// What was probably done differently, in words for the caller; `None` when no known mistake explains the signature.
pub(crate) fn explain(request: &Spelled, signature: &str) -> Option<String> {
    let wanted = signature.to_ascii_lowercase();
    let attempt = Attempt {
        method: request.method.clone(),
        target: request.target.clone(),
        timestamp: request.timestamp.to_string(),
        nonce: request.nonce.clone(),
        body: request.body.clone(),
    };
    let fits = |attempt: &Attempt, target: SignedTarget<'_>| {
        let Ok(timestamp) = attempt.timestamp.parse() else { return false };
        let (method, path, body) = (attempt.method.clone(), attempt.target.clone(), attempt.body.clone());
        Spelled { method, target: path, timestamp, body, ..request.clone() }.signature_for(target) == wanted
    };
    let secrets = || secrets(request.secret.expose()).into_iter().map(|(words, secret)| (words, Spelled { secret, ..request.clone() }));
    mistakes::explain(&attempt, fits)
        .or_else(|| secrets().find(|(_, variation)| variation.headers().signature() == wanted).map(|(words, _)| words))
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
