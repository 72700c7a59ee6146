//! What an idle user costs in memory: a process with a fifth of the users and one with all of them, connected and waiting,
//! and the difference of the process's own memory over that of the users. Taking it between two crowds leaves out what
//! the first users make a process load. The kernel's part of a connection is not in it: it is the same for every tool.

use std::fmt;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::clients::{self, ClientCores};
use crate::load::now_ns;
use crate::process::{self, RunningProcess};
use crate::python_hosts;
use crate::target::MeasuredServer;

/// Whose users wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Idlers {
    /// Those of `scenario.rs`.
    Rust,
    /// Those of `locustfiles/idler.py`.
    Python,
}

/// The outcome of one measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryPerUser {
    idlers: Idlers,
    few: UserGroup,
    many: UserGroup,
}

/// Users, and the memory of the process that has them.
#[derive(Clone, Copy, Debug)]
struct UserGroup {
    users: u64,
    memory: ProcessMemory,
}

/// A process's memory.
#[derive(Clone, Copy, Debug)]
struct ProcessMemory {
    /// Resident pages, whoever else has them too.
    rss_kib: u64,
    /// The same with shared pages divided among their owners.
    pss_kib: u64,
}

/// Measures with `users` idle users, each with a live connection that the server counts.
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
                let mut command = process::pinned(&[cores.first], clients::sibling_program("scenario")?)?;
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
    /// Bytes of the process's own memory per user.
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
    // One tick of statistics and more, so that what starting took is given back or never will be.
    pause(3_000);
    ensure!(running.is_running()?, "the users' process ended early");
    ensure!(target.counts()?.connections == users, "connections were lost");
    Ok(UserGroup { users, memory: process_memory(running.id())? })
}

fn wait_for_connections(target: &MeasuredServer, wanted: std::ops::RangeInclusive<u64>) -> anyhow::Result<()> {
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

fn process_memory(id: u32) -> anyhow::Result<ProcessMemory> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let field = |name: &str| -> anyhow::Result<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).context("no such line in smaps_rollup")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok(ProcessMemory { rss_kib: field("Rss:")?, pss_kib: field("Pss:")? })
}

#[expect(clippy::disallowed_methods, reason = "waits for other processes, not on anybody's way")]
fn pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
