//! What the console reads: rows as people look for them, what was concluded in which hour, who is there.

use domain::audit::Actor;
use protocol::{Class, Conclusion, Environment, JobResult, UnixMillis};
use store::{ConsoleRow, ConsoleRowFilter, Presence, RowEdit, RowOrder, RowPlace};

use crate::fixture::Fixture;
use crate::words::{NOW, after, concluded, of, valid};

on_every_database! {
    async fn rows_are_found_by_class_whatever_the_others_are(fixture) {
        for (row, conclusion) in [("a", Conclusion::Valid), ("b", Conclusion::HttpGone), ("c", Conclusion::Drifted), ("d", Conclusion::DnsFailed)] {
            check(&fixture, row, conclusion, NOW).await;
        }
        fixture.job("e").await;
        let by = |class| ConsoleRowFilter { class: Some(class), ..everything(&fixture) };
        assert_eq!(ids(&fixture, by(Some(Class::Bad))).await, ["b", "d"]);
        assert_eq!(ids(&fixture, by(Some(Class::Review))).await, ["c"]);
        assert_eq!(ids(&fixture, by(Some(Class::Ok))).await, ["a"]);
        assert_eq!(ids(&fixture, by(None)).await, ["e"]);
        let gone = ConsoleRowFilter { conclusion: Some(Conclusion::HttpGone), ..everything(&fixture) };
        assert_eq!(ids(&fixture, gone).await, ["b"]);
        let ready = ConsoleRowFilter { ready: Some(true), ..everything(&fixture) };
        assert_eq!(ids(&fixture, ready).await, ["a"]);
    }

    async fn a_row_that_a_person_excluded_is_among_the_skipped_and_no_others(fixture) {
        check(&fixture, "a", Conclusion::HttpGone, NOW).await;
        let skip = RowEdit::Skip { reason: "paused".to_owned() };
        fixture.store.edit_row(live(&fixture), key("a"), skip, Actor::Machine, NOW).await.unwrap();
        let by = |class| ConsoleRowFilter { class: Some(Some(class)), ..everything(&fixture) };
        assert_eq!(ids(&fixture, by(Class::Skipped)).await, ["a"]);
        assert_eq!(ids(&fixture, by(Class::Bad)).await, [""; 0]);
    }

    async fn a_text_is_found_in_ids_and_addresses_and_ids_that_begin_with_it_come_first(fixture) {
        for row in ["x-shoe", "shoe-1", "shoe-2", "other"] {
            fixture.job(row).await;
        }
        fixture.accept(fixture.submission("zzz").row("zzz").url("https://trk.example/SHOE")).await;
        let text = ConsoleRowFilter { text: Some("shoe".to_owned()), ..everything(&fixture) };
        assert_eq!(ids(&fixture, text.clone()).await, ["shoe-1", "shoe-2", "x-shoe", "zzz"]);
        let one = ConsoleRowFilter { limit: 1, ..text };
        assert_eq!(walk(&fixture, one).await, ["shoe-1", "shoe-2", "x-shoe", "zzz"]);
    }

    async fn pages_go_on_where_they_ended_in_every_order(fixture) {
        for number in 0..7 {
            check(&fixture, &format!("row-{number}"), Conclusion::HttpGone, after(number)).await;
        }
        let rising: Vec<String> = (0..7).map(|number| format!("row-{number}")).collect();
        let falling: Vec<String> = rising.iter().rev().cloned().collect();
        let by = |order| ConsoleRowFilter { order, limit: 2, ..everything(&fixture) };
        assert_eq!(walk(&fixture, by(RowOrder::Key)).await, rising);
        assert_eq!(walk(&fixture, by(RowOrder::KeyBack)).await, falling);
        assert_eq!(walk(&fixture, by(RowOrder::Change)).await, falling);
        assert_eq!(walk(&fixture, by(RowOrder::Checked)).await, falling);
        assert_eq!(walk(&fixture, by(RowOrder::CheckedBack)).await, rising);
        assert_eq!(walk(&fixture, by(RowOrder::Worst)).await, rising);
        let of_source = ConsoleRowFilter { source: Some("platform_api".to_owned()), ..by(RowOrder::KeyBack) };
        assert_eq!(walk(&fixture, of_source).await, falling);
        let bad = ConsoleRowFilter { class: Some(Some(Class::Bad)), limit: 3, ..everything(&fixture) };
        assert_eq!(walk(&fixture, bad).await, rising);
    }

    async fn the_worst_come_first_and_none_is_left_out_or_told_twice(fixture) {
        let checks = [
            ("a", Conclusion::Valid), ("b", Conclusion::DnsFailed), ("c", Conclusion::Drifted), ("d", Conclusion::HttpGone),
            ("e", Conclusion::HttpServerError), ("f", Conclusion::HttpGone), ("g", Conclusion::Valid),
        ];
        for (row, conclusion) in checks {
            check(&fixture, row, conclusion, NOW).await;
        }
        fixture.job("h").await;
        // It keeps the class of its last check, and is no longer among the bad.
        let skip = RowEdit::Skip { reason: "paused".to_owned() };
        fixture.store.edit_row(live(&fixture), key("f"), skip, Actor::Machine, NOW).await.unwrap();
        for limit in 1..=9 {
            let worst = ConsoleRowFilter { order: RowOrder::Worst, limit, ..everything(&fixture) };
            assert_eq!(walk(&fixture, worst).await, ["b", "d", "c", "e", "a", "f", "g", "h"], "{limit} at a time");
        }
        let of_class = ConsoleRowFilter { order: RowOrder::Worst, class: Some(Some(Class::Review)), ..everything(&fixture) };
        assert_eq!(walk(&fixture, of_class).await, ["c"]);
    }

    async fn by_the_last_check_what_was_never_checked_is_oldest(fixture) {
        for (row, at) in [("a", 20), ("b", 10), ("c", 30)] {
            check(&fixture, row, Conclusion::HttpGone, after(at)).await;
        }
        fixture.job("never").await;
        let by = |order| ConsoleRowFilter { order, limit: 2, ..everything(&fixture) };
        assert_eq!(walk(&fixture, by(RowOrder::Checked)).await, ["c", "a", "b", "never"]);
        assert_eq!(walk(&fixture, by(RowOrder::CheckedBack)).await, ["never", "b", "a", "c"]);
        let changed = ConsoleRowFilter { changed_since: Some(after(15)), ..by(RowOrder::CheckedBack) };
        assert_eq!(walk(&fixture, changed).await, ["a", "c"]);
    }

    async fn by_offer_and_by_final_url_what_has_none_comes_last_both_ways(fixture) {
        for (row, offer, url) in [("a", Some("pears"), "https://z.example/"), ("b", Some("Apples"), "http://a.example/"), ("c", None, "https://m.example/")] {
            let landed = JobResult { final_url: Some(url.to_owned()), ..concluded(Conclusion::HttpGone, NOW) };
            checked(&fixture, row, landed, NOW).await;
            if let Some(offer) = offer {
                fixture.store.finish_import(live(&fixture), key(row), Some(offer.to_owned())).await.unwrap();
            }
        }
        fixture.job("never").await;
        for limit in [1, 2, 10] {
            let by = |order| ConsoleRowFilter { order, limit, ..everything(&fixture) };
            assert_eq!(walk(&fixture, by(RowOrder::Offer)).await, ["b", "a", "c", "never"], "{limit} at a time");
            assert_eq!(walk(&fixture, by(RowOrder::OfferBack)).await, ["a", "b", "never", "c"]);
            assert_eq!(walk(&fixture, by(RowOrder::FinalUrl)).await, ["b", "c", "a", "never"]);
            assert_eq!(walk(&fixture, by(RowOrder::FinalUrlBack)).await, ["a", "c", "b", "never"]);
        }
    }

    async fn by_readiness_those_that_are_ready_come_first_and_those_alike_together(fixture) {
        for (row, conclusion, at) in [("a", Conclusion::HttpGone, 100), ("b", Conclusion::Valid, 100), ("c", Conclusion::Valid, -100_000), ("e", Conclusion::Valid, 100)] {
            check(&fixture, row, conclusion, after(at)).await;
        }
        fixture.job("d").await;
        for limit in [1, 3, 10] {
            let by = |order| ConsoleRowFilter { order, limit, ..everything(&fixture) };
            assert_eq!(walk(&fixture, by(RowOrder::Ready)).await, ["b", "e", "d", "a", "c"], "{limit} at a time");
            assert_eq!(walk(&fixture, by(RowOrder::ReadyBack)).await, ["c", "a", "d", "e", "b"], "{limit} at a time");
        }
    }

    async fn readiness_goes_by_the_window_that_the_account_has_chosen(fixture) {
        check(&fixture, "a", Conclusion::Valid, NOW).await;
        let ready = async |at| fixture.store.console_row(live(&fixture), key("a"), at).await.unwrap().unwrap().row.ready_for_ads;
        assert!(ready(after(120)).await);
        let channel = domain::channel::Channel { source: "platform_api".to_owned(), freshness_seconds: 60 };
        fixture.store.set_channel(fixture.account, channel, Actor::Machine, NOW).await.unwrap();
        assert!(!ready(after(120)).await && ready(after(30)).await);
        let stale = ConsoleRowFilter { ready: Some(false), ..everything(&fixture) };
        assert_eq!(fixture.store.console_rows(stale, after(120)).await.unwrap().rows.len(), 1);
    }

    async fn a_row_changes_when_its_conclusion_does(fixture) {
        check(&fixture, "a", Conclusion::Valid, NOW).await;
        check(&fixture, "a", Conclusion::Valid, after(10)).await;
        let row = fixture.store.console_row(live(&fixture), key("a"), NOW).await.unwrap().unwrap();
        assert_eq!((row.previous, row.changed_at), (None, None), "a first check that finds it in order");
        check(&fixture, "a", Conclusion::HttpGone, after(20)).await;
        let row = fixture.store.console_row(live(&fixture), key("a"), NOW).await.unwrap().unwrap();
        assert_eq!((row.previous, row.changed_at), (Some(Conclusion::Valid), Some(after(20))));
        let since = |seconds| ConsoleRowFilter { changed_since: Some(after(seconds)), ..everything(&fixture) };
        assert_eq!(ids(&fixture, since(20)).await, ["a"]);
        assert_eq!(ids(&fixture, since(21)).await, [""; 0]);
    }

    async fn attention_counts_what_is_bad_and_what_became_so(fixture) {
        check(&fixture, "old", Conclusion::HttpGone, after(-10)).await;
        check(&fixture, "new", Conclusion::DnsFailed, NOW).await;
        check(&fixture, "drift", Conclusion::Drifted, NOW).await;
        check(&fixture, "good", Conclusion::Valid, NOW).await;
        let attention = fixture.store.attention(fixture.account, Environment::Live, NOW).await.unwrap();
        assert_eq!((attention.bad, attention.became_bad), (2, 1));
        assert_eq!((attention.review, attention.became_review, attention.inconclusive, attention.rows), (1, 1, 0, 4));
        let elsewhere = fixture.store.attention(fixture.account_on("ten_a_month").await, Environment::Live, NOW).await.unwrap();
        assert_eq!(elsewhere, store::Attention::default());
    }

    async fn what_was_concluded_is_counted_by_hour_and_latency(fixture) {
        check(&fixture, "a", Conclusion::Valid, NOW).await;
        check(&fixture, "b", Conclusion::Valid, NOW).await;
        check(&fixture, "c", Conclusion::HttpGone, after(3_600)).await;
        let hours = fixture.store.concluded_hours(fixture.account, Environment::Live, after(-1)).await.unwrap();
        let told: Vec<(UnixMillis, Conclusion, u64)> = hours.iter().map(|hour| (hour.begins_at, hour.conclusion, hour.jobs)).collect();
        assert_eq!(told, [(NOW, Conclusion::Valid, 2), (after(3_600), Conclusion::HttpGone, 1)]);
        let of_test = fixture.store.concluded_hours(fixture.account, Environment::Test, after(-1)).await.unwrap();
        assert_eq!(of_test, []);
    }

    async fn a_result_that_changes_nothing_is_not_counted(fixture) {
        let device = fixture.device().await;
        fixture.job("a").await;
        let leased = fixture.lease(device, NOW).await;
        for _ in 0..2 {
            fixture.report(device, vec![of(&leased, valid(NOW))], NOW).await;
        }
        let hours = fixture.store.concluded_hours(fixture.account, Environment::Live, NOW).await.unwrap();
        assert_eq!(hours.iter().map(|hour| hour.jobs).sum::<u64>(), 1);
    }

    async fn hours_are_forgotten_with_the_jobs_that_they_count(fixture) {
        check(&fixture, "a", Conclusion::Valid, NOW).await;
        fixture.store.prune(after(200 * 86_400), None).await.unwrap();
        assert_eq!(fixture.store.concluded_hours(fixture.account, Environment::Live, UnixMillis(0)).await.unwrap(), []);
    }

    async fn the_queue_tells_how_long_the_next_job_has_waited(fixture) {
        assert_eq!(fixture.store.queue_head(fixture.account).await.unwrap(), store::QueueHead::default());
        fixture.jobs(3).await;
        let device = fixture.device().await;
        fixture.lease(device, NOW).await;
        let head = fixture.store.queue_head(fixture.account).await.unwrap();
        assert_eq!((head.leased, head.oldest), (1, Some(after(-2))));
        let held = fixture.store.held_leases(fixture.account).await.unwrap();
        assert_eq!((held.len(), held[0].device, held[0].row_id.as_str()), (1, device, "offer-0"));
    }

    async fn presence_is_the_newest_that_was_heard(fixture) {
        let device = fixture.device().await;
        for seen_at in [NOW, after(60), after(30)] {
            let presence = Presence { device, seen_at, version: "link-peeler-desktop/0.1.0".to_owned() };
            fixture.store.note_presence(fixture.account, presence).await.unwrap();
        }
        let present = fixture.store.presence(fixture.account).await.unwrap();
        assert_eq!((present.len(), present[0].seen_at), (1, after(60)));
        assert_eq!(fixture.store.presence(fixture.account_on("ten_a_month").await).await.unwrap(), []);
    }

    async fn a_device_gets_another_name_unless_it_was_revoked(fixture) {
        let device = fixture.device().await;
        assert!(fixture.store.rename_device(fixture.account, device, "studio".to_owned(), Actor::Machine, NOW).await.unwrap());
        assert_eq!(fixture.store.devices(fixture.account).await.unwrap()[0].name, "studio");
        let stranger = fixture.account_on("ten_a_month").await;
        assert!(!fixture.store.rename_device(stranger, device, "mine".to_owned(), Actor::Machine, NOW).await.unwrap());
        fixture.store.revoke_device(fixture.account, device, Actor::Machine, NOW).await.unwrap();
        assert!(!fixture.store.rename_device(fixture.account, device, "late".to_owned(), Actor::Machine, NOW).await.unwrap());
    }

    async fn sources_are_those_that_have_rows(fixture) {
        for (source, row) in [("csv", "1"), ("google_sheets", "1"), ("csv", "2")] {
            fixture.accept(fixture.submission(&format!("{source}{row}")).source(source).row(row)).await;
        }
        assert_eq!(fixture.store.sources(fixture.account, Environment::Live).await.unwrap(), ["csv", "google_sheets"]);
    }
}

fn live(fixture: &Fixture) -> (protocol::AccountId, Environment) {
    (fixture.account, Environment::Live)
}

fn key(row_id: &str) -> (String, String) {
    ("platform_api".to_owned(), row_id.to_owned())
}

fn everything(fixture: &Fixture) -> ConsoleRowFilter {
    ConsoleRowFilter::all_of(fixture.account, Environment::Live, 50)
}

/// A job for the row, leased and concluded at `at`.
async fn check(fixture: &Fixture, row_id: &str, conclusion: Conclusion, at: UnixMillis) {
    let result = if conclusion == Conclusion::Valid { valid(at) } else { concluded(conclusion, at) };
    checked(fixture, row_id, result, at).await;
}

async fn checked(fixture: &Fixture, row_id: &str, result: JobResult, at: UnixMillis) {
    let device = fixture.device().await;
    let name = fixture.fresh_nonce();
    fixture.accept(fixture.submission(&name).row(row_id).at(at)).await;
    let leased = fixture.lease(device, at).await;
    fixture.report(device, vec![of(&leased, result)], at).await;
}

async fn ids(fixture: &Fixture, filter: ConsoleRowFilter) -> Vec<String> {
    let page = fixture.store.console_rows(filter, NOW).await.unwrap();
    assert_eq!(page.next, None);
    names(&page.rows)
}

fn names(rows: &[ConsoleRow]) -> Vec<String> {
    rows.iter().map(|row| row.row.row_id.clone()).collect()
}

/// Every page.
async fn walk(fixture: &Fixture, mut filter: ConsoleRowFilter) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = fixture.store.console_rows(filter.clone(), NOW).await.unwrap();
        assert!(page.rows.len() <= filter.limit);
        found.extend(names(&page.rows));
        let next: Option<RowPlace> = page.next;
        match next {
            Some(next) => filter.after = Some(next),
            None => return found,
        }
    }
}
