//! PostgreSQL's own programs. It knows best how to back itself up; these are run, never imitated.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio_postgres::Config;

use super::AdminError;
use super::backup::{keep, new_file_beside};
use crate::error::StoreError;

/// Folders in which PostgreSQL's programs are looked for.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    folders: Vec<PathBuf>,
}

impl Tools {
    /// The folders of the `PATH`.
    #[must_use]
    pub fn on_path() -> Self {
        Self { folders: std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default() }
    }

    /// These folders.
    #[must_use]
    pub fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file())
    }
}

const WITHOUT_PG_DUMP: &str = "\
pg_dump is not on the PATH. Install PostgreSQL's client programs of the server's version or newer and run this again, or run one of
  pg_dump --format=custom --file=FILE DATABASE_URL        (one moment, beside running relays; what `db restore` takes)
  pg_basebackup --pgdata=FOLDER --checkpoint=fast         (the whole server; with WAL archiving, any moment since)
yourself.";
const WITHOUT_PG_RESTORE: &str = "\
pg_restore is not on the PATH. Install PostgreSQL's client programs and run this again, or run
  pg_restore --exit-on-error --single-transaction --no-owner --dbname=DATABASE_URL FILE
yourself, into an empty database.";

/// Dumps a database into a new file. Returns how the file was verified.
pub(super) async fn dump(url: &str, file: &Path, tools: &Tools) -> Result<&'static str, AdminError> {
    let program = tools.find("pg_dump").ok_or_else(|| AdminError::ToolMissing(WITHOUT_PG_DUMP.to_owned()))?;
    let partial = new_file_beside(file)?;
    let (mut command, _password) = on_database(&program, url)?;
    command.arg("--format=custom").arg("--file").arg(partial.path());
    run("pg_dump", command).await?;
    let mut verified_by = "pg_dump's exit status";
    if let Some(program) = tools.find("pg_restore") {
        let mut command = Command::new(program);
        command.arg("--list").arg(partial.path());
        run("pg_restore", command).await?;
        verified_by = "pg_restore --list";
    }
    keep(partial, file)?;
    Ok(verified_by)
}

/// Restores a dump into an empty database, wholly or not at all.
pub(super) async fn restore(url: &str, file: &Path, tools: &Tools) -> Result<(), AdminError> {
    let program = tools.find("pg_restore").ok_or_else(|| AdminError::ToolMissing(WITHOUT_PG_RESTORE.to_owned()))?;
    let mut listing = Command::new(&program);
    listing.arg("--list").arg(file);
    if !run("pg_restore", listing).await?.contains(" refinery_schema_history ") {
        return Err(AdminError::Unsuitable(format!("{} is no backup of a database of link-peeler's", file.display())));
    }
    let (mut command, _password) = on_database(&program, url)?;
    command.args(["--exit-on-error", "--single-transaction", "--no-owner"]).arg(file);
    run("pg_restore", command).await.map(|_| ())
}

/// Variables of ours may hold secrets, which are none of the program's business.
const OURS: &str = "LINK_PEELER_";

/// A command on a database, with the file that holds the password for as long as it runs: everyone on the machine can read
/// arguments, and the environment of a process can be read for as long as it lives.
fn on_database(program: &Path, url: &str) -> Result<(Command, Option<NamedTempFile>), AdminError> {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(OURS)) {
        command.env_remove(name);
    }
    // Never asks: nobody is there to answer.
    command.arg("--no-password").arg("--dbname").arg(for_libpq(url));
    // It may stand in the query too. The rest of the query is libpq's business: the driver need not understand it.
    let base = url.split_once('?').map_or(url, |(base, _)| base);
    let in_query = query_of(url).find(|pair| pair.starts_with(PASSWORD)).map_or_else(String::new, |pair| format!("?{pair}"));
    let config: Config = format!("{base}{in_query}")
        .parse()
        .map_err(|_| AdminError::Store(StoreError::Setup("the database URL cannot be read".to_owned())))?;
    let file =
        config.get_password().map(password_file).transpose().map_err(|error| AdminError::Store(StoreError::Setup(error.to_string())))?;
    if let Some(file) = &file {
        command.env("PGPASSFILE", file.path());
    }
    Ok((command, file))
}

/// As libpq reads it: host, port, database and user are any, and what separates them is escaped in the password. Such files
/// are made for their owner alone, which libpq insists on.
fn password_file(password: &[u8]) -> std::io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    let escaped = String::from_utf8_lossy(password).replace('\\', "\\\\").replace(':', "\\:");
    writeln!(file, "*:*:*:*:{escaped}")?;
    file.flush()?;
    Ok(file)
}

const PASSWORD: &str = "password=";
/// A word of ours, for the relay's own connections.
const ANSWER_TIMEOUT: &str = "answer_timeout=";

fn query_of(url: &str) -> impl Iterator<Item = &str> {
    url.split_once('?').map_or("", |(_, query)| query).split('&').filter(|pair| !pair.is_empty())
}

/// The URL without its password, and without what libpq does not know.
fn for_libpq(url: &str) -> String {
    let (base, _) = url.split_once('?').unwrap_or((url, ""));
    let query: Vec<&str> = query_of(url).filter(|pair| !pair.starts_with(PASSWORD) && !pair.starts_with(ANSWER_TIMEOUT)).collect();
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let authority = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => format!("{}@{hosts}", credentials.split_once(':').map_or(credentials, |(user, _)| user)),
        None => authority.to_owned(),
    };
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("{scheme}://{authority}{path}{query}")
}

/// Returns what the program said.
async fn run(tool: &'static str, mut command: Command) -> Result<String, AdminError> {
    let failed = |message: String| AdminError::ToolFailed { tool, message };
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_becomes_an_argument() {
        for (url, shown) in [
            ("postgres://u:canary@h/db", "postgres://u@h/db"),
            ("postgres://u:can%40ary@h1:1,h2:2/db?sslmode=verify-full", "postgres://u@h1:1,h2:2/db?sslmode=verify-full"),
            ("postgres://u@h/db?password=canary&answer_timeout=5&connect_timeout=5", "postgres://u@h/db?connect_timeout=5"),
            ("postgresql://h", "postgresql://h"),
        ] {
            assert_eq!(for_libpq(url), shown);
            let (command, password) = on_database(Path::new("pg_dump"), url).unwrap();
            let shown = format!("{:?}", command.as_std().get_args().collect::<Vec<_>>());
            assert!(!shown.contains("canary") && !shown.contains("can"), "{shown}");
            let shown = format!("{:?}", command.as_std().get_envs().collect::<Vec<_>>());
            assert!(!shown.contains("canary") && !shown.contains("can@ary"), "{shown}");
            let kept = password.map(|file| std::fs::read_to_string(file.path()).unwrap()).unwrap_or_default();
            assert_eq!(kept.contains("canary") || kept.contains("can@ary"), url.contains("can"), "{url}: {kept}");
        }
    }
}
