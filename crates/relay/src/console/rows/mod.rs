//! Rows: the working table, one row with its history, what a person changes about them, and the ways in and out as files.

pub(super) mod detail;
pub(super) mod edit;
pub(super) mod export;
pub(super) mod import;
pub(super) mod list;

mod ask;
mod bulk;
mod csv_text;
mod query;

pub(super) use bulk::act;

/// The page's place in the navigation.
pub(super) const ROWS: &str = "/rows";
