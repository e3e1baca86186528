//! The figures of a run as text.

use std::time::Duration;

use super::backlog::Sizes;
use super::plans::Plans;
use super::{Fairness, Round};
use crate::desktops::Cycles;
use crate::latency::Percentiles;
use crate::load::Measured;
use crate::machine::Machine;

/// Everything that was measured.
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) version: String,
    pub(super) empty: Round,
    pub(super) full: Round,
    pub(super) loading: Duration,
    pub(super) fairness: Fairness,
    pub(super) sizes: Sizes,
    pub(super) plans: Plans,
}

impl Report {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{}, PostgreSQL {}\n\nsigned, durable admissions\n", self.machine.describe(), self.version);
        text += &format!("{:<12}{:<12}{:>10}{:>10}{:>10}{:>11}\n", "waiting", "connections", "a second", "p50 ms", "p99 ms", "p99.9 ms");
        for round in [&self.empty, &self.full] {
            for Measured { connections, a_second, latency: Percentiles { p50_ms, p99_ms, p999_ms }, .. } in &round.admissions {
                let waiting = round.waiting;
                text += &format!("{waiting:<12}{connections:<12}{a_second:>10.0}{p50_ms:>10.2}{p99_ms:>10.2}{p999_ms:>11.2}\n");
            }
        }
        text += "\njobs pulled and reported\n";
        text += &cycles_head("waiting");
        for round in [&self.empty, &self.full] {
            text.extend(round.cycles.iter().map(|cycles| cycles_line(&round.waiting.to_string(), cycles)));
        }
        text += "\none desktop, one job at a time\n";
        text += &cycles_head("beside");
        let Fairness { neighbour, alone, beside_its_backlog, beside_its_desktops } = &self.fairness;
        text += &cycles_line("nobody", alone);
        text += &cycles_line(&format!("{neighbour} waiting"), beside_its_backlog);
        text += &cycles_line("and worked on", beside_its_desktops);
        let Sizes { passed, first_mib, largest_mib, last_mib, dead_rows } = self.sizes;
        text += &format!(
            "\nhot tables with their indexes: {first_mib} MiB at first, {largest_mib} MiB at most and {last_mib} MiB ({dead_rows} dead rows) \
             after {passed} jobs have passed through\nthe backlog was loaded in {:.0} s\n\nscans of the relay's statements over the full queue\n",
            self.loading.as_secs_f64()
        );
        for scan in &self.plans.scans {
            text += &format!("  {scan}\n");
        }
        let walks = self.plans.walks().count();
        text += &format!("{walks} of them walk over a whole table\n");
        text
    }
}

fn cycles_head(first: &str) -> String {
    format!(
        "{first:<18}{:<8}{:<10}{:>14}{:>14}{:>14}{:>16}{:>16}\n",
        "batch", "devices", "jobs a second", "pull p50 ms", "pull p99 ms", "report p50 ms", "report p99 ms"
    )
}

fn cycles_line(first: &str, Cycles { batch, devices, jobs_a_second, pull, report, .. }: &Cycles) -> String {
    format!(
        "{first:<18}{batch:<8}{devices:<10}{jobs_a_second:>14.0}{:>14.2}{:>14.2}{:>16.2}{:>16.2}\n",
        pull.p50_ms, pull.p99_ms, report.p50_ms, report.p99_ms
    )
}
