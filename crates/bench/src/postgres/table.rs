//! Lines of the tables.

use crate::desktops::Cycles;
use crate::latency::Percentiles;
use crate::load::Measured;
use crate::processor::Shares;

pub(super) fn admissions_head() -> String {
    format!(
        "{:<16}{:<14}{:<10}{:>10}{:>10}{:>10}{:>11}{}\n",
        "queue",
        "through",
        "callers",
        "a second",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        Shares::head()
    )
}

pub(super) fn admissions_line(queue: &str, through: &str, measured: &Measured) -> String {
    let Measured { connections, a_second, latency: Percentiles { p50_ms, p99_ms, p999_ms }, shares, .. } = measured;
    let shares = shares.columns();
    format!("{queue:<16}{through:<14}{connections:<10}{a_second:>10.0}{p50_ms:>10.2}{p99_ms:>10.2}{p999_ms:>11.2}{shares}\n")
}

pub(super) fn cycles_head(first: &str) -> String {
    format!(
        "{first:<30}{:<8}{:<10}{:>14}{:>14}{:>14}{:>16}{:>16}{}\n",
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

pub(super) fn cycles_line(first: &str, Cycles { batch, devices, jobs_a_second, pull, report, shares, .. }: &Cycles) -> String {
    format!(
        "{first:<30}{batch:<8}{devices:<10}{jobs_a_second:>14.0}{:>14.2}{:>14.2}{:>16.2}{:>16.2}{}\n",
        pull.p50_ms,
        pull.p99_ms,
        report.p50_ms,
        report.p99_ms,
        shares.columns()
    )
}
