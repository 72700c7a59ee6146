//! The comparison from its arguments to its tables: requirements, available clients, rounds, their order, and the
//! output. `measure.rs` takes one sample; `report.rs` formats the tables.

use crate::clients::{Client, ClientCores};
use crate::measure::{self, MeasurementPlan, RoundSample};
use crate::memory::{self, Idlers};
use crate::process;
use crate::python_hosts::{self, PythonHost};
use crate::record::ComparisonRecord;
use crate::report::{Report, csv};
use crate::requirements;
use crate::tables::{self, Subject};
use crate::target::{MeasuredServer, ServerKind};

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::ensure;

/// The arguments of a comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct Comparison {
    /// Rounds; each runs every client once, short and long. 0: no rounds, only --memory
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    rounds: u32,
    /// Only these clients [default: all that are installed, without those that run Python users]
    #[arg(long, value_enum, value_delimiter = ',')]
    clients: Vec<Client>,
    /// Clients that run Python users instead: ours and Locust, each with the same two locustfiles
    #[arg(long, group = "subject", conflicts_with = "clients")]
    python: bool,
    /// Downloads of 64 KiB and of 1 MiB instead, from nginx: wrk and ours
    #[arg(long, group = "subject", conflicts_with = "clients")]
    bodies: bool,
    /// Small responses over TLS instead, from nginx: wrk and ours
    #[arg(long, group = "subject", conflicts_with = "clients")]
    tls: bool,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    connections: u32,
    /// Length of the short runs, in seconds
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    short: u64,
    /// Length of the long runs, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(2..=600))]
    long: u64,
    /// The core of the clients
    #[arg(long, default_value_t = 0)]
    client_core: usize,
    /// The core of the server
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// The second core of clients that run on two; on a machine with two cores the server shares it
    #[arg(long, default_value_t = 1)]
    second_core: usize,
    /// Repeat a run in which other processes used more than this many cores
    #[arg(long, value_name = "CORES", default_value_t = 0.2)]
    others: f64,
    /// Also measure the memory of this many idle users, in Rust or, with Python clients, in Python
    #[arg(long, value_name = "USERS", value_parser = clap::value_parser!(u64).range(5..=50_000))]
    memory: Option<u64>,
    /// Store the result in benches/runs
    #[arg(long)]
    record: bool,
}

impl Comparison {
    /// Checks the requirements, builds the programs, measures, prints the tables, and stores the record with
    /// `--record`.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        ensure!(self.long > self.short, "--long must be longer than --short");
        self.check_requirements()?;
        // `cargo run` has built this program only. Naming the others leaves this one alone.
        process::build(&["-p", "gregaria", "-p", "benches", "--bin", "gregaria", "--bin", "scenario"], &[])?;
        if self.has_python() {
            python_hosts::build()?;
        }
        let clients = self.available_clients()?;
        ensure!(!clients.is_empty(), "cannot compare: none of the clients is installed");
        let samples = self.samples(&clients)?;
        let mut summary = Report { samples: &samples, tables: &tables::ALL_TABLES }.to_string();
        if let Some(users) = self.memory {
            let idlers = if self.has_python() { Idlers::Python } else { Idlers::Rust };
            let target = MeasuredServer::start(ServerKind::Own, self.server_core)?;
            let per_user = memory::measure(&target, idlers, self.cores(), users)?;
            summary = format!("{summary}\n{per_user}\n");
        }
        print!("{summary}");
        if self.record {
            let folder = self.record(&clients, &summary, &csv(&samples))?;
            eprintln!("stored in {folder}");
        }
        Ok(())
    }

    /// Checks the machine and the programs without which the requested comparison cannot run.
    fn check_requirements(&self) -> anyhow::Result<()> {
        let by_name = !self.clients.is_empty();
        let clients = if by_name { self.clients.clone() } else { self.subject().clients().collect() };
        let mut cores = vec![self.client_core, self.server_core];
        cores.extend(clients.iter().any(|client| client.has_second_core()).then_some(self.second_core));
        requirements::check_machine(&cores)?;
        if clients.iter().any(|client| client.server_kind() != ServerKind::Own) {
            process::installed_program("nginx")?;
        }
        if self.has_python() {
            PythonHost::Gregaria.check_installed()?;
        }
        if by_name { clients.iter().try_for_each(|client| client.check_installed()) } else { Ok(()) }
    }

    fn samples(&self, clients: &[Client]) -> anyhow::Result<Vec<RoundSample>> {
        let plan = self.measurement_plan();
        let targets = self.targets(clients)?;
        let mut samples = Vec::new();
        for round in 1..=self.rounds {
            for position in 0..clients.len() {
                // Every second round runs backwards, so that a drift within rounds favours no client.
                let index = if round % 2 == 1 { position } else { clients.len() - 1 - position };
                let client = clients[index];
                let target = targets
                    .iter()
                    .find(|target| target.server_kind() == client.server_kind())
                    .expect("the servers of all clients are started");
                let sample = measure::measure_round(target, &plan, client, round)?;
                eprintln!(
                    "round {round}: {:<20}{:.2} µs/request, others {:.2} cores",
                    sample.client.name(),
                    sample.cpu_us_per_request(),
                    sample.others_cores()
                );
                samples.push(sample);
            }
        }
        Ok(samples)
    }

    /// Starts the servers that these clients need.
    fn targets(&self, clients: &[Client]) -> anyhow::Result<Vec<MeasuredServer>> {
        let mut targets: Vec<MeasuredServer> = Vec::new();
        for server in clients.iter().map(|client| client.server_kind()) {
            if self.rounds > 0 && targets.iter().all(|target| target.server_kind() != server) {
                targets.push(MeasuredServer::start(server, self.server_core)?);
            }
        }
        Ok(targets)
    }

    /// Returns the requested clients. Without `--clients`, those that are not installed are left out.
    fn available_clients(&self) -> anyhow::Result<Vec<Client>> {
        let placeholder = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let load = self.measurement_plan().load(placeholder, self.short);
        if !self.clients.is_empty() {
            for client in &self.clients {
                client.commands(&load, self.cores())?;
            }
            return Ok(self.clients.clone());
        }
        let mut present = Vec::new();
        for client in self.subject().clients().filter(|client| !client.is_absent_version()) {
            match client.commands(&load, self.cores()) {
                Ok(_) => present.push(client),
                Err(error) => eprintln!("without {}: {error:#}", client.name()),
            }
        }
        Ok(present)
    }

    fn subject(&self) -> Subject {
        match self {
            Self { python: true, .. } => Subject::Python,
            Self { bodies: true, .. } => Subject::Bodies,
            Self { tls: true, .. } => Subject::Tls,
            _ => Subject::Native,
        }
    }

    /// Returns `true` if a requested client runs Python users.
    fn has_python(&self) -> bool {
        self.python || self.clients.iter().any(|client| client.python_users().is_some())
    }

    fn measurement_plan(&self) -> MeasurementPlan {
        MeasurementPlan {
            connections: self.connections,
            short_s: self.short,
            long_s: self.long,
            cores: self.cores(),
            max_others_cores: self.others,
        }
    }

    fn cores(&self) -> ClientCores {
        ClientCores { first: self.client_core, second: self.second_core }
    }

    fn record(&self, clients: &[Client], summary: &str, csv: &str) -> anyhow::Result<String> {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let Self { server_core, client_core, second_core, .. } = self;
        let cores = format!(
            "server on core {server_core}, clients on core {client_core}, clients of two cores also on {second_core}"
        );
        let record = ComparisonRecord { arguments: &arguments, clients, cores: &cores, summary, csv };
        let folder = record.write()?;
        Ok(format!("benches/runs/{}", folder.file_name().unwrap_or_default().to_string_lossy()))
    }
}
