//! One conversation with a database. A closed enum of the databases we speak to; every operation of this crate is
//! written once, over it.
//!
//! On SQLite no future here ever waits: the whole operation runs where it is polled, on the writer's or a reader's own
//! thread. Whoever writes an operation need not know.

mod batch;
mod column;
pub(crate) mod postgres;
mod postgres_url;
mod row;
pub(crate) mod sqlite;
mod value;

pub(crate) use batch::Batch;
pub(crate) use postgres_url::PostgresUrl;
pub(crate) use row::Row;
pub(crate) use value::Value;

use crate::error::StoreError;
use crate::page_room::Room;
use crate::statement::Statement;

/// An open connection, lent for one operation.
pub(crate) enum Session<'c> {
    /// The embedded database.
    Sqlite(&'c mut rusqlite::Connection),
    /// A PostgreSQL server.
    Postgres(&'c mut postgres::Connection),
}

/// A result row, with the position of the batch row that it answers.
pub(crate) type NumberedRow = (usize, Row);

impl Session<'_> {
    /// The same connection, lent on.
    pub(crate) fn reborrow(&mut self) -> Session<'_> {
        match self {
            Self::Sqlite(connection) => Session::Sqlite(connection),
            Self::Postgres(connection) => Session::Postgres(connection),
        }
    }

    /// Runs a statement once and returns its rows.
    pub(crate) async fn rows(&mut self, statement: &'static Statement, parameters: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::rows(connection, statement, parameters),
            Self::Postgres(connection) => connection.rows(statement, parameters).await,
        }
    }

    /// As [`Self::rows`], as far as there is room; the rest is not kept, and on SQLite not even read.
    pub(crate) async fn rows_within(
        &mut self,
        statement: &'static Statement,
        parameters: &[Value<'_>],
        room: &mut Room,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::rows_within(connection, statement, parameters, room),
            Self::Postgres(connection) => connection.rows_within(statement, parameters, room).await,
        }
    }

    /// As [`Self::rows`], for statements that return at most one row.
    pub(crate) async fn row(&mut self, statement: &'static Statement, parameters: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, parameters).await?.into_iter().next())
    }

    /// Runs a statement for every row of a batch, on SQLite row by row over one prepared statement, on PostgreSQL as one
    /// statement over the batch, unpacked in SQL. Nobody wants its rows: see [`Self::write`].
    pub(crate) async fn each<const N: usize>(&mut self, statement: &'static Statement, rows: &[[Value<'_>; N]]) -> Result<(), StoreError> {
        self.write(&[Batch::new(statement, rows.to_vec())]).await
    }

    /// Runs batches in order whose rows nobody wants. PostgreSQL is only told: what goes wrong with them may be heard from
    /// the next statement that is waited for, the commit at the latest.
    pub(crate) async fn write(&mut self, batches: &[Batch<'_>]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => batches.iter().try_for_each(|batch| sqlite::rows_of_batch(connection, batch).map(|_| ())),
            Self::Postgres(connection) => connection.write(batches).await,
        }
    }

    /// As [`Self::each`], but waits for the rows and returns them, each with the position of the batch row that it answers.
    pub(crate) async fn rows_of_each<const N: usize>(
        &mut self,
        statement: &'static Statement,
        rows: &[[Value<'_>; N]],
    ) -> Result<Vec<NumberedRow>, StoreError> {
        let [answer] = self.all(&[Batch::new(statement, rows.to_vec())]).await?;
        Ok(answer)
    }

    /// Runs several batches in order, without waiting for one's answer before sending the next (pipelining; on SQLite
    /// there is nothing to wait for). Rows are numbered as by [`Self::rows_of_each`].
    pub(crate) async fn all<const K: usize>(&mut self, batches: &[Batch<'_>; K]) -> Result<[Vec<NumberedRow>; K], StoreError> {
        let answers = self.all_of(batches).await?;
        answers.try_into().map_err(|_| StoreError::Corrupt("as many answers as batches were expected".to_owned()))
    }

    /// As [`Self::all`], for as many batches as there happen to be.
    pub(crate) async fn all_of(&mut self, batches: &[Batch<'_>]) -> Result<Vec<Vec<NumberedRow>>, StoreError> {
        match self {
            Self::Sqlite(connection) => batches.iter().map(|batch| sqlite::rows_of_batch(connection, batch)).collect(),
            Self::Postgres(connection) => connection.all(batches).await,
        }
    }

    /// Begins a transaction that writes. PostgreSQL is only told, as by [`Self::write`].
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                // A transaction that could not be rolled back must not stand in the way of every later one.
                if !connection.is_autocommit() {
                    connection.execute_batch("ROLLBACK")?;
                }
                Ok(connection.execute_batch("BEGIN IMMEDIATE")?)
            }
            Self::Postgres(connection) => {
                connection.begin();
                Ok(())
            }
        }
    }

    /// Commits, durably.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] when the database did not say whether it has.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Self::Postgres(connection) => connection.commit().await,
        }
    }

    /// Rolls back, if a transaction is still open. A connection on which that fails must not be used again.
    pub(crate) async fn rollback(&mut self) -> Result<(), StoreError> {
        match self {
            // A failed COMMIT may leave the transaction open or have ended it.
            Self::Sqlite(connection) if connection.is_autocommit() => Ok(()),
            Self::Sqlite(connection) => Ok(connection.execute_batch("ROLLBACK")?),
            Self::Postgres(connection) => connection.rollback().await,
        }
    }
}
