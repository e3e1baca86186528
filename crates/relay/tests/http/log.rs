//! What an operator finds in the log: the cause when a caller names a request, and no error where nothing is wrong.

use std::io::Write;
use std::sync::{Arc, Mutex};

use relay::SealingSource;
use store::DatabaseUrl;
use testkit::postgres::sql;
use tokio::sync::mpsc;

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

/// Tells each line as it is logged.
struct Told(mpsc::UnboundedSender<String>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_sealing_key_that_has_just_been_made_is_read_and_no_error() {
    let stage = Stage::new().await;
    let (told, mut heard) = mpsc::unbounded_channel();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || Told(told.clone())).init();
    // As `secrets rotate` does beside a relay.
    let file = stage.folder.path().join("sealing.key");
    let made = relay::add_sealing_key(&file).unwrap();
    let ring = relay::read_sealing(&SealingSource::File(file)).unwrap();
    let database = DatabaseUrl::Sqlite(stage.folder.path().join("relay.db"));
    assert_eq!(store::admin::reseal(&database, &ring, stage.now(), |_| ()).await.unwrap().resealed, 1);
    loop {
        let line = heard.recv().await.unwrap();
        assert!(!line.contains("ERROR"), "{line}");
        if line.contains("sealing keys read again") {
            assert!(line.contains(&made.to_string()), "{line}");
            break;
        }
    }
    assert_eq!(stage.send(&stage.get("/api/links/verify")).await.status, 200);
}
