//! Everything that is done *to* this repository: test it, keep it tidy, measure it. `cargo xtask help` lists it.

mod bench;
mod metadata;
mod needs;
mod openapi;
mod repository;
mod runner;
mod schemathesis;
mod screenshots;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Test, tidy and measure this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must hold before a change goes in, quick checks first.
    Test,
    /// Arrows between crates, file sizes, dead files, links and words.
    Tidy,
    /// Writes `docs/openapi.json` as the code has it.
    Openapi,
    /// Takes the pictures of `docs/first-hour.md` anew, in a real browser.
    Screenshots,
    /// Builds and runs a benchmark in release mode: `cargo xtask bench admission --help`.
    Bench(bench::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let passed = match Arguments::parse().command {
        Command::Test => test::run()?,
        Command::Tidy => tidy::run()?,
        Command::Openapi => openapi::run()?,
        Command::Screenshots => screenshots::run()?,
        Command::Bench(arguments) => bench::run(&arguments)?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
