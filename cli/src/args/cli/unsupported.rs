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
    let is_listed = |flag: &&UnsupportedFlag| flag.remedy.starts_with("not there yet") && flag.remedy != NO_WORKERS;
    let names = FLAGS.iter().filter(is_listed).map(|flag| flag.name);
    format!("Not there yet: {}.", names.collect::<Vec<_>>().join(", "))
}

struct UnsupportedFlag {
    name: &'static str,
    is_given: fn(&RawArgs) -> bool,
    remedy: &'static str,
}

const fn flag(name: &'static str, is_given: fn(&RawArgs) -> bool, remedy: &'static str) -> UnsupportedFlag {
    UnsupportedFlag { name, is_given, remedy }
}

const ONE_PROCESS: &str = "not there yet: a run is one process so far";
const NO_WORKERS: &str = "not there yet: it belongs to master and worker, which are not there yet either";
const FILES: &str = "not there yet: use --json or --json-file";

const FLAGS: &[UnsupportedFlag] = &[
    flag("--master", |raw| raw.cluster.master, ONE_PROCESS),
    flag("--worker", |raw| raw.cluster.worker, ONE_PROCESS),
    flag("--processes", |raw| raw.cluster.processes.is_some(), ONE_PROCESS),
    flag("--master-host", |raw| raw.cluster.master_host.is_some(), NO_WORKERS),
    flag("--master-port", |raw| raw.cluster.master_port.is_some(), NO_WORKERS),
    flag("--master-bind-host", |raw| raw.cluster.master_bind_host.is_some(), NO_WORKERS),
    flag("--master-bind-port", |raw| raw.cluster.master_bind_port.is_some(), NO_WORKERS),
    flag("--expect-workers", |raw| raw.cluster.expect_workers.is_some(), NO_WORKERS),
    flag("--expect-workers-max-wait", |raw| raw.cluster.expect_workers_max_wait.is_some(), NO_WORKERS),
    flag("--enable-rebalancing", |raw| raw.cluster.enable_rebalancing, NO_WORKERS),
    flag("--csv", |raw| raw.output.csv.is_some(), FILES),
    flag("--csv-full-history", |raw| raw.output.csv_full_history, FILES),
    flag("--html", |raw| raw.output.html.is_some(), FILES),
    flag(
        "--config-users",
        |raw| raw.users.config_users.is_some(),
        "not there yet: set weight, fixed_count and host in the user classes",
    ),
    flag("--equal-weights", |raw| raw.users.equal_weights, "not there yet: set the weights of the tasks"),
    flag("--profile", |raw| raw.output.profile.is_some(), "not there yet: name the run in --json-file"),
    flag("--otel", |raw| raw.output.otel, "not there yet: use --json or --json-file"),
    flag("--build-path", |raw| raw.web.build_path.is_some(), "there is no web page yet: leave it out"),
    flag("--web-auth", |raw| raw.web.web_auth.is_some(), "Locust has replaced it: use --web-login"),
    flag("--legacy-ui", |raw| raw.web.legacy_ui, "Locust has removed it: leave it out"),
];
