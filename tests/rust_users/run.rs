//! Starts a run of Rust classes on two shards and gathers what it measured.
//!
//! As short as a program that embeds the engine can be; `examples/embed.rs` shows the same at leisure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gregaria_engine::http::ClientConfig;
use gregaria_engine::rt::{DriverChoice, DriverKind};
use gregaria_engine::stats::{StatsEntry, Summary};
use gregaria_engine::{
    HttpUser, RunCommand, RunHandle, RunReport, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm,
    TaskResult, TaskSet, UserClass,
};

/// A run that was started.
pub(super) struct StartedRun {
    pub(super) handle: RunHandle,
}

/// What a run measured.
pub(super) struct RunResult {
    pub(super) report: RunReport,
    /// Requests per name.
    pub(super) counts: BTreeMap<String, u64>,
    /// Bytes of bodies received per name.
    pub(super) bytes: BTreeMap<String, u64>,
    /// Occurrences per name and error.
    pub(super) errors: Vec<(String, String, u64)>,
    /// Occurrences per message of a panic or an error of user code.
    pub(super) exceptions: Vec<(String, u64)>,
}

/// Ends after so many seconds.
pub(super) fn seconds(count: u64) -> RunnerOptions {
    RunnerOptions { run_time: Some(Duration::from_secs(count)), ..long_stop_timeout() }
}

/// Ends after so many requests.
pub(super) fn requests(count: u64) -> RunnerOptions {
    RunnerOptions { num_requests: Some(count), ..long_stop_timeout() }
}

/// A busy machine may be slow to answer; nothing here is about what is cut.
fn long_stop_timeout() -> RunnerOptions {
    RunnerOptions { stop_timeout: Duration::from_secs(20), ..RunnerOptions::default() }
}

/// What runs differ in most: what the kernel receives into, and when.
pub(super) const DRIVERS: [DriverKind; 2] = [DriverKind::IoUring, DriverKind::Epoll];

/// Users that do this again and again.
pub(super) fn visitor(task: impl AsyncFn(&mut HttpUser) -> TaskResult + Send + Sync + 'static) -> UserClass {
    visitor_with(ClientConfig::default(), task)
}

/// The same, with settings.
pub(super) fn visitor_with(
    config: ClientConfig,
    task: impl AsyncFn(&mut HttpUser) -> TaskResult + Send + Sync + 'static,
) -> UserClass {
    UserClass::http("Visitor").client(config).tasks(TaskSet::new("Visit").task_named("visit", 1, task))
}

/// Starts so many users at once.
pub(super) fn start(
    users: u32,
    host: &str,
    classes: impl IntoIterator<Item = UserClass>,
    options: RunnerOptions,
) -> StartedRun {
    start_on_driver(DriverChoice::Auto, users, host, classes, options)
}

/// Starts so many users at once on this ring.
pub(super) fn start_on_driver(
    driver: DriverChoice,
    users: u32,
    host: &str,
    classes: impl IntoIterator<Item = UserClass>,
    options: RunnerOptions,
) -> StartedRun {
    let scenario = RustScenario::new(classes).and_then(|scenario| scenario.with_host(Some(host)));
    let scenario = Arc::new(scenario.expect("the scenario is sound"));
    let shards = ShardOptions { shards: Some(2), driver, ..ShardOptions::default() };
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &shards).expect("two shards can be started");
    let handle = Runner::start(scenario, swarm, options).expect("a thread can be started");
    handle.send_command(RunCommand::Spawn { users, spawn_rate: f64::INFINITY });
    StartedRun { handle }
}

impl StartedRun {
    /// Waits until exactly so many users live.
    pub(super) fn wait_for_users(&self, users: u32) {
        let notices = self.handle.events();
        for _ in 0..500 {
            if self.handle.status().users == users {
                return;
            }
            // Only a pause that ends early when something happens.
            let _ = notices.recv_timeout(Duration::from_millis(20));
        }
        panic!("there are {} users, not {users}", self.handle.status().users);
    }

    /// Waits for the end.
    pub(super) fn wait(self) -> RunResult {
        let report = self.handle.wait();
        self.handle.with_summary(|summary| RunResult {
            report,
            counts: per_name(summary, StatsEntry::num_requests),
            bytes: per_name(summary, StatsEntry::bytes_in),
            errors: summary
                .errors()
                .map(|row| (row.name().to_owned(), row.error().to_owned(), row.occurrences()))
                .collect(),
            exceptions: summary.exceptions().map(|row| (row.message().to_owned(), row.occurrences())).collect(),
        })
    }
}

/// The sum over all methods.
fn per_name(summary: &Summary, value: impl Fn(&StatsEntry) -> u64) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for entry in summary.entries() {
        *sums.entry(entry.name().to_owned()).or_insert(0) += value(entry);
    }
    sums
}

impl RunResult {
    /// Fails the test unless everything went well.
    pub(super) fn expect_success(self) -> Self {
        assert_eq!(
            (self.report.aborted, self.errors.as_slice(), self.exceptions.as_slice()),
            (0, [].as_slice(), [].as_slice())
        );
        self
    }

    /// All requests.
    pub(super) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How often requests of this name failed with this error.
    pub(super) fn failures(&self, name: &str, error: &str) -> u64 {
        let rows = self.errors.iter().filter(|row| (row.0.as_str(), row.1.as_str()) == (name, error));
        rows.map(|row| row.2).sum()
    }
}
