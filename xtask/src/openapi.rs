//! `cargo xtask openapi`: writes `docs/openapi.json` as the code has it. A test of the relay fails while they differ.

use std::process::Command;

use anyhow::{Context, bail};

use crate::repository;
use crate::runner::cargo;

/// Where the document lies.
const FILE: &str = "docs/openapi.json";

/// Writes the document. Asks a program of the relay's for it: this one must build even when the relay does not.
pub(crate) fn run() -> anyhow::Result<bool> {
    let mut command = Command::from(cargo());
    command.args(["run", "--quiet", "--package", "link-peeler-relay", "--example", "openapi"]);
    let output = command.stderr(std::process::Stdio::inherit()).output().context("could not start cargo")?;
    if !output.status.success() {
        bail!("the document could not be made");
    }
    std::fs::write(repository::root().join(FILE), &output.stdout).context(FILE)?;
    println!("{FILE} is written");
    Ok(true)
}
