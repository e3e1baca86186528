//! Approving a desktop in the console.

use protocol::device_signature::DeviceKey;
use protocol::linking::{LinkStarted, Linked};

use crate::browser::Browser;
use crate::desk::{Desk, pull};
use crate::stage::Stage;
use crate::wire::{Request, refused};

impl Stage {
    async fn asking_desktop(&self) -> (DeviceKey, LinkStarted) {
        let key = DeviceKey::generate();
        let message = serde_json::json!({"publicKey": key.public().to_hex(), "name": "Ada's <desk>", "platform": "linux x86_64"});
        let request = Request::new("POST", "/api/device/link").header("Host", "relay").json(message.to_string());
        (key, self.send(&request).await.read(200))
    }

    fn poll_of(&self, started: &LinkStarted) -> Request {
        let message = serde_json::json!({"deviceCode": started.device_code});
        Request::new("POST", "/api/device/link/token").header("Host", "relay").json(message.to_string())
    }

    async fn decide_in(&self, browser: &mut Browser, code: &str, decision: &str) -> crate::wire::Answer {
        let account = self.relay.account().to_string();
        browser.post(&format!("/link/{decision}"), &[("code", code), ("account", &account)]).await
    }
}

on_both_databases! {
    async fn an_operator_sees_who_asks_and_links_it_once(stage) {
        let mut owner = stage.owner("ada").await;
        let (key, started) = stage.asking_desktop().await;
        let path = started.verification_uri_complete.strip_prefix(stage.relay.public_url()).unwrap();
        let stranger = Browser::new(stage.address()).get(path).await;
        assert_eq!(stranger.header("location"), Some("/sign-in?next=/link%3Fcode%3D".to_owned() + &started.user_code).as_deref());
        let page = owner.get(path).await;
        for shown in ["Ada's &lt;desk&gt;", "linux x86_64", "127.0.0.1", &started.user_code] {
            assert!(page.text().contains(shown), "{shown}: {}", page.text());
        }
        assert_eq!(stage.send(&stage.poll_of(&started)).await.refusal(), refused(425, "authorization_pending"), "seen is not decided");
        let approved = stage.decide_in(&mut owner, &started.user_code, "approve").await;
        assert!(approved.status == 200 && approved.text().contains("is linked"), "{}", approved.text());
        let linked: Linked = stage.send(&stage.poll_of(&started)).await.read(200);
        let desk = Desk { id: linked.device_id, key, address: stage.address() };
        assert_eq!(stage.send(&desk.pull_request(&pull(1))).await.status, 200);
        assert_eq!(stage.decide_in(&mut owner, &started.user_code, "deny").await.status, 409);
        assert_eq!(stage.relay.store().devices(stage.relay.account()).await.unwrap().len(), 1);
    }

    async fn a_denied_desktop_is_told_so_and_stays_denied(stage) {
        let mut owner = stage.owner("ada").await;
        let (_, started) = stage.asking_desktop().await;
        assert!(stage.decide_in(&mut owner, &started.user_code, "deny").await.text().contains("is denied"));
        assert_eq!(stage.decide_in(&mut owner, &started.user_code, "approve").await.status, 409);
        assert_eq!(stage.send(&stage.poll_of(&started)).await.refusal(), refused(403, "access_denied"));
    }

    async fn a_code_that_no_desktop_shows_or_that_has_run_out_is_said_to_be_so(stage) {
        let mut owner = stage.owner("ada").await;
        let wrong = owner.get("/link?code=AAAA").await;
        assert!(wrong.status == 404 && wrong.text().contains("No desktop waits with this code"), "{}", wrong.text());
        let (_, started) = stage.asking_desktop().await;
        stage.clock.set(stage.now().plus_seconds(600));
        assert_eq!(stage.decide_in(&mut owner, &started.user_code, "approve").await.status, 409);
        assert_eq!(stage.send(&stage.poll_of(&started)).await.refusal(), refused(410, "expired_token"));
    }

    async fn a_desktop_is_linked_to_accounts_in_which_one_may(stage) {
        let mut owner = stage.owner("ada").await;
        let other = stage.relay.store().create_account("Zebra Ltd", "unlimited", stage.now()).await.unwrap().unwrap();
        let (_, started) = stage.asking_desktop().await;
        let fields = [("code", started.user_code.as_str()), ("account", &other.id.to_string())];
        assert_eq!(owner.post("/link/approve", &fields).await.status, 404, "an account of others");
        let no_account = owner.post("/link/approve", &[("code", &started.user_code)]).await;
        assert_eq!(no_account.status, 422);
        let mut viewer = crate::console::people::member(&mut owner, &stage, "vera", "viewer").await;
        assert_eq!(viewer.get(&format!("/link?code={}", started.user_code)).await.status, 403);
        assert_eq!(stage.decide_in(&mut viewer, &started.user_code, "approve").await.status, 403);
        assert_eq!(stage.send(&stage.poll_of(&started)).await.refusal(), refused(425, "authorization_pending"));
    }
}
