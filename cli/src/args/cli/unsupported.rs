//! The flags of Locust that are accepted by the parser but not supported: one table with a remedy for each.
//!
//! To support a flag, delete its line here and `hide` in `raw.rs`.

use super::raw::RawArgs;
use crate::exit::CliError;

/// Checks that the arguments contain no unsupported flag.
///
/// # Errors
/// The first unsupported flag, with its remedy.
pub(in crate::args) fn check(raw: &RawArgs) -> Result<(), CliError> {
    let unsupported = FLAGS.iter().find(|flag| (flag.is_given)(raw));
    unsupported.map_or(Ok(()), |flag| Err(CliError::usage(format!("{}: {}", flag.name, flag.remedy))))
}

/// Returns the line of the help that lists the unsupported flags, without those that only refine another one.
pub(super) fn help_line() -> String {
    let is_listed = |flag: &&UnsupportedFlag| flag.is_planned && flag.remedy != NO_WORKERS;
    let names = FLAGS.iter().filter(is_listed).map(|flag| flag.name);
    format!("Not supported yet: {}.", names.collect::<Vec<_>>().join(", "))
}

struct UnsupportedFlag {
    name: &'static str,
    is_given: fn(&RawArgs) -> bool,
    remedy: &'static str,
    /// Whether gregaria will support the flag.
    is_planned: bool,
}

/// Returns a flag that gregaria will support.
const fn planned(name: &'static str, is_given: fn(&RawArgs) -> bool, remedy: &'static str) -> UnsupportedFlag {
    UnsupportedFlag { name, is_given, remedy, is_planned: true }
}

/// Returns a flag without a use in gregaria. The help does not list it.
const fn not_planned(name: &'static str, is_given: fn(&RawArgs) -> bool, remedy: &'static str) -> UnsupportedFlag {
    UnsupportedFlag { name, is_given, remedy, is_planned: false }
}

const ONE_PROCESS: &str = "not supported yet: a run has one process";
const NO_WORKERS: &str = "not supported yet: it needs a master and workers";
const FILES: &str = "not supported yet: use --json or --json-file";

const FLAGS: &[UnsupportedFlag] = &[
    planned("--master", |raw| raw.cluster.master, ONE_PROCESS),
    planned("--worker", |raw| raw.cluster.worker, ONE_PROCESS),
    planned("--processes", |raw| raw.cluster.processes.is_some(), ONE_PROCESS),
    planned("--master-host", |raw| raw.cluster.master_host.is_some(), NO_WORKERS),
    planned("--master-port", |raw| raw.cluster.master_port.is_some(), NO_WORKERS),
    planned("--master-bind-host", |raw| raw.cluster.master_bind_host.is_some(), NO_WORKERS),
    planned("--master-bind-port", |raw| raw.cluster.master_bind_port.is_some(), NO_WORKERS),
    planned("--expect-workers", |raw| raw.cluster.expect_workers.is_some(), NO_WORKERS),
    planned("--expect-workers-max-wait", |raw| raw.cluster.expect_workers_max_wait.is_some(), NO_WORKERS),
    planned("--enable-rebalancing", |raw| raw.cluster.enable_rebalancing, NO_WORKERS),
    planned("--csv", |raw| raw.output.csv.is_some(), FILES),
    planned("--csv-full-history", |raw| raw.output.csv_full_history, FILES),
    planned("--html", |raw| raw.output.html.is_some(), FILES),
    planned(
        "--config-users",
        |raw| raw.users.config_users.is_some(),
        "not supported yet: set weight, fixed_count and host in the user classes",
    ),
    planned("--equal-weights", |raw| raw.users.equal_weights, "not supported yet: set the weights of the tasks"),
    planned("--profile", |raw| raw.output.profile.is_some(), "not supported yet: name the run in --json-file"),
    planned("--otel", |raw| raw.output.otel, FILES),
    not_planned("--build-path", |raw| raw.web.build_path.is_some(), "there is no web page yet: leave it out"),
    not_planned("--web-auth", |raw| raw.web.web_auth.is_some(), "Locust has replaced it: use --web-login"),
    not_planned("--legacy-ui", |raw| raw.web.legacy_ui, "Locust has removed it: leave it out"),
];
