//! The memory of an idle user: the difference in process memory between a process with all users and one with a fifth
//! of them, over the difference in users. All users are connected and wait.
//!
//! The difference leaves out the memory that the first users make a process load. The kernel's memory of a connection
//! is not included: it is the same for every tool.

use std::fmt;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::clients::ClientCores;
use crate::load::now_ns;
use crate::process::{self, RunningProcess};
use crate::python_hosts;
use crate::target::MeasuredServer;

/// The kind of idle users.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Idlers {
    /// Users of `scenario.rs`.
    Rust,
    /// Users of `locustfiles/idler.py`.
    Python,
}

/// The result of one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryPerUser {
    idlers: Idlers,
    few: UserGroup,
    many: UserGroup,
}

/// A number of users and the memory of the process that runs them.
#[derive(Clone, Copy, Debug)]
struct UserGroup {
    users: u64,
    memory: ProcessMemory,
}

/// The memory of a process.
#[derive(Clone, Copy, Debug)]
struct ProcessMemory {
    /// Resident pages, including pages that are shared with other processes.
    rss_kib: u64,
    /// Resident pages, with each shared page divided by the number of processes that share it.
    pss_kib: u64,
}

/// Measures with `users` idle users, each with an open connection that the server counts.
pub(crate) fn measure(
    target: &MeasuredServer,
    idlers: Idlers,
    cores: ClientCores,
    users: u64,
) -> anyhow::Result<MemoryPerUser> {
    let few = measure_group(target, idlers, cores, users / 5)?;
    let many = measure_group(target, idlers, cores, users)?;
    Ok(MemoryPerUser { idlers, few, many })
}

impl Idlers {
    fn command(self, cores: ClientCores) -> anyhow::Result<Command> {
        Ok(match self {
            Self::Rust => {
                let mut command = process::pinned(&[cores.first], process::sibling_program("scenario")?);
                command.args(["Idler", "--shards", "1"]);
                command
            }
            Self::Python => {
                let mut command = python_hosts::gregaria(cores.first)?;
                command.arg("-f").arg(python_hosts::locustfile("idler.py"));
                command
            }
        })
    }
}

impl MemoryPerUser {
    /// Returns the bytes of process memory per user.
    fn bytes(&self) -> f64 {
        let grown_kib = self.many.memory.pss_kib as f64 - self.few.memory.pss_kib as f64;
        grown_kib * 1024.0 / (self.many.users - self.few.users) as f64
    }
}

impl fmt::Display for MemoryPerUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, Self { idlers, few, many }) = (self.bytes(), self);
        write!(f, "{bytes:.0} bytes of own memory per idle user in {idlers:?} with a live connection: {many}, {few}")
    }
}

impl fmt::Display for UserGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, memory: ProcessMemory { rss_kib, pss_kib } } = self;
        write!(f, "{users} users {pss_kib} KiB (resident {rss_kib})")
    }
}

fn measure_group(target: &MeasuredServer, idlers: Idlers, cores: ClientCores, users: u64) -> anyhow::Result<UserGroup> {
    wait_for_connections(target, 0..=0)?;
    let mut command = idlers.command(cores)?;
    command
        .args(["--headless", "--json", "-t", "300s"])
        .args(["--host", &format!("http://{}", target.address())])
        .args(["-u", &users.to_string(), "-r", &users.to_string()]);
    let running = RunningProcess::start(command)?;
    wait_for_connections(target, users..=users)?;
    // Longer than one tick of statistics, so that the memory of the start is either freed or stays.
    pause(3_000);
    ensure!(running.is_running()?, "cannot measure idle users: their process ended early");
    ensure!(target.counts()?.connections == users, "cannot measure idle users: connections were closed");
    Ok(UserGroup { users, memory: process_memory(running.id())? })
}

fn wait_for_connections(target: &MeasuredServer, wanted: std::ops::RangeInclusive<u64>) -> anyhow::Result<()> {
    let deadline_ns = now_ns() + 60_000_000_000;
    loop {
        let connections = target.counts()?.connections;
        if wanted.contains(&connections) {
            return Ok(());
        }
        ensure!(
            now_ns() < deadline_ns,
            "cannot measure idle users: {connections} connections after 60 s instead of {}",
            wanted.end()
        );
        pause(50);
    }
}

fn process_memory(id: u32) -> anyhow::Result<ProcessMemory> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let field = |name: &str| -> anyhow::Result<u64> {
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .with_context(|| format!("no line {name} in smaps_rollup"))?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok(ProcessMemory { rss_kib: field("Rss:")?, pss_kib: field("Pss:")? })
}

#[expect(clippy::disallowed_methods, reason = "waits for other processes outside of any measured run")]
fn pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
