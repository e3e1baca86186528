//! Settings as forms: owners change them, everybody sees them, and each change stands in the audit.

use super::people::member;

const CHANNEL: &str = "/settings/channel";
const RETENTION: &str = "/settings/retention";

on_both_databases! {
    async fn an_owner_chooses_how_long_a_check_stays_fresh(stage) {
        let mut owner = stage.owner("ada").await;
        let saved = owner.post(&stage.console(CHANNEL), &[("source", "platform_api"), ("freshness", "36"), ("unit", "h")]).await;
        assert_eq!(saved.header("location"), Some(stage.console("/settings?did=channel").as_str()), "{}", saved.text());
        assert_eq!(stage.relay.store().channel(stage.relay.account()).await.unwrap().freshness_seconds, 129_600);
        let page = owner.get(&stage.console("/settings?did=channel")).await.text();
        assert!(page.contains("value=\"36\"") && page.contains("Saved."), "{page}");
        let audit = owner.get(&stage.console("/audit?kind=setting_changed")).await.text();
        assert!(audit.contains("channel.freshness_seconds") && audit.contains("129600"), "{audit}");
        for (freshness, unit) in [("0", "h"), ("<b>", "h"), ("91", "d"), ("1", "eons")] {
            let wrong = owner.post(&stage.console(CHANNEL), &[("source", "platform_api"), ("freshness", freshness), ("unit", unit)]).await;
            let text = wrong.text();
            assert!(wrong.status == 422 && text.contains("aria-invalid") && !text.contains("<b>"), "{freshness} {unit}: {text}");
        }
        assert_eq!(owner.post(&stage.console(CHANNEL), &[("source", "mars"), ("freshness", "1"), ("unit", "h")]).await.status, 422);
        assert_eq!(stage.relay.store().channel(stage.relay.account()).await.unwrap().freshness_seconds, 129_600);
    }

    async fn rows_from_a_file_are_a_source_that_scripts_can_be_sent_to(stage) {
        let mut owner = stage.owner("ada").await;
        let to_csv = [("source", "csv"), ("freshness", "1"), ("unit", "d")];
        let early = owner.post(&stage.console(CHANNEL), &to_csv).await;
        assert!(early.status == 422 && early.text().contains("no rows of a source `csv`"), "{}", early.text());
        let row = [("url", "https://trk.example/1"), ("domain", ""), ("row", "typed")];
        assert_eq!(owner.post(&stage.console("/start/check"), &row).await.status, 303);
        assert!(owner.get(&stage.console("/settings")).await.text().contains("<option value=\"csv\""));
        assert_eq!(owner.post(&stage.console(CHANNEL), &to_csv).await.status, 303);
        let channel: protocol::ActiveChannel = stage.send(&stage.get("/api/channel")).await.read(200);
        assert!(channel.source == "csv" && channel.rows_url.ends_with("/api/rows?source=csv"), "{channel:?}");
        let rows: protocol::RowPage = stage.send(&stage.get("/api/rows?source=csv")).await.read(200);
        assert_eq!(rows.rows.iter().map(|row| row.row_id.as_str()).collect::<Vec<_>>(), ["typed"]);
    }

    async fn less_is_kept_only_once_it_was_said_twice(stage) {
        let mut owner = stage.owner("ada").await;
        let kept = async || stage.relay.store().kept(stage.relay.account()).await.unwrap().chosen;
        let asked = owner.post(&stage.console(RETENTION), &[("days", "30")]).await;
        assert!(asked.status == 200 && asked.text().contains("Keep checks for 30 days?"), "{}", asked.text());
        assert_eq!(kept().await, None);
        let saved = owner.post(&stage.console(RETENTION), &[("days", "30"), ("confirmed", "yes")]).await;
        assert_eq!((saved.status, kept().await), (303, Some(30)), "{}", saved.text());
        assert_eq!(owner.post(&stage.console(RETENTION), &[("days", "60")]).await.status, 303, "more is not asked about");
        for days in ["1", "91", "x"] {
            assert_eq!(owner.post(&stage.console(RETENTION), &[("days", days), ("confirmed", "yes")]).await.status, 422, "{days}");
        }
        assert_eq!(owner.post(&stage.console(RETENTION), &[("days", "")]).await.status, 303);
        assert_eq!(kept().await, None);
        let audit = owner.get(&stage.console("/audit?kind=setting_changed")).await.text();
        assert_eq!(audit.matches("retention.days").count(), 3, "{audit}");
    }

    async fn whoever_is_no_owner_sees_the_settings_and_changes_none(stage) {
        let mut owner = stage.owner("ada").await;
        for role in ["viewer", "operator"] {
            let mut member = member(&mut owner, &stage, role, role).await;
            let page = member.get(&stage.console("/settings")).await;
            assert!(page.status == 200 && page.text().contains("A check stays fresh for"), "{}", page.text());
            assert!(!page.text().contains(CHANNEL) && !page.text().contains(RETENTION), "{}", page.text());
            let channel = [("source", "platform_api"), ("freshness", "36"), ("unit", "h")];
            assert_eq!(member.post(&stage.console(CHANNEL), &channel).await.status, 403);
            assert_eq!(member.post(&stage.console(RETENTION), &[("days", "30"), ("confirmed", "yes")]).await.status, 403);
        }
        assert_eq!(stage.relay.store().kept(stage.relay.account()).await.unwrap().chosen, None);
    }
}
