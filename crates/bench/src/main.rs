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
mod pages;
mod postgres;
mod processor;
mod resolver;
mod rig;
mod unauthenticated;

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
    /// What each page of the console costs with a million rows and ten million checks.
    Pages(pages::Arguments),
    /// The same over PostgreSQL: with millions of jobs waiting against none, with a neighbour that has a million, and what
    /// the hot tables weigh after millions have passed through them.
    Postgres(postgres::Arguments),
    /// Links a second over HTTP beside curl and lychee, pages a second in a browser beside playwright, and which links of
    /// a mixed list need a browser.
    Resolver(resolver::Arguments),
    /// Valid admissions beside a million requests that prove nothing.
    Unauthenticated(unauthenticated::Arguments),
    /// Our side of the resolver's comparisons, in a process of its own.
    #[command(hide = true)]
    ResolveList(resolver::engine::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().benchmark {
        Benchmark::Admission(arguments) => admission::run(&arguments),
        Benchmark::Pages(arguments) => pages::run(&arguments),
        Benchmark::Postgres(arguments) => postgres::run(&arguments),
        Benchmark::Resolver(arguments) => resolver::run(&arguments),
        Benchmark::Unauthenticated(arguments) => unauthenticated::run(&arguments),
        Benchmark::ResolveList(arguments) => resolver::engine::run(&arguments),
    }
}
