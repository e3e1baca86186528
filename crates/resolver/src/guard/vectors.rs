//! The 126 targets of `fixtures/guard/guard.json`, judged with the answers that each case's names give. Nothing is dialled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::{Answer, CheckError, Exceptions, Guard, Names, UnresolvedName};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    input: String,
    why: String,
    expected: Expected,
    #[serde(default)]
    dns: HashMap<String, Vec<Vec<String>>>,
    #[serde(default)]
    redirect: Option<String>,
    #[serde(default)]
    requests: Option<usize>,
    canonical: Option<String>,
}

#[derive(Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Refused,
    Allowed,
}

/// Each question takes the next of a name's answers; the last one stays.
struct SuccessiveNames(Mutex<HashMap<String, Vec<Vec<String>>>>);

impl Names for SuccessiveNames {
    fn addresses<'a>(&'a self, name: &'a str) -> Answer<'a> {
        let mut names = self.0.lock().unwrap();
        let unresolved = UnresolvedName { name: name.to_owned(), cause: "no such name in this case".to_owned() };
        let answer = match names.get_mut(name.strip_suffix('.').unwrap_or(name)) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(unresolved),
        };
        let answer = answer.map(|texts| texts.iter().map(|text| text.parse().unwrap()).collect());
        Box::pin(std::future::ready(answer))
    }
}

/// As a resolver would ask: the target as often as the case says, then where it redirects to.
async fn judge(case: &Case) -> Result<Expected, String> {
    let guard = Guard::new(Exceptions::default(), Arc::new(SuccessiveNames(Mutex::new(case.dns.clone()))));
    let url = match (url::Url::parse(&case.input), &case.canonical) {
        (Err(_), None) => return Ok(Expected::Refused),
        (Ok(url), Some(canonical)) if url.as_str() == canonical => url,
        (parsed, canonical) => return Err(format!("parsed as {parsed:?}, expected {canonical:?}")),
    };
    let mut urls = vec![url.clone(); case.requests.unwrap_or(1)];
    urls.extend(case.redirect.as_ref().map(|target| url.join(target).unwrap()));
    for url in urls {
        match guard.check(&url).await {
            Ok(addresses) => assert!(!addresses.is_empty()),
            Err(CheckError::Refused(_) | CheckError::Unresolved(_)) => return Ok(Expected::Refused),
            Err(CheckError::Unavailable(cause)) => return Err(cause),
        }
    }
    Ok(Expected::Allowed)
}

#[tokio::test]
async fn every_target_is_judged_as_the_vectors_say() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../../../fixtures/guard/guard.json")).unwrap();
    assert_eq!(vectors.cases.len(), 126);
    let mut misses = Vec::new();
    for case in &vectors.cases {
        let judged = judge(case).await;
        if judged != Ok(case.expected) {
            misses.push(format!("{} ({}): expected {:?}, got {judged:?}", case.input, case.why, case.expected));
        }
    }
    assert!(misses.is_empty(), "{} of 126 misjudged:\n{}", misses.len(), misses.join("\n"));
}

#[tokio::test]
async fn refusals_that_matter_are_refusals_and_not_unresolved_names() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../../../fixtures/guard/guard.json")).unwrap();
    for case in vectors.cases.iter().filter(|case| case.expected == Expected::Refused && !case.dns.is_empty() && case.redirect.is_none()) {
        let guard = Guard::new(Exceptions::default(), Arc::new(SuccessiveNames(Mutex::new(case.dns.clone()))));
        let url = url::Url::parse(&case.input).unwrap();
        let mut last = guard.check(&url).await;
        for _ in 1..case.requests.unwrap_or(1) {
            last = guard.check(&url).await;
        }
        let unresolved_by_design = case.dns.values().any(|answers| answers.iter().any(Vec::is_empty));
        assert!(unresolved_by_design || matches!(last, Err(CheckError::Refused(_))), "{}: {last:?}", case.input);
    }
}
