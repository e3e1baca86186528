//! A file that somebody has named on the command line, read whole.

use std::fmt::Display;
use std::path::Path;

use anyhow::Context as _;

use crate::exit::Failure;

/// Reads `file`, and what stands in it.
///
/// # Errors
/// [`Failure::Unreachable`] when it cannot be read, [`Failure::Usage`] when it cannot be understood; both name it.
pub(crate) fn read<T, E: Display>(file: &Path, understand: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Failure> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    understand(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}
