//! Results for a job that the desktop does hold, with everything in them that may hurt whoever reads, stores or shows them.
//! What is wrong is refused with its place, and the job stays as it is; what may be there is kept and harmless.

use protocol::{Conclusion, Job, JobState};
use serde_json::{Value, json};

use super::snapshot::Snapshot;
use super::{Scene, on_both};
use crate::desk::{of, valid};
use crate::stage::NOW;
use crate::wire::refused;

/// What a test sends counts for nothing.
const DEVICE_LIMIT: &str = "20:1000";

on_both! {
    oversize => super::what_is_too_large_is_refused;
    addresses => super::what_nobody_should_click_is_refused;
    texts => super::characters_that_mislead_are_refused_in_every_text;
    numbers => super::absurd_numbers_are_refused;
    times => super::times_far_off_are_brought_back;
    conclusions => super::conclusions_that_cannot_be_are_refused;
    pictures => super::what_is_no_picture_is_refused;
    shapes => super::what_is_no_message_is_refused;
    formulas => super::formulas_are_text_wherever_they_are_shown;
}

/// Where texts of a stranger stand in a result. All of it is shown to people.
const TEXTS: [&str; 15] = [
    "/detail",
    "/title",
    "/finalUrl",
    "/handover",
    "/observed/userAgent",
    "/observed/proxy",
    "/observed/addressFamily",
    "/delayedRefresh/target",
    "/parameters/0/name",
    "/hops/0/url",
    "/hops/0/location",
    "/hops/0/method",
    "/hops/0/remoteAddr",
    "/hops/0/setCookies",
    "/hops/0/referrer",
];

/// A report of one result that is right in every member, and has each of them.
fn full(scene: &Scene) -> Value {
    let mut report = json!({"results": [of(&scene.own, valid())]});
    let result = &mut report["results"][0]["result"];
    let members = json!({
        "title": "Shoes", "handover": "a script sets location", "delayedRefresh": {"seconds": 9, "target": "https://shop.example/later"},
        "parameters": [{"name": "sub", "addedAt": 0}], "beside": {"popups": ["market://x"], "dialogs": 1},
        "observed": {"userAgent": "Mozilla/5.0", "proxy": "home", "addressFamily": "ipv4"},
    });
    result.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let hop = json!({
        "location": "/offer", "remoteAddr": "192.0.2.7:443", "httpVersion": "HTTP/2", "tlsVersion": "TLSv1.3", "setCookies": ["sid"],
        "referrer": "https://trk.example/",
    });
    result["hops"][0].as_object_mut().unwrap().extend(hop.as_object().unwrap().clone());
    report
}

/// The report with another value at a place of its result.
fn with(scene: &Scene, pointer: &str, value: impl Into<Value>) -> Value {
    let mut report = full(scene);
    let result = &mut report["results"][0]["result"];
    let value = if pointer.ends_with("/setCookies") { json!([value.into()]) } else { value.into() };
    *result.pointer_mut(pointer).unwrap_or_else(|| panic!("no member {pointer}")) = value;
    report
}

impl Scene {
    async fn expect_refused(&self, report: &Value, pointer: &str) {
        let answer = self.hostile.send(&self.stage, "/api/device/report", report).await;
        assert_eq!(answer.refusal(), refused(422, "invalid_payload"), "{pointer}: {report}");
        let told = answer.json()["errors"][0]["pointer"].as_str().unwrap().to_owned();
        // What serde refuses it tells without a place.
        let expected = format!("/results/0/result{pointer}");
        assert!(told == expected || told.is_empty(), "{told}, expected {expected}");
    }

    /// Nothing of others has changed, and the desktop's own job waits for a result that can be taken.
    async fn expect_nothing_changed(&self, before: &Snapshot, after: &str) {
        before.expect_unchanged(&Snapshot::of(self).await, after);
        let path = format!("/api/links/jobs/{}", self.own.job_id);
        let job: Job = self.stage.send(&self.stage.get(&path)).await.read(200);
        assert_eq!(job.state, JobState::Leased, "{after}");
    }

    /// Hands in its one result; the job as it is then.
    async fn conclude(&self, report: &Value) -> Value {
        let answer = self.hostile.send(&self.stage, "/api/device/report", report).await;
        assert_eq!(answer.json()["outcomes"][0]["outcome"], "applied", "{}", answer.text());
        self.stage.send(&self.stage.get(&format!("/api/links/jobs/{}", self.own.job_id))).await.json()
    }
}

async fn what_is_too_large_is_refused(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let mut hops = full(&scene);
    let hop = hops["results"][0]["result"]["hops"][0].clone();
    let numbered = |count: usize, location: &str| -> Value {
        (0..count)
            .map(|index| {
                let mut hop = hop.clone();
                (hop["index"], hop["location"]) = (index.into(), location.into());
                hop
            })
            .collect()
    };
    hops["results"][0]["result"]["hops"] = numbered(10_000, "/");
    scene.expect_refused(&hops, "/hops").await;
    hops["results"][0]["result"]["hops"] = numbered(5, &"a".repeat(60_000));
    scene.expect_refused(&hops, "").await;
    for pointer in TEXTS {
        scene.expect_refused(&with(&scene, pointer, format!("https://a.example/{}", "a".repeat(70_000))), pointer).await;
    }
    let many = |value: Value, count: usize| Value::from(vec![value; count]);
    scene.expect_refused(&with(&scene, "/beside/popups", many("market://x".into(), 21)), "/beside").await;
    scene.expect_refused(&with(&scene, "/parameters", many(json!({"name": "a", "addedAt": 0}), 65)), "/parameters").await;
    let results = json!({"results": vec![of(&scene.own, valid()); 101]});
    let answer = scene.hostile.send(&scene.stage, "/api/device/report", &results).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/results");
    let huge = scene.hostile.signed_at(NOW, "POST", "/api/device/report", &vec![b' '; 4 * 1_024 * 1_024 + 1]);
    assert_eq!(scene.stage.send(&huge).await.refusal(), refused(413, "body_too_large"));
    scene.expect_nothing_changed(&before, "what is too large").await;
}

async fn what_nobody_should_click_is_refused(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    for url in
        ["javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "JaVaScRiPt:alert(1)", " https://a.example", "//a.example", ""]
    {
        for pointer in ["/finalUrl", "/hops/0/url", "/hops/0/referrer"] {
            scene.expect_refused(&with(&scene, pointer, url), pointer).await;
        }
    }
    scene.expect_nothing_changed(&before, "addresses that nobody should click").await;
}

async fn characters_that_mislead_are_refused_in_every_text(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    for character in ['\0', '\u{1b}', '\r', '\n', '\u{85}', '\u{2028}', '\u{202e}', '\u{2067}'] {
        for pointer in TEXTS {
            scene.expect_refused(&with(&scene, pointer, format!("https://a.example/{character}gpj.exe")), pointer).await;
        }
        scene.expect_refused(&with(&scene, "/beside/popups", json!([format!("a{character}")])), "/beside").await;
    }
    scene.expect_nothing_changed(&before, "texts that mislead").await;
}

async fn absurd_numbers_are_refused(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    for pointer in ["/durationMs", "/hops/0/elapsedMs"] {
        for number in [json!(-1), json!(1.5), json!(u64::MAX), json!(1e300), json!("1")] {
            scene.expect_refused(&with(&scene, pointer, number), pointer).await;
        }
    }
    for (pointer, number) in [
        ("/httpStatus", json!(70_000)),
        ("/httpStatus", json!(-200)),
        ("/failingHop", json!(1)),
        ("/failingHop", json!(u32::MAX)),
        ("/hops/0/index", json!(7)),
        ("/parameters/0/addedAt", json!(128)),
        ("/beside/dialogs", json!(-1)),
        ("/delayedRefresh/seconds", json!(-5)),
        ("/checkedAt", json!("+99999-01-01T00:00:00Z")),
        ("/checkedAt", json!(1)),
    ] {
        scene.expect_refused(&with(&scene, pointer, number), pointer).await;
    }
    for fence in [json!(-1), json!(1.5), json!(u64::MAX)] {
        let mut report = full(&scene);
        report["results"][0]["fence"] = fence;
        assert_eq!(scene.hostile.send(&scene.stage, "/api/device/report", &report).await.refusal(), refused(422, "invalid_payload"));
    }
    // Numbers that no type holds.
    let text = full(&scene).to_string().replace("\"durationMs\":0", &format!("\"durationMs\":{}", "9".repeat(4_000)));
    let request = scene.hostile.signed_at(NOW, "POST", "/api/device/report", text.as_bytes());
    assert!(matches!(scene.stage.send(&request).await.status, 400 | 422));
    scene.expect_nothing_changed(&before, "absurd numbers").await;
}

async fn times_far_off_are_brought_back(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let job = scene.conclude(&with(&scene, "/checkedAt", "9999-12-30T00:00:00.000Z")).await;
    let now = scene.stage.now().to_string();
    assert_eq!(job["result"]["checkedAt"], *now, "nobody has looked later than now");
    let row = scene.stage.send(&scene.stage.get("/api/rows/platform_api/own")).await.json();
    assert_eq!(row["lastChecked"], *now);
    before.expect_unchanged(&Snapshot::of(&scene).await, "a time far off");
}

async fn conclusions_that_cannot_be_are_refused(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    for code in [
        "perfect",
        "",
        "Valid",
        "skipped_by_operator",
        "skipped_by_rule",
        "not_executed",
        "http_gone",
        "http_server_error",
        "input_invalid",
    ] {
        scene.expect_refused(&with(&scene, "/conclusion", code), "/conclusion").await;
    }
    for (pointer, value) in
        [("/httpStatus", json!(404)), ("/failingHop", json!(0)), ("/hops/0/kind", json!("magic")), ("/engine", json!("human"))]
    {
        scene.expect_refused(&with(&scene, pointer, value), pointer).await;
    }
    let mut gone = with(&scene, "/httpStatus", 404);
    gone["results"][0]["result"]["hops"][0]["status"] = 404.into();
    scene.expect_refused(&gone, "/conclusion").await;
    scene.expect_nothing_changed(&before, "conclusions that cannot be").await;
}

async fn what_is_no_picture_is_refused(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let large = [&b"RIFF\x00\x00\x02\x00WEBPVP8 "[..], &[0; 131_000]].concat();
    for picture in [
        "no base64".to_owned(),
        base64(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        base64(b"\x89PNG\r\n\x1a\n"),
        base64(b"RIFF\x08\0\0\0WEBPVP8 <script>alert(1)</script>"),
        base64(&large),
    ] {
        let mut report = full(&scene);
        report["results"][0]["result"]["screenshot"] = picture.into();
        scene.expect_refused(&report, "/screenshot").await;
    }
    scene.expect_nothing_changed(&before, "what is no picture").await;
}

async fn what_is_no_message_is_refused(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let deep = [b"{\"results\":".to_vec(), b"[".repeat(100_000)].concat();
    let whole = full(&scene).to_string();
    let twice = whole.replace("\"conclusion\":", "\"conclusion\":\"http_gone\",\"conclusion\":");
    let bodies: [&[u8]; 7] =
        [&deep, b"\xff\xfe", b"{\"results\":", &whole.as_bytes()[..whole.len() - 1], twice.as_bytes(), b"null", b"{\"results\":{}}"];
    for body in bodies {
        let request = scene.hostile.signed_at(NOW, "POST", "/api/device/report", body);
        let answer = scene.stage.send(&request).await;
        assert!(matches!(answer.status, 400 | 422), "{} {}", answer.status, answer.text());
    }
    scene.expect_nothing_changed(&before, "what is no message").await;
}

async fn formulas_are_text_wherever_they_are_shown(scene: Scene) {
    let before = Snapshot::of(&scene).await;
    let formula = "=HYPERLINK(\"https://evil.example\",\"<img src=x onerror=alert(1)>\")";
    let mut report = full(&scene);
    let result = &mut report["results"][0]["result"];
    // A failure's detail is what a row shows as its error.
    (result["conclusion"], result["failingHop"]) = (json!("connect_failed"), json!(0));
    (result["httpStatus"], result["hops"][0]["status"]) = (Value::Null, Value::Null);
    result["finalUrl"] = "https://evil.example/?=1+1&<script>alert(1)</script>".into();
    for pointer in TEXTS.iter().filter(|pointer| !["/finalUrl", "/hops/0/url", "/hops/0/referrer"].contains(pointer)) {
        *result.pointer_mut(pointer).unwrap() = if *pointer == "/hops/0/setCookies" { json!([formula]) } else { formula.into() };
    }
    let job = scene.conclude(&report).await;
    assert_eq!(job["result"]["title"], formula, "what was seen is kept as it was");
    let mut owner = scene.stage.owner("ada").await;
    let csv = owner.get(&scene.stage.console("/rows/export.csv")).await.text();
    let cells: Vec<&str> = csv.split(['\n', ',']).map(|cell| cell.trim_start_matches('"')).collect();
    assert!(cells.iter().any(|cell| cell.starts_with("'=HYPERLINK")), "{csv}");
    assert!(!cells.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])), "{csv}");
    let job_page = format!("/jobs/{}", scene.own.job_id);
    for page in ["/rows", "/rows/live/platform_api/own", "/jobs", "", &job_page, "/audit"] {
        let answer = owner.get(&scene.stage.console(page)).await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(!answer.text().contains("<img src=x") && !answer.text().contains("<script>alert"), "{page}: {}", answer.text());
    }
    let evidence = owner.get(&scene.stage.console(&format!("{job_page}/evidence.json"))).await;
    assert_eq!(evidence.header("x-content-type-options"), Some("nosniff"));
    assert!(evidence.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(Conclusion::ConnectFailed.code(), job["result"]["conclusion"]);
    before.expect_unchanged(&Snapshot::of(&scene).await, "formulas");
}
