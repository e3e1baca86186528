//! `cargo xtask screenshots`: takes the pictures of `docs/first-hour.md` anew, from the test that goes through that hour.

use std::process::Command;

use anyhow::Context;

use crate::needs;
use crate::runner::cargo;

/// The test, and what asks it for pictures.
const HOUR: &str = "hour::a_first_hour_on_a_file";
const ASKED: (&str, &str) = ("LINK_PEELER_SCREENS", "1");

/// Takes them; whether the hour went well.
pub(crate) fn run() -> anyhow::Result<bool> {
    needs::ensure()?;
    let mut command = Command::from(cargo());
    command.args(["test", "--package", "link-peeler", "--test", "pages", "--", "--exact", HOUR]).env(ASKED.0, ASKED.1);
    Ok(command.status().context("could not start cargo")?.success())
}
