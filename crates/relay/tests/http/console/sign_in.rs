//! Coming in and going out.

use relay::ProxyHeaders;

use super::PASSPHRASE;
use crate::addresses::behind_a_proxy;
use crate::browser::Browser;
use crate::stage::NOW;
use crate::wire::Answer;

async fn sign_in(browser: &mut Browser, email: &str, passphrase: &str) -> Answer {
    browser.post("/sign-in", &[("email", email), ("passphrase", passphrase), ("next", "/me")]).await
}

on_both_databases! {
    async fn the_set_up_link_works_once(stage) {
        let link = stage.relay.first_setup_link().await.unwrap().unwrap();
        assert!(Browser::new(stage.address()).get("/sign-in").await.text().contains("operators setup-link"));
        stage.owner("ada").await;
        assert!(stage.relay.first_setup_link().await.unwrap().is_none());
        let path = link.expose().strip_prefix(stage.relay.public_url()).unwrap().to_owned();
        let mut late = Browser::new(stage.address());
        assert_eq!(late.get(&path).await.status, 410);
        let token = path.split_once("token=").unwrap().1;
        let fields = [("token", token), ("email", "eve@evil.example"), ("name", "Eve"), ("passphrase", PASSPHRASE), ("repeated", PASSPHRASE)];
        assert_eq!(late.post("/setup", &fields).await.status, 410);
        assert!(late.cookies.is_empty());
        assert!(!Browser::new(stage.address()).get("/sign-in").await.text().contains("operators setup-link"));
    }

    async fn what_is_filled_in_wrongly_is_said_field_by_field_and_nothing_is_used_up(stage) {
        let link = stage.relay.first_setup_link().await.unwrap().unwrap();
        let token = link.expose().split_once("token=").unwrap().1;
        let mut browser = Browser::new(stage.address());
        let fields = [("token", token), ("email", "ada"), ("name", ""), ("passphrase", "short"), ("repeated", "other")];
        let answer = browser.post("/setup", &fields).await;
        assert_eq!(answer.status, 422);
        for (field, words) in [("email", "expected an email address"), ("name", "1 to 100 characters")] {
            assert!(answer.text().contains(&format!("{field}-error")) && answer.text().contains(words), "{field}: {}", answer.text());
        }
        assert!(!answer.text().contains("short\""), "a passphrase is not sent back");
        stage.owner("ada").await;
    }

    async fn an_operator_signs_in_and_out_and_each_time_under_a_new_token(stage) {
        let mut first = stage.owner("ada").await;
        let mut browser = Browser::new(stage.address());
        let planted = ("link-peeler-".to_owned() + &stage.address().port().to_string(), "A".repeat(43));
        browser.cookies.insert(planted.0.clone(), planted.1.clone());
        let answer = sign_in(&mut browser, " ADA@company.example", PASSPHRASE).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/me")), "{}", answer.text());
        assert_ne!(browser.cookies[&planted.0], planted.1, "what somebody has planted is not taken over");
        let before = browser.cookies.clone();
        sign_in(&mut browser, "ada@company.example", PASSPHRASE).await;
        assert_ne!(browser.cookies, before);
        let mut thief = Browser::new(stage.address());
        thief.cookies = before;
        assert_eq!(thief.get("/me").await.status, 303, "the token before it has ended");
        let page = browser.get("/me").await;
        assert!(page.text().contains("a browser of tests") && page.text().contains("127.0.0.1"), "{}", page.text());
        let kept = browser.cookies.clone();
        assert_eq!(browser.post("/sign-out", &[]).await.header("location"), Some("/sign-in"));
        assert!(browser.cookies.keys().all(|name| name.ends_with("-known")), "{:?}", browser.cookies.keys());
        thief.cookies = kept;
        assert_eq!(thief.get("/me").await.status, 303, "signing out ends the session, not just the cookie");
        assert_eq!(first.get("/me").await.status, 200, "other browsers stay");
    }

    async fn a_wrong_passphrase_and_an_unknown_operator_get_the_same_page(stage) {
        stage.owner("ada").await;
        let mut pages = Vec::new();
        for (email, passphrase) in
            [("ada@company.example", "wrong horse battery"), ("bob@company.example", PASSPHRASE), ("no address", PASSPHRASE)]
        {
            let answer = sign_in(&mut Browser::new(stage.address()), email, passphrase).await;
            assert_eq!(answer.status, 422);
            assert!(answer.header("set-cookie").is_none());
            pages.push(answer.text().replace(email, "EMAIL"));
        }
        assert!(pages.iter().all(|page| *page == pages[0]));
    }

    async fn tries_run_out_for_an_operator_who_does_not_exist_just_as_well(stage) {
        stage.owner("ada").await;
        for email in ["ada@company.example", "bob@company.example"] {
            let mut statuses = Vec::new();
            for _ in 0..11 {
                statuses.push(sign_in(&mut Browser::new(stage.address()), email, "x").await.status);
                if statuses.last() == Some(&429) {
                    break;
                }
            }
            // From one address 20 tries are let through, for one operator 10: the second operator runs into both.
            assert!(statuses.iter().take(6).all(|status| *status == 422), "{email}: {statuses:?}");
            assert_eq!(statuses.last(), Some(&429), "{email}: {statuses:?}");
        }
        let told = sign_in(&mut Browser::new(stage.address()), "ada@company.example", PASSPHRASE).await;
        assert!(told.header("retry-after").is_some(), "even with the right one: {}", told.status);
    }

    async fn after_signing_in_one_is_where_one_wanted_to_be_and_never_elsewhere(stage) {
        stage.owner("ada").await;
        let mut browser = Browser::new(stage.address());
        let path = stage.console("/people");
        let asked = browser.get(&path).await;
        assert_eq!(asked.header("location").unwrap(), format!("/sign-in?next={path}"));
        for (next, expected) in [
            (path.as_str(), path.as_str()),
            ("/people?a=1&b=2", "/people?a=1&b=2"),
            ("https://evil.example/", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("", "/"),
        ] {
            let fields = [("email", "ada@company.example"), ("passphrase", PASSPHRASE), ("next", next)];
            let answer = Browser::new(stage.address()).post("/sign-in", &fields).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some(expected)), "{next}");
        }
    }

    async fn a_change_of_passphrase_ends_every_other_session(stage) {
        let mut here = stage.owner("ada").await;
        let mut elsewhere = Browser::new(stage.address());
        sign_in(&mut elsewhere, "ada@company.example", PASSPHRASE).await;
        let before = here.cookies.clone();
        let new = "another horse entirely";
        let wrong = here.post("/me/passphrase", &[("current", "wrong"), ("passphrase", new), ("repeated", new)]).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.text().contains("This is not your passphrase"), "{}", wrong.text());
        let changed = here.post("/me/passphrase", &[("current", PASSPHRASE), ("passphrase", new), ("repeated", new)]).await;
        assert_eq!(changed.header("location"), Some("/me"), "{}", changed.text());
        assert_eq!(here.get("/me").await.status, 200);
        assert_eq!(elsewhere.get("/me").await.status, 303);
        elsewhere.cookies = before;
        assert_eq!(elsewhere.get("/me").await.status, 303, "the token of this browser is another one, too");
        assert_eq!(sign_in(&mut elsewhere, "ada@company.example", PASSPHRASE).await.status, 422);
        assert_eq!(sign_in(&mut elsewhere, "ada@company.example", new).await.status, 303);
    }

    async fn a_session_ends_when_nobody_uses_it_and_in_any_case(stage) {
        let mut owner = stage.owner("ada").await;
        let hour = 3_600;
        stage.clock.set(NOW.plus_seconds(11 * hour));
        assert_eq!(owner.get("/me").await.status, 200);
        let ada = stage.relay.store().operator_by_email("ada@company.example".parse().unwrap()).await.unwrap().unwrap().operator.id;
        // It is noted beside the request.
        while stage.relay.store().sessions(ada, stage.now()).await.unwrap()[0].times.last_seen_at == NOW {
            tokio::task::yield_now().await;
        }
        stage.clock.set(NOW.plus_seconds(22 * hour));
        assert_eq!(owner.get("/me").await.status, 200, "it was used meanwhile");
        stage.clock.set(NOW.plus_seconds(34 * hour));
        assert_eq!(owner.get("/me").await.status, 303);
    }

    async fn one_s_own_sessions_are_ended_one_by_one(stage) {
        let mut here = stage.owner("ada").await;
        let mut elsewhere = Browser::new(stage.address());
        sign_in(&mut elsewhere, "ada@company.example", PASSPHRASE).await;
        let page = here.get("/me").await.text();
        let end = page.split("action=\"").find_map(|rest| rest.split('"').next().filter(|action| action.starts_with("/me/sessions/"))).unwrap();
        assert_eq!(here.post(end, &[]).await.header("location"), Some("/me"));
        assert_eq!(elsewhere.get("/me").await.status, 303);
        assert_eq!(here.post(end, &[]).await.status, 404);
    }
}

/// A try from an address, behind a proxy that says so.
async fn try_from(browser: &mut Browser, address: &str, email: &str, passphrase: &str) -> u16 {
    let form = browser.form("/sign-in", &[("email", email), ("passphrase", passphrase)]).header("X-Forwarded-For", address);
    browser.send(&form).await.status
}

#[tokio::test]
async fn tries_from_one_network_keep_nobody_out_elsewhere() {
    let stage = behind_a_proxy("1000:1000", ProxyHeaders::XForwarded).await;
    stage.owner("ada").await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(try_from(&mut Browser::new(stage.address()), "192.0.2.1", "ada@company.example", "x").await);
    }
    assert_eq!((statuses[0], statuses[11]), (422, 429));
    let right = try_from(&mut Browser::new(stage.address()), "192.0.2.1", "ada@company.example", PASSPHRASE).await;
    assert_eq!(right, 429, "from there, not even with the right one");
    let elsewhere = try_from(&mut Browser::new(stage.address()), "192.0.2.2", "ada@company.example", PASSPHRASE).await;
    assert_eq!(elsewhere, 303);
}

#[tokio::test]
async fn tries_from_everywhere_are_bounded_and_a_browser_that_has_signed_in_before_gets_in_all_the_same() {
    let stage = behind_a_proxy("1000:1000", ProxyHeaders::XForwarded).await;
    stage.owner("ada").await;
    let mut known = Browser::new(stage.address());
    assert_eq!(try_from(&mut known, "192.0.2.1", "ada@company.example", PASSPHRASE).await, 303);
    let request = known.form("/sign-out", &[]).header("X-Forwarded-For", "192.0.2.1");
    known.send(&request).await;
    assert_eq!(known.cookies.len(), 1, "that it is known stays: {:?}", known.cookies.keys());
    let mut tries = 0;
    while try_from(&mut Browser::new(stage.address()), &format!("198.18.{}.1", tries % 250), "ada@company.example", "x").await == 422 {
        tries += 1;
        assert!(tries <= 200, "guesses are bounded however many guess");
    }
    assert!(tries >= 90, "{tries}");
    let mut stranger = Browser::new(stage.address());
    assert_eq!(try_from(&mut stranger, "203.0.113.9", "ada@company.example", PASSPHRASE).await, 429);
    assert_eq!(try_from(&mut known, "203.0.113.9", "ada@company.example", "x").await, 422, "a try of its own");
    assert_eq!(try_from(&mut known, "203.0.113.9", "ada@company.example", PASSPHRASE).await, 303);
    // What the cookie gives is bounded, too, and holds for nobody else.
    let mut thief = Browser::new(stage.address());
    thief
        .cookies
        .extend(known.cookies.iter().filter(|(name, _)| name.ends_with("-known")).map(|(name, value)| (name.clone(), value.clone())));
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(try_from(&mut thief, "203.0.113.10", "ada@company.example", "x").await);
    }
    assert_eq!((statuses[0], statuses[11]), (422, 429), "{statuses:?}");
    assert_eq!(try_from(&mut thief, "203.0.113.11", "bob@company.example", "x").await, 422, "as one who knows nobody");
}
