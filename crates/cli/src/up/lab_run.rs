//! Sends every link of the lab through the whole house, as a caller does, and judges what comes back. What a row asks for
//! beyond its link is set in the store, as an operator does.

use std::time::Duration;

use domain::audit::Actor;
use futures_util::{Stream, StreamExt as _};
use lab::{Case, Lab};
use protocol::{Clock as _, Conclusion, Environment, Job, JobResult, JobState, RowExpectation, SystemClock};
use relay::Relay;
use serde_json::json;
use store::{RowEdit, RowEdited};

use crate::caller::Caller;
use crate::exit::Failure;

/// Links under way at once: they mostly wait.
const AT_ONCE: usize = 64;
/// The longest that one link may take: the slowest runs into the chain's budget twice, and waits for its turn before.
const PATIENCE: Duration = Duration::from_secs(240);
/// Seconds that one request for a job waits.
const WAIT_SECONDS: u64 = 50;

/// How one link of the lab ended.
pub(crate) struct Tried {
    pub(crate) case: &'static Case,
    pub(crate) end: End,
}

/// What came back.
pub(crate) enum End {
    /// The job concluded.
    Concluded(Box<JobResult>),
    /// The relay refused the request with this code.
    Refused(String),
    /// Nothing came in time.
    Unfinished(JobState),
}

/// Sends all links; yields each as it ends. `run` tells this run's jobs from those of earlier ones.
pub(crate) fn all<'a>(lab: &'a Lab, relay: &'a Relay, caller: &'a Caller, run: &'a str) -> impl Stream<Item = Result<Tried, Failure>> + 'a {
    let try_one = move |case: &'static Case| async move {
        let expectation = case.expectation(&lab.url());
        if !expectation.is_empty() {
            // The row has to be there before anybody can say what it asks for.
            send(lab, caller, &format!("before-{run}"), case).await?;
            set_expectation(relay, case, expectation).await?;
        }
        Ok(Tried { case, end: send(lab, caller, run, case).await? })
    };
    futures_util::stream::iter(lab.cases()).map(try_one).buffer_unordered(AT_ONCE)
}

/// The source and the row of a case.
fn row_of(case: &Case) -> (String, String) {
    ("platform_api".to_owned(), format!("lab-{}", case.name))
}

async fn set_expectation(relay: &Relay, case: &Case, expectation: RowExpectation) -> Result<(), Failure> {
    let RowExpectation { required_parameters, accepted_url } = expectation;
    for edit in [RowEdit::RequiredParameters(required_parameters), RowEdit::AcceptedUrl(accepted_url)] {
        let owner = (relay.account(), Environment::Test);
        let edited =
            relay.store().edit_row(owner, row_of(case), edit, Actor::Machine, SystemClock.now()).await.map_err(anyhow::Error::from)?;
        if !matches!(edited, RowEdited::Done(_)) {
            return Err(anyhow::anyhow!("the row of {} cannot be edited: {edited:?}", case.name).into());
        }
    }
    Ok(())
}

async fn send(lab: &Lab, caller: &Caller, run: &str, case: &'static Case) -> Result<End, Failure> {
    let (source, row_id) = row_of(case);
    let mut request = json!({
        "idempotencyKey": format!("lab-{}-{run}", case.name),
        "trackingUrl": lab.tracking_url(case),
        "source": source,
        "rowId": row_id,
    });
    if let Some(domain) = case.expected_domain {
        request["expectedDomain"] = domain.into();
    }
    match caller.post::<Job>(protocol::signature::FETCH_PATH, request.to_string().as_bytes()).await {
        Ok(job) => wait(caller, job).await,
        Err(Failure::Refused(problem)) => Ok(End::Refused(problem.code)),
        Err(failure) => Err(failure),
    }
}

async fn wait(caller: &Caller, mut job: Job) -> Result<End, Failure> {
    let began = tokio::time::Instant::now();
    while !job.state.has_ended() && began.elapsed() < PATIENCE {
        let target = format!("/api/links/jobs/{}?wait={WAIT_SECONDS}", job.job_id);
        job = caller.get(&target, Duration::from_secs(WAIT_SECONDS)).await?;
    }
    Ok(match job.result {
        Some(result) => End::Concluded(Box::new(result)),
        None => End::Unfinished(job.state),
    })
}

impl Tried {
    /// What differs from what the case says of a desktop with, or without, a browser; `None` when nothing does.
    pub(crate) fn difference(&self, lab_url: &str, has_browser: bool) -> Option<String> {
        let case = self.case;
        match &self.end {
            End::Concluded(result) if case.needs_browser && !has_browser => difference_without_browser(result),
            End::Concluded(result) => difference(case, result, lab_url),
            // What is no tracking URL is not admitted in the first place.
            End::Refused(code) if case.expected == Conclusion::InputInvalid && code == "invalid_payload" => None,
            End::Refused(code) => Some(format!("expected {}, the relay refused it: {code}", case.expected)),
            End::Unfinished(state) => Some(format!("expected {}, still {state} after {} s", case.expected, PATIENCE.as_secs())),
        }
    }
}

fn difference_without_browser(result: &JobResult) -> Option<String> {
    let expected = Conclusion::ContextUnavailable;
    (result.conclusion != expected).then(|| format!("expected {expected} without a browser, got {}: {}", result.conclusion, result.detail))
}

fn difference(case: &Case, result: &JobResult, lab_url: &str) -> Option<String> {
    if result.conclusion != case.expected {
        return Some(format!("expected {}, got {}: {}", case.expected, result.conclusion, result.detail));
    }
    let expected = format!("{lab_url}{}", case.final_path?);
    (result.final_url.as_ref() != Some(&expected))
        .then(|| format!("expected to end at {expected}, ended at {}", result.final_url.as_deref().unwrap_or("nothing")))
}

#[cfg(test)]
mod tests {
    use protocol::UnixMillis;

    use super::*;

    fn case(name: &str) -> &'static Case {
        lab::CASES.iter().find(|case| case.name == name).unwrap()
    }

    fn concluded(conclusion: Conclusion, final_url: &str) -> End {
        let result = JobResult { conclusion, final_url: Some(final_url.to_owned()), ..JobResult::not_executed("d", UnixMillis(0)) };
        End::Concluded(Box::new(result))
    }

    fn difference_of(name: &str, end: End) -> Option<String> {
        Tried { case: case(name), end }.difference("http://lab", true)
    }

    #[test]
    fn a_link_must_end_as_its_case_says_and_where() {
        assert_eq!(difference_of("direct", concluded(Conclusion::Valid, "http://lab/landing")), None);
        assert!(difference_of("direct", concluded(Conclusion::Valid, "http://lab/")).unwrap().contains("to end at"));
        assert!(
            difference_of("direct", concluded(Conclusion::TimedOut, "http://lab/landing"))
                .unwrap()
                .contains("expected valid, got timed_out")
        );
        assert!(difference_of("direct", End::Unfinished(JobState::Leased)).unwrap().contains("still leased"));
    }

    #[test]
    fn what_is_no_tracking_url_is_refused_at_the_door() {
        assert_eq!(difference_of("macro", End::Refused("invalid_payload".to_owned())), None);
        assert!(difference_of("direct", End::Refused("invalid_payload".to_owned())).is_some());
    }

    #[test]
    fn a_desktop_without_a_browser_says_so_where_one_is_needed() {
        let tried = |conclusion| Tried { case: case("script-location"), end: concluded(conclusion, "http://lab/landing") };
        assert_eq!(tried(Conclusion::ContextUnavailable).difference("http://lab", false), None);
        assert!(tried(Conclusion::Valid).difference("http://lab", false).is_some());
        assert!(tried(Conclusion::ContextUnavailable).difference("http://lab", true).is_some());
    }
}
