//! `cargo xtask bench NAME …`: builds the load generators in release mode and hands the rest of the line to them.

use std::process::Command;

use anyhow::Context;

use crate::runner::cargo;

/// What to measure, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark and its own arguments; `--help` after its name lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    benchmark: Vec<String>,
}

/// Runs one benchmark.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut command = Command::from(cargo());
    command.args(["run", "--release", "--quiet", "--package", "link-peeler-bench", "--"]).args(&arguments.benchmark);
    Ok(command.status().context("could not start cargo")?.success())
}
