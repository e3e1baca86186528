//! What busy desktops get done: pulls of a batch, then reports of it, over a backlog of so many waiting jobs.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::device::{self, Device};
use crate::http1::Connection;
use crate::latency::{Latencies, Percentiles};
use crate::processor::Shares;

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cycles {
    pub(crate) batch: u32,
    pub(crate) devices: usize,
    /// Jobs that were leased and concluded.
    pub(crate) jobs: usize,
    pub(crate) jobs_a_second: f64,
    pub(crate) pull: Percentiles,
    pub(crate) report: Percentiles,
    /// Of the processor, for each job.
    pub(crate) shares: Shares,
}

impl Cycles {
    /// The line above `line`s whose first column is this wide.
    pub(crate) fn head(first: &str, width: usize) -> String {
        format!(
            "{first:<width$}{:<8}{:<10}{:>14}{:>14}{:>14}{:>16}{:>16}{}\n",
            "batch",
            "devices",
            "jobs a second",
            "pull p50 ms",
            "pull p99 ms",
            "report p50 ms",
            "report p99 ms",
            Shares::head()
        )
    }

    /// One line of a table.
    pub(crate) fn line(&self, first: impl std::fmt::Display, width: usize) -> String {
        let Self { batch, devices, jobs_a_second, pull, report, shares, .. } = self;
        let first = first.to_string();
        format!(
            "{first:<width$}{batch:<8}{devices:<10}{jobs_a_second:>14.0}{:>14.2}{:>14.2}{:>16.2}{:>16.2}{}\n",
            pull.p50_ms,
            pull.p99_ms,
            report.p50_ms,
            report.p99_ms,
            shares.columns()
        )
    }
}

/// Every device pulls and reports batches until the time or the backlog is over.
pub(crate) fn measure(devices: &[Device], batch: u32, time: Duration) -> anyhow::Result<Cycles> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let started = Instant::now();
        let tasks: Vec<_> =
            devices.iter().map(|device| tokio::task::spawn_local(one_desktop(device.clone(), batch, started, time))).collect();
        let (mut jobs, mut pulls, mut reports) = (0, Latencies::default(), Latencies::default());
        for task in tasks {
            let (done, of_pulls, of_reports) = task.await??;
            jobs += done;
            pulls.merge(of_pulls);
            reports.merge(of_reports);
        }
        if jobs == 0 {
            bail!("no job was waiting");
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
        let jobs_a_second = jobs as f64 / started.elapsed().as_secs_f64();
        let (pull, report) = (pulls.percentiles(), reports.percentiles());
        Ok(Cycles { batch, devices: devices.len(), jobs, jobs_a_second, pull, report, shares: Shares::default() })
    }))
}

async fn one_desktop(device: Device, batch: u32, started: Instant, time: Duration) -> anyhow::Result<(usize, Latencies, Latencies)> {
    let mut connection = Connection::open(device.address).await?;
    let (mut done, mut pulls, mut reports) = (0, Latencies::default(), Latencies::default());
    while started.elapsed() < time {
        let request = device.pull_request(batch, 0)?;
        let sent = Instant::now();
        let jobs = device::pull(&mut connection, &request).await?;
        pulls.record(sent.elapsed());
        if jobs.is_empty() {
            break;
        }
        let request = device.report_request(jobs.iter().map(device::landed).collect())?;
        let sent = Instant::now();
        device::report(&mut connection, &request).await?;
        reports.record(sent.elapsed());
        done += jobs.len();
    }
    Ok((done, pulls, reports))
}
