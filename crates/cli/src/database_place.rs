//! Which database a command of the relay's operator works on: the one that is named, or the relay's file in the data folder.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use protocol::Secret;
use store::DatabaseUrl;
use store::admin::AdminError;

use crate::data_dir;
use crate::exit::Failure;

/// The SQLite file of a relay that is told of no other database.
pub(crate) const DATABASE_FILE: &str = "relay.sqlite";

/// A database as somebody has named it: a path, a URL, or `@FILE` for a file in which the URL stands. It is read when it is
/// used and not while arguments are: what is wrong with an argument is told with its value, and this may hold a password.
#[derive(Clone, Debug)]
pub(crate) struct NamedDatabase(Secret);

impl FromStr for NamedDatabase {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Secret::new(text.to_owned())))
    }
}

impl NamedDatabase {
    /// Where it is.
    pub(crate) fn url(&self) -> Result<DatabaseUrl, Failure> {
        let in_file = self.0.expose().strip_prefix('@').map(|file| relay::read_private_file(Path::new(file)));
        let text = in_file.transpose().map_err(|why| anyhow::anyhow!("the database's URL: {why}"))?;
        if holds_password(self.0.expose()) && is_argument(self.0.expose()) {
            return Err(Failure::usage(
                "the database: a password does not belong on the command line, where others on this machine read it; write the URL into a file that only you can read (chmod 600) and name that as @FILE, or set LINK_PEELER_DATABASE",
            ));
        }
        let parsed = text.as_ref().unwrap_or(&self.0).expose().parse();
        parsed.map_err(|error: store::UnknownDatabase| Failure::usage(format!("the database: {error}, or @FILE with that URL in it")))
    }
}

/// In the place that URLs have for it, or as libpq's parameter.
fn holds_password(text: &str) -> bool {
    let parsed = url::Url::parse(text);
    parsed.is_ok_and(|url| url.password().is_some() || url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("password")))
}

/// Whether `text` stands among this process's arguments: the environment names the same flags.
fn is_argument(text: &str) -> bool {
    let argument_is = |argument: &str| argument == text || argument.split_once('=').is_some_and(|(_, value)| value == text);
    std::env::args_os().filter_map(|argument| argument.into_string().ok()).any(|argument| argument_is(&argument))
}

/// Which database.
#[derive(Args, Debug)]
pub(crate) struct DatabasePlace {
    /// Path of a SQLite file (a relay's or a backup), a postgres:// URL, or @FILE with that URL in it; by default the relay's
    /// file in the data folder
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    database: Option<NamedDatabase>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl DatabasePlace {
    pub(crate) fn url(&self) -> Result<DatabaseUrl, Failure> {
        match &self.database {
            Some(named) => named.url(),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_url_may_lie_in_a_file_and_is_never_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("database.url");
        std::fs::write(&file, "postgres://peeler:canary@db.example/peeler\n").unwrap();
        let named: NamedDatabase = format!("@{}", file.display()).parse().unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(named.url().unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(named.url().unwrap(), DatabaseUrl::Postgres(url) if url.ends_with("canary@db.example/peeler")));
        let mistyped: NamedDatabase = "postgress://peeler:canary@db.example/peeler".parse().unwrap();
        assert!(!mistyped.url().unwrap_err().to_string().contains("canary") && !format!("{mistyped:?}").contains("canary"));
    }
}
