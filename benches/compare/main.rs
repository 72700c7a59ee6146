//! The side-by-side comparison: the CPU time per request of HTTP clients, against a fixed-response server on the same
//! machine. Without a subcommand the program compares. It executes itself with a subcommand to run the server, a
//! client, or a program pinned to cores.
//!
//! Reading order: `comparison.rs` (rounds), `measure.rs` (one sample), `clients.rs` and `tables.rs` (the clients),
//! `floor.rs` (the lower bound). `benches/README.md` states what the figures contain and how reliable they are.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the output of this program is its result")]

mod before;
mod busy_time;
mod clients;
mod comparison;
mod counts;
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
mod requirements;
mod response;
mod ring;
mod server;
mod tables;
mod target;
mod tokio_client;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use clients::Client;
use comparison::Comparison;
use load::ClientLoad;

fn main() -> ExitCode {
    let Err(error) = run() else {
        return ExitCode::SUCCESS;
    };
    // Without the backtrace that `Debug` would add: a missing program or core is no defect of this program.
    eprintln!("{error:#}");
    ExitCode::FAILURE
}

fn run() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        None => arguments.comparison.run(),
        Some(CompareCommand::Client { name, load }) => {
            run_client(name, &load).with_context(|| format!("cannot run client {}", name.name()))
        }
        Some(CompareCommand::Pin { cores, command }) => process::pin_and_exec(&cores, &command),
        Some(CompareCommand::Server) => server::run().context("cannot run the server"),
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
    /// Run one of the built-in clients
    Client {
        /// Name of the client
        #[arg(value_enum)]
        name: Client,
        #[command(flatten)]
        load: ClientLoad,
    },
    /// Run a program on the given cores only
    Pin {
        /// Core numbers, separated by commas
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
    let result = match name {
        Client::Floor => floor::run(load)?,
        Client::Glommio => glommio_client::run(load)?,
        Client::Monoio => monoio_client::run(load)?,
        Client::MonoioPlain => monoio_client::run_plain(load)?,
        Client::Tokio => tokio_client::run(load)?,
        _ => anyhow::bail!("the client is a separate program"),
    };
    println!("{result}");
    Ok(())
}
