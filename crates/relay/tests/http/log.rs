//! What an operator finds in the log when a caller names a request.

use std::io::Write;
use std::sync::{Arc, Mutex};

use store::DatabaseUrl;
use testkit::postgres::sql;

use crate::stage::Stage;
use crate::wire::refused;

/// What everybody in this process has logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_failure_of_the_relay_is_logged_with_its_cause_under_the_request_id() {
    let url = testkit::postgres::new_database();
    let stage = Stage::with(|config| config.database = DatabaseUrl::Postgres(url.clone())).await;
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    sql(&url, "ALTER TABLE rows RENAME TO rows_gone").unwrap();
    let answer = stage.send(&stage.get("/api/rows")).await;
    assert_eq!(answer.refusal(), refused(500, "internal"));
    assert!(!answer.text().contains("rows_gone") && !answer.text().contains("stored"), "{}", answer.text());
    let id = answer.header("x-request-id").unwrap().to_owned();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let under_id: Vec<&str> = logged.lines().filter(|line| line.contains(&id)).collect();
    assert!(under_id.iter().all(|line| line.contains("ERROR")), "{under_id:#?}");
    assert!(under_id.iter().any(|line| line.contains("rows/page")), "the cause: {under_id:#?}");
    assert!(under_id.iter().any(|line| line.contains("failed at a request")), "{under_id:#?}");
}
