//! The pages, one a file: what is shown, and what its forms do.

pub(super) mod contexts;
pub(super) mod guard;
pub(super) mod job;
pub(super) mod jobs;
pub(super) mod keys;
pub(super) mod log;
pub(super) mod proxies;
pub(super) mod settings;
pub(super) mod status;

pub(super) use keys::FreshKey;
pub(super) use proxies::ProxyTests;
