//! The page of requests: what came, so that a sender can lay it beside what was sent.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::stage::payload;

fn sha256(body: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}

on_both_databases! {
    async fn what_was_let_in_is_told_as_exactly_as_what_was_refused(stage) {
        let mut owner = stage.owner("ada").await;
        let let_in = payload("a").to_string();
        stage.job("a").await;
        stage.send(&stage.fetch("a")).await;
        let batch = serde_json::json!({"jobs": [payload("b"), payload("c")]}).to_string();
        assert_eq!(stage.send(&stage.signed_by(&stage.key, "POST", "/api/links/fetch/batch", batch.as_bytes())).await.status, 200);
        let refused = "{\"rowId\": 1}";
        assert_eq!(stage.send(&stage.fetch_of(refused.as_bytes())).await.status, 422);
        let early = stage.signed_at(&stage.key, stage.now().plus_seconds(-90), "nonce-of-an-early-one", ("POST", "/api/links/fetch", payload("d").to_string().as_bytes()));
        assert_eq!(stage.send(&early).await.status, 202);

        let page = owner.get(&stage.console("/requests")).await.text();
        // Twice: admitted, and answered again.
        assert_eq!(page.matches(&sha256(&let_in)).count(), 2, "{page}");
        for body in [&batch, refused] {
            assert!(page.contains(&sha256(body)) && page.contains(&format!(">{}<", body.len())), "{body}: {page}");
        }
        assert!(page.contains("the second at which it came") && page.contains("90 s behind the relay's clock"), "{page}");
        assert!(!page.contains(stage.key.secret.expose()), "never a secret");

        // Whoever has the hash of what was sent finds what came of it.
        let about = owner.get(&stage.console(&format!("/requests?about={}", sha256(&batch)))).await.text();
        assert!(about.matches(&sha256(&batch)).count() >= 2, "as it was asked for, and found: {about}");
        assert!(!about.contains(&sha256(&let_in)), "{about}");
        let none = owner.get(&stage.console(&format!("/requests?about={}", sha256("nobody sent this")))).await.text();
        assert!(none.contains("No request fits"), "{none}");
        let only_refused = owner.get(&stage.console("/requests?only=refused")).await.text();
        assert!(only_refused.contains(&sha256(refused)) && !only_refused.contains(&sha256(&let_in)), "{only_refused}");
    }

    async fn a_record_of_many_requests_is_shown_whole(stage) {
        let mut owner = stage.owner("ada").await;
        let entry = |number: u32| {
            let received = domain::audit::Received::new(format!("body {number}").as_bytes(), stage.now().seconds());
            let (key, environment) = (stage.key.id.clone(), protocol::Environment::Live);
            let jobs = vec![protocol::JobId::random(stage.now())];
            (stage.now(), domain::audit::Entry::Admitted { key, environment, jobs, received: vec![(received, 1)] })
        };
        stage.relay.store().record(stage.relay.account(), (0..100).map(entry).collect()).await.unwrap();
        let page = owner.get(&stage.console("/requests")).await.text();
        assert!(page.contains("Received 100 requests, ") && page.contains(&sha256("body 4")) && !page.contains(&sha256("body 5")), "{page}");
        let record = stage.relay.store().audit_ends(stage.relay.account()).await.unwrap().head.seq;
        let to = stage.console(&format!("/requests?record={record}"));
        assert!(page.contains(&to), "{page}");
        let whole = owner.get(&to).await.text();
        assert!((0..100).all(|number| whole.contains(&sha256(&format!("body {number}")))), "{whole}");
    }
}
