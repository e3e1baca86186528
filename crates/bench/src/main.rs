//! Load generators and benchmarks; `cargo xtask bench` builds and runs them in release mode. A figure is always printed
//! beside what it is compared with, from the same run, with machine and date.

mod admission;
mod caller;
mod desktops;
mod device;
mod handover;
mod http1;
mod latency;
mod load;
mod machine;
mod postgres;
mod rig;

use clap::{Parser, Subcommand};

/// Measures Link Peeler.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Signed durable admissions, hand-over to a waiting desktop, pulls and reports over a backlog.
    Admission(admission::Arguments),
    /// The same over PostgreSQL: with millions of jobs waiting against none, with a neighbour that has a million, and what
    /// the hot tables weigh after millions have passed through them.
    Postgres(postgres::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().benchmark {
        Benchmark::Admission(arguments) => admission::run(&arguments),
        Benchmark::Postgres(arguments) => postgres::run(&arguments),
    }
}
