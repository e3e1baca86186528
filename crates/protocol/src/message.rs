//! Messages at the relay's door: an unknown member is refused, by name, at any depth.
//!
//! The wire types themselves pass over members that they do not know, since the same types are read from databases,
//! outboxes and answers that a newer version has written.

use serde::de::DeserializeOwned;
use serde_ignored::Path;

use crate::fetch_request::{PayloadError, pointer_token};

/// Unknown members that are named at once: enough to mend a message, and no long answer to a hostile one.
const MAX_NAMED: usize = 32;

/// Why a message cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// It is no JSON.
    Malformed(String),
    /// It is not of the message's shape, or has members that nobody knows.
    Payload(Vec<PayloadError>),
}

/// Reads a message.
///
/// # Errors
/// See [`MessageFault`].
pub fn read<M: DeserializeOwned>(body: &[u8]) -> Result<M, MessageFault> {
    let mut unknown = Vec::new();
    let mut name = |path: Path<'_>| {
        if unknown.len() < MAX_NAMED {
            unknown.push(PayloadError::new(pointer(&path), "is not a member of this object"));
        }
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let message = serde_ignored::deserialize(&mut deserializer, &mut name).and_then(|message| deserializer.end().map(|()| message));
    match message {
        Ok(message) if unknown.is_empty() => Ok(message),
        Ok(_) => Err(MessageFault::Payload(unknown)),
        Err(error) if error.is_data() => {
            unknown.push(PayloadError::new("", without_value(&error.to_string())));
            Err(MessageFault::Payload(unknown))
        }
        Err(error) => Err(MessageFault::Malformed(error.to_string())),
    }
}

/// Without the text that was found where it does not belong: it may be a secret under the wrong name, and this goes into logs.
fn without_value(text: &str) -> String {
    if let (Some((kind, _)), Some((_, expected))) = (text.split_once(": string \""), text.rsplit_once("\", expected ")) {
        return format!("{kind}: a text, expected {expected}");
    }
    // What is none of a closed list's words.
    match (text.strip_prefix("unknown variant `"), text.rsplit_once("`, expected one of ")) {
        (Some(_), Some((_, expected))) => format!("unknown variant, expected one of {expected}"),
        (Some(_), None) => "unknown variant".to_owned(),
        (None, _) => text.to_owned(),
    }
}

fn pointer(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}/{index}", pointer(parent)),
        Path::Map { parent, key } => format!("{}/{}", pointer(parent), pointer_token(key)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => pointer(parent),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::device::{PullRequest, ReportRequest};
    use crate::{Context, JobResult, UnixMillis};

    /// A report with one result of one hop, and members that nobody knows where `unknown` adds them.
    fn report(unknown: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut result = serde_json::to_value(JobResult::not_executed("d", UnixMillis(0))).unwrap();
        result["hops"] = json!([{"index": 0, "url": "https://a.example/", "method": "GET", "kind": "start"}]);
        result["delayedRefresh"] = json!({"seconds": 9, "target": "/"});
        let mut report = json!({"results": [{"jobId": "job_00000000000170008000000000000000", "fence": 1, "result": result}]});
        unknown(&mut report);
        serde_json::to_vec(&report).unwrap()
    }

    #[test]
    fn every_unknown_member_is_named_where_it_stands() {
        assert_eq!(read::<ReportRequest>(&report(|_| ())).unwrap().results.len(), 1);
        let body = report(|report| {
            report["a"] = json!(1);
            report["results"][0]["b"] = json!({"deep": []});
            report["results"][0]["result"]["hops"][0]["c/d"] = json!(null);
            report["results"][0]["result"]["delayedRefresh"]["e"] = json!(1);
            report["results"][0]["result"]["observed"]["f"] = json!(1);
        });
        let Err(MessageFault::Payload(faults)) = read::<ReportRequest>(&body) else { panic!() };
        let mut pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            ["/a", "/results/0/b", "/results/0/result/delayedRefresh/e", "/results/0/result/hops/0/c~1d", "/results/0/result/observed/f"]
        );
    }

    #[test]
    fn what_is_no_message_says_so() {
        assert!(matches!(read::<PullRequest>(b"{"), Err(MessageFault::Malformed(_))));
        assert!(matches!(read::<ReportRequest>(b"{\"results\":[]}x"), Err(MessageFault::Malformed(_))));
        assert!(matches!(read::<PullRequest>(b"{\"max\":1}"), Err(MessageFault::Payload(faults)) if faults.len() == 1));
        let many: String = (0..1_000).map(|n| format!("\"m{n}\":0,")).collect();
        let many = format!("{{{many}\"results\":[]}}");
        assert!(matches!(read::<ReportRequest>(many.as_bytes()), Err(MessageFault::Payload(faults)) if faults.len() == MAX_NAMED));
    }

    #[test]
    fn what_a_newer_version_stored_can_be_read() {
        let body = report(|report| {
            report["results"][0]["result"]["since"] = json!("2.0");
            report["results"][0]["result"]["hops"][0]["alpn"] = json!("h3");
        });
        let report: ReportRequest = serde_json::from_slice(&body).unwrap();
        assert_eq!(report.results[0].result.hops.len(), 1);
        let context: Context = serde_json::from_str(r#"{"engine":"http","viewport":"wide"}"#).unwrap();
        assert!(!context.is_empty());
    }

    #[test]
    fn a_text_in_the_wrong_place_is_not_repeated() {
        let body =
            json!({"keyId": "lp_live_0123456789abcdef", "secret": "s", "label": "a", "scopes": "lps_\", expected canary"}).to_string();
        let Err(MessageFault::Payload(faults)) = read::<crate::key::NewKey>(body.as_bytes()) else { panic!() };
        assert!(faults[0].detail.contains("a text, expected a sequence") && !faults[0].detail.contains("canary"), "{faults:?}");
        let body = json!({"keyId": "lp_live_0123456789abcdef", "secret": "s", "label": "a", "scopes": ["lps_canary"]}).to_string();
        let Err(MessageFault::Payload(faults)) = read::<crate::key::NewKey>(body.as_bytes()) else { panic!() };
        assert!(faults[0].detail.contains("`submit`") && !faults[0].detail.contains("canary"), "{faults:?}");
    }
}
