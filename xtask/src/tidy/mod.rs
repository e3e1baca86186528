//! `cargo xtask tidy`: rules that can be checked are checked, and a broken rule is explained, not only named. Each
//! file here is one rule; the reasons at length are in `ARCHITECTURE.md` and `CONTRIBUTING.md`.

mod arrows;
mod dead_files;
mod doors;
mod links;
mod sizes;
mod sleeps;
mod words;

use std::fmt;

use crate::metadata;
use crate::repository::Repository;

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    /// The file, with the line where that helps, or the manifest.
    place: String,
    /// What is wrong, why it matters, and what to do instead.
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    /// Worth a thought; does not fail the run.
    Warning,
    /// Fails the run.
    Error,
}

impl Finding {
    fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place: place.into(), message: message.into() }
    }

    fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}\n    {}", self.place, self.message)
    }
}

/// Runs every check and prints what they find; true when nothing fails.
pub(crate) fn run() -> anyhow::Result<bool> {
    let repository = Repository::read()?;
    let packages = metadata::packages()?;
    let findings: Vec<Finding> = [
        arrows::check(&packages),
        doors::check(&repository),
        sizes::check(&repository),
        dead_files::check(&repository, &packages),
        links::check(&repository),
        words::check(&repository),
        sleeps::check(&repository),
    ]
    .into_iter()
    .flatten()
    .collect();
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    println!("tidy: {} files, {errors} errors, {} warnings", repository.files.len(), findings.len() - errors);
    Ok(errors == 0)
}
