//! Why an operator's command did not do its work.

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Why an operator's command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("{path}: {error}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// There is no such database.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// Something is there already, and nothing is ever overwritten.
    #[error("{} exists already; nothing is ever overwritten: name a new file", .0.display())]
    Exists(PathBuf),
    /// The target database holds data already.
    #[error("the target holds data already (table `{0}`); make a new, empty database")]
    NotEmpty(String),
    /// A relay has the file open.
    #[error("{} is in use; stop every relay that uses it first", .0.display())]
    InUse(PathBuf),
    /// The file or database is not what the command needs.
    #[error("{0}")]
    Unsuitable(String),
    /// What was written reads back differently. Nothing of it was kept.
    #[error("table `{0}` reads back differently from what was written; nothing was kept")]
    Differs(String),
    /// A program of PostgreSQL's is missing; the text says what to do instead.
    #[error("{0}")]
    ToolMissing(String),
    /// A program of PostgreSQL's failed.
    #[error("{tool} failed: {message}")]
    ToolFailed {
        /// Which.
        tool: &'static str,
        /// What it said.
        message: String,
    },
}

impl AdminError {
    /// Whether the command was refused for what it was asked to do, as opposed to something having failed, or being out of
    /// reach: not there, or somebody else's for now.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Exists(_) | Self::NotEmpty(_) | Self::Unsuitable(_) => true,
            Self::Missing(_)
            | Self::InUse(_)
            | Self::Store(_)
            | Self::File { .. }
            | Self::Differs(_)
            | Self::ToolMissing(_)
            | Self::ToolFailed { .. } => false,
        }
    }

    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

impl From<rusqlite::Error> for AdminError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<tokio_postgres::Error> for AdminError {
    fn from(error: tokio_postgres::Error) -> Self {
        let text = error.as_db_error().map_or_else(|| error.to_string(), |reason| reason.message().to_owned());
        Self::Store(StoreError::Database(text))
    }
}
