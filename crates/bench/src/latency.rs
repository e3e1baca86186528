//! Latencies of one run, and what people ask of them.

use std::time::Duration;

/// Every latency of a run: nothing is sampled or rounded into buckets, so a percentile is a request that happened.
#[derive(Default)]
pub(crate) struct Latencies {
    micros: Vec<u32>,
}

/// Milliseconds at the usual percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
}

impl Latencies {
    /// Adds one.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.micros.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds those of another connection.
    pub(crate) fn merge(&mut self, other: Self) {
        self.micros.extend(other.micros);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.micros.len()
    }

    /// Zero throughout when nothing was measured.
    pub(crate) fn percentiles(mut self) -> Percentiles {
        self.micros.sort_unstable();
        let at = |per_mille: usize| {
            let rank = (self.micros.len() * per_mille).div_ceil(1_000).saturating_sub(1);
            self.micros.get(rank).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        Percentiles { p50_ms: at(500), p99_ms: at(990), p999_ms: at(999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_happened() {
        let mut latencies = Latencies::default();
        (1..=1_000).rev().for_each(|ms| latencies.record(Duration::from_millis(ms)));
        assert_eq!(latencies.percentiles(), Percentiles { p50_ms: 500.0, p99_ms: 990.0, p999_ms: 999.0 });
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
    }
}
