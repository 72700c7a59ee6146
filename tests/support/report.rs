//! Parses the output of `gregaria`: the `--json` list of entries and the error table.
//!
//! Only the fields that tests compare are parsed. A missing field fails the test with the name of the field. The
//! format is Locust's list of statistics entries with our phases: times in milliseconds, `response_times` from bucket
//! to count.

use std::collections::BTreeMap;

use serde_json::Value;

/// One row of a run: a method and a name.
#[derive(Clone, Debug)]
pub struct ReportEntry {
    /// Method, such as `GET`, or the text that the scenario set.
    pub method: String,
    /// Path, or the name that the scenario set.
    pub name: String,
    /// Number of requests, including failures.
    pub num_requests: u64,
    /// Number of failures.
    pub num_failures: u64,
    /// Number of requests that were sent again.
    pub num_retries: u64,
    /// Sum of body bytes received.
    pub total_content_length: u64,
    /// Number of requests per bucket in milliseconds.
    pub response_times: BTreeMap<u64, u64>,
    /// Number of requests per second since 1970.
    pub num_reqs_per_sec: BTreeMap<u64, u64>,
    /// Shortest response time in milliseconds. `None` without requests.
    pub min_response_time: Option<f64>,
    /// Longest response time in milliseconds.
    pub max_response_time: f64,
    /// Phases of the requests, by name.
    pub phases: BTreeMap<String, ReportPhase>,
    /// Aborted requests.
    pub aborted: ReportAborted,
}

/// The aborted requests of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportAborted {
    /// Number of aborted requests.
    pub count: u64,
    /// Longest wait in milliseconds.
    pub max_wait: f64,
}

/// One phase of the requests of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportPhase {
    /// Number of requests in which the phase occurred.
    pub count: u64,
    /// Sum of the times in milliseconds.
    pub total_time: f64,
    /// Longest time in milliseconds.
    pub max_time: f64,
}

/// One row of the error table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorRow {
    /// Number of occurrences.
    pub occurrences: u64,
    /// `METHOD name: text`, as printed.
    pub text: String,
}

/// Parses the entries of a `--json` output.
#[must_use]
pub fn entries(json: &str) -> Vec<ReportEntry> {
    let value: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in: {json}"));
    value.as_array().unwrap_or_else(|| panic!("not a list: {json}")).iter().map(entry).collect()
}

/// Returns the number of requests per name, in the form of [`crate::Nginx::requests_per_path`].
#[must_use]
pub fn requests_per_name(entries: &[ReportEntry]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.name.clone()).or_insert(0) += entry.num_requests;
    }
    counts
}

/// Parses the rows of the error table at the end of a run. The table is missing in a run without errors.
#[must_use]
pub fn errors(stderr: &str) -> Vec<ErrorRow> {
    let Some(start) = stderr.find("Error report") else {
        return Vec::new();
    };
    stderr[start..].lines().skip(1).filter_map(error_row).collect()
}

fn error_row(line: &str) -> Option<ErrorRow> {
    let (occurrences, text) = line.trim().split_once(' ')?;
    let occurrences = occurrences.parse().ok()?;
    Some(ErrorRow { occurrences, text: text.trim().to_owned() })
}

fn entry(value: &Value) -> ReportEntry {
    ReportEntry {
        method: text(value, "method"),
        name: text(value, "name"),
        num_requests: count(value, "num_requests"),
        num_failures: count(value, "num_failures"),
        num_retries: count(value, "num_retries"),
        total_content_length: count(value, "total_content_length"),
        response_times: histogram(value, "response_times"),
        num_reqs_per_sec: histogram(value, "num_reqs_per_sec"),
        min_response_time: field(value, "min_response_time").as_f64(),
        max_response_time: number(value, "max_response_time"),
        phases: phases(value),
        aborted: aborted(field(value, "aborted")),
    }
}

fn aborted(value: &Value) -> ReportAborted {
    ReportAborted { count: count(value, "count"), max_wait: number(value, "max_wait") }
}

fn phases(value: &Value) -> BTreeMap<String, ReportPhase> {
    let phase = |value: &Value| ReportPhase {
        count: count(value, "count"),
        total_time: number(value, "total_time"),
        max_time: number(value, "max_time"),
    };
    let phases = field(value, "phases").as_object().unwrap_or_else(|| panic!("phases is not an object in {value}"));
    phases.iter().map(|(name, value)| (name.clone(), phase(value))).collect()
}

fn text(value: &Value, key: &str) -> String {
    field(value, key).as_str().unwrap_or_else(|| panic!("{key} is not a text in {value}")).to_owned()
}

fn count(value: &Value, key: &str) -> u64 {
    field(value, key).as_u64().unwrap_or_else(|| panic!("{key} is not a count in {value}"))
}

fn number(value: &Value, key: &str) -> f64 {
    field(value, key).as_f64().unwrap_or_else(|| panic!("{key} is not a number in {value}"))
}

fn histogram(value: &Value, key: &str) -> BTreeMap<u64, u64> {
    let buckets = field(value, key).as_object().unwrap_or_else(|| panic!("{key} is not an object in {value}"));
    let number = |text: &String| text.parse().unwrap_or_else(|_| panic!("{key} has the key {text:?}"));
    buckets.iter().map(|(bucket, count)| (number(bucket), count.as_u64().expect("a count"))).collect()
}

fn field<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or_else(|| panic!("no {key} in {value}"))
}
