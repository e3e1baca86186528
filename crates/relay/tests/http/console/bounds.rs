//! What one person may take of the relay: files that are not read, pages with long addresses, searches by the dozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::device::LeasedJob;
use protocol::{Conclusion, JobResult, RowPage};
use tokio::net::TcpSocket;

use super::people::{id_of, member};
use crate::addresses::memory_kib;
use crate::browser::Browser;
use crate::desk::{concluded, of};
use crate::frames::{END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW, Raw, frame, setting};
use crate::stage::Stage;
use crate::wire::{Connection, Request};

/// Rows of 60,000 bytes: twice what connections hold in their buffers.
const ROWS: usize = 180;
const EACH: usize = 60_000;

/// The relay with bad rows that have long final URLs.
async fn with_long_rows(stage: &Stage) {
    let desk = stage.desk().await;
    for some in (0..ROWS).collect::<Vec<_>>().chunks(30) {
        for number in some {
            stage.job(&format!("row-{number:03}")).await;
        }
        let leased: Vec<LeasedJob> = desk.pull(stage, 30).await;
        let results = leased.iter().map(|job| of(job, with_long_url(concluded(Conclusion::HttpGone)))).collect();
        let outcomes = desk.report(stage, results).await;
        assert!(outcomes.iter().all(|outcome| outcome == "applied"), "{outcomes:?}");
    }
}

fn with_long_url(mut result: JobResult) -> JobResult {
    let url = format!("https://shop.example/{}", "x".repeat(EACH));
    result.hops[0].url.clone_from(&url);
    result.final_url = Some(url);
    result
}

/// A connection that has asked and takes next to nothing of the answer.
async fn unread(stage: &Stage, request: &Request) -> Connection {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut connection = Connection::of(socket.connect(stage.address()).await.unwrap());
    connection.write(&request.to_bytes()).await.unwrap();
    connection
}

/// A request for a page over HTTP/2, with the cookie of a browser's session.
fn over_http2(stage: &Stage, browser: &Browser, stream: u32, path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let (name, token) = browser.cookies.iter().find(|(name, _)| !name.ends_with("-known")).unwrap();
    // `:method: GET`, `:scheme: http`, then `:path`, `:authority` and `cookie` by their names in the static table (RFC 7541).
    let mut block = vec![0x82, 0x86, 0x04];
    block.extend([text(path), vec![0x01], text(&stage.address().to_string()), vec![0x0f, 0x11], text(&format!("{name}={token}"))].concat());
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

#[tokio::test]
async fn files_that_nobody_reads_are_few_and_hold_little() {
    /// `:status: 200`, in the static table.
    const OK: u8 = 0x88;
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    with_long_rows(&stage).await;
    let mut browsers = Vec::new();
    for number in 0..5 {
        browsers.push(member(&mut owner, &stage, &format!("viewer-{number}"), "viewer").await);
    }
    let path = stage.console("/rows/export.json");
    let whole = owner.get(&path).await.body.len();
    let before = memory_kib();
    let (mut held, mut statuses) = (Vec::new(), Vec::new());
    for browser in &browsers {
        // Room for the beginning of an answer, and never more. What buffers of the system hold is none of this.
        let mut deaf = Raw::open_with(stage.address(), &setting(INITIAL_WINDOW, 100)).await;
        for number in 0..6 {
            deaf.write(&over_http2(&stage, browser, 2 * number + 1, &path)).await.unwrap();
            statuses.push(deaf.next_of(HEADERS).await.unwrap().payload[0] == OK);
        }
        held.push(deaf);
    }
    assert_eq!(statuses, [true, true, true, true, false, false].repeat(5), "four each");
    // Each held the whole file before, beside the readers' caches and what they had in hand, and holds a piece of 1 MiB now.
    let (grown, of_old) = (memory_kib().saturating_sub(before) * 1_024, 20 * whole as u64);
    assert!(grown < of_old, "{grown} bytes, and {of_old} of files");
    let told = browsers[0].get(&path).await;
    assert_eq!((told.status, told.header("retry-after")), (429, Some("30")));
    assert!(told.text().contains("too_many_exports") && told.text().contains("Wait for one to end"), "{}", told.text());
    drop(held);
    while browsers[0].get(&path).await.status != 200 {}
}

#[tokio::test]
async fn a_file_ends_when_its_reader_is_taken_out_of_the_account() {
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    let bea = member(&mut owner, &stage, "bea", "viewer").await;
    with_long_rows(&stage).await;
    let whole = owner.get(&stage.console("/rows/export.json")).await;
    assert!(whole.status == 200 && whole.text().ends_with("\n]\n"));
    let mut connection = unread(&stage, &bea.request("GET", &stage.console("/rows/export.json"))).await;
    connection.read_until("\"row-000\"").await;
    let removed = owner.post(&stage.console(&format!("/people/{}/remove", id_of(&stage, "bea").await)), &[]).await;
    assert_eq!(removed.status, 303);
    let rest = connection.until_closed().await;
    assert!(rest.len() < whole.body.len(), "{} of {}", rest.len(), whole.body.len());
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks broken off, and is");
}

#[tokio::test]
async fn no_page_weighs_more_than_it_may_and_none_loses_a_row() {
    const MOST: usize = 4 * 1_024 * 1_024;
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    with_long_rows(&stage).await;
    let expected: Vec<String> = (0..ROWS).map(|number| format!("row-{number:03}")).collect();

    let (mut found, mut target) = (Vec::new(), "/api/rows?limit=200".to_owned());
    loop {
        let answer = stage.send(&stage.get(&target)).await;
        assert!(answer.body.len() < MOST, "{} bytes", answer.body.len());
        let page: RowPage = answer.read(200);
        found.extend(page.rows.into_iter().map(|row| row.row_id));
        match page.next_cursor {
            Some(cursor) => target = format!("/api/rows?limit=200&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, expected);

    let (mut found, mut path) = (Vec::new(), stage.console("/rows"));
    loop {
        let page = owner.get(&path).await;
        assert!(page.body.len() < MOST, "{} bytes", page.body.len());
        found.extend(super::rows::shown(&page.text()));
        match super::rows::leads(&page.text(), "Next") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_searches_by_the_dozen_does_not_keep_another_account_from_its_pages() {
    const FLOOD: usize = 150;
    let stage = Stage::new().await;
    let mut ada = stage.owner("ada").await;
    let other = stage.relay.store().create_account("other", "unlimited", stage.now()).await.unwrap().unwrap();
    let mut bea = member(&mut ada, &stage, "bea", "viewer").await;
    let setup = super::people::relay_setup_link(&stage, "other").await;
    let token = setup.split_once("token=").unwrap().1;
    let fields = [
        ("token", token),
        ("email", "bea@company.example"),
        ("name", "Bea"),
        ("passphrase", super::PASSPHRASE),
        ("repeated", super::PASSPHRASE),
    ];
    assert_eq!(bea.post("/setup", &fields).await.status, 303);
    with_long_rows(&stage).await;

    let served = Arc::new(AtomicUsize::new(0));
    let request = ada.request("GET", &stage.console("/rows?q=no+such+text"));
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..FLOOD {
        let (request, served, address) = (request.to_bytes(), Arc::clone(&served), stage.address());
        flood.spawn(async move {
            let mut connection = Connection::open(address).await;
            connection.write(&request).await.unwrap();
            let status = connection.answer().await.status;
            served.fetch_add(1, Ordering::Relaxed);
            status
        });
    }
    // Some are served and the others wait.
    while served.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    let before = served.load(Ordering::Relaxed);
    let page = bea.get(&format!("/console/{}/rows", other.id)).await;
    let meanwhile = served.load(Ordering::Relaxed) - before;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(meanwhile < FLOOD / 3, "{meanwhile} of {FLOOD} searches went before it");
    while let Some(status) = flood.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_line_of_commas_gets_a_small_answer_that_says_what_to_do() {
    let stage = Stage::new().await;
    let mut owner = stage.owner("ada").await;
    let import = stage.console("/rows/import");
    let wide = vec!["x"; 300].join(",");
    for (csv, words) in [
        (",".repeat(300_000), "300001 columns, and a file may have 256; leave out those that are not needed"),
        (format!("row,url\na,https://t.example/1\n{wide}\n"), "Line 3 cannot be taken: it has 300 columns"),
        (format!("row,{}\na,b\n", "u".repeat(200_000)), "the name of a column"),
    ] {
        let answer = owner.post(&import, &[("csv", &csv)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(answer.body.len() < 100 * 1_024, "{} bytes", answer.body.len());
    }
    // What is shown of long cells is enough to know them again.
    let csv = format!("row,url,note\na,https://t.example/1,{}\n", "&".repeat(60_000));
    let looked = owner.post(&import, &[("csv", &csv)]).await;
    assert!(looked.status == 200 && looked.text().contains("Import 1 rows"), "{}", looked.status);
    assert_eq!(looked.text().matches("&amp;").count(), 60_000 + 200, "once to send again, once to look at");
}
