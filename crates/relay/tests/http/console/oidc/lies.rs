//! Each lie of a provider, and of whoever sends a browser back in its name, is found.

use axum::http::StatusCode;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::liar::{Liar, Said, new_key};
use super::{ID, begin, come_back, expect_refused};
use crate::browser::Browser;
use crate::stage::{NOW, Stage};
use crate::wire::Answer;

/// A relay whose operators may sign in through a provider, and a browser that nobody is signed in with. Bea is invited.
struct Scene {
    liar: Liar,
    stage: Stage,
    browser: Browser,
}

impl Scene {
    async fn new() -> Self {
        let liar = Liar::start().await;
        let stage = Stage::with_provider(&liar.issuer, |_| ()).await;
        stage.invite("bea@company.example").await;
        let browser = Browser::new(stage.address());
        Self { liar, stage, browser }
    }

    /// Goes to the provider and comes back with its code.
    async fn sign_in(&mut self) -> Answer {
        let (_, asked) = begin(&mut self.browser).await;
        let code = self.liar.sign_in(&asked);
        come_back(&mut self.browser, &[("code", &code), ("state", &asked["state"]), ("iss", &self.liar.issuer)]).await
    }

    /// The same with a provider that was changed, which is found.
    async fn refused(&mut self, change: impl FnOnce(&mut Said), status: u16, code: &str) {
        self.liar.change(change);
        let answer = self.sign_in().await;
        expect_refused(&mut self.browser, &answer, status, code).await;
        let known = self.stage.relay.store().operator_by_email("bea@company.example".parse().unwrap()).await.unwrap();
        assert!(known.is_none(), "nothing was written");
    }
}

#[tokio::test]
async fn an_honest_provider_signs_in_whom_an_account_wants() {
    let mut scene = Scene::new().await;
    assert!(scene.browser.get("/sign-in?next=/me").await.text().contains("Sign in with the Provider"));
    let answer = scene.sign_in().await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/me")), "{}", answer.text());
    assert!(!scene.browser.cookies.keys().any(|name| name.ends_with("-sign-in")), "what was carried is gone");
    let people = scene.browser.get(&scene.stage.console("/people")).await.text();
    assert!(people.contains("Bea") && people.contains("bea@company.example"), "{people}");
    // And again, without an invitation: the provider and the subject tell.
    scene.liar.change(|said| said.claims["email"] = json!("beatrice@company.example"));
    scene.browser = Browser::new(scene.stage.address());
    assert_eq!(scene.sign_in().await.status, 303);
    assert!(scene.browser.get("/me").await.text().contains("bea@company.example"));
}

#[tokio::test]
async fn claims_may_be_told_when_the_provider_is_asked() {
    let mut scene = Scene::new().await;
    scene.liar.change(|said| said.claims["email"] = Value::Null);
    assert_eq!(scene.sign_in().await.status, 303);
    assert_eq!(scene.browser.get("/me").await.status, 200);
}

#[tokio::test]
async fn an_unverified_address_is_refused() {
    let mut scene = Scene::new().await;
    scene.refused(|said| said.claims["email_verified"] = json!(false), 403, "email_unverified").await;
    scene.refused(|said| said.claims["email_verified"] = Value::Null, 403, "email_unverified").await;
    let asked = |said: &mut Said| (said.claims["email"], said.userinfo["email_verified"]) = (Value::Null, json!(false));
    scene.refused(asked, 403, "email_unverified").await;
    scene.refused(|said| said.userinfo["email"] = Value::Null, 403, "email_missing").await;
    let odd = |said: &mut Said| (said.claims["email"], said.claims["email_verified"]) = (json!("bea@company.example, x"), json!(true));
    scene.refused(odd, 403, "email_missing").await;
}

#[tokio::test]
async fn claims_of_somebody_else_say_nothing_about_this_one() {
    let mut scene = Scene::new().await;
    let other = |said: &mut Said| (said.claims["email"], said.userinfo["sub"]) = (Value::Null, json!("sub-eve"));
    scene.refused(other, 502, "id_token_invalid").await;
}

#[tokio::test]
async fn a_wrong_nonce_is_refused() {
    let mut scene = Scene::new().await;
    scene.refused(|said| said.claims["nonce"] = json!("of another sign-in"), 502, "id_token_nonce_wrong").await;
    scene.refused(|said| said.claims["nonce"] = Value::Null, 502, "id_token_nonce_wrong").await;
}

#[tokio::test]
async fn a_wrong_state_is_refused_and_the_right_one_still_counts() {
    let mut scene = Scene::new().await;
    let (_, asked) = begin(&mut scene.browser).await;
    let code = scene.liar.sign_in(&asked);
    let issuer = scene.liar.issuer.clone();
    for words in [vec![("code", code.as_str()), ("state", "another"), ("iss", &issuer)], vec![("code", &code), ("iss", &issuer)]] {
        let answer = come_back(&mut scene.browser, &words).await;
        expect_refused(&mut scene.browser, &answer, 400, "sign_in_state_wrong").await;
    }
    let twice = [("code", code.as_str()), ("state", &asked["state"]), ("state", "another"), ("iss", &issuer)];
    let answer = come_back(&mut scene.browser, &twice).await;
    expect_refused(&mut scene.browser, &answer, 400, "sign_in_state_wrong").await;
    let right = [("code", code.as_str()), ("state", &asked["state"]), ("iss", &issuer)];
    assert_eq!(come_back(&mut scene.browser, &right).await.status, 303, "what a stranger sends does not end it");
}

#[tokio::test]
async fn a_mixed_up_issuer_is_refused_wherever_it_shows() {
    let mut scene = Scene::new().await;
    let (_, asked) = begin(&mut scene.browser).await;
    let code = scene.liar.sign_in(&asked);
    let other = format!("{}/", scene.liar.issuer);
    let answer = come_back(&mut scene.browser, &[("code", &code), ("state", &asked["state"]), ("iss", &other)]).await;
    expect_refused(&mut scene.browser, &answer, 400, "sign_in_provider_mixed_up").await;
    // It has announced that its answers say whose they are.
    let (_, asked) = begin(&mut scene.browser).await;
    let code = scene.liar.sign_in(&asked);
    let answer = come_back(&mut scene.browser, &[("code", &code), ("state", &asked["state"])]).await;
    expect_refused(&mut scene.browser, &answer, 400, "sign_in_provider_mixed_up").await;
    scene.refused(|said| said.claims["iss"] = json!("https://evil.example"), 502, "id_token_issuer_wrong").await;
}

#[tokio::test]
async fn a_provider_that_calls_itself_something_else_is_not_asked_further() {
    let liar = Liar::start().await;
    liar.change(|said| said.discovery["issuer"] = json!("https://evil.example"));
    let stage = Stage::with_provider(&liar.issuer, |_| ()).await;
    let mut browser = Browser::new(stage.address());
    let answer = browser.get(&format!("/sign-in/{ID}")).await;
    expect_refused(&mut browser, &answer, 502, "provider_unreachable").await;
    assert_eq!(liar.asked_for_keys(), 0);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let mut scene = Scene::new().await;
    scene.refused(|said| said.claims["exp"] = json!(NOW.seconds() - 600), 502, "id_token_time_wrong").await;
    let old = |said: &mut Said| (said.claims["exp"], said.claims["iat"]) = (json!(NOW.seconds() + 600), json!(NOW.seconds() - 600));
    scene.refused(old, 502, "id_token_time_wrong").await;
    scene.refused(|said| said.claims["iat"] = json!(NOW.seconds() + 600), 502, "id_token_time_wrong").await;
    scene.refused(|said| said.claims["exp"] = Value::Null, 502, "id_token_invalid").await;
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let mut scene = Scene::new().await;
    scene.refused(|said| said.claims["aud"] = json!("another client"), 502, "id_token_audience_wrong").await;
    let ours = super::CLIENT_ID;
    scene.refused(|said| said.claims["aud"] = json!([ours, "another client"]), 502, "id_token_audience_wrong").await;
    let handed_on = |said: &mut Said| (said.claims["aud"], said.claims["azp"]) = (json!(ours), json!("another client"));
    scene.refused(handed_on, 502, "id_token_audience_wrong").await;
}

#[tokio::test]
async fn a_sign_in_counts_once_for_the_provider_and_for_us() {
    let mut scene = Scene::new().await;
    let (_, asked) = begin(&mut scene.browser).await;
    let code = scene.liar.sign_in(&asked);
    let carried = scene.browser.cookies.clone();
    let issuer = scene.liar.issuer.clone();
    let words = [("code", code.as_str()), ("state", &asked["state"]), ("iss", &issuer)];
    assert_eq!(come_back(&mut scene.browser, &words).await.status, 303);
    assert_eq!(come_back(&mut scene.browser, &words).await.status, 410, "the same browser carries nothing any more");
    // Whoever has seen all of it, the cookie included.
    let mut thief = Browser::new(scene.stage.address());
    thief.cookies.clone_from(&carried);
    let answer = come_back(&mut thief, &words).await;
    expect_refused(&mut thief, &answer, 502, "provider_code_refused").await;
    // And with a provider that takes a code twice.
    scene.liar.change(|said| said.forgets_codes = true);
    let code = scene.liar.sign_in(&asked);
    thief.cookies = carried;
    let answer = come_back(&mut thief, &[("code", &code), ("state", &asked["state"]), ("iss", &issuer)]).await;
    expect_refused(&mut thief, &answer, 410, "sign_in_used").await;
}

#[tokio::test]
async fn whoever_has_begun_nothing_ends_nothing() {
    let mut scene = Scene::new().await;
    let (_, asked) = begin(&mut scene.browser).await;
    let code = scene.liar.sign_in(&asked);
    let words = [("code", code.as_str()), ("state", &asked["state"]), ("iss", &scene.liar.issuer)];
    let mut other = Browser::new(scene.stage.address());
    let answer = come_back(&mut other, &words).await;
    expect_refused(&mut other, &answer, 410, "sign_in_lost").await;
    // A link to the callback that somebody sends is worth nothing in a browser that has begun another one.
    begin(&mut other).await;
    let answer = come_back(&mut other, &words).await;
    expect_refused(&mut other, &answer, 400, "sign_in_state_wrong").await;
    scene.stage.clock.set(NOW.plus_seconds(601));
    let answer = come_back(&mut scene.browser, &words).await;
    expect_refused(&mut scene.browser, &answer, 410, "sign_in_lost").await;
}

#[tokio::test]
async fn a_token_that_the_provider_has_not_signed_as_it_announces_is_refused() {
    let mut scene = Scene::new().await;
    scene.refused(|said| said.header.alg = Algorithm::HS256, 502, "id_token_signature_wrong").await;
    let (another, _) = new_key("first");
    let forged = |said: &mut Said| {
        said.header.alg = Algorithm::ES256;
        said.signer = another;
    };
    scene.refused(forged, 502, "id_token_signature_wrong").await;
    scene.refused(|said| said.header.crit = Some(vec!["b64".to_owned()]), 502, "id_token_signature_wrong").await;
    let claims = scene.liar.issuer.clone();
    let unsigned = |said: &mut Said| {
        let encode = |value: Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let token = format!("{}.{}.", encode(json!({"alg": "none"})), encode(json!({"iss": claims, "sub": "sub-bea"})));
        said.token_answer = Some((StatusCode::OK, "body", json!({ "id_token": token }).to_string().into_bytes()));
    };
    scene.refused(unsigned, 502, "id_token_signature_wrong").await;
}

#[tokio::test]
async fn a_key_that_is_new_is_asked_for_once() {
    let mut scene = Scene::new().await;
    let (signer, key) = new_key("second");
    scene.liar.change(|said| {
        said.keys.push(key);
        (said.signer, said.header.kid) = (signer, Some("second".to_owned()));
    });
    assert_eq!(scene.sign_in().await.status, 303);
    let asked = scene.liar.asked_for_keys();
    for _ in 0..3 {
        scene.browser = Browser::new(scene.stage.address());
        scene.liar.change(|said| said.header.kid = Some("third".to_owned()));
        let answer = scene.sign_in().await;
        expect_refused(&mut scene.browser, &answer, 502, "id_token_signature_wrong").await;
    }
    assert!(scene.liar.asked_for_keys() <= asked + 1, "not for every token that names a key which there is not");
}

#[tokio::test]
async fn answers_are_bounded_and_lead_nowhere_else() {
    let mut scene = Scene::new().await;
    let long = |said: &mut Said| said.token_answer = Some((StatusCode::OK, "body", vec![b' '; 1_024 * 1_024]));
    scene.refused(long, 502, "provider_unreachable").await;
    let other = Liar::start().await;
    let elsewhere = format!("{}/token", other.issuer);
    let redirect = |said: &mut Said| said.token_answer = Some((StatusCode::TEMPORARY_REDIRECT, "location", elsewhere.into_bytes()));
    scene.refused(redirect, 502, "provider_unreachable").await;
    let broken = |said: &mut Said| said.token_answer = Some((StatusCode::OK, "body", b"<html>".to_vec()));
    scene.refused(broken, 502, "id_token_invalid").await;
}

#[tokio::test]
async fn a_no_of_the_provider_is_said_as_one() {
    let mut scene = Scene::new().await;
    let (_, asked) = begin(&mut scene.browser).await;
    let words = [("error", "access_denied"), ("state", asked["state"].as_str()), ("iss", &scene.liar.issuer)];
    let answer = come_back(&mut scene.browser, &words).await;
    expect_refused(&mut scene.browser, &answer, 403, "sign_in_declined").await;
}

#[tokio::test]
async fn whom_nobody_wants_stays_out_and_leaves_nothing_behind() {
    let mut scene = Scene::new().await;
    scene.refused(|said| said.claims["email"] = json!("eve@evil.example"), 403, "not_invited").await;
    let before = scene.stage.relay.store().operator_by_email("eve@evil.example".parse().unwrap()).await.unwrap();
    assert!(before.is_none());
    // Ada has an identity; somebody else at the provider has got her address.
    scene.liar.change(|said| (said.claims["email"], said.claims["sub"]) = (json!("ada@company.example"), json!("sub-ada")));
    assert_eq!(scene.sign_in().await.status, 303);
    scene.browser = Browser::new(scene.stage.address());
    scene.refused(|said| said.claims["sub"] = json!("sub-another"), 403, "identity_differs").await;
}

#[tokio::test]
async fn a_sign_in_is_begun_on_a_page_of_ours() {
    let scene = Scene::new().await;
    let request = scene.browser.request("GET", &format!("/sign-in/{ID}?next=/me")).header("Sec-Fetch-Site", "cross-site");
    let answer = scene.stage.send(&request).await;
    assert_eq!(answer.header("location"), Some("/sign-in?next=/me"));
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(Browser::new(scene.stage.address()).get("/sign-in/unknown").await.status, 404);
}
