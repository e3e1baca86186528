//! Who used the processor while something was measured: rates of a busy machine cannot be compared, microseconds of
//! processor time a job can, within a few per cent.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use testkit::postgres::sql;

/// The store's writer thread over SQLite.
const WRITER: &str = "writer";
/// Threads of the runtime on which the relay serves.
const RUNTIME: &str = "tokio-rt-worker";

/// Whose time is told apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shares {
    /// The load generator: the threads that are nothing else.
    pub(crate) generator_us: f64,
    /// The relay's threads.
    pub(crate) relay_us: f64,
    /// The database: SQLite's writer thread, or every process of the server.
    pub(crate) database_us: f64,
}

impl Shares {
    /// Above [`Self::columns`]: microseconds of processor time for each request or job.
    pub(crate) fn head() -> String {
        format!("{:>12}{:>10}{:>10}", "database us", "relay us", "load us")
    }

    pub(crate) fn columns(&self) -> String {
        format!("{:>12.1}{:>10.1}{:>10.1}", self.database_us, self.relay_us, self.generator_us)
    }

    pub(crate) fn to_json(self) -> Value {
        json!({"databaseUs": self.database_us, "relayUs": self.relay_us, "loadUs": self.generator_us})
    }
}

/// Nanoseconds that have been used since the beginning, by thread (of this process) and process (of the server).
#[derive(Debug)]
pub(crate) struct Stopwatch {
    server: Vec<u32>,
    begun: BTreeMap<u32, (Whose, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Generator,
    Relay,
    Database,
}

impl Stopwatch {
    /// Begins. `server` is a PostgreSQL database on this machine whose processes are watched, too.
    pub(crate) fn begin(server: Option<&str>) -> Self {
        let pids = server.and_then(|url| sql(url, "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity").ok()).unwrap_or_default();
        let server: Vec<u32> = pids.split(' ').filter_map(|pid| pid.parse().ok()).collect();
        let begun = look(&server);
        Self { server, begun }
    }

    /// Microseconds of each since it began, for each of so many jobs.
    pub(crate) fn each_of(&self, jobs: usize) -> Shares {
        let mut shares = Shares::default();
        #[expect(clippy::cast_precision_loss, reason = "times and counts of one run")]
        for (id, (whose, nanos)) in look(&self.server) {
            let before = self.begun.get(&id).map_or(0, |(_, nanos)| *nanos);
            let micros = nanos.saturating_sub(before) as f64 / 1_000.0 / jobs.max(1) as f64;
            *match whose {
                Whose::Generator => &mut shares.generator_us,
                Whose::Relay => &mut shares.relay_us,
                Whose::Database => &mut shares.database_us,
            } += micros;
        }
        shares
    }
}

/// Every thread of this process and every process of the server, with the time that it has had.
fn look(server: &[u32]) -> BTreeMap<u32, (Whose, u64)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let whose = match name.trim() {
            WRITER => Whose::Database,
            RUNTIME => Whose::Relay,
            _ => Whose::Generator,
        };
        all.extend(nanos(&entry.path().join("schedstat")).map(|nanos| (id, (whose, nanos))));
    }
    for &pid in server {
        all.extend(nanos(format!("/proc/{pid}/schedstat").as_ref()).map(|nanos| (pid, (Whose::Database, nanos))));
    }
    all
}

/// The first of the scheduler's figures: nanoseconds on a processor.
fn nanos(path: &std::path::Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()
}
