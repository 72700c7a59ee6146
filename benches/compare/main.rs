//! The side-by-side comparison: what a request costs each client in CPU time, against a fixed-response server on the same
//! machine. Without a subcommand it compares; the subcommands are what it runs as processes of their own: the server, a
//! client, a program pinned to cores.
//!
//! The way to read it: `comparison.rs` (rounds), `measure.rs` (one sample), `peers.rs` and `tables.rs` (who), `floor.rs` (the
//! yardstick).
//! How far the figures can be trusted is in `benches/README.md`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what this program is for")]

mod busy_time;
mod clients;
mod comparison;
mod floor;
mod glommio_client;
mod load;
mod measure;
mod memory;
mod monoio_client;
mod nginx;
mod process;
mod python_hosts;
mod record;
mod report;
mod response;
mod ring;
mod server;
mod tables;
mod target;
mod tokio_client;

use clap::{Parser, Subcommand};

use clients::Client;
use comparison::Comparison;
use load::ClientLoad;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        None => arguments.comparison.run(),
        Some(CompareCommand::Client { name, load }) => run_client(name, &load),
        Some(CompareCommand::Pin { cores, command }) => process::pin_and_exec(&cores, &command),
        Some(CompareCommand::Server) => Ok(server::run()?),
    }
}

/// Compares the CPU time per request of HTTP clients on this machine.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<CompareCommand>,
    #[command(flatten)]
    comparison: Comparison,
}

#[derive(Subcommand)]
enum CompareCommand {
    /// Run one of the clients that are built in
    Client {
        /// Which
        #[arg(value_enum)]
        name: Client,
        #[command(flatten)]
        load: ClientLoad,
    },
    /// Run a program on these cores only
    Pin {
        /// Numbers, separated by commas
        #[arg(value_delimiter = ',', num_args = 1)]
        cores: Vec<usize>,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run the fixed-response server until stdin ends; it prints its address
    Server,
}

fn run_client(name: Client, load: &ClientLoad) -> anyhow::Result<()> {
    let tally = match name {
        Client::Floor => floor::run(load)?,
        Client::Glommio => glommio_client::run(load)?,
        Client::Monoio => monoio_client::run(load)?,
        Client::MonoioPlain => monoio_client::run_plain(load)?,
        Client::Tokio => tokio_client::run(load)?,
        _ => anyhow::bail!("{} is a program of its own", name.name()),
    };
    println!("{tally}");
    Ok(())
}
