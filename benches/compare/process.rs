//! A client as the machine sees it: a process on given cores, bounded in time, whose CPU time is what the kernel charged
//! to it (`wait4`). Pinning goes through a re-execution of this program (`compare pin 0 -- wrk …`), so that every thread
//! of a client, ours or foreign, starts on its cores.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{CpuSet, sched_setaffinity};
use wait4::Wait4;

use crate::load::now_ns;

/// What processes that ran side by side cost together, and what they said.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessResults {
    /// User and system time of all of them.
    pub(crate) cpu_us: f64,
    /// From the first start to the last end.
    pub(crate) wall_s: f64,
    /// One text per process.
    pub(crate) stdout: Vec<String>,
}

/// `program` with these cores as its affinity mask. Arguments can still be added.
pub(crate) fn pinned(cores: &[usize], program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
    let cores: Vec<_> = cores.iter().map(ToString::to_string).collect();
    let mut command = Command::new(own_program()?);
    command.arg("pin").arg(cores.join(",")).arg("--").arg(program);
    Ok(command)
}

/// Pins this process and becomes the given program; comes back only to say why not.
pub(crate) fn pin_and_exec(cores: &[usize], command: &[String]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    sched_setaffinity(None, &set).context("cannot pin to these cores")?;
    let (program, arguments) = command.split_first().context("no program given")?;
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("cannot start {program}"))
}

/// Runs the commands at the same time to their ends.
///
/// # Errors
/// If one cannot be started, fails, or is not done within `limit`; all are gone by then.
pub(crate) fn run(commands: Vec<Command>, limit: Duration) -> anyhow::Result<ProcessResults> {
    let started_ns = now_ns();
    let mut running = Vec::new();
    for command in commands {
        running.push(RunningProcess::start(command)?);
    }
    let mut finished = ProcessResults::default();
    for process in running {
        let left = limit.saturating_sub(Duration::from_nanos(now_ns() - started_ns));
        process.finish(left, &mut finished)?;
    }
    finished.wall_s = (now_ns() - started_ns) as f64 / 1e9;
    Ok(finished)
}

/// This program's own file, to run again.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

/// A started process. Dropped before its end, it is killed.
pub(crate) struct RunningProcess {
    child: Option<Child>,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl RunningProcess {
    /// Starts it, without input, its output kept.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdout = read_in_thread(child.stdout.take().expect("piped"));
        let stderr = read_in_thread(child.stderr.take().expect("piped"));
        Ok(Self { child: Some(child), stdout, stderr })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("taken only by `finish`").id()
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> anyhow::Result<bool> {
        Ok(!wait_timeout(self.child.as_ref().expect("taken only by `finish`"), Duration::ZERO)?)
    }

    fn finish(mut self, limit: Duration, finished: &mut ProcessResults) -> anyhow::Result<()> {
        let child = self.child.as_mut().expect("taken only below");
        ensure!(wait_timeout(child, limit)?, "a client was not done in time and was stopped");
        let used = child.wait4()?;
        self.child = None;
        let stdout = join_output(&mut self.stdout);
        if !used.status.success() {
            bail!("a client ended with {}: {stdout}{}", used.status, join_output(&mut self.stderr));
        }
        finished.cpu_us += (used.rusage.utime + used.rusage.stime).as_secs_f64() * 1e6;
        finished.stdout.push(stdout);
        Ok(())
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may just have ended by itself; either way it is reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait_timeout(child: &Child, limit: Duration) -> anyhow::Result<bool> {
    let id = Pid::from_child(child);
    let handle = pidfd_open(id, PidfdFlags::empty())?;
    let timeout = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
    Ok(poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout))? > 0)
}

fn read_in_thread(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read is what there is to show.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn join_output(reader: &mut JoinHandle<String>) -> String {
    std::mem::replace(reader, thread::spawn(String::new)).join().unwrap_or_default()
}
