//! One valid signed request, disturbed in ten thousand ways: none of them is accepted, and none fails the relay.

use std::time::Duration;

use protocol::Environment;
use protocol::signature::{KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use store::JobFilter;

use crate::noise::Noise;
use crate::stage::Stage;
use crate::wire::{Connection, Request};

const SIGNED_PARTS: u32 = 9_000;
const RAW: u32 = 1_000;
/// Time that an answer to a disturbed request gets; those whose length was disturbed wait for more, and get none.
const BRIEFLY: Duration = Duration::from_millis(100);

#[tokio::test]
async fn what_was_not_signed_is_not_accepted() {
    let stage = Stage::new().await;
    let mut noise = Noise(20_260_526);
    // Not sent itself: its nonce is fresh until one of these passes for it.
    let original = stage.fetch("the original");
    let mut connection = Connection::open(stage.address()).await;
    for number in 0..SIGNED_PARTS {
        let mutated = disturbed(&original, &mut noise);
        if connection.write(&mutated.to_bytes()).await.is_err() {
            connection = Connection::open(stage.address()).await;
            continue;
        }
        match connection.next_answer().await {
            Some(answer) => assert!((400..500).contains(&answer.status), "{number}: {} to {mutated:?}", answer.status),
            None => connection = Connection::open(stage.address()).await,
        }
    }
    assert_eq!(jobs(&stage).await, 0);
    assert_eq!(stage.send(&original).await.status, 202, "the original itself is good");
    for _ in 0..RAW {
        // Much of a request is not signed, its spaces say: what means the same is the same request a second time.
        let mut bytes = original.to_bytes();
        noise.disturb(&mut bytes);
        let mut connection = Connection::open(stage.address()).await;
        let _ = connection.write(&bytes).await;
        if let Ok(Some(answer)) = tokio::time::timeout(BRIEFLY, connection.next_answer()).await {
            assert!((400..500).contains(&answer.status), "{} to {}", answer.status, String::from_utf8_lossy(&bytes));
        }
    }
    assert_eq!(jobs(&stage).await, 1);
    assert_eq!(stage.send(&stage.fetch("afterwards")).await.status, 202, "the relay serves on");
}

/// The request with one of its signed parts disturbed, so that it means something else.
fn disturbed(original: &Request, noise: &mut Noise) -> Request {
    loop {
        let mut mutated = original.clone();
        match noise.below(8) {
            0 => mutated.target = printable(&original.target, noise),
            1 => mutated.method = (*noise.pick(&["GET", "PUT", "post", "DELETE", "POSTS"])).to_owned(),
            2 => noise.disturb(&mut mutated.body),
            3 => mutated.body.truncate(noise.below(original.body.len())),
            _ => {
                let header = *noise.pick(&[KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER]);
                mutated = mutated.with(header, printable(original.value(header), noise));
            }
        }
        if !means_the_same(&mutated, original) {
            return mutated;
        }
    }
}

/// Disturbed, but still text that can stand in a head without ending it.
fn printable(text: &str, noise: &mut Noise) -> String {
    let mut bytes = text.as_bytes().to_vec();
    noise.disturb(&mut bytes);
    let kept = bytes.into_iter().map(|byte| char::from(byte & 0x7f)).filter(|c| c.is_ascii_graphic());
    kept.collect()
}

fn means_the_same(one: &Request, other: &Request) -> bool {
    let headers = |request: &Request| {
        let signature = request.value(SIGNATURE_HEADER).to_lowercase();
        [KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER]
            .map(|name| request.value(name).to_owned())
            .into_iter()
            .chain([signature])
            .collect::<Vec<_>>()
    };
    // What follows a `#` is no part of a request target; hyper drops it.
    let target = |request: &Request| request.target.split('#').next().unwrap_or_default().to_owned();
    (&one.method, target(one), &one.body, headers(one)) == (&other.method, target(other), &other.body, headers(other))
}

async fn jobs(stage: &Stage) -> usize {
    let account = stage.relay.account();
    let environment = Environment::Live;
    let all = JobFilter::all_of(account, environment, 200);
    stage.relay.store().jobs(all).await.unwrap().jobs.len()
}
