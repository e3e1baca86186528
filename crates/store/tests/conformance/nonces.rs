//! One-time values: a signed request works once within the window, whatever happens to the clock or the process.

use domain::admission::NonceFact;
use protocol::Environment;
use store::Admission;

use crate::fixture::Fixture;
use crate::words::{NOW, Submission, after};

const NONCE: &str = "nonce-that-comes-again";
/// Seconds after which a timestamp has left the window for good.
const WINDOW: i64 = 300;

on_every_database! {
    async fn a_nonce_works_once(fixture) {
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        assert_eq!(fixture.admit(fixture.submission("a").nonce(NONCE)).await, Admission::NonceReused, "not even as a replay");
        assert_eq!(fixture.admit(fixture.submission("b").nonce(NONCE)).await, Admission::NonceReused);
        assert_eq!(fixture.used(fixture.account, Environment::Live, NOW).await, 1);
    }

    async fn another_key_may_use_the_same_nonce(fixture) {
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        let other_key = fixture.submission("b").nonce(NONCE).signed_by("lp_live_fedcba9876543210");
        assert!(is_accepted(fixture.admit(other_key).await));
    }

    async fn a_nonce_is_refused_for_as_long_as_its_timestamp_is_fresh(fixture) {
        // The window has two ends: a timestamp may lie ahead of the clock when it is first seen.
        let signed_at = after(WINDOW);
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE).signed_at(signed_at)).await));
        for seconds in [0, 1, 150, 299, 300, 301, 450, 599, 600] {
            let again = fixture.submission("a").nonce(NONCE).signed_at(signed_at).at(after(seconds));
            assert_eq!(fixture.admit(again).await, Admission::NonceReused, "{seconds} s later");
        }
    }

    async fn a_nonce_is_refused_under_another_fresh_timestamp_too(fixture) {
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        for seconds in [-300, -1, 1, 299, 300] {
            let other = fixture.submission("b").nonce(NONCE).signed_at(after(seconds));
            assert_eq!(fixture.admit(other).await, Admission::NonceReused, "signed {seconds} s later");
        }
    }

    async fn equal_nonces_in_flight_at_once_admit_one_request(fixture) {
        let submissions: Vec<Submission> = (0..64)
            .map(|number| fixture.submission(&format!("offer-{number}")).nonce(NONCE).signed_at(after(number * 9 - 288)))
            .collect();
        let answers = futures_util::future::join_all(submissions.into_iter().map(|submission| fixture.admit(submission))).await;
        let reused = answers.iter().filter(|answer| **answer == Admission::NonceReused).count();
        assert_eq!((answers.into_iter().filter(|answer| is_accepted(answer.clone())).count(), reused), (1, 63));
    }

    async fn spent_nonces_survive_a_restart(fixture) {
        let mut fixture = fixture;
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        fixture.restart().await;
        assert_eq!(fixture.admit(fixture.submission("a").nonce(NONCE)).await, Admission::NonceReused);
    }

    async fn admissions_and_other_signed_requests_share_their_nonces(fixture) {
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        assert_eq!(spend(&fixture, NONCE).await, NonceFact::Reused);
        assert_eq!(spend(&fixture, "nonce-of-a-read-request").await, NonceFact::Fresh);
        let admission = fixture.submission("b").nonce("nonce-of-a-read-request");
        assert_eq!(fixture.admit(admission).await, Admission::NonceReused);
    }

    async fn a_refused_request_has_spent_its_nonce(fixture) {
        let account = fixture.account_on("shell_only").await;
        let refused = fixture.submission_of(account, "a").nonce(NONCE);
        assert_eq!(fixture.admit(refused.clone()).await, Admission::PlanRequired);
        assert_eq!(fixture.admit(refused).await, Admission::NonceReused);
    }

    async fn nonces_of_a_time_that_is_over_are_dropped_and_their_requests_refused_for_good(fixture) {
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        // Ten hours of traffic turn every slice over.
        for hours in 1..=10 {
            for quarter in 0..4 {
                let later = after(hours * 3_600 + quarter * 900);
                assert!(is_accepted(fixture.admit(fixture.submission(&format!("{hours}-{quarter}")).at(later)).await));
            }
        }
        for slice in 0..8 {
            assert!(is_accepted(fixture.admit(fixture.submission(&format!("last-{slice}")).at(after(39_000 + slice * 300))).await));
        }
        // The clock steps back: what the relay has forgotten it does not take for new.
        let captured = fixture.submission("a").nonce(NONCE).at(NOW);
        assert_eq!(fixture.admit(captured).await, Admission::NonceForgotten);
    }

    async fn a_clock_that_ran_ahead_and_was_set_right_reopens_nothing(fixture) {
        assert!(is_accepted(fixture.admit(fixture.submission("a").nonce(NONCE)).await));
        assert!(is_accepted(fixture.admit(fixture.submission("ahead").at(after(86_400))).await));
        let captured = fixture.submission("a").nonce(NONCE).at(after(10));
        let answer = fixture.admit(captured).await;
        assert!(matches!(answer, Admission::NonceReused | Admission::NonceForgotten), "{answer:?}");
    }
}

fn is_accepted(admission: Admission) -> bool {
    matches!(admission, Admission::Accepted(_))
}

async fn spend(fixture: &Fixture, nonce: &str) -> NonceFact {
    let key_id = "lp_live_0123456789abcdef";
    fixture.store.spend_nonce((fixture.account, Environment::Live), (key_id, nonce, NOW.seconds()), NOW).await.unwrap().fact
}
