//! One sample of one client: a short and a long run. The figures are the slope between the two, so start-up,
//! connecting and the end of a run cancel out.
//!
//! The requests are the server's count, which the client's count must match. `comparison.rs` alternates the order of
//! the clients, so that a drift of the machine affects all clients.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;

use crate::busy_time::BusyTime;
use crate::clients::{Client, ClientCores};
use crate::load::ClientLoad;
use crate::process;
use crate::target::MeasuredServer;

/// The settings that all runs of a comparison share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeasurementPlan {
    /// Number of keep-alive connections, each with one request at a time.
    pub(crate) connections: u32,
    /// Length of the short runs, in seconds.
    pub(crate) short_s: u64,
    /// Length of the long runs, in seconds.
    pub(crate) long_s: u64,
    /// The cores of the clients.
    pub(crate) cores: ClientCores,
    /// CPU time of other processes during a run, in cores, above which the run is repeated.
    pub(crate) max_others_cores: f64,
}

impl MeasurementPlan {
    /// Returns the load of a run of `seconds`.
    pub(crate) fn load(&self, address: SocketAddr, seconds: u64) -> ClientLoad {
        ClientLoad { address, connections: self.connections, seconds }
    }
}

/// One run of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientRun {
    /// Requests, as counted by the server.
    pub(crate) requests: u64,
    /// User and system time of the client, in microseconds.
    pub(crate) cpu_us: f64,
    /// Time from start to end of the client, in seconds.
    pub(crate) wall_s: f64,
    /// User and system time of the server, in microseconds.
    pub(crate) server_cpu_us: f64,
    /// CPU time of other processes, in cores.
    pub(crate) others_cores: f64,
}

/// The short and the long run of one client in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundSample {
    /// The measured client.
    pub(crate) client: Client,
    /// Number of the round, from 1.
    pub(crate) round: u32,
    /// The shorter run.
    pub(crate) short: ClientRun,
    /// The longer run.
    pub(crate) long: ClientRun,
}

impl RoundSample {
    /// Returns the CPU time of the client per request, without start-up, in microseconds.
    pub(crate) fn cpu_us_per_request(&self) -> f64 {
        (self.long.cpu_us - self.short.cpu_us) / self.requests()
    }

    /// Returns the CPU time of the server per request, in microseconds.
    pub(crate) fn server_us_per_request(&self) -> f64 {
        self.long.server_cpu_us / self.long.requests as f64
    }

    /// Returns the requests per second, without start-up.
    pub(crate) fn rate(&self) -> f64 {
        self.requests() / (self.long.wall_s - self.short.wall_s)
    }

    /// Returns the CPU time of other processes in the noisier of the two runs, in cores.
    pub(crate) fn others_cores(&self) -> f64 {
        self.short.others_cores.max(self.long.others_cores)
    }

    fn requests(&self) -> f64 {
        self.long.requests as f64 - self.short.requests as f64
    }
}

/// Takes one sample of a client. While other processes use more than the plan allows, the sample is repeated, up to
/// [`MAX_ATTEMPTS`] times in total. Returns the sample with the least CPU time of other processes.
///
/// # Errors
/// If the client cannot be run, or its count differs from that of the server.
pub(crate) fn measure_round(
    target: &MeasuredServer,
    plan: &MeasurementPlan,
    client: Client,
    round: u32,
) -> anyhow::Result<RoundSample> {
    let mut quietest = measure_once(target, plan, client, round)?;
    for _ in 1..MAX_ATTEMPTS {
        if quietest.others_cores() <= plan.max_others_cores {
            break;
        }
        let again = measure_once(target, plan, client, round)?;
        if again.others_cores() < quietest.others_cores() {
            quietest = again;
        }
    }
    ensure!(
        quietest.long.requests > quietest.short.requests,
        "cannot use the sample of {}: its long run has no more requests than its short run",
        client.name()
    );
    Ok(quietest)
}

/// Returns the median: the middle value, or the mean of the two middle values.
///
/// # Panics
/// If `values` is empty.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] }
}

fn measure_once(
    target: &MeasuredServer,
    plan: &MeasurementPlan,
    client: Client,
    round: u32,
) -> anyhow::Result<RoundSample> {
    let short = run_client(target, plan, client, plan.short_s)?;
    let long = run_client(target, plan, client, plan.long_s)?;
    Ok(RoundSample { client, round, short, long })
}

fn run_client(
    target: &MeasuredServer,
    plan: &MeasurementPlan,
    client: Client,
    seconds: u64,
) -> anyhow::Result<ClientRun> {
    let commands = client.commands(&plan.load(target.address(), seconds), plan.cores)?;
    let limit = Duration::from_secs(seconds * 2 + 20);

    let (busy, server_cpu_us, counts) = (BusyTime::now()?, target.cpu_us()?, target.settled_counts()?);
    let finished = process::run(commands, limit)?;
    let requests = target.settled_counts()?.requests - counts.requests;
    let server_cpu_us = target.cpu_us()? - server_cpu_us;
    let busy_us = busy.elapsed_us()?;

    let mut reported = 0;
    for stdout in &finished.stdout {
        reported += client.requests(stdout)?;
    }
    check_counts(client, reported, requests, plan.connections)?;
    let others_us = (busy_us - finished.cpu_us - server_cpu_us).max(0.0);
    let others_cores = others_us / 1e6 / finished.wall_s;
    Ok(ClientRun { requests, cpu_us: finished.cpu_us, wall_s: finished.wall_s, server_cpu_us, others_cores })
}

fn check_counts(client: Client, reported: u64, served: u64, connections: u32) -> anyhow::Result<()> {
    let name = client.name();
    ensure!(served > 0, "cannot use the run of {name}: the server counted no request");
    let uncounted = served.checked_sub(reported);
    let max_uncounted = client.max_uncounted(connections);
    ensure!(
        uncounted.is_some_and(|uncounted| uncounted <= max_uncounted),
        "cannot use the run of {name}: it counts {reported} requests, the server {served}; at most {max_uncounted} may be uncounted"
    );
    Ok(())
}

/// The maximum number of times that a sample is taken while other processes are busy.
const MAX_ATTEMPTS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(requests: u64, cpu_us: f64, wall_s: f64) -> ClientRun {
        ClientRun { requests, cpu_us, wall_s, server_cpu_us: 0.0, others_cores: 0.0 }
    }

    #[test]
    fn figures_exclude_start_up() {
        let start_up = (30_000.0, 0.5);
        let at =
            |requests: u64, seconds: f64| run_of(requests, start_up.0 + 6.0 * requests as f64, start_up.1 + seconds);
        let sample = RoundSample { client: Client::Floor, round: 1, short: at(100_000, 1.0), long: at(500_000, 5.0) };
        assert!((sample.cpu_us_per_request() - 6.0).abs() < 1e-9);
        assert!((sample.rate() - 100_000.0).abs() < 1e-6);
    }

    #[test]
    fn median_is_the_middle_value() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn only_foreign_tools_may_leave_requests_uncounted() {
        assert!(check_counts(Client::Floor, 100, 100, 64).is_ok());
        assert!(check_counts(Client::Floor, 100, 101, 64).is_err());
        assert!(check_counts(Client::Wrk, 100, 164, 64).is_ok());
        assert!(check_counts(Client::Wrk, 100, 165, 64).is_err());
        assert!(check_counts(Client::Wrk, 101, 100, 64).is_err());
        assert!(check_counts(Client::Wrk, 0, 0, 64).is_err());
    }
}
