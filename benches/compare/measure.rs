//! What is measured and how it is made trustworthy: each client does a short and a long run, and the figures are the slope
//! between them, so start-up, connecting and the end of a run cancel out. The requests are the server's count, which the
//! client's own must match. Rounds alternate the clients' order, so a machine that drifts drifts for all of them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;

use crate::busy_time::BusyTime;
use crate::clients::{Client, ClientCores};
use crate::load::ClientLoad;
use crate::process;
use crate::target::MeasuredServer;

/// What every run of a comparison has in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeasurementPlan {
    /// Keep-alive connections, one request at a time on each.
    pub(crate) connections: u32,
    /// Length of the short runs.
    pub(crate) short_s: u64,
    /// Length of the long runs.
    pub(crate) long_s: u64,
    /// Where clients run.
    pub(crate) cores: ClientCores,
    /// How much of the machine others may use during a run, in cores, before it is repeated.
    pub(crate) max_others_cores: f64,
}

impl MeasurementPlan {
    /// The load of a run of so many seconds.
    pub(crate) fn load(&self, address: SocketAddr, seconds: u64) -> ClientLoad {
        ClientLoad { address, connections: self.connections, seconds }
    }
}

/// One run of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientRun {
    /// As the server counted them.
    pub(crate) requests: u64,
    /// User and system time of the client.
    pub(crate) cpu_us: f64,
    /// From start to end of the client.
    pub(crate) wall_s: f64,
    /// User and system time of the server.
    pub(crate) server_cpu_us: f64,
    /// CPU time that neither client nor server used, as a share of one core.
    pub(crate) others_cores: f64,
}

/// One client's short and long run in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundSample {
    /// Whose.
    pub(crate) client: Client,
    /// From 1.
    pub(crate) round: u32,
    /// The shorter run.
    pub(crate) short: ClientRun,
    /// The longer run.
    pub(crate) long: ClientRun,
}

impl RoundSample {
    /// The client's CPU time per request, start-up taken off.
    pub(crate) fn cpu_us_per_request(&self) -> f64 {
        (self.long.cpu_us - self.short.cpu_us) / self.requests()
    }

    /// The server's CPU time per request.
    pub(crate) fn server_us_per_request(&self) -> f64 {
        self.long.server_cpu_us / self.long.requests as f64
    }

    /// Requests per second, start-up taken off.
    pub(crate) fn rate(&self) -> f64 {
        self.requests() / (self.long.wall_s - self.short.wall_s)
    }

    /// CPU time that neither client nor server used, in cores, in the noisier of the two runs.
    pub(crate) fn others_cores(&self) -> f64 {
        self.short.others_cores.max(self.long.others_cores)
    }

    fn requests(&self) -> f64 {
        self.long.requests as f64 - self.short.requests as f64
    }
}

/// Runs one client's short and long run, again while others use more of the machine than the plan allows, up to
/// [`ATTEMPTS`] times; the quietest sample counts. The figure itself has no say in which.
///
/// # Errors
/// If it cannot be run, or its count is not the server's.
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
        "{} made no more requests in the longer run",
        client.name()
    );
    Ok(quietest)
}

/// The middle value; the mean of the two middle ones.
///
/// # Panics
/// If there is none.
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
    ensure!(served > 0, "{name} made no request");
    let uncounted = served.checked_sub(reported);
    let max_uncounted = client.max_uncounted(connections);
    ensure!(
        uncounted.is_some_and(|uncounted| uncounted <= max_uncounted),
        "{name} counts {reported} requests, the server {served}: more than {max_uncounted} apart"
    );
    Ok(())
}

/// How often a sample is taken at most while the machine is not quiet.
const MAX_ATTEMPTS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(requests: u64, cpu_us: f64, wall_s: f64) -> ClientRun {
        ClientRun { requests, cpu_us, wall_s, server_cpu_us: 0.0, others_cores: 0.0 }
    }

    #[test]
    fn start_up_is_in_neither_figure() {
        let start_up = (30_000.0, 0.5);
        let at =
            |requests: u64, seconds: f64| run_of(requests, start_up.0 + 6.0 * requests as f64, start_up.1 + seconds);
        let sample = RoundSample { client: Client::Floor, round: 1, short: at(100_000, 1.0), long: at(500_000, 5.0) };
        assert!((sample.cpu_us_per_request() - 6.0).abs() < 1e-9);
        assert!((sample.rate() - 100_000.0).abs() < 1e-6);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn counts_must_agree_and_only_foreign_tools_may_drop_what_is_on_the_wire() {
        assert!(check_counts(Client::Floor, 100, 100, 64).is_ok());
        assert!(check_counts(Client::Floor, 100, 101, 64).is_err());
        assert!(check_counts(Client::Wrk, 100, 164, 64).is_ok());
        assert!(check_counts(Client::Wrk, 100, 165, 64).is_err());
        assert!(check_counts(Client::Wrk, 101, 100, 64).is_err());
        assert!(check_counts(Client::Wrk, 0, 0, 64).is_err());
    }
}
