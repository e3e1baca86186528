//! Many at once for the last of something: one gets it, in every round, at however many relays they ask.

use protocol::UnixMillis;
use store::{Admission, Store};

use crate::words::{NOW, Submission};

/// Rounds, and how many ask in each.
const ROUNDS: u32 = 1_000;
const AT_ONCE: u32 = 32;

on_every_database! {
    async fn of_32_at_once_one_gets_the_last_unit_of_a_quota_a_thousand_times(fixture) {
        let account = fixture.account_on("one_a_month").await;
        let other = fixture.another_relay().await;
        for round in 0..ROUNDS {
            // Each round a month of its own, which has one.
            let at = month(round);
            let requests = (0..AT_ONCE).map(|number| fixture.submission_of(account, &format!("{round}-{number}")).at(at).deadline(60));
            let answers = ask(&fixture.store, &other, requests).await;
            assert_eq!(accepted(&answers), 1, "round {round}: {answers:?}");
            assert!(answers.iter().all(|answer| matches!(answer, Admission::Accepted(_) | Admission::QuotaExceeded)), "round {round}");
        }
        other.close().await;
    }

    async fn of_32_at_once_one_spends_the_nonce_a_thousand_times(fixture) {
        let other = fixture.another_relay().await;
        for round in 0..ROUNDS {
            let nonce = format!("nonce-of-round-{round:08}");
            let requests = (0..AT_ONCE).map(|number| fixture.submission(&format!("{round}-{number}")).nonce(&nonce));
            let answers = ask(&fixture.store, &other, requests).await;
            assert_eq!(accepted(&answers), 1, "round {round}: {answers:?}");
            assert!(answers.iter().all(|answer| matches!(answer, Admission::Accepted(_) | Admission::NonceReused)), "round {round}");
        }
        other.close().await;
    }
}

/// All at once, half of them at another relay.
async fn ask(store: &Store, other: &Store, requests: impl Iterator<Item = Submission>) -> Vec<Admission> {
    let asked = requests.enumerate().map(|(number, request)| {
        let store = if number % 2 == 0 { store } else { other };
        async move { store.admit(request.into_request()).await.unwrap().admission }
    });
    futures_util::future::join_all(asked).await
}

fn accepted(answers: &[Admission]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Admission::Accepted(_))).count()
}

/// A moment in a month of its own.
fn month(round: u32) -> UnixMillis {
    NOW.plus_seconds(i64::from(round) * 32 * 86_400)
}
