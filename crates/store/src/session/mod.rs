//! One conversation with a database. A closed enum of the databases we speak to; every operation of this crate is
//! written once, over it.
//!
//! On SQLite no future here ever waits: the whole operation runs where it is polled, on the writer's or a reader's own
//! thread. Whoever writes an operation need not know.

mod row;
mod sqlite;
mod value;

pub(crate) use row::Row;
pub(crate) use sqlite::open as open_sqlite;
pub(crate) use value::Value;

use crate::error::StoreError;
use crate::statement::Statement;

/// An open connection, lent for one operation.
pub(crate) enum Session<'c> {
    /// The embedded database.
    Sqlite(&'c mut rusqlite::Connection),
}

/// A result row, with the position of the input row that it answers.
pub(crate) type NumberedRow = (usize, Row);

impl Session<'_> {
    /// Runs a statement once and returns its rows.
    pub(crate) async fn rows(&mut self, statement: &Statement, parameters: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::rows(connection, statement, parameters),
        }
    }

    /// As [`Self::rows`], for statements that return at most one row.
    pub(crate) async fn row(&mut self, statement: &Statement, parameters: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, parameters).await?.into_iter().next())
    }

    /// Runs a statement for every row of a batch: on SQLite row by row over one prepared statement, on PostgreSQL as one
    /// statement over the batch unpacked in SQL.
    pub(crate) async fn each<const N: usize>(&mut self, statement: &Statement, batch: &[[Value<'_>; N]]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(connection) => sqlite::each(connection, statement, batch),
        }
    }

    /// As [`Self::each`], and returns the rows, each with the position of the batch row that it answers.
    pub(crate) async fn rows_of_each<const N: usize>(
        &mut self,
        statement: &Statement,
        batch: &[[Value<'_>; N]],
    ) -> Result<Vec<NumberedRow>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Sqlite(connection) => sqlite::rows_of_each(connection, statement, batch),
        }
    }
}
