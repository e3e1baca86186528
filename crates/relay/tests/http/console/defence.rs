//! Forms of other sites, and other names for the relay's address.

use super::{filled, pages};
use crate::browser::Browser;

/// Ways in which a page of another site can have a browser send a form, or something like one.
fn forged(browser: &Browser, path: &str) -> Vec<(&'static str, crate::wire::Request)> {
    let form = browser.form(path, &[("role", "owner"), ("email", "eve@evil.example")]);
    vec![
        ("cross-site", form.clone().with("Origin", "https://evil.example").with("Sec-Fetch-Site", "cross-site")),
        ("origin alone", form.clone().with("Origin", "https://evil.example").without("Sec-Fetch-Site")),
        ("no referrer", form.clone().with("Origin", "null").without("Sec-Fetch-Site")),
        ("another port", form.clone().with("Origin", "http://127.0.0.1:1").with("Sec-Fetch-Site", "same-site")),
        ("navigation", form.clone().without("Origin").with("Sec-Fetch-Site", "cross-site")),
        ("neither said", form.clone().without("Origin").without("Sec-Fetch-Site")),
        ("text", form.clone().with("Content-Type", "text/plain")),
        ("json", form.clone().with("Content-Type", "application/json")),
        ("parts", form.clone().with("Content-Type", "multipart/form-data; boundary=x")),
        ("no type", form.clone().without("Content-Type")),
    ]
}

on_both_databases! {
    async fn no_form_of_another_site_reaches_any_page(stage) {
        let mut owner = stage.owner("ada").await;
        let mut tried = 0;
        for (_, path) in pages().into_iter().filter(|(method, _)| *method == "POST") {
            let path = filled(path, &stage.relay);
            for (how, request) in forged(&owner, &path) {
                let answer = owner.send(&request).await;
                assert_eq!(answer.status, 403, "{how} {path}: {}", answer.text());
                assert!(answer.text().contains("did not come from here"), "{how} {path}");
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
        assert_eq!(owner.get("/accounts").await.status, 200, "nobody was signed out");
        assert!(stage.relay.store().invitations(stage.relay.account(), stage.now()).await.unwrap().is_empty());
    }

    async fn no_method_is_taken_for_another(stage) {
        let mut owner = stage.owner("ada").await;
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
            let mut request = owner.form("/sign-out", &[("_method", "POST")]).header("X-HTTP-Method-Override", "POST");
            request.method = method.to_owned();
            assert_eq!(owner.send(&request).await.status, 403, "{method}");
        }
        let get = owner.request("GET", "/sign-out?_method=POST").header("X-HTTP-Method-Override", "POST");
        assert_eq!(owner.send(&get).await.status, 405);
        assert_eq!(owner.get("/accounts").await.status, 200, "still signed in");
    }

    async fn a_stranger_s_name_for_the_relay_s_address_opens_nothing(stage) {
        let mut owner = stage.owner("ada").await;
        let port = stage.address().port();
        for (host, status) in [
            (format!("evil.example:{port}"), 421),
            ("127.0.0.1:1".to_owned(), 421),
            (format!("127.0.0.1.evil.example:{port}"), 421),
            (format!("localhost:{port}"), 200),
            (format!("127.0.0.1:{port}"), 200),
        ] {
            let request = owner.request("GET", "/accounts").with("Host", &host);
            let answer = owner.send(&request).await;
            assert_eq!(answer.status, status, "{host}");
            assert_eq!(answer.text().contains("default"), status == 200, "{host}");
        }
    }

    async fn under_a_public_url_the_cookie_is_for_that_host_alone_and_secure(stage) {
        let stage = stage.restart_with(|config| config.public_url = Some("https://relay.example".to_owned())).await;
        let link = stage.relay.first_setup_link().await.unwrap().unwrap();
        let path = link.expose().strip_prefix("https://relay.example").unwrap().to_owned();
        let token = path.split_once("token=").unwrap().1;
        let mut browser = Browser::new(stage.address());
        let fields = [
            ("token", token),
            ("email", "ada@company.example"),
            ("name", "Ada"),
            ("passphrase", crate::console::PASSPHRASE),
            ("repeated", crate::console::PASSPHRASE),
        ];
        let wrong_scheme = browser.form("/setup", &fields).with("Host", "relay.example").with("Origin", "http://relay.example");
        assert_eq!(browser.send(&wrong_scheme).await.status, 403);
        let right = browser.form("/setup", &fields).with("Host", "relay.example").with("Origin", "https://relay.example");
        let answer = browser.send(&right).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
        assert!(cookie.contains("; SameSite=Lax") && !cookie.contains("Domain"), "{cookie}");
        let accounts = browser.request("GET", "/accounts").with("Host", "relay.example");
        assert_eq!(browser.send(&accounts).await.status, 200);
        let elsewhere = browser.request("GET", "/accounts");
        assert_eq!(browser.send(&elsewhere).await.status, 303, "by the machine's address, without TLS, the cookie is not looked at");
    }
}
