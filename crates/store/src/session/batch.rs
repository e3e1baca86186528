//! A statement with the rows that it is to be run for.

use super::Value;
use crate::statement::Statement;

/// A statement with the rows that it is to be run for, all of one width.
pub(crate) struct Batch<'v> {
    pub(super) statement: &'static Statement,
    width: usize,
    values: Vec<Value<'v>>,
}

impl<'v> Batch<'v> {
    pub(crate) fn new<const N: usize>(statement: &'static Statement, rows: Vec<[Value<'v>; N]>) -> Self {
        Self { statement, width: N, values: rows.into_flattened() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows, one after the other: as SQLite runs them.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[Value<'v>]> {
        self.values.chunks_exact(self.width)
    }

    /// The values of one column: as PostgreSQL gets them.
    pub(super) fn column(&self, index: usize) -> impl Iterator<Item = Value<'v>> {
        self.values.iter().skip(index).step_by(self.width).copied()
    }
}
