//! A job's page: its chain beside the check before, and the picture of where it ended.

use protocol::{Conclusion, JobResult};

use crate::desk::{concluded, valid};

/// The start of a WebP file, and something behind it.
const PICTURE: &[u8] = b"RIFF\x11\x00\x00\x00WEBPVP8 a picture";

fn with_picture(bytes: &[u8]) -> JobResult {
    JobResult { screenshot: Some(data_encoding::BASE64.encode(bytes)), title: Some("<script>alert(1)</script>".to_owned()), ..valid() }
}

on_both_databases! {
    async fn a_picture_goes_out_as_a_picture_and_nothing_else(stage) {
        let mut owner = stage.owner("ada").await;
        let desk = stage.desk().await;
        stage.job("a").await;
        let job = desk.resolve_one(&stage, with_picture(PICTURE)).await.job_id;
        let page = owner.get(&stage.console(&format!("/jobs/{job}"))).await.text();
        let path = stage.console(&format!("/jobs/{job}/screenshot.webp"));
        assert!(page.contains(&format!("src=\"{path}\"")) && !page.contains("<script>alert"), "{page}");
        let picture = owner.get(&path).await;
        assert_eq!((picture.status, picture.body.as_slice()), (200, PICTURE));
        for (name, value) in [
            ("content-type", "image/webp"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(picture.header(name), Some(value), "{name}");
        }
        let stranger = crate::browser::Browser::new(stage.address()).get(&path).await;
        assert_eq!(stranger.status, 303, "{}", stranger.text());
        stage.job("b").await;
        let without = desk.resolve_one(&stage, valid()).await.job_id;
        assert_eq!(owner.get(&stage.console(&format!("/jobs/{without}/screenshot.webp"))).await.status, 404);
        assert!(!owner.get(&stage.console(&format!("/jobs/{without}"))).await.text().contains("screenshot.webp"));
    }

    async fn a_check_stands_beside_the_one_before(stage) {
        let mut owner = stage.owner("ada").await;
        let desk = stage.desk().await;
        stage.job("a").await;
        let first = desk.resolve_one(&stage, valid()).await.job_id;
        assert!(!owner.get(&stage.console(&format!("/jobs/{first}"))).await.text().contains("Since the check before"));
        // Ids of one millisecond come in no order.
        stage.clock.set(stage.now().plus_seconds(1));
        let mut gone = concluded(Conclusion::HttpGone);
        (gone.http_status, gone.hops[0].status) = (Some(410), Some(410));
        assert_eq!(owner.post(&stage.console("/rows/act"), &[("row", "live/platform_api/a"), ("act", "recheck")]).await.status, 303);
        let second = desk.resolve_one(&stage, gone).await.job_id;
        let page = owner.get(&stage.console(&format!("/jobs/{second}"))).await.text();
        for told in ["Since the check before", "They part at hop 1", "another here", &first.to_string()] {
            assert!(page.contains(told), "{told}: {page}");
        }
        let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "no id comes twice");
        let row = owner.get(&stage.console(&format!("/rows/live/platform_api/a?with={first}"))).await.text();
        assert!(row.contains("They part at hop 1") && row.contains("another here"), "{row}");
    }
}
