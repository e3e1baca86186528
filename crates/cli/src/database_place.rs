//! Which database a command of the relay's operator works on: the one that is named, or the relay's file in the data folder.

use std::path::PathBuf;

use clap::Args;
use store::DatabaseUrl;
use store::admin::AdminError;

use crate::data_dir;
use crate::exit::Failure;

/// The SQLite file of a relay that is told of no other database.
pub(crate) const DATABASE_FILE: &str = "relay.sqlite";

/// Which database.
#[derive(Args, Debug)]
pub(crate) struct DatabasePlace {
    /// Path of a SQLite file (a relay's or a backup), or a postgres:// URL; by default the relay's file in the data folder
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    database: Option<DatabaseUrl>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl DatabasePlace {
    pub(crate) fn url(&self) -> Result<DatabaseUrl, Failure> {
        match &self.database {
            Some(url) => Ok(url.clone()),
            None => Ok(DatabaseUrl::Sqlite(self.folder()?.join(DATABASE_FILE))),
        }
    }

    /// The relay's room of the data folder.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        Ok(data_dir::relay(self.data_dir.clone())?)
    }
}

/// What a failed operation on a database means to a script.
impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        if error.is_refusal() { Self::usage(error) } else { Self::Unreachable(error.into()) }
    }
}
