//! Every component on one page, with the assets beside it, to look at: `cargo run -p link-peeler-ui --example gallery FOLDER`.

use std::path::PathBuf;

use protocol::result::ParameterTrace;
use protocol::{Conclusion, Hop, HopKind, JobResult, UnixMillis};
use ui::button::{self, Weight};
use ui::card::{card, columns, empty, fold, terms, tile, tiles};
use ui::chart::{self, Chart, Series};
use ui::document::{Entry, Group, Page, Site, document};
use ui::field::{self, Field};
use ui::header::{page_header, tabs};
use ui::notice::{errors, notice};
use ui::table::{Column, Keep, Order, table, td, td_right};
use ui::theme::Theme;
use ui::{Icon, Markup, Tone, badge, code, conclusion, html, link, number, pager, time, timeline};

fn main() -> std::io::Result<()> {
    let folder: PathBuf = std::env::args().nth(1).unwrap_or_else(|| "gallery".to_owned()).into();
    std::fs::create_dir_all(folder.join("assets"))?;
    for name in ["ui.css", "ui.js", "live.js", "favicon.svg"] {
        let path = ui::assets::path(name);
        let hashed = path.trim_start_matches(ui::assets::ROOT);
        if let Some(response) = ui::assets::respond(hashed, &http::HeaderMap::new()) {
            std::fs::write(folder.join("assets").join(hashed), response.into_body())?;
        }
    }
    for theme in [Theme::Light, Theme::Dark] {
        let page = whole(theme).into_string().replace("\"/assets/", "\"assets/").replace(" data-focus", "");
        std::fs::write(folder.join(format!("{}.html", theme.as_str())), page)?;
    }
    Ok(())
}

fn whole(theme: Theme) -> Markup {
    let site = Site {
        name: "Console",
        home: "/",
        navigation: vec![
            Group {
                label: None,
                entries: vec![
                    Entry::new("/", "Overview", Icon::Overview),
                    Entry { count: 12, ..Entry::new("/rows", "Rows", Icon::Rows) },
                    Entry::new("/jobs", "Jobs", Icon::Jobs),
                    Entry::new("/devices", "Devices", Icon::Devices),
                ],
            },
            Group {
                label: Some("Integration"),
                entries: vec![Entry::new("/keys", "API keys", Icon::Keys), Entry::new("/requests", "Requests", Icon::Requests)],
            },
            Group {
                label: Some("Account"),
                entries: vec![
                    Entry::new("/audit", "Audit", Icon::Audit),
                    Entry::new("/operators", "Operators", Icon::People),
                    Entry::new("/settings", "Settings", Icon::Settings),
                ],
            },
        ],
        account: html! { "Default account" },
        footer: html! { "Link Peeler 0.1.0" },
        theme_action: Some("/theme"),
        form_extras: html! {},
    };
    document(&site, &Page { title: "Gallery", current: "/rows", here: "/", theme, live: false }, body())
}

fn body() -> Markup {
    html! {
        (page_header("Rows", Some("Every link of this account, and whether money may be spent on it now."), &html! {
            (button::link(Weight::Plain, Some(Icon::Download), "Export", "#")) (button::link(Weight::Main, Some(Icon::Upload), "Import CSV", "#"))
        }))
        (notice(Tone::Review, "No desktop is online", &html! { "12 jobs wait. " a href="#" { "Start a desktop" } " to go on." }))
        (tabs("Rows by class", &[("/", "All", Some(1_204_332)), ("/rows", "Bad", Some(37)), ("/x", "Review", Some(4))], "/rows"))
        (tiles(&[
            tile("Ready for ads", &number::number(1_204), &html! { "of 1,310 rows" }, Tone::Ok, None),
            tile("Bad", &number::number(37), &html! { "12 since yesterday" }, Tone::Bad, Some("#")),
            tile("Review", &number::number(4), &html! { "1 since yesterday" }, Tone::Review, None),
            tile("Waiting", &number::number(128), &html! { "oldest 4 min 10 s" }, Tone::Plain, None),
            tile("Latency", &html! { (time::duration(1_840)) }, &html! { "median of the last hour" }, Tone::Plain, None),
        ]))
        section.card.flush {
            div.card-head { (filters()) }
            (rows())
            (pager::pager("50 rows from “A”", Some("#"), Some("#"), Some("#")))
        }
        (columns(&[card("Conclusions", &html! {}, &chart::bars(&by_class())), card("Latency", &html! {}, &chart::lines(&latency())),
            card("Quota", &html! { a href="#" { "Plan" } }, &html! { (chart::gauge("Quota", 8_412, Some(10_000))) (chart::meter("Backlog", 128, 1_000)) })]))
        (conclusion::verdict(Conclusion::ParametersMissing, "Parameter gclid was dropped at hop 2."))
        (card("Chain", &html! {}, &timeline::timeline(&result())))
        div.badges { @for conclusion in Conclusion::ALL { (badge::conclusion(*conclusion)) } (badge::readiness(true)) (badge::readiness(false)) (badge::presence(true)) (badge::presence(false)) }
        (columns(&[form(), card("Device", &html! {}, &html! {
            (code::large("code", "KXPT-4M7Q"))
            (terms(&[("Name", html! { "Studio desktop" }), ("Linked", time::time(UnixMillis(1_779_753_600_000))), ("Link", link::outside("https://track.example/c/1?x=<b>"))]))
            (code::block("curl", "Call with curl", "curl -sS https://relay.example/api/links/fetch \\\n  -H 'Content-Type: application/json'"))
            (fold("More", false, &html! { "Details" }))
        })]))
        (card("Nothing yet", &html! {}, &empty(Icon::Rows, "No rows yet", "Rows come with the first signed request, or from a CSV file.", &button::link(Weight::Main, Some(Icon::Upload), "Import CSV", "#"))))
    }
}

fn filters() -> Markup {
    field::filter_bar(
        "#",
        &[],
        &html! {
            (field::filter_text("q", "Text", "Row id, offer or URL", ""))
            (field::filter_select("class", "Class", &[("", "any"), ("bad", "bad")], "bad"))
            (field::filter_select("source", "Source", &[("", "any")], ""))
            (field::filter_select("ready", "Readiness", &[("", "any")], ""))
        },
        true,
    )
}

fn rows() -> Markup {
    let columns = [
        Column::new(""),
        Column::new("Row").sort("#".to_owned(), Some(Order::Rising)),
        Column::new("Conclusion"),
        Column::new("Final URL").keep(Keep::Medium),
        Column::new("Checked").sort("#".to_owned(), None).keep(Keep::Medium),
        Column::new("Hops").numeric().keep(Keep::Wide),
    ];
    table(
        "Rows",
        &columns,
        &html! {
            @for (index, conclusion) in Conclusion::ALL.iter().rev().take(7).enumerate() {
                tr {
                    td.narrow { (ui::table::select_one("bulk", "row", "x", "row")) }
                    td { a.cell-main href="#" { "campaign-" (index + 1) } span.cell-sub { (link::outside_cut("https://track.example/click?campaign=1048&sub=aaaaaaaaaaaaaaa")) } }
                    (td(Keep::Always, &badge::conclusion(*conclusion)))
                    (td(Keep::Medium, &link::outside_cut("https://shop.example/landing?utm_source=network")))
                    (td(Keep::Medium, &time::ago(UnixMillis(0), UnixMillis(7_200_000))))
                    (td_right(Keep::Wide, &number::number(4)))
                }
            }
        },
    )
}

fn form() -> Markup {
    let fault = "Give a domain without scheme or path, such as shop.example.";
    card(
        "Expectation",
        &html! {},
        &html! {
            form.form {
                (errors(&[("domain".to_owned(), fault.to_owned())]))
                (field::input("text", &Field { name: "domain", label: "Expected domain", value: "https://shop", error: Some(fault), required: true, ..Field::default() }))
                (field::input("text", &Field { name: "params", label: "Required parameters", hint: Some("Names, with commas between."), ..Field::default() }))
                (field::select(&[("a", "One"), ("b", "Two")], &Field { name: "sel", label: "Context", value: "b", ..Field::default() }))
                (field::checkbox("again", "yes", "Check again at once", Some("Uses one fetch of the quota."), true))
                (field::actions(&html! { (button::submit(Weight::Main, None, "Save")) (button::link(Weight::Plain, None, "Cancel", "#")) (button::submit(Weight::Danger, Some(Icon::Trash), "Remove")) }))
            }
        },
    )
}

fn hours() -> Vec<String> {
    (0..24).map(|hour| format!("{hour:02}:00")).collect()
}

fn by_class() -> Chart<'static> {
    let wave = |scale: u64, shift: u64| (0..24).map(|hour: u64| scale * (12 - (hour + shift) % 24 / 2) / 4).collect();
    let series =
        [("ok", Tone::Ok, 80, 3), ("review", Tone::Review, 6, 5), ("inconclusive", Tone::Inconclusive, 9, 9), ("bad", Tone::Bad, 12, 1)];
    let series = series.map(|(name, tone, scale, shift)| Series { name, tone, values: wave(scale, shift) }).into();
    Chart { id: "classes", title: "Conclusions by hour, last 24 hours", steps: hours(), series, format: number::grouped }
}

fn latency() -> Chart<'static> {
    let values = (0..24).map(|hour: u64| 900 + hour * 37 % 600 + hour * 20).collect();
    Chart {
        id: "latency",
        title: "Median latency by hour",
        steps: hours(),
        series: vec![Series { name: "median", tone: Tone::Working, values }],
        format: time::duration,
    }
}

fn result() -> JobResult {
    let hop = |index, kind, url: &str, status, elapsed_ms| Hop {
        index,
        url: url.to_owned(),
        method: "GET".to_owned(),
        kind,
        status,
        remote_addr: Some("203.0.113.7:443".to_owned()),
        http_version: Some("HTTP/2".to_owned()),
        tls_version: Some("TLSv1.3".to_owned()),
        elapsed_ms,
        ..Hop::default()
    };
    let mut result = JobResult::not_executed("", UnixMillis(0));
    result.conclusion = Conclusion::ParametersMissing;
    result.hops = vec![
        hop(0, HopKind::Start, "https://track.example/click?campaign=1048&gclid=abc", Some(302), 84),
        hop(1, HopKind::Http, "https://hop.network.example/r/9f8a7c?campaign=1048&gclid=abc&clickid=77aa", Some(200), 212),
        hop(2, HopKind::MetaRefresh, "https://shop.example/landing/summer?clickid=77aa", Some(200), 402),
    ];
    result.hops[1].set_cookies = vec!["uid".to_owned(), "sess".to_owned()];
    result.failing_hop = Some(2);
    let traced =
        |name: &str, added_at, dropped_at| ParameterTrace { name: name.to_owned(), added_at, dropped_at, ..ParameterTrace::default() };
    result.parameters = vec![traced("gclid", 0, Some(2)), traced("campaign", 0, Some(2)), traced("clickid", 1, None)];
    result
}
