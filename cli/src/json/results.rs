//! The full results of a run: an object with a version, which later fields may extend.
//!
//! The entries are those of Locust's list with more keys, so that readers of that list can read them. Keys without a
//! unit in their name are Locust's. `docs/results.schema.json` describes all keys; a test compares it with the output
//! of a run.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use gregaria_engine::{ClockReading, EndReason, GeneratorHealth, GeneratorVerdict, RunReport, UserClassInfo};
use gregaria_stats::{ErrorEntry, ExceptionEntry, Lag, Overflow, PagedHistogram, StatsEntry, Summary};
use serde::Serialize;

use super::{
    entries::{JsonEntry, non_empty_entries},
    histogram,
    machine::Machine,
    write_indented,
};
use crate::args::{LoadPlan, RecordedArg, RunPlan, RunTarget, mask_url};

/// A run that is over, and the facts that describe it.
pub(crate) struct RunResults<'a> {
    /// The plan of the run.
    pub(crate) plan: &'a RunPlan,
    /// The user classes of the run.
    pub(crate) classes: &'a [UserClassInfo],
    /// The kernel interface of the threads that send requests.
    pub(crate) driver: &'static str,
    /// The runner's report.
    pub(crate) report: &'a RunReport,
    /// All statistics.
    pub(crate) summary: &'a Summary,
}

impl RunResults<'_> {
    /// Writes the full results.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_indented(out, &self.document())
    }

    fn document(&self) -> JsonResults<'_> {
        let Self { plan, classes, driver, report, summary } = *self;
        let measured_s = report.measured.as_secs_f64();
        let entry = |entry| JsonFullEntry::new(entry, report.start, measured_s);
        JsonResults {
            schema: "gregaria-results",
            version: 1,
            gregaria_version: env!("CARGO_PKG_VERSION"),
            run: JsonRun::new(report, summary, measured_s),
            settings: JsonSettings::new(plan, classes),
            arguments: arguments(&plan.recorded_args),
            machine: Machine::read(),
            generator: JsonGenerator::new(&report.health, summary, driver),
            overflow: JsonOverflow::new(summary.overflow()),
            seconds_per_point: summary.seconds_per_point(),
            status_codes: summary.statuses().sorted().into_iter().collect(),
            total: entry(summary.total()),
            entries: non_empty_entries(summary).map(entry).collect(),
            errors: summary.errors().map(JsonError::new).collect(),
            exceptions: summary.exceptions().map(JsonException::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct JsonResults<'a> {
    schema: &'static str,
    version: u32,
    gregaria_version: &'static str,
    run: JsonRun,
    settings: JsonSettings<'a>,
    arguments: BTreeMap<&'a str, &'a [String]>,
    machine: Machine,
    generator: JsonGenerator,
    overflow: JsonOverflow,
    seconds_per_point: u64,
    status_codes: BTreeMap<u16, u64>,
    total: JsonFullEntry<'a>,
    entries: Vec<JsonFullEntry<'a>>,
    errors: Vec<JsonError<'a>>,
    exceptions: Vec<JsonException<'a>>,
}

#[derive(Serialize)]
struct JsonRun {
    start_unix_s: f64,
    measured_s: f64,
    end_reason: &'static str,
    fatal_error: Option<String>,
    aborted_requests: u64,
    peak_users: u32,
}

impl JsonRun {
    fn new(report: &RunReport, summary: &Summary, measured_s: f64) -> Self {
        let fatal_error = match &report.end_reason {
            EndReason::FatalError(error) => Some(error.clone()),
            _ => None,
        };
        Self {
            start_unix_s: summary.start_unix_s(),
            measured_s,
            end_reason: end_reason_name(&report.end_reason),
            fatal_error,
            aborted_requests: summary.total().aborted().count,
            peak_users: report.peak_users,
        }
    }
}

const fn end_reason_name(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::RunTime => "run_time",
        EndReason::NumRequests => "num_requests",
        EndReason::Requested => "requested",
        EndReason::NoUsersLeft => "no_users_left",
        EndReason::FatalError(_) => "fatal_error",
    }
}

/// The settings that determine the load, with their defaults applied.
#[derive(Serialize)]
struct JsonSettings<'a> {
    users: u32,
    /// `None` spawns all users at once.
    spawn_rate: Option<f64>,
    run_time_s: Option<f64>,
    num_requests: Option<u64>,
    stop_timeout_s: f64,
    reset_stats: bool,
    /// The method of a quick run.
    method: Option<&'a str>,
    /// The URL of a quick run.
    url: Option<String>,
    locustfiles: Vec<Cow<'a, str>>,
    tags: &'a [String],
    exclude_tags: &'a [String],
    user_classes: Vec<JsonUserClass<'a>>,
}

#[derive(Serialize)]
struct JsonUserClass<'a> {
    name: &'a str,
    weight: f64,
    fixed_count: u32,
    host: Option<String>,
}

impl<'a> JsonSettings<'a> {
    fn new(plan: &'a RunPlan, classes: &'a [UserClassInfo]) -> Self {
        let LoadPlan { users, spawn_rate, run_time, num_requests, stop_timeout, reset_stats, .. } = plan.load;
        let quick = match &plan.target {
            RunTarget::Quick(request) => Some(request),
            RunTarget::Classes(_) => None,
        };
        Self {
            users,
            spawn_rate: Some(spawn_rate).filter(|rate| rate.is_finite()),
            run_time_s: run_time.map(|time| time.as_secs_f64()),
            num_requests,
            stop_timeout_s: stop_timeout.as_secs_f64(),
            reset_stats,
            method: quick.map(|request| request.method.as_str()),
            url: quick.map(|request| mask_url(&format!("{}{}", request.host, request.target))),
            locustfiles: plan.locustfiles.iter().map(|path| path.to_string_lossy()).collect(),
            tags: &plan.tags,
            exclude_tags: &plan.exclude_tags,
            user_classes: classes.iter().map(JsonUserClass::new).collect(),
        }
    }
}

impl<'a> JsonUserClass<'a> {
    fn new(class: &'a UserClassInfo) -> Self {
        let host = class.host.as_deref().map(mask_url);
        Self { name: &class.name, weight: class.weight, fixed_count: class.fixed_count, host }
    }
}

fn arguments(recorded: &[RecordedArg]) -> BTreeMap<&str, &[String]> {
    recorded.iter().map(|arg| (&*arg.name, &*arg.values)).collect()
}

/// The health of the generator: its threads, its lags, and the verdict.
#[derive(Serialize)]
struct JsonGenerator {
    driver: &'static str,
    verdict: &'static str,
    /// The figure behind the verdict; `None` if no figure shows the generator as the bottleneck.
    reason: Option<String>,
    threads: Vec<JsonThread>,
    lags: BTreeMap<&'static str, JsonLag>,
}

#[derive(Serialize)]
struct JsonThread {
    name: String,
    cpu_s: f64,
    wall_s: f64,
    cpu_share: f64,
}

#[derive(Serialize)]
struct JsonLag {
    count: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
}

impl JsonGenerator {
    fn new(health: &GeneratorHealth, summary: &Summary, driver: &'static str) -> Self {
        let threads = health.loads.iter().enumerate().map(|(index, load)| JsonThread {
            name: load.name(index),
            cpu_s: load.cpu_ns as f64 / 1e9,
            wall_s: load.wall_ns as f64 / 1e9,
            cpu_share: load.cpu_share(),
        });
        let lags = Lag::ALL.map(|lag| (lag_name(lag), JsonLag::new(summary.lag(lag))));
        let (verdict, reason) = match health.verdict() {
            GeneratorVerdict::Bottleneck(figure) => ("bottleneck", Some(figure)),
            GeneratorVerdict::NotBottleneck => ("not_bottleneck", None),
            GeneratorVerdict::TooShort(figure) => ("too_short", Some(figure)),
        };
        Self { driver, verdict, reason, threads: threads.collect(), lags: lags.into() }
    }
}

impl JsonLag {
    fn new(lag: &PagedHistogram) -> Self {
        Self {
            count: lag.count(),
            p50_us: lag.percentile_us(0.5),
            p99_us: lag.percentile_us(0.99),
            max_us: lag.max_us(),
        }
    }
}

const fn lag_name(lag: Lag) -> &'static str {
    match lag {
        Lag::Wait => "after_waits",
        Lag::Send => "before_sending",
        Lag::Resume => "after_responses",
    }
}

/// The counts of records beyond the limits of the statistics.
#[derive(Serialize)]
struct JsonOverflow {
    names_folded: u64,
    errors_folded: u64,
    exceptions_folded: u64,
    texts_truncated: u64,
    response_times_above_1_h: u64,
    cookies_dropped: u64,
}

impl JsonOverflow {
    const fn new(overflow: &Overflow) -> Self {
        Self {
            names_folded: overflow.names_folded,
            errors_folded: overflow.errors_folded,
            exceptions_folded: overflow.exceptions_folded,
            texts_truncated: overflow.texts_truncated,
            response_times_above_1_h: overflow.beyond_range,
            cookies_dropped: overflow.dropped_cookies,
        }
    }
}

#[derive(Serialize)]
struct JsonFullEntry<'a> {
    #[serde(flatten)]
    of_locust: JsonEntry<'a>,
    requests_per_s: f64,
    failures_per_s: f64,
    bytes_out: u64,
    bytes_in: u64,
    min_us: Option<u64>,
    avg_us: f64,
    max_us: u64,
    percentiles_us: BTreeMap<&'static str, u64>,
    histogram: JsonHistogram,
}

/// The text of a histogram, with all facts that a reader needs.
#[derive(Serialize)]
struct JsonHistogram {
    encoding: &'static str,
    unit: &'static str,
    data: String,
}

impl<'a> JsonFullEntry<'a> {
    fn new(entry: &'a StatsEntry, start: ClockReading, measured_s: f64) -> Self {
        Self {
            of_locust: JsonEntry::new(entry, start),
            requests_per_s: entry.total_rps(measured_s),
            failures_per_s: entry.total_fail_per_sec(measured_s),
            bytes_out: entry.bytes_out(),
            bytes_in: entry.bytes_in(),
            min_us: entry.min_us(),
            avg_us: entry.avg_us(),
            max_us: entry.max_us(),
            percentiles_us: PERCENTILES.map(|(name, q)| (name, entry.percentile_us(q))).into(),
            histogram: JsonHistogram {
                encoding: "HdrHistogram V2, compressed, base64",
                unit: "us",
                data: histogram::encode(entry.response_times()),
            },
        }
    }
}

#[derive(Serialize)]
struct JsonError<'a> {
    method: &'a str,
    name: &'a str,
    error: &'a str,
    occurrences: u64,
    first_seen_unix_s: Option<f64>,
    last_seen_unix_s: Option<f64>,
}

impl<'a> JsonError<'a> {
    fn new(error: &'a ErrorEntry) -> Self {
        Self {
            method: error.method(),
            name: error.name(),
            error: error.error(),
            occurrences: error.occurrences(),
            first_seen_unix_s: error.first_seen_unix_s(),
            last_seen_unix_s: error.last_seen_unix_s(),
        }
    }
}

#[derive(Serialize)]
struct JsonException<'a> {
    message: &'a str,
    traceback: &'a str,
    occurrences: u64,
    first_seen_unix_s: Option<f64>,
    last_seen_unix_s: Option<f64>,
}

impl<'a> JsonException<'a> {
    fn new(exception: &'a ExceptionEntry) -> Self {
        Self {
            message: exception.message(),
            traceback: exception.traceback(),
            occurrences: exception.occurrences(),
            first_seen_unix_s: exception.first_seen_unix_s(),
            last_seen_unix_s: exception.last_seen_unix_s(),
        }
    }
}

const PERCENTILES: [(&str, f64); 11] = [
    ("p50", 0.5),
    ("p66", 0.66),
    ("p75", 0.75),
    ("p80", 0.8),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p98", 0.98),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
    ("p99.999", 0.99999),
];
