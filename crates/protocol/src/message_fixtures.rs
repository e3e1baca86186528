//! Every message has an example in `fixtures/messages`, which other programs may test against: each is read as its type and
//! written again without a member lost or added. The examples in `docs/protocol.md` are messages as well.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::device::{PullAnswer, PullRequest, ReleaseAnswer, ReleaseRequest, ReportAnswer, ReportRequest};
use crate::key::{KeyList, NewKey, RenameKey, RotateKey};
use crate::linking::{LinkPoll, LinkRequest, LinkStarted, Linked};
use crate::{ActiveChannel, EventsReset, Job, JobEvent, JobPage, Problem};

/// Reads a message and writes it again.
type Again = fn(&Value) -> Result<Value, serde_json::Error>;

fn again<M: DeserializeOwned + Serialize>(message: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<M>(message.clone())?)
}

const MESSAGES: [(&str, Again); 24] = [
    ("channel", again::<ActiveChannel>),
    ("event-job-cancelled", again::<JobEvent>),
    ("event-job-concluded", again::<JobEvent>),
    ("event-job-leased", again::<JobEvent>),
    ("event-job-queued", again::<JobEvent>),
    ("event-reset", again::<EventsReset>),
    ("job-concluded", again::<Job>),
    ("job-page", again::<JobPage>),
    ("job-queued", again::<Job>),
    ("key-list", again::<KeyList>),
    ("link-poll", again::<LinkPoll>),
    ("link-request", again::<LinkRequest>),
    ("link-started", again::<LinkStarted>),
    ("linked", again::<Linked>),
    ("new-key", again::<NewKey>),
    ("problem", again::<Problem>),
    ("pull-answer", again::<PullAnswer>),
    ("pull-request", again::<PullRequest>),
    ("release-answer", again::<ReleaseAnswer>),
    ("release-request", again::<ReleaseRequest>),
    ("rename-key", again::<RenameKey>),
    ("report-answer", again::<ReportAnswer>),
    ("report-request", again::<ReportRequest>),
    ("rotate-key", again::<RotateKey>),
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn fixture(name: &str) -> Value {
    let text = std::fs::read_to_string(repository(&format!("fixtures/messages/{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_example_is_read_and_written_again_as_it_was() {
    for (name, again) in MESSAGES {
        let message = fixture(name);
        assert_eq!(again(&message).unwrap_or_else(|error| panic!("{name}: {error}")), message, "{name}");
    }
}

#[test]
fn every_file_is_the_example_of_a_message() {
    let files: BTreeSet<String> = std::fs::read_dir(repository("fixtures/messages"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, MESSAGES.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn results_in_examples_are_ones_that_a_relay_takes() {
    let reported: ReportRequest = serde_json::from_value(fixture("report-request")).unwrap();
    for result in reported.results {
        assert_eq!(result.result.check(), Ok(()));
    }
}

/// What the document shows, with its ids spelt out: `…` stands for the rest of one.
fn examples_of_the_document() -> Vec<Value> {
    let text = std::fs::read_to_string(repository("docs/protocol.md")).unwrap();
    let spelt = text.replace("job_019e61…", "job_019e61f0000070008000000000000001");
    let blocks = spelt.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap_or((block, "")));
    let json = blocks.clone().filter(|(language, _)| *language == "json").map(|(_, body)| body.to_owned());
    let data = blocks.flat_map(|(_, body)| body.lines()).filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
    let inline = spelt.split('`').filter(|span| span.starts_with("{\"source\"") && span.ends_with('}')).map(str::to_owned);
    json.chain(data).chain(inline).map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

#[test]
fn what_the_document_shows_are_these_examples() {
    let shown = examples_of_the_document();
    assert!(shown.len() >= 3, "{shown:?}");
    for example in shown {
        assert!(MESSAGES.iter().any(|(name, _)| fixture(name) == example), "no message of fixtures/messages is this one: {example}");
    }
}
