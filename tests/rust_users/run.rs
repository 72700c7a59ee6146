//! Starts a run of Rust classes on two shards and collects its measurements.
//!
//! This is the minimum of a program that embeds the engine. `examples/embed.rs` shows the same in more detail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gregaria_engine::http::ClientConfig;
use gregaria_engine::rt::{DriverChoice, DriverKind};
use gregaria_engine::stats::{Overflow, StatsEntry, Summary};
use gregaria_engine::{
    HttpUser, RunCommand, RunHandle, RunReport, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm,
    TaskResult, TaskSet, UserClass,
};

/// A run that was started.
pub(super) struct StartedRun {
    pub(super) handle: RunHandle,
}

/// The measurements of a run.
pub(super) struct RunResult {
    pub(super) report: RunReport,
    /// Number of requests per name.
    pub(super) counts: BTreeMap<String, u64>,
    /// Body bytes received per name.
    pub(super) bytes: BTreeMap<String, u64>,
    /// Number of retries per name.
    pub(super) retries: BTreeMap<String, u64>,
    /// Name, error and number of occurrences.
    pub(super) errors: Vec<(String, String, u64)>,
    /// Message and number of occurrences of each panic or error in user code.
    pub(super) exceptions: Vec<(String, u64)>,
    /// Counts of what the limits on memory left out.
    pub(super) overflow: Overflow,
}

/// Returns options for a run of `count` seconds.
pub(super) fn seconds(count: u64) -> RunnerOptions {
    RunnerOptions { run_time: Some(Duration::from_secs(count)), ..long_stop_timeout() }
}

/// Returns options for a run of `count` requests.
pub(super) fn requests(count: u64) -> RunnerOptions {
    RunnerOptions { num_requests: Some(count), ..long_stop_timeout() }
}

/// Returns options with a long stop timeout: a busy machine may respond slowly, and no test here aborts requests.
fn long_stop_timeout() -> RunnerOptions {
    RunnerOptions { stop_timeout: Duration::from_secs(20), ..RunnerOptions::default() }
}

/// The drivers that differ most in the way they receive.
pub(super) const DRIVERS: [DriverKind; 2] = [DriverKind::IoUring, DriverKind::Epoll];

/// Returns a class of users that repeat `task` without waits.
pub(super) fn visitor(task: impl AsyncFn(&mut HttpUser) -> TaskResult + Send + Sync + 'static) -> UserClass {
    visitor_with(ClientConfig::default(), task)
}

/// Returns the class of [`visitor`] with a client configuration.
pub(super) fn visitor_with(
    config: ClientConfig,
    task: impl AsyncFn(&mut HttpUser) -> TaskResult + Send + Sync + 'static,
) -> UserClass {
    UserClass::http("Visitor").client(config).tasks(TaskSet::new("Visit").task_named("visit", 1, task))
}

/// Starts `users` users at once on the default driver.
pub(super) fn start(
    users: u32,
    host: &str,
    classes: impl IntoIterator<Item = UserClass>,
    options: RunnerOptions,
) -> StartedRun {
    start_on_driver(DriverChoice::Auto, users, host, classes, options)
}

/// Starts `users` users at once on the given driver.
pub(super) fn start_on_driver(
    driver: DriverChoice,
    users: u32,
    host: &str,
    classes: impl IntoIterator<Item = UserClass>,
    options: RunnerOptions,
) -> StartedRun {
    let scenario = RustScenario::new(classes).and_then(|scenario| scenario.with_host(Some(host)));
    let scenario = Arc::new(scenario.expect("the scenario is invalid"));
    let shards = ShardOptions { shards: Some(2), driver, ..ShardOptions::default() };
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &shards).expect("failed to start two shards");
    let handle = Runner::start(scenario, swarm, options).expect("failed to start the runner");
    handle.send_command(RunCommand::Spawn { users, spawn_rate: f64::INFINITY });
    StartedRun { handle }
}

impl StartedRun {
    /// Waits until exactly `users` users run.
    pub(super) fn wait_for_users(&self, users: u32) {
        let events = self.handle.events();
        for _ in 0..500 {
            if self.handle.status().users == users {
                return;
            }
            // A pause that ends early at an event.
            let _ = events.recv_timeout(Duration::from_millis(20));
        }
        panic!("there are {} users, not {users}", self.handle.status().users);
    }

    /// Waits for the end of the run and returns its measurements.
    pub(super) fn wait(self) -> RunResult {
        let report = self.handle.wait();
        self.handle.with_summary(|summary| RunResult {
            report,
            counts: per_name(summary, StatsEntry::num_requests),
            bytes: per_name(summary, StatsEntry::bytes_in),
            retries: per_name(summary, StatsEntry::num_retries),
            errors: summary
                .errors()
                .map(|row| (row.name().to_owned(), row.error().to_owned(), row.occurrences()))
                .collect(),
            exceptions: summary.exceptions().map(|row| (row.message().to_owned(), row.occurrences())).collect(),
            overflow: *summary.overflow(),
        })
    }
}

/// Returns the sums per name over all methods.
fn per_name(summary: &Summary, value: impl Fn(&StatsEntry) -> u64) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for entry in summary.entries() {
        *sums.entry(entry.name().to_owned()).or_insert(0) += value(entry);
    }
    sums
}

impl RunResult {
    /// Returns this result if the run had no failures, exceptions and aborted requests.
    ///
    /// # Panics
    /// Otherwise.
    pub(super) fn expect_success(self) -> Self {
        assert_eq!(
            (self.report.aborted, self.errors.as_slice(), self.exceptions.as_slice()),
            (0, [].as_slice(), [].as_slice())
        );
        self
    }

    /// Returns the number of all requests.
    pub(super) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Returns the number of failures with this name and error.
    pub(super) fn failures(&self, name: &str, error: &str) -> u64 {
        let rows = self.errors.iter().filter(|row| (row.0.as_str(), row.1.as_str()) == (name, error));
        rows.map(|row| row.2).sum()
    }
}
