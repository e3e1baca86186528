//! What the relay counts, in the Prometheus text format, on an address of its own.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::ProblemCode;

/// The media type of the answer (OpenMetrics 1.0).
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    name: &'static str,
}

/// The relay's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    admissions: Family<Labels, Counter>,
    refusals: Family<Labels, Counter>,
    results: Family<Labels, Counter>,
    leased: Counter,
    reclaimed: Counter,
    pub(crate) address_limited: Counter,
    pub(crate) connections: Gauge,
    pub(crate) writer_queue: Gauge<i64, std::sync::atomic::AtomicI64>,
    pub(crate) clock_skew: Gauge<f64, AtomicU64>,
    admission_seconds: Histogram,
    up_since: Gauge<u64, AtomicU64>,
}

impl Metrics {
    pub(crate) fn new(started_unix_seconds: u64) -> Self {
        // From a lone durable commit to an answer that callers would call slow.
        let bounds = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
        let metrics = Self {
            registry: Registry::with_prefix("link_peeler"),
            admissions: Family::default(),
            refusals: Family::default(),
            results: Family::default(),
            leased: Counter::default(),
            reclaimed: Counter::default(),
            address_limited: Counter::default(),
            connections: Gauge::default(),
            writer_queue: Gauge::default(),
            clock_skew: Gauge::default(),
            admission_seconds: Histogram::new(bounds),
            up_since: Gauge::default(),
        };
        metrics.up_since.set(started_unix_seconds);
        metrics.register()
    }

    fn register(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("admissions", "Verified requests, by what became of them", self.admissions.clone());
        registry.register("refusals", "Refused requests, by problem code", self.refusals.clone());
        registry.register("results", "Reported results, by what became of them", self.results.clone());
        registry.register("jobs_leased", "Jobs handed to desktops", self.leased.clone());
        registry.register("leases_reclaimed", "Leases that ended without a result", self.reclaimed.clone());
        registry.register("address_limited", "Requests refused because of the address that they came from", self.address_limited.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("writer_queue", "Operations that wait for the writer", self.writer_queue.clone());
        registry.register_with_unit(
            "admission",
            "From the verified request to its durable answer",
            Unit::Seconds,
            self.admission_seconds.clone(),
        );
        let skew = self.clock_skew.clone();
        registry.register_with_unit("clock_skew", "This relay's clock less that of the database server", Unit::Seconds, skew);
        registry.register_with_unit("started", "When the relay started, since 1970", Unit::Seconds, self.up_since.clone());
        self
    }

    pub(crate) fn admitted(&self, what: &'static str, seconds: f64) {
        self.admissions.get_or_create(&Labels { name: what }).inc();
        self.admission_seconds.observe(seconds);
    }

    pub(crate) fn refused(&self, code: ProblemCode) {
        self.refusals.get_or_create(&Labels { name: code.as_str() }).inc();
    }

    pub(crate) fn reported(&self, outcome: &'static str) {
        self.results.get_or_create(&Labels { name: outcome }).inc();
    }

    pub(crate) fn leased(&self, jobs: usize) {
        self.leased.inc_by(jobs as u64);
    }

    pub(crate) fn reclaimed(&self, jobs: usize) {
        self.reclaimed.inc_by(jobs as u64);
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
