//! Programs and processes of the comparison: where a program is, how cargo builds it, and how it runs. A client is a
//! process on given cores, bounded in time. Its CPU time is the value that the kernel reports (`wait4`).
//!
//! Pinning executes this program again (`compare pin 0 -- wrk …`), so that every thread of a client starts on its
//! cores. Must not know which clients and servers exist: those are `clients.rs` and `target.rs`.

use std::env;
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

/// The cost and the output of processes that ran at the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessResults {
    /// User and system time of all processes, in microseconds.
    pub(crate) cpu_us: f64,
    /// Time from the first start to the last end, in seconds.
    pub(crate) wall_s: f64,
    /// Standard output, one text per process.
    pub(crate) stdout: Vec<String>,
}

/// Returns a command that runs `program` with `cores` as its affinity mask. Arguments can still be added.
pub(crate) fn pinned(cores: &[usize], program: impl AsRef<OsStr>) -> Command {
    let cores: Vec<_> = cores.iter().map(ToString::to_string).collect();
    let mut command = Command::new(OWN_PROGRAM);
    command.arg("pin").arg(cores.join(",")).arg("--").arg(program);
    command
}

/// Pins this process to `cores` and replaces it by the given program.
///
/// # Errors
/// If pinning or the replacement fails. It never returns `Ok`.
pub(crate) fn pin_and_exec(cores: &[usize], command: &[String]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    sched_setaffinity(None, &set).with_context(|| format!("cannot pin to cores {cores:?}"))?;
    let (program, arguments) = command.split_first().context("no program given")?;
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("cannot start {program}"))
}

/// Builds packages with the profile of this program. Without cargo as the parent, existing programs are used.
///
/// # Errors
/// If cargo fails.
pub(crate) fn build(packages: &[&str], variables: &[(&str, PathBuf)]) -> anyhow::Result<()> {
    let Some(cargo) = env::var_os("CARGO").filter(|_| !cfg!(debug_assertions)) else {
        return Ok(());
    };
    let mut command = Command::new(cargo);
    command.args(["build", "--release"]).args(packages).envs(variables.iter().cloned());
    for (name, _) in env::vars_os().filter(|(name, _)| is_package_variable(name)) {
        command.env_remove(name);
    }
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().context("cannot start cargo")?;
    ensure!(status.success(), "cannot build {}: cargo ended with {status}; its output is above", packages.join(" "));
    Ok(())
}

/// Returns the path of a file in the folder of this program.
pub(crate) fn sibling_path(name: &str) -> anyhow::Result<PathBuf> {
    // If the file was replaced since the start, its name has the suffix " (deleted)", but the folder is still right.
    Ok(env::current_exe().context("cannot find the folder of this program")?.with_file_name(name))
}

/// Returns the path of a program or library that cargo built into the folder of this program.
///
/// # Errors
/// If the file does not exist.
pub(crate) fn sibling_program(name: &str) -> anyhow::Result<PathBuf> {
    let path = sibling_path(name)?;
    ensure!(path.exists(), "cannot find {name}: it is not built; run `cargo run --release -p benches --bin compare`");
    Ok(path)
}

/// Returns the path of an installed program.
///
/// # Errors
/// If no folder of `PATH` has the program.
pub(crate) fn installed_program(name: &str) -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.with_context(|| format!("cannot find {name}: it is not in PATH; install {name}"))
}

/// The program of this process, to execute again. The kernel resolves the link to the running file, even after cargo
/// has replaced that file.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";

/// Runs the commands at the same time and waits until all have ended.
///
/// # Errors
/// If a process does not start, fails, or runs longer than `limit`. The other processes are killed.
pub(crate) fn run(commands: Vec<Command>, limit: Duration) -> anyhow::Result<ProcessResults> {
    let started_ns = now_ns();
    let mut running = Vec::new();
    for command in commands {
        running.push(RunningProcess::start(command)?);
    }
    let mut results = ProcessResults::default();
    for process in running {
        let remaining = limit.saturating_sub(Duration::from_nanos(now_ns() - started_ns));
        process.finish(remaining, &mut results)?;
    }
    results.wall_s = (now_ns() - started_ns) as f64 / 1e9;
    Ok(results)
}

/// A started process. Dropping the value before the process has ended kills the process.
pub(crate) struct RunningProcess {
    child: Option<Child>,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl RunningProcess {
    /// Starts a process without input and collects its output.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdout = read_in_thread(child.stdout.take().expect("stdout is piped"));
        let stderr = read_in_thread(child.stderr.take().expect("stderr is piped"));
        Ok(Self { child: Some(child), stdout, stderr })
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("only `finish` takes the child").id()
    }

    /// Returns `true` if the process has not ended.
    pub(crate) fn is_running(&self) -> anyhow::Result<bool> {
        let child = self.child.as_ref().expect("only `finish` takes the child");
        Ok(!wait_timeout(child, Duration::ZERO)?)
    }

    fn finish(mut self, limit: Duration, results: &mut ProcessResults) -> anyhow::Result<()> {
        let child = self.child.as_mut().expect("only this function takes the child");
        ensure!(wait_timeout(child, limit)?, "a client was killed: it did not end within {limit:.0?}");
        let used = child.wait4()?;
        self.child = None;
        let stdout = join_output(&mut self.stdout);
        if !used.status.success() {
            bail!("a client failed: {}: {stdout}{}", used.status, join_output(&mut self.stderr).trim_end());
        }
        results.cpu_us += (used.rusage.utime + used.rusage.stime).as_secs_f64() * 1e6;
        results.stdout.push(stdout);
        Ok(())
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // The process may have ended in the meantime. It is reaped in both cases.
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
        // After a read error, the bytes read so far are still shown.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn join_output(reader: &mut JoinHandle<String>) -> String {
    std::mem::replace(reader, thread::spawn(String::new)).join().unwrap_or_default()
}

/// Returns `true` for the variables in which `cargo run` describes the package that it runs. Build scripts such as that
/// of ring depend on them, so an inherited value rebuilds half of the workspace, and this program with it.
fn is_package_variable(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn package_variables_are_not_user_settings() {
        assert!(is_package_variable(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(is_package_variable(OsStr::new("CARGO_PKG_NAME")));
        assert!(!is_package_variable(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!is_package_variable(OsStr::new("PATH")));
    }

    #[test]
    fn own_program_path_is_executable() {
        assert!(Path::new(OWN_PROGRAM).is_file());
        assert!(sibling_path("compare").unwrap().parent().unwrap().is_dir());
    }

    #[test]
    fn missing_programs_are_named() {
        let error = installed_program("no-such-program").unwrap_err().to_string();
        assert_eq!(error, "cannot find no-such-program: it is not in PATH; install no-such-program");
    }
}
