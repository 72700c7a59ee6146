//! What an idle user costs in memory: a process with a fifth of the users and one with all of them, connected and waiting,
//! and the difference of the process's own memory over that of the users. Taking it between two crowds leaves out what
//! the first users make a process load. The kernel's part of a connection is not in it: it is the same for every tool.

use std::fmt;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::load::now_ns;
use crate::peers::{self, Cores};
use crate::process::{self, Running};
use crate::python_hosts;
use crate::target::Target;

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
pub(crate) struct PerUser {
    idlers: Idlers,
    few: Crowd,
    many: Crowd,
}

/// Users, and the memory of the process that has them.
#[derive(Clone, Copy, Debug)]
struct Crowd {
    users: u64,
    memory: Resident,
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
pub(crate) fn measure(target: &Target, idlers: Idlers, cores: Cores, users: u64) -> anyhow::Result<PerUser> {
    let few = crowd(target, idlers, cores, users / 5)?;
    let many = crowd(target, idlers, cores, users)?;
    Ok(PerUser { idlers, few, many })
}

impl Idlers {
    fn command(self, cores: Cores) -> anyhow::Result<Command> {
        Ok(match self {
            Self::Rust => {
                let mut command = process::pinned(&[cores.first], peers::beside("scenario")?)?;
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

impl PerUser {
    /// Bytes of the process's own memory per user.
    fn bytes(&self) -> f64 {
        let grown_kib = self.many.memory.pss_kib as f64 - self.few.memory.pss_kib as f64;
        grown_kib * 1024.0 / (self.many.users - self.few.users) as f64
    }
}

impl fmt::Display for PerUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, Self { idlers, few, many }) = (self.bytes(), self);
        write!(f, "{bytes:.0} bytes of own memory per idle user in {idlers:?} with a live connection: {many}, {few}")
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, memory: Resident { rss_kib, pss_kib } } = self;
        write!(f, "{users} users {pss_kib} KiB (resident {rss_kib})")
    }
}

fn crowd(target: &Target, idlers: Idlers, cores: Cores, users: u64) -> anyhow::Result<Crowd> {
    wait_for_connections(target, 0..=0)?;
    let mut command = idlers.command(cores)?;
    command
        .args(["--headless", "--json", "-t", "300s"])
        .args(["--host", &format!("http://{}", target.address())])
        .args(["-u", &users.to_string(), "-r", &users.to_string()]);
    let running = Running::start(command)?;
    wait_for_connections(target, users..=users)?;
    // One tick of statistics and more, so that what starting took is given back or never will be.
    pause(3_000);
    ensure!(running.runs()?, "the users' process ended early");
    ensure!(target.counts()?.connections == users, "connections were lost");
    Ok(Crowd { users, memory: resident(running.id())? })
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
