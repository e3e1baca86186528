//! Rows for scripts, and the signed no-op for setting a caller up.

use protocol::key::Verified;
use protocol::{CheckStatus, Conclusion, Environment, NotReadyReason, Row, RowPage};

use crate::desk::{concluded, valid};
use crate::stage::{NOW, Stage};
use crate::wire::refused;

#[tokio::test]
async fn a_row_says_what_its_newest_job_found_and_whether_money_may_be_spent_now() {
    let stage = Stage::new().await;
    let job = stage.job("offer-1").await;
    let target = "/api/rows/platform_api/offer-1";
    let waiting: Row = stage.send(&stage.get(target)).await.read(200);
    assert_eq!((waiting.check_status, waiting.not_ready_reasons), (CheckStatus::Pending, vec![NotReadyReason::NeverChecked]));
    stage.desk().await.resolve_one(&stage, valid()).await;
    let ready: Row = stage.send(&stage.get(target)).await.read(200);
    assert_eq!((ready.job_id, ready.check_status, ready.ready_for_ads), (Some(job.job_id), CheckStatus::Valid, true));
    stage.clock.set(NOW.plus_seconds(86_401));
    let stale: Row = stage.send(&stage.get(target)).await.read(200);
    assert_eq!((stale.ready_for_ads, stale.not_ready_reasons), (false, vec![NotReadyReason::Stale]));
}

#[tokio::test]
async fn any_row_id_survives_a_path() {
    let stage = Stage::new().await;
    for (row_id, written) in [("a/b", "a%2Fb"), ("行 7", "%E8%A1%8C%207"), ("50%", "50%25"), ("?q=1#x", "%3Fq%3D1%23x"), ("..", "%2E%2E")]
    {
        let mut body = crate::stage::payload(row_id);
        body["rowId"] = row_id.into();
        assert_eq!(stage.send(&stage.fetch_of(body.to_string().as_bytes())).await.status, 202);
        let row: Row = stage.send(&stage.get(&format!("/api/rows/platform_api/{written}"))).await.read(200);
        assert_eq!(row.row_id, row_id);
    }
    assert_eq!(stage.send(&stage.get("/api/rows/platform_api/%ff")).await.refusal().0, 404);
    assert_eq!(stage.send(&stage.get("/api/rows/platform_api/none")).await.refusal(), refused(404, "not_found"));
    assert_eq!(stage.send(&stage.get("/api/rows/csv/a%2Fb")).await.refusal(), refused(404, "not_found"));
}

#[tokio::test]
async fn control_characters_name_nothing_on_either_database() {
    let postgres = store::DatabaseUrl::Postgres(testkit::postgres::new_database());
    for stage in [Stage::new().await, Stage::with(|config| config.database = postgres).await] {
        stage.job("offer-1").await;
        let cursor = |text: &[u8]| data_encoding::BASE64URL_NOPAD.encode(text);
        for target in
            ["/api/rows/platform_api/a%00b", "/api/rows/%00/a", "/api/rows/a%0Ab/c", "/api/rows/platform_api/%7F", "/api/links/jobs/%00"]
        {
            assert_eq!(stage.send(&stage.get(target)).await.refusal(), refused(404, "not_found"), "{target}");
        }
        for query in [
            "/api/rows?source=%00".to_owned(),
            format!("/api/rows?cursor={}", cursor(b"platform_api\na\0")),
            format!("/api/rows?cursor={}", cursor(b"a\0\nb")),
            "/api/links/jobs?source=a%00".to_owned(),
            "/api/links/jobs?rowId=%00".to_owned(),
            "/api/links/jobs?rowId=%C2%85".to_owned(),
        ] {
            assert_eq!(stage.send(&stage.get(&query)).await.refusal(), refused(400, "invalid_parameter"), "{query}");
        }
    }
}

#[tokio::test]
async fn pages_of_rows_go_on_where_they_ended_and_can_be_filtered() {
    let stage = Stage::new().await;
    let desk = stage.desk().await;
    for number in 0..6 {
        stage.job(&format!("offer-{number}")).await;
        desk.resolve_one(&stage, if number % 2 == 0 { valid() } else { concluded(Conclusion::HttpGone) }).await;
    }
    let mut found = Vec::new();
    let mut target = "/api/rows?limit=4".to_owned();
    loop {
        let page: RowPage = stage.send(&stage.get(&target)).await.read(200);
        found.extend(page.rows.into_iter().map(|row| row.row_id));
        match page.next_cursor {
            Some(cursor) => target = format!("/api/rows?limit=4&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, ["offer-0", "offer-1", "offer-2", "offer-3", "offer-4", "offer-5"]);
    let ready: RowPage = stage.send(&stage.get("/api/rows?readyForAds=true&source=platform_api")).await.read(200);
    assert_eq!(ready.rows.iter().map(|row| row.row_id.as_str()).collect::<Vec<_>>(), ["offer-0", "offer-2", "offer-4"]);
    let elsewhere: RowPage = stage.send(&stage.get("/api/rows?source=csv")).await.read(200);
    assert_eq!(elsewhere.rows, []);
    for query in ["?readyForAds=yes", "?cursor=%21", "?cursor=AAAA", "?limit=1000", "?order=desc"] {
        assert_eq!(stage.send(&stage.get(&format!("/api/rows{query}"))).await.refusal(), refused(400, "invalid_parameter"), "{query}");
    }
}

#[tokio::test]
async fn verify_tells_the_key_its_label_environment_plan_and_what_is_left() {
    let stage = Stage::new().await;
    let key = stage.key_on("ten_a_month").await;
    stage.send(&stage.fetch_by(&key, "a")).await;
    let verified: Verified = stage.send(&stage.signed_by(&key, "GET", "/api/links/verify", b"")).await.read(200);
    assert_eq!((verified.key_id, verified.label.as_str(), verified.environment), (key.id, "test", Environment::Live));
    assert_eq!((verified.plan.as_str(), verified.quota_remaining), ("ten_a_month", Some(9)));
    assert_eq!(verified.quota_renews_at.to_string(), "2026-06-01T00:00:00.000Z");
    let unlimited: Verified = stage.send(&stage.get("/api/links/verify")).await.read(200);
    assert_eq!(unlimited.quota_remaining, None);
    let poor = stage.key_on("shell_only").await;
    let answer = stage.send(&stage.signed_by(&poor, "GET", "/api/links/verify", b"")).await;
    assert_eq!(answer.refusal(), refused(403, "plan_required"));
}
