//! Signing in through OpenID providers: a real one, and one that lies in every way that matters.

mod liar;
mod lies;
mod npm;
mod real;

use std::collections::BTreeMap;

use protocol::Secret;
use relay::OidcProvider;
use reqwest::Url;

use crate::browser::Browser;
use crate::stage::Stage;
use crate::wire::Answer;

/// Signs that a header cannot hold as they are.
const CLIENT_ID: &str = "peeler:of&tests";
const CLIENT_SECRET: &str = "a client's secret: 100% & more+";
/// What paths call the provider.
const ID: &str = "provider";

fn provider(issuer: &str) -> OidcProvider {
    OidcProvider::new((ID, "the Provider"), (issuer, CLIENT_ID), Some(Secret::new(CLIENT_SECRET.to_owned()))).unwrap()
}

/// Where the relay has sent a browser, and what it has asked for there.
async fn begin(browser: &mut Browser) -> (Url, BTreeMap<String, String>) {
    let answer = browser.get(&format!("/sign-in/{ID}?next=/me")).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let url = Url::parse(answer.header("location").unwrap()).unwrap();
    let asked = url.query_pairs().into_owned().collect();
    (url, asked)
}

/// Comes back from the provider with these words.
async fn come_back(browser: &mut Browser, words: &[(&str, &str)]) -> Answer {
    let query = reqwest::Url::parse_with_params("http://x/", words).unwrap().query().unwrap().to_owned();
    browser.get(&format!("/sign-in/{ID}/callback?{query}")).await
}

/// Whether a page says this and nobody was signed in.
async fn expect_refused(browser: &mut Browser, answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(code), "{code}: {}", answer.text());
    assert_eq!(browser.get("/me").await.status, 303, "nobody is signed in");
}

impl Stage {
    /// A relay with an owner, ada, whose operators may sign in through the provider with this issuer.
    async fn with_provider(issuer: &str, change: impl FnOnce(&mut relay::Config)) -> Self {
        let stage = Self::with(|config| {
            config.oidc = vec![provider(issuer)];
            change(config);
        });
        let stage = stage.await;
        stage.owner("ada").await;
        stage
    }

    /// Has ada invite an address.
    async fn invite(&self, email: &str) {
        let path = format!("/api/operator/accounts/{}/invitations", relay::DEFAULT_ACCOUNT);
        let body = serde_json::json!({"email": email, "role": "viewer"}).to_string();
        let answer = self.send(&self.operator("POST", &path).header("Content-Type", "application/json").body(body)).await;
        assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    }
}
