//! Where a store's data lives.

use std::path::PathBuf;
use std::str::FromStr;

/// A file for the embedded database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The path of a SQLite file, which is made when it does not exist.
    Sqlite(PathBuf),
}

/// The text names no database that this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no database: expected the path of a SQLite file")]
pub struct UnknownDatabase(String);

impl FromStr for DatabaseUrl {
    type Err = UnknownDatabase;

    fn from_str(text: &str) -> Result<Self, UnknownDatabase> {
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(UnknownDatabase(text.to_owned()));
        }
        Ok(Self::Sqlite(path.into()))
    }
}
