//! Which plans the relay's statements really get, over a full queue: the server itself logs the plan of every statement
//! that a relay runs for some seconds.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use protocol::{Clock, SystemClock};
use store::DatabaseUrl;
use testkit::postgres::sql;

use super::backlog;
use super::claims::Claims;
use crate::desktops;
use crate::load::{self, Until};
use crate::rig::Rig;

/// How long plans are watched.
const WATCH: Duration = Duration::from_secs(3);

/// Tables that grow with jobs.
const GROWING: &[&str] = &[
    "ready",
    "leased",
    "delayed",
    "jobs",
    "rows",
    "results",
    "idempotency",
    "audit",
    "concluded_hours",
    "skipped_rows",
    "usage",
    "backlog",
];

/// The scans of every plan, each once.
pub(super) struct Plans {
    scans: BTreeSet<String>,
}

impl Plans {
    /// Runs a relay for some seconds and reads its plans from the server's log.
    pub(super) fn watch(url: &str, installation: &Path) -> anyhow::Result<Self> {
        eprintln!("watching plans");
        let database = url.rsplit('/').next().context("no database")?;
        for setting in ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_level = 'log'"]
        {
            sql(url, &format!("ALTER DATABASE {database} SET {setting}"))?;
        }
        let path = sql(url, "SELECT '/proc/' || pid || '/fd/2' FROM pg_stat_activity WHERE backend_type = 'checkpointer'")?;
        let log = std::fs::canonicalize(&path).with_context(|| format!("the server's log cannot be found at {path}"))?;
        let before = std::fs::metadata(&log)?.len();
        let rig = Rig::on(DatabaseUrl::Postgres(url.to_owned()), installation)?;
        // A database that is kept knows the names of earlier runs.
        let mut caller = rig.caller(format!("plans-{}", SystemClock.now().0));
        load::drive(rig.address(), 32, Until::Elapsed(WATCH), 202, move || caller.next_request())?;
        backlog::add(url, rig.account(), 1_000)?;
        desktops::measure(&[rig.device("plans")?], 16, WATCH)?;
        rig.stop();
        let text = std::fs::read(&log)?;
        let text = String::from_utf8_lossy(&text[usize::try_from(before)?..]);
        for setting in ["session_preload_libraries", "auto_explain.log_min_duration", "auto_explain.log_level"] {
            sql(url, &format!("ALTER DATABASE {database} RESET {setting}"))?;
        }
        Ok(Self { scans: text.lines().filter_map(scan).collect() })
    }

    /// Claims that no statement walks over a table.
    pub(super) fn claim(&self, claims: &mut Claims) {
        let walks: Vec<&str> = self.walks().map(String::as_str).collect();
        claims.add(walks.is_empty() && !self.scans.is_empty(), format!("no statement walks over a whole table: {}", walks.join(", ")));
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = "\nscans of the relay's statements over the full queue\n".to_owned();
        for scan in &self.scans {
            text += &format!("  {scan}\n");
        }
        text + &format!("{} of them walk over a whole table\n", self.walks().count())
    }

    /// Scans that walk over a whole table that grows with jobs. Lists of devices, sessions and the like are read whole at a
    /// relay's start or once in a while.
    fn walks(&self) -> impl Iterator<Item = &String> {
        let grows = |scan: &str| GROWING.contains(&scan.split(' ').nth(3).unwrap_or_default());
        self.scans.iter().filter(move |scan| scan.starts_with("Seq Scan") && grows(scan))
    }
}

/// `Index Scan using ready_pkey on ready`, without what it costs.
fn scan(line: &str) -> Option<String> {
    let node = line.trim().trim_start_matches("->").trim();
    let is_scan = ["Seq Scan on", "Index Scan", "Index Only Scan", "Bitmap", "Tid Scan"].iter().any(|kind| node.starts_with(kind));
    is_scan.then(|| node.split("  (").next().unwrap_or(node).to_owned())
}
