//! One file a command: its arguments, and the wiring of libraries that it takes.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod channel;
pub(crate) mod completions;
pub(crate) mod db;
pub(crate) mod desktop;
pub(crate) mod devices;
pub(crate) mod fetch;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod lab;
pub(crate) mod link;
pub(crate) mod operators;
pub(crate) mod plans;
pub(crate) mod relay;
pub(crate) mod resolve;
pub(crate) mod rows;
pub(crate) mod rules;
pub(crate) mod secrets;
pub(crate) mod sign;
pub(crate) mod up;
pub(crate) mod verify;
