//! What one relay is told, the other acts upon.

use std::time::{Duration, Instant};

use domain::audit::Actor;
use protocol::device::Outcome;
use protocol::device_signature::DeviceKey;
use protocol::linking::Linked;
use protocol::{DeviceId, Environment, JobState, KeyId, Secret};
use serde_json::json;

use crate::caller::{Answer, Caller, client};
use crate::desktop::Device;
use crate::patience::until;
use crate::rig::Rig;

/// Within this time a change made at one relay counts at the other.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_one_relay_wakes_a_pull_that_waits_on_the_other() {
    /// On loopback; polling alone would take seconds.
    const GOAL: Duration = Duration::from_millis(20);
    /// What is left of the goal where others keep every processor busy: still no polling.
    const GOAL_ON_A_BUSY_MACHINE: Duration = Duration::from_millis(500);
    const ROUNDS: usize = 3;
    let goal = if is_quiet() { GOAL } else { GOAL_ON_A_BUSY_MACHINE };
    let rig = Rig::new(2).await;
    let (device, here, there) = (rig.device().await, rig.url(0), rig.url(1));
    let mut medians = Vec::new();
    while medians.len() < ROUNDS && medians.iter().all(|median| *median >= goal) {
        medians.push(median_hand_over(&rig, &device, (&here, &there), medians.len()).await);
    }
    println!("from the POST at one relay to the waiting pull at the other: median {medians:?}");
    assert!(medians.iter().any(|median| *median < goal), "{medians:?}, goal {goal:?}");
    rig.stop().await;
}

/// Whether a processor was free during the last minute, as far as the system tells.
fn is_quiet() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    load.split(' ').next().and_then(|load| load.parse::<f64>().ok()).is_some_and(|load| load < processors as f64)
}

/// From the POST at one relay to the answer of the pull that waits on the other, at the median of many.
async fn median_hand_over(rig: &Rig, device: &Device, (here, there): (&str, &str), round: usize) -> Duration {
    const JOBS: usize = 40;
    let mut took = Vec::new();
    for number in 0..JOBS {
        let waiting = tokio::spawn({
            let (device, there) = (device.clone(), there.to_owned());
            async move { (device.pull(&there, 1, 20).await, Instant::now()) }
        });
        // sleeps: nothing outside the relay shows that a pull waits; without a head start it would find the job at once.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let sent = Instant::now();
        let job = rig.caller.admit(here, &format!("job-{round}-{number}")).await;
        let (jobs, arrived) = waiting.await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.job_id).collect::<Vec<_>>(), [job.job_id]);
        assert_eq!(device.report(there, &jobs).await, [Outcome::Applied]);
        took.push(arrived.duration_since(sent));
    }
    took.sort_unstable();
    took[JOBS / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_on_one_relay_hears_of_a_report_to_the_other() {
    let rig = Rig::new(2).await;
    let (device, here, there) = (rig.device().await, rig.url(0), rig.url(1));
    let job = rig.caller.admit(&here, "job").await;
    let waiting = tokio::spawn({
        let (caller, here) = (rig.caller.clone(), here.clone());
        async move { (caller.wait_for(&here, job.job_id, 30).await.unwrap(), Instant::now()) }
    });
    let jobs = device.pull(&there, 1, 0).await;
    // sleeps: nothing outside the relay shows that a caller waits.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let reported = Instant::now();
    device.report(&there, &jobs).await;
    let (answer, heard) = waiting.await.unwrap();
    assert_eq!((answer.status, answer.job().state), (200, JobState::Concluded));
    assert_eq!(answer.job().result.unwrap().detail, "lease 1");
    assert!(heard.duration_since(reported) < SOON, "{:?}", heard.duration_since(reported));
    // The caller's retry gets the result from either relay.
    for relay in [&here, &there] {
        let replay = rig.caller.fetch(relay, "job").await.unwrap();
        assert_eq!((replay.status, replay.job().replayed), (200, true));
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_everywhere_once_it_is_made_and_nowhere_once_it_is_revoked() {
    let rig = Rig::new(2).await;
    let (device, here, there) = (rig.device().await, rig.url(0), rig.url(1));
    for _ in 0..5 {
        let (key_id, secret) = (KeyId::generate(Environment::Live), Secret::generate());
        let caller = Caller::new(key_id.clone(), secret.clone());
        assert_eq!(caller.verify(&there).await, 401);
        let new = json!({"keyId": key_id, "secret": secret.expose(), "label": "made here"});
        assert_eq!(device.post(&here, "/api/device/keys", &new).await.unwrap().status, 201);
        assert_eq!(caller.verify(&here).await, 200);
        let took = until("the key counts there", async || caller.verify(&there).await == 200).await;
        assert!(took < SOON, "{took:?}");

        let revoke = format!("/api/device/keys/{key_id}/revoke");
        assert_eq!(device.post(&there, &revoke, &json!({})).await.unwrap().status, 200);
        assert_eq!(caller.verify(&there).await, 401);
        let took = until("the key no longer counts here", async || caller.verify(&here).await == 401).await;
        assert!(took < SOON, "{took:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_counts_everywhere_once_it_is_linked_and_nowhere_once_it_is_revoked() {
    let rig = Rig::new(2).await;
    let (here, there) = (rig.url(0), rig.url(1));
    let device = link(&rig, &here).await;
    let took = until("the device counts there", async || device.is_known(&there).await).await;
    assert!(took < SOON, "{took:?}");
    rig.caller.admit(&there, "job").await;
    assert_eq!(device.pull(&there, 1, 0).await.len(), 1);

    assert!(rig.relays[0].store().revoke_device(rig.account, device.id, Actor::Machine, protocol::UnixMillis::default()).await.unwrap());
    assert!(!device.is_known(&here).await);
    let took = until("the device no longer counts there", async || !device.is_known(&there).await).await;
    assert!(took < SOON, "{took:?}");
    // Its lease went back, and another device gets the job at once.
    assert_eq!(rig.device().await.pull(&here, 1, 0).await.len(), 1);
    rig.stop().await;
}

/// Links a device through the relay of this URL, which is the rig's first.
async fn link(rig: &Rig, relay: &str) -> Device {
    let (http, key) = (client(), DeviceKey::generate());
    let post = async |path: &str, body: serde_json::Value| {
        Answer::read(http.post(format!("{relay}{path}")).body(body.to_string()).send().await.unwrap()).await.unwrap()
    };
    let started = post("/api/device/link", json!({"publicKey": key.public().to_hex(), "name": "n", "platform": "p"})).await;
    assert!(rig.relays[0].approve_link(started.body["userCode"].as_str().unwrap()).await);
    let linked = post("/api/device/link/token", json!({"deviceCode": started.body["deviceCode"]})).await;
    assert_eq!(linked.status, 200, "{linked:?}");
    let linked: Linked = serde_json::from_value(linked.body).unwrap();
    let id: DeviceId = linked.device_id;
    Device::new(id, key)
}
