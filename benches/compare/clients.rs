//! The clients under comparison: the command of each client for a given load, and the parser of the count that it
//! prints. A new client is a variant here and a row in `tables.rs`. Programs of other projects are searched in
//! `PATH`, ours in the folder of this program, another version of ours by `before.rs`. Clients that run Python users
//! are in `python_hosts.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::before;
use crate::load::ClientLoad;
use crate::process::{self, OWN_PROGRAM};
use crate::python_hosts::PythonHost;
use crate::target::ServerKind;

/// A client under comparison.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, clap::ValueEnum)]
pub(crate) enum Client {
    /// Hand-written io_uring, the lower bound
    Floor,
    /// The monoio runtime with the io_uring flags of the engine
    Monoio,
    /// The monoio runtime with its own defaults
    MonoioPlain,
    /// The glommio runtime
    Glommio,
    /// The tokio runtime, one thread
    Tokio,
    /// wrk
    Wrk,
    /// h2load, HTTP/1.1
    H2load,
    /// oha
    Oha,
    /// Our quick run
    Gregaria,
    /// Our quick run in the version of GREGARIA_BEFORE
    GregariaBefore,
    /// Our Rust scenario: two weighted tasks, names, cookies on, no waits
    Scenario,
    /// The Rust scenario in the version of GREGARIA_BEFORE
    ScenarioBefore,
    /// The Rust scenario on two cores, two shards in one process
    Scenario2,
    /// The Rust scenario on the same two cores, one shard in each of two processes
    Scenario1x2,
    /// Our Python host: the same two weighted tasks by Python users
    Python,
    /// Our Python host in the version of GREGARIA_BEFORE
    PythonBefore,
    /// Locust's HttpUser with the same locustfile
    LocustHttp,
    /// Locust's FastHttpUser with the same locustfile
    LocustFast,
    /// Our Python host: the task decodes and checks 1 KiB of JSON, one listener
    PythonChecked,
    /// Locust's HttpUser with that locustfile
    LocustHttpChecked,
    /// Locust's FastHttpUser with that locustfile
    LocustFastChecked,
    /// wrk, bodies of 64 KiB
    #[value(name = "wrk-64k")]
    Wrk64k,
    /// Our quick run, which drops bodies, of 64 KiB
    #[value(name = "gregaria-64k")]
    Gregaria64k,
    /// Rust users that read bodies of 64 KiB
    #[value(name = "scenario-64k")]
    Scenario64k,
    /// wrk, bodies of 1 MiB
    #[value(name = "wrk-1m")]
    Wrk1m,
    /// Our quick run, bodies of 1 MiB
    #[value(name = "gregaria-1m")]
    Gregaria1m,
    /// Rust users that read bodies of 1 MiB
    #[value(name = "scenario-1m")]
    Scenario1m,
    /// wrk over TLS
    WrkTls,
    /// Our quick run over TLS
    GregariaTls,
}

/// The cores that clients run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientCores {
    /// The core of all clients.
    pub(crate) first: usize,
    /// The second core of clients that run on two.
    pub(crate) second: usize,
}

impl Client {
    /// Returns the name, as on the command line and in reports.
    pub(crate) fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).expect("no variant is skipped").get_name().to_owned()
    }

    /// Returns the server that this client is measured against.
    pub(crate) fn server_kind(self) -> ServerKind {
        match self {
            Self::Wrk64k
            | Self::Gregaria64k
            | Self::Scenario64k
            | Self::Wrk1m
            | Self::Gregaria1m
            | Self::Scenario1m => ServerKind::Files,
            Self::WrkTls | Self::GregariaTls => ServerKind::Tls,
            _ => ServerKind::Own,
        }
    }

    /// Returns `true` if this client also runs on the second core.
    pub(crate) fn has_second_core(self) -> bool {
        matches!(self, Self::Scenario2 | Self::Scenario1x2)
    }

    /// Returns `true` if this client is another version of ours, and no such version is given.
    pub(crate) fn is_absent_version(self) -> bool {
        matches!(self, Self::GregariaBefore | Self::ScenarioBefore | Self::PythonBefore) && !before::is_given()
    }

    /// Checks that the programs that this client needs and that the comparison does not build are installed.
    ///
    /// # Errors
    /// If one is missing.
    pub(crate) fn check_installed(self) -> anyhow::Result<()> {
        if matches!(self, Self::GregariaBefore | Self::ScenarioBefore) {
            return self.own_program().map(drop);
        }
        if let Some((host, _)) = self.python_users() {
            return host.check_installed();
        }
        if let Some(name) = self.foreign_program() {
            process::installed_program(name)?;
        }
        Ok(())
    }

    /// Returns the pinned commands of all processes of this client for the given load.
    ///
    /// # Errors
    /// If a program is missing.
    pub(crate) fn commands(self, load: &ClientLoad, cores: ClientCores) -> anyhow::Result<Vec<Command>> {
        if let Some((host, locustfile)) = self.python_users() {
            return Ok(vec![host.command(locustfile, load, cores.first)?]);
        }
        let both = [cores.first, cores.second];
        Ok(match self {
            Self::Scenario2 => vec![self.scenario_command(load, &both, 2)?],
            Self::Scenario1x2 => {
                let half = ClientLoad { connections: load.connections / 2, ..*load };
                vec![self.scenario_command(&half, &both[..1], 1)?, self.scenario_command(&half, &both[1..], 1)?]
            }
            Self::Scenario | Self::ScenarioBefore => vec![self.scenario_command(load, &both[..1], 1)?],
            Self::Scenario64k | Self::Scenario1m => vec![self.downloaders(load, cores.first)?],
            _ => vec![self.command(load, &both[..1])?],
        })
    }

    /// Returns the host and the locustfile if this client runs Python users.
    pub(crate) fn python_users(self) -> Option<(PythonHost, &'static str)> {
        let (shopper, checker) = ("shopper.py", "checker.py");
        Some(match self {
            Self::Python => (PythonHost::Gregaria, shopper),
            Self::PythonBefore => (PythonHost::GregariaBefore, shopper),
            Self::LocustHttp => (PythonHost::LocustHttp, shopper),
            Self::LocustFast => (PythonHost::LocustFast, shopper),
            Self::PythonChecked => (PythonHost::Gregaria, checker),
            Self::LocustHttpChecked => (PythonHost::LocustHttp, checker),
            Self::LocustFastChecked => (PythonHost::LocustFast, checker),
            _ => return None,
        })
    }

    /// Returns the name and version that the program prints, for the record.
    pub(crate) fn version(self) -> Option<String> {
        if let Some((host, _)) = self.python_users() {
            return host.version();
        }
        if matches!(self, Self::GregariaBefore | Self::ScenarioBefore) {
            return before::version();
        }
        let program = self.foreign_program()?;
        let flag = if self.tool() == Self::Wrk { "-v" } else { "--version" };
        let output = Command::new(process::installed_program(program).ok()?).arg(flag).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
    }

    /// Reads the number of requests from the output of one process of this client.
    ///
    /// # Errors
    /// If the output has no count or reports a failure.
    pub(crate) fn requests(self, stdout: &str) -> anyhow::Result<u64> {
        let requests = match self.tool() {
            Self::Wrk => wrk_requests(stdout),
            Self::H2load => h2load_requests(stdout),
            Self::Oha => oha_requests(stdout),
            Self::Floor | Self::Monoio | Self::MonoioPlain | Self::Glommio | Self::Tokio => own_requests(stdout),
            // Locust's format of --json, which is also ours.
            _ => entries_requests(stdout),
        };
        requests.with_context(|| {
            format!(
                "cannot use the run of {}: its output has failures or no count:\n{}",
                self.name(),
                stdout.trim_end()
            )
        })
    }

    /// Returns the maximum number of requests that the server counts and this client does not. At the end of a run,
    /// tools of other projects drop the requests in flight, while our clients wait for the responses.
    pub(crate) fn max_uncounted(self, connections: u32) -> u64 {
        match self.tool() {
            Self::Wrk | Self::H2load | Self::Oha => connections.into(),
            Self::LocustHttp | Self::LocustFast | Self::LocustHttpChecked | Self::LocustFastChecked => {
                connections.into()
            }
            _ => 0,
        }
    }

    fn command(self, load: &ClientLoad, cores: &[usize]) -> anyhow::Result<Command> {
        let ClientLoad { address, connections, seconds } = load;
        let (url, connections, seconds) = (self.url(*address), connections.to_string(), seconds.to_string());
        let program = match self.tool() {
            tool @ (Self::Wrk | Self::H2load | Self::Oha) => {
                process::installed_program(tool.foreign_program().expect("has a program"))?
            }
            Self::Gregaria => self.own_program()?,
            _ => OWN_PROGRAM.into(),
        };
        let mut command = process::pinned(cores, program);
        match self.tool() {
            Self::Wrk => command.args(["-t1", "-c", &connections, "-d", &seconds, &url]),
            Self::H2load => command.args(["--h1", "-t1", "-c", &connections, "-D", &seconds, &url]),
            Self::Oha => command
                .args(["--no-tui", "--output-format", "json", "-c", &connections, "-z", &format!("{seconds}s"), &url])
                .env("TOKIO_WORKER_THREADS", "1"),
            Self::Gregaria => {
                let time = format!("{seconds}s");
                command.args([&url, "-u", &connections, "-t", &time, "--shards", "1", "--json"]);
                command.args((self.server_kind() == ServerKind::Tls).then_some("--insecure"))
            }
            _ => command.args(["client", &self.name(), "--address", &address.to_string()]).args([
                "--connections",
                &connections,
                "--seconds",
                &seconds,
            ]),
        };
        Ok(command)
    }

    fn downloaders(self, load: &ClientLoad, core: usize) -> anyhow::Result<Command> {
        let mut command = process::pinned(&[core], self.own_program()?);
        command.args(["Downloader", "--headless", "--json", "--shards", "1", "--host", &self.url(load.address)]);
        command.args(["-u", &load.connections.to_string(), "-r", &load.connections.to_string()]);
        command.args(["-t", &format!("{}s", load.seconds)]);
        Ok(command)
    }

    fn scenario_command(self, load: &ClientLoad, cores: &[usize], shards: u32) -> anyhow::Result<Command> {
        let mut command = process::pinned(cores, self.own_program()?);
        command
            .args(["Shopper", "--headless", "--json", "--shards", &shards.to_string()])
            .args(["--host", &format!("http://{}", load.address)])
            .args(["-u", &load.connections.to_string(), "-r", &load.connections.to_string()])
            .args(["-t", &format!("{}s", load.seconds)]);
        Ok(command)
    }

    /// Returns the path of our program that runs this client.
    fn own_program(self) -> anyhow::Result<PathBuf> {
        match self {
            Self::GregariaBefore => before::program("gregaria"),
            Self::ScenarioBefore => before::program("scenario"),
            _ if self.tool() == Self::Gregaria => process::sibling_program("gregaria"),
            _ => process::sibling_program("scenario"),
        }
    }

    /// Returns the client of the same program for small responses without TLS.
    fn tool(self) -> Self {
        match self {
            Self::Wrk64k | Self::Wrk1m | Self::WrkTls => Self::Wrk,
            Self::Gregaria64k | Self::Gregaria1m | Self::GregariaTls | Self::GregariaBefore => Self::Gregaria,
            other => other,
        }
    }

    fn foreign_program(self) -> Option<&'static str> {
        match self.tool() {
            Self::Wrk => Some("wrk"),
            Self::H2load => Some("h2load"),
            Self::Oha => Some("oha"),
            _ => None,
        }
    }

    fn url(self, address: SocketAddr) -> String {
        let scheme = if self.server_kind() == ServerKind::Tls { "https" } else { "http" };
        let path = match self {
            Self::Wrk64k | Self::Gregaria64k | Self::Scenario64k => "64k",
            Self::Wrk1m | Self::Gregaria1m | Self::Scenario1m => "1m",
            _ => "",
        };
        format!("{scheme}://{address}/{path}")
    }
}

fn own_requests(stdout: &str) -> Option<u64> {
    let mut words = stdout.split_whitespace();
    let mut after = |name| words.find(|&word| word == name).and_then(|_| words.next()?.parse::<u64>().ok());
    let (requests, failures) = (after("requests")?, after("failures")?);
    (failures == 0).then_some(requests)
}

fn wrk_requests(stdout: &str) -> Option<u64> {
    if stdout.contains("Socket errors") || stdout.contains("Non-2xx") {
        return None;
    }
    let line = stdout.lines().find(|line| line.contains(" requests in "))?;
    line.split_whitespace().next()?.parse().ok()
}

fn h2load_requests(stdout: &str) -> Option<u64> {
    let line = stdout.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(what))?;
        part.trim().parse::<u64>().ok()
    };
    (count("failed")? == 0 && count("errored")? == 0).then(|| count("succeeded"))?
}

fn oha_requests(stdout: &str) -> Option<u64> {
    let result: Value = serde_json::from_str(stdout).ok()?;
    let statuses = result.get("statusCodeDistribution")?.as_object()?;
    (statuses.keys().all(|status| status == "200")).then(|| statuses.get("200")?.as_u64())?
}

fn entries_requests(stdout: &str) -> Option<u64> {
    let entries: Value = serde_json::from_str(stdout).ok()?;
    let sum = |field: &str| entries.as_array()?.iter().map(|entry| entry.get(field)?.as_u64()).sum::<Option<u64>>();
    (sum("num_failures")? == 0).then(|| sum("num_requests"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_counts_are_parsed_for_each_tool() {
        let wrk = "Running 1s test\n  1 threads and 64 connections\n  98765 requests in 1.00s, 20.2MB read\nRequests/sec: 98000.1\n";
        assert_eq!(Client::Wrk.requests(wrk).unwrap(), 98_765);
        let h2load =
            "requests: 50164 total, 50200 started, 50164 done, 50164 succeeded, 0 failed, 0 errored, 0 timeout\n";
        assert_eq!(Client::H2load.requests(h2load).unwrap(), 50_164);
        let oha = r#"{"summary":{},"statusCodeDistribution":{"200":4711},"errorDistribution":{"aborted due to deadline":64}}"#;
        assert_eq!(Client::Oha.requests(oha).unwrap(), 4_711);
        let gregaria = r#"[{"num_requests":40,"num_failures":0},{"num_requests":2,"num_failures":0}]"#;
        assert_eq!(Client::Gregaria.requests(gregaria).unwrap(), 42);
        assert_eq!(Client::Floor.requests("requests 7 failures 0 p50_us 1 p99_us 2").unwrap(), 7);
    }

    #[test]
    fn run_with_failures_is_rejected() {
        assert!(Client::Wrk.requests("  5 requests in 1.00s, 1MB read\n  Non-2xx or 3xx responses: 5\n").is_err());
        assert!(
            Client::H2load
                .requests("requests: 5 total, 5 started, 5 done, 4 succeeded, 1 failed, 0 errored, 0 timeout\n")
                .is_err()
        );
        assert!(Client::Oha.requests(r#"{"statusCodeDistribution":{"200":1,"500":1}}"#).is_err());
        assert!(Client::Gregaria.requests(r#"[{"num_requests":40,"num_failures":1}]"#).is_err());
        assert!(Client::Floor.requests("requests 7 failures 1").is_err());
    }
}
