//! A provider from npm, which is certified for what it does, and a person who signs in on its pages.

use std::sync::Arc;

use protocol::SystemClock;

use super::npm::{Person, Provider};
use super::{CLIENT_ID, CLIENT_SECRET, ID, begin, expect_refused};
use crate::browser::Browser;
use crate::stage::Stage;

async fn scene() -> (Provider, Stage) {
    let mut provider = Provider::start();
    let stage = Stage::with_provider(&provider.issuer, |config| config.clock = Arc::new(SystemClock)).await;
    provider.serve(&format!("http://{}/sign-in/{ID}/callback", stage.address()), CLIENT_ID, CLIENT_SECRET);
    (provider, stage)
}

/// Goes to the provider, signs in there as `login`, and says what the relay is asked for then.
async fn through(browser: &mut Browser, login: &str) -> String {
    let (url, asked) = begin(browser).await;
    let relay = asked["redirect_uri"].split("/sign-in").next().unwrap();
    let back = Person::new().sign_in(url, login, relay).await;
    format!("{}?{}", back.path(), back.query().unwrap())
}

#[tokio::test]
async fn a_real_provider_signs_an_operator_in() {
    let (_provider, stage) = scene().await;
    stage.invite("bea@company.example").await;
    let mut browser = Browser::new(stage.address());
    let back = through(&mut browser, "bea").await;
    let carried = browser.cookies.clone();
    let answer = browser.get(&back).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/me")), "{}", answer.text());
    let me = browser.get("/me").await;
    assert!(me.status == 200 && me.text().contains("bea@company.example"), "{}", me.text());
    let people = browser.get(&stage.console("/people")).await.text();
    assert!(people.contains("bea of the provider"), "{people}");
    // The whole of it once more, with all that the browser carried.
    let mut thief = Browser::new(stage.address());
    thief.cookies = carried;
    let answer = thief.get(&back).await;
    expect_refused(&mut thief, &answer, 502, "provider_code_refused").await;
    // Ada set the relay up with a passphrase; her address is verified, so the provider speaks for her, and from now on it alone.
    let mut browser = Browser::new(stage.address());
    let back = through(&mut browser, "ada").await;
    assert_eq!(browser.get(&back).await.status, 303);
    assert!(!browser.get(&stage.console("/people")).await.text().contains("passphrase"));
}

#[tokio::test]
async fn a_real_provider_does_not_open_the_door_to_whom_nobody_wants() {
    let (_provider, stage) = scene().await;
    stage.invite("unverified@company.example").await;
    for (login, code) in [("unverified", "email_unverified"), ("eve", "not_invited")] {
        let mut browser = Browser::new(stage.address());
        let back = through(&mut browser, login).await;
        let answer = browser.get(&back).await;
        expect_refused(&mut browser, &answer, 403, code).await;
    }
    // An answer of the provider, brought back with another state, or by another browser.
    let mut browser = Browser::new(stage.address());
    let back = through(&mut browser, "ada").await;
    let other = back.replace("state=", "state=x");
    let answer = browser.get(&other).await;
    expect_refused(&mut browser, &answer, 400, "sign_in_state_wrong").await;
    let mixed_up = back.replace("iss=http%3A%2F%2F127", "iss=http%3A%2F%2F128");
    assert_ne!(mixed_up, back);
    let answer = browser.get(&mixed_up).await;
    expect_refused(&mut browser, &answer, 400, "sign_in_provider_mixed_up").await;
    let answer = Browser::new(stage.address()).get(&back).await;
    assert_eq!(answer.status, 410);
}
