//! Real parts for tests. No test needs a running server: what is missing is started here, in a temporary folder, and
//! stopped with the process.

pub mod npm;
pub mod postgres;
