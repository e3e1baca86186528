//! A desktop that is linked behind a balancer: whichever relay each of its questions reaches, and whichever the operator's.

use std::collections::BTreeSet;

use protocol::device_signature::DeviceKey;
use serde_json::{Value, json};

use crate::caller::{Answer, client};
use crate::patience::until;
use crate::rig::Rig;

/// Rounds of the race for one code unless more are asked for, and how many run in each.
const ROUNDS: usize = 200;
const AT_ONCE: usize = 32;

struct Asking {
    http: reqwest::Client,
    started: Value,
}

impl Asking {
    async fn at(relay: &str) -> Self {
        let http = client();
        let message = json!({"publicKey": DeviceKey::generate().public().to_hex(), "name": "desk", "platform": "linux"});
        let sent = http.post(format!("{relay}/api/device/link")).body(message.to_string()).send().await.unwrap();
        Self { started: Answer::read(sent).await.unwrap().body, http }
    }

    fn user_code(&self) -> &str {
        self.started["userCode"].as_str().unwrap()
    }

    async fn poll(&self, relay: &str) -> Answer {
        let message = json!({"deviceCode": self.started["deviceCode"]});
        Answer::read(self.http.post(format!("{relay}/api/device/link/token")).body(message.to_string()).send().await.unwrap())
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_one_relay_is_approved_at_another_and_polled_at_a_third() {
    let rig = Rig::new(3).await;
    let desktop = Asking::at(&rig.url(0)).await;
    assert_eq!(desktop.poll(&rig.url(1)).await.status, 425);
    let approving = async { rig.relays[2].approve_link(desktop.user_code()).await };
    // The operator's relay has never seen the code; the desktop goes on asking another one.
    let polling = until("linked", async || desktop.poll(&rig.url(1)).await.status == 200);
    let (approved, _) = tokio::join!(approving, polling);
    assert!(approved);
    assert_eq!(rig.relays[0].store().devices(rig.account).await.unwrap().len(), 1);
    assert_eq!(desktop.poll(&rig.url(0)).await.status, 200, "the answer may have been lost on the way");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_outlives_the_relay_that_gave_it_out() {
    let mut rig = Rig::new(2).await;
    let desktop = Asking::at(&rig.url(1)).await;
    rig.relays.remove(1).shutdown().await;
    let approving = async { rig.relays[0].approve_link(desktop.user_code()).await };
    let url = rig.url(0);
    let polling = until("linked", async || desktop.poll(&url).await.status == 200);
    let (approved, _) = tokio::join!(approving, polling);
    assert!(approved);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_races_for_one_code_each_makes_one_device() {
    let rig = Rig::new(2).await;
    let (here, there) = (rig.url(0), rig.url(1));
    let (rounds, began) = (testkit::rounds(ROUNDS), std::time::Instant::now());
    for round in 0..rounds {
        let desktop = Asking::at(&here).await;
        let each = (0..AT_ONCE).map(|number| {
            let (rig, desktop, here, there) = (&rig, &desktop, &here, &there);
            async move {
                match number % 4 {
                    0 => {
                        assert!(rig.relays[0].approve_link(desktop.user_code()).await);
                        None
                    }
                    1 => Some(desktop.poll(there).await),
                    _ => Some(desktop.poll(here).await),
                }
            }
        });
        let answers: Vec<Answer> = futures_util::future::join_all(each).await.into_iter().flatten().collect();
        let last = desktop.poll(&here).await;
        assert_eq!(last.status, 200, "round {round}: {last:?}");
        let mut devices: BTreeSet<String> = BTreeSet::from([last.body["deviceId"].to_string()]);
        for answer in &answers {
            assert!([200, 425, 429].contains(&answer.status), "round {round}: {answer:?}");
            devices.extend((answer.status == 200).then(|| answer.body["deviceId"].to_string()));
        }
        assert_eq!(devices.len(), 1, "round {round}: {devices:?}");
    }
    assert_eq!(rig.relays[0].store().devices(rig.account).await.unwrap().len(), rounds);
    println!("{rounds} rounds of {AT_ONCE} over two relays in {:?}: one device each", began.elapsed());
    rig.stop().await;
}
