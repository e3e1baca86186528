//! The API keys of an account in the console: everybody sees them, operators revoke, and no secret is ever there.

use protocol::key::KeyTerms;
use protocol::{Environment, KeyId, Secret};
use store::NewKeyRecord;

use super::people::member;
use crate::desk::Desk;
use crate::stage::{Key, Stage};
use crate::wire::refused;

const EVIL: &str = "<img src=x onerror=alert(1)>\"'&";

/// A key that a desktop has handed in, on these terms.
async fn made(stage: &Stage, desk: &Desk, label: &str, terms: KeyTerms) -> Key {
    let key = Key { id: KeyId::generate(Environment::Live), secret: Secret::generate(), account: stage.relay.account() };
    let by = domain::audit::Actor::Device(desk.id);
    let mut record = NewKeyRecord::new(key.account, key.id.clone(), key.secret.clone(), label, by, stage.now());
    record.terms = terms;
    assert!(stage.relay.store().insert_key(record).await.unwrap().done().is_some());
    key
}

on_both_databases! {
    async fn the_inventory_tells_everything_but_the_secret(stage) {
        let mut owner = stage.owner("ada").await;
        let desk = stage.desk().await;
        let terms = KeyTerms {
            scopes: protocol::key::Scopes::of(&[protocol::key::Scope::Read]).unwrap(),
            addresses: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            expires_at: Some(stage.now().plus_seconds(3_600)),
        };
        let key = made(&stage, &desk, "nightly", terms).await;
        let page = owner.get(&stage.console("/keys")).await;
        let text = page.text();
        assert_eq!(page.status, 200, "{text}");
        for told in ["nightly", key.id.as_str(), "ends soon", "read", "192.0.2.0/24", "2001:db8::/32", "on desk", "never", "link-peeler keys create"] {
            assert!(text.contains(told), "{told}: {text}");
        }
        assert!(!text.contains(key.secret.expose()) && !text.contains("lps_"), "{text}");
    }

    async fn a_key_that_is_revoked_stops_signing_and_is_listed_on_demand(stage) {
        let mut owner = stage.owner("ada").await;
        let desk = stage.desk().await;
        let key = made(&stage, &desk, "nightly", KeyTerms::default()).await;
        assert_eq!(stage.send(&stage.fetch_by(&key, "before")).await.status, 202);
        let path = stage.console(&format!("/keys/{}", key.id));
        let asked = owner.get(&path).await;
        assert!(asked.status == 200 && asked.text().contains("Revoke nightly?"), "{}", asked.text());
        let revoked = owner.post(&format!("{path}/revoke"), &[]).await;
        assert_eq!(revoked.header("location"), Some(stage.console("/keys?did=revoked").as_str()), "{}", revoked.text());
        assert_eq!(stage.send(&stage.fetch_by(&key, "after")).await.refusal(), refused(401, "invalid_credentials"));
        assert!(!owner.get(&stage.console("/keys")).await.text().contains(key.id.as_str()));
        let all = owner.get(&stage.console("/keys?show=all")).await.text();
        assert!(all.contains(key.id.as_str()) && all.contains("revoked"), "{all}");
        assert_eq!(owner.post(&format!("{path}/revoke"), &[]).await.status, 404, "there is nothing left to revoke");
        let audit = owner.get(&stage.console("/audit?kind=key_revoked")).await.text();
        assert!(audit.contains(key.id.as_str()), "{audit}");
    }

    async fn whoever_only_looks_revokes_nothing(stage) {
        let mut owner = stage.owner("ada").await;
        let mut viewer = member(&mut owner, &stage, "eve", "viewer").await;
        let mut operator = member(&mut owner, &stage, "bob", "operator").await;
        let path = stage.console(&format!("/keys/{}", stage.key.id));
        let seen = viewer.get(&stage.console("/keys")).await.text();
        assert!(seen.contains(stage.key.id.as_str()) && !seen.contains(&path), "{seen}");
        assert_eq!(viewer.get(&path).await.status, 403);
        assert_eq!(viewer.post(&format!("{path}/revoke"), &[]).await.status, 403);
        assert_eq!(stage.send(&stage.fetch("a")).await.status, 202, "it still signs");
        assert_eq!(operator.post(&format!("{path}/revoke"), &[]).await.status, 303);
        assert_eq!(stage.send(&stage.fetch("b")).await.refusal(), refused(401, "invalid_credentials"));
    }

    async fn labels_are_text_and_keys_are_found_by_them(stage) {
        let mut owner = stage.owner("ada").await;
        let desk = stage.desk().await;
        made(&stage, &desk, EVIL, KeyTerms::default()).await;
        for number in 0..60 {
            made(&stage, &desk, &format!("script {number}"), KeyTerms::default()).await;
        }
        let page = owner.get(&stage.console("/keys?q=onerror")).await.text();
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;") && !page.contains("<img src=x"), "{page}");
        let first = owner.get(&stage.console("/keys")).await.text();
        assert!(first.contains("1 to 50 of 62 keys"), "{first}");
        let rest = owner.get(&stage.console("/keys?from=50")).await.text();
        assert!(rest.contains("51 to 62 of 62 keys") && rest.contains("Previous"), "{rest}");
        for odd in ["/keys?from=999999", "/keys?from=x&show=%00&env=mars", "/keys?q=%3Cscript%3E"] {
            let answer = owner.get(&stage.console(odd)).await;
            assert!(answer.status == 200 && !answer.text().contains("<script>"), "{odd}: {}", answer.text());
        }
    }
}
