//! The comparison from its arguments to its table: which clients are there, how many rounds, in which order, and what is
//! done with the samples. How one sample is taken is `measure.rs`.

use crate::clients::{self, Client, ClientCores};
use crate::measure::{self, MeasurementPlan, RoundSample};
use crate::memory::{self, Idlers};
use crate::python_hosts;
use crate::record::ComparisonRecord;
use crate::report::{Report, csv};
use crate::tables::{self, Subject};
use crate::target::{MeasuredServer, ServerKind};

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::ensure;

/// What to compare and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Comparison {
    /// Rounds; each runs every client once, short and long. 0: only what else is asked for
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    rounds: u32,
    /// Only these clients [default: all that are installed, without those that run Python users]
    #[arg(long, value_enum, value_delimiter = ',')]
    clients: Vec<Client>,
    /// The clients that run Python users instead: ours and Locust, each with the same two locustfiles
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
    /// The clients' core
    #[arg(long, default_value_t = 0)]
    client_core: usize,
    /// The server's core
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// The second core of clients that take two; with only two cores it is the server's
    #[arg(long, default_value_t = 1)]
    second_core: usize,
    /// Repeat a run in which others used more than so many cores
    #[arg(long, value_name = "CORES", default_value_t = 0.2)]
    others: f64,
    /// Also measure the memory of so many idle users, Rust's or Python's as the clients are
    #[arg(long, value_name = "USERS", value_parser = clap::value_parser!(u64).range(5..=50_000))]
    memory: Option<u64>,
    /// Keep the result in benches/runs
    #[arg(long)]
    record: bool,
}

impl Comparison {
    /// Measures, prints, and keeps what is to be kept.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        ensure!(self.long > self.short, "--long must be longer than --short");
        clients::build_own_programs()?;
        if self.has_python() {
            python_hosts::build()?;
        }
        let clients = self.available_clients()?;
        ensure!(!clients.is_empty(), "none of these clients is there");
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
            eprintln!("kept in {folder}");
        }
        Ok(())
    }

    fn samples(&self, clients: &[Client]) -> anyhow::Result<Vec<RoundSample>> {
        let plan = self.measurement_plan();
        let targets = self.targets(clients)?;
        let mut samples = Vec::new();
        for round in 1..=self.rounds {
            for position in 0..clients.len() {
                // Every other round backwards: a drift within rounds then favours nobody.
                let index = if round % 2 == 1 { position } else { clients.len() - 1 - position };
                let client = clients[index];
                let target = targets
                    .iter()
                    .find(|target| target.server_kind() == client.server_kind())
                    .expect("all are started");
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

    /// The servers that these clients need.
    fn targets(&self, clients: &[Client]) -> anyhow::Result<Vec<MeasuredServer>> {
        let mut targets: Vec<MeasuredServer> = Vec::new();
        for server in clients.iter().map(|client| client.server_kind()) {
            if self.rounds > 0 && targets.iter().all(|target| target.server_kind() != server) {
                targets.push(MeasuredServer::start(server, self.server_core)?);
            }
        }
        Ok(targets)
    }

    /// The wanted clients without those that cannot be started. One that was asked for by name must be there.
    fn available_clients(&self) -> anyhow::Result<Vec<Client>> {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let load = self.measurement_plan().load(nowhere, self.short);
        if !self.clients.is_empty() {
            for client in &self.clients {
                client.commands(&load, self.cores())?;
            }
            return Ok(self.clients.clone());
        }
        let mut present = Vec::new();
        for client in self.subject().clients() {
            match client.commands(&load, self.cores()) {
                Ok(_) => present.push(client),
                Err(reason) => eprintln!("without {}: {reason}", client.name()),
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

    /// Whether Python users are among those that are measured.
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
            "server on core {server_core}, clients on core {client_core}, those of two cores also on {second_core}"
        );
        let record = ComparisonRecord { arguments: &arguments, clients, cores: &cores, summary, csv };
        let folder = record.write()?;
        Ok(format!("benches/runs/{}", folder.file_name().unwrap_or_default().to_string_lossy()))
    }
}
