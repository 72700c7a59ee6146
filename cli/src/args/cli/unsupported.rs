//! The flags of Locust that are known and not there yet: one table that says what to use instead.
//!
//! Whoever builds one of them takes its line out here and its `hide` out of `typed.rs`.

use super::raw::RawArgs;
use crate::exit::CliError;

/// Refuses the first of them that was given.
pub(in crate::args) fn check(raw: &RawArgs) -> Result<(), CliError> {
    let given = FLAGS.iter().find(|flag| (flag.is_given)(raw));
    given.map_or(Ok(()), |flag| Err(CliError::usage(format!("{}: {}", flag.name, flag.instead))))
}

/// What the help says of them: those that mean something without the others.
pub(in crate::args) fn help_line() -> String {
    let on_its_own = |flag: &&UnsupportedFlag| flag.instead.starts_with("not there yet") && flag.instead != NO_WORKERS;
    let names = FLAGS.iter().filter(on_its_own).map(|flag| flag.name);
    format!("Not there yet: {}.", names.collect::<Vec<_>>().join(", "))
}

struct UnsupportedFlag {
    name: &'static str,
    is_given: fn(&RawArgs) -> bool,
    instead: &'static str,
}

const fn flag(name: &'static str, is_given: fn(&RawArgs) -> bool, instead: &'static str) -> UnsupportedFlag {
    UnsupportedFlag { name, is_given, instead }
}

const ONE_PROCESS: &str = "not there yet: a run is one process so far";
const NO_WORKERS: &str = "not there yet: it belongs to master and worker, which are not there yet either";
const FILES: &str = "not there yet: use --json or --json-file";

const FLAGS: &[UnsupportedFlag] = &[
    flag("--master", |typed| typed.cluster.master, ONE_PROCESS),
    flag("--worker", |typed| typed.cluster.worker, ONE_PROCESS),
    flag("--processes", |typed| typed.cluster.processes.is_some(), ONE_PROCESS),
    flag("--master-host", |typed| typed.cluster.master_host.is_some(), NO_WORKERS),
    flag("--master-port", |typed| typed.cluster.master_port.is_some(), NO_WORKERS),
    flag("--master-bind-host", |typed| typed.cluster.master_bind_host.is_some(), NO_WORKERS),
    flag("--master-bind-port", |typed| typed.cluster.master_bind_port.is_some(), NO_WORKERS),
    flag("--expect-workers", |typed| typed.cluster.expect_workers.is_some(), NO_WORKERS),
    flag("--expect-workers-max-wait", |typed| typed.cluster.expect_workers_max_wait.is_some(), NO_WORKERS),
    flag("--enable-rebalancing", |typed| typed.cluster.enable_rebalancing, NO_WORKERS),
    flag("--csv", |typed| typed.output.csv.is_some(), FILES),
    flag("--csv-full-history", |typed| typed.output.csv_full_history, FILES),
    flag("--html", |typed| typed.output.html.is_some(), FILES),
    flag(
        "--config-users",
        |typed| typed.users.config_users.is_some(),
        "not there yet: set weight, fixed_count and host in the user classes",
    ),
    flag("--equal-weights", |typed| typed.users.equal_weights, "not there yet: set the weights of the tasks"),
    flag("--profile", |typed| typed.output.profile.is_some(), "not there yet: name the run in --json-file"),
    flag("--otel", |typed| typed.output.otel, "not there yet: use --json or --json-file"),
    flag("--build-path", |typed| typed.web.build_path.is_some(), "there is no web page yet: leave it out"),
    flag("--web-auth", |typed| typed.web.web_auth.is_some(), "Locust has replaced it: use --web-login"),
    flag("--legacy-ui", |typed| typed.web.legacy_ui, "Locust has removed it: leave it out"),
];
