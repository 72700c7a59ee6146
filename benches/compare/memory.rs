//! What an idle user costs in memory: the Rust scenario with one user and with many, all connected and waiting, and the
//! difference of the process's own memory over the users. The kernel's part of a connection is not in it: it is the same
//! for every tool.

use std::fmt;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::load::now_ns;
use crate::peers::{self, Cores};
use crate::process::{self, Running};
use crate::target::Target;

/// The outcome of one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerUser {
    users: u64,
    base: Resident,
    full: Resident,
}

/// A process's memory.
#[derive(Clone, Copy, Debug)]
struct Resident {
    /// Resident pages, whoever else has them too.
    rss_kib: u64,
    /// The same with shared pages divided among their owners.
    pss_kib: u64,
}

/// Measures with `users` idle users, each with a live connection that the server counts.
pub(crate) fn measure(target: &Target, cores: Cores, users: u64) -> anyhow::Result<PerUser> {
    let base = with_users(target, cores, 1)?;
    let full = with_users(target, cores, users)?;
    Ok(PerUser { users, base, full })
}

impl PerUser {
    /// Bytes of the process's own memory per user.
    fn bytes(&self) -> f64 {
        (self.full.pss_kib as f64 - self.base.pss_kib as f64) * 1024.0 / (self.users - 1) as f64
    }
}

impl fmt::Display for PerUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, base, full } = self;
        write!(
            f,
            "{:.0} bytes of own memory per idle user with a live connection: {users} users {} KiB (resident {}), one user {} KiB (resident {})",
            self.bytes(),
            full.pss_kib,
            full.rss_kib,
            base.pss_kib,
            base.rss_kib
        )
    }
}

fn with_users(target: &Target, cores: Cores, users: u64) -> anyhow::Result<Resident> {
    wait_for_connections(target, 0..=0)?;
    let mut command = process::pinned(&[cores.first], peers::beside("scenario")?)?;
    command
        .args(["Idler", "--headless", "--json", "--shards", "1", "-t", "300s"])
        .args(["--host", &format!("http://{}", target.address())])
        .args(["-u", &users.to_string(), "-r", &users.to_string()]);
    let running = Running::start(command)?;
    wait_for_connections(target, users..=users)?;
    // One tick of statistics and more, so that what starting took is given back or never will be.
    pause(3_000);
    ensure!(running.runs()?, "the scenario ended early");
    ensure!(target.counts()?.connections == users, "connections were lost");
    resident(running.id())
}

fn wait_for_connections(target: &Target, wanted: std::ops::RangeInclusive<u64>) -> anyhow::Result<()> {
    let give_up_ns = now_ns() + 60_000_000_000;
    loop {
        let connections = target.counts()?.connections;
        if wanted.contains(&connections) {
            return Ok(());
        }
        ensure!(now_ns() < give_up_ns, "{connections} connections after a minute, {} wanted", wanted.end());
        pause(50);
    }
}

fn resident(id: u32) -> anyhow::Result<Resident> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let field = |name: &str| -> anyhow::Result<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).context("no such line in smaps_rollup")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok(Resident { rss_kib: field("Rss:")?, pss_kib: field("Pss:")? })
}

#[expect(clippy::disallowed_methods, reason = "waits for other processes, not on anybody's way")]
fn pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
