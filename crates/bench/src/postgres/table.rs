//! Lines of the tables.

use crate::latency::Percentiles;
use crate::load::Measured;
use crate::processor::Shares;

/// Characters of the first column of pulls and reports.
pub(super) const FIRST: usize = 30;

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
