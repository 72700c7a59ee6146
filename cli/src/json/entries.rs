//! Locust's list of entries, with Locust's fields in Locust's order and units.
//!
//! After Locust's fields each entry has the retries, the phases and the aborted requests. Times are milliseconds with
//! fractions. Buckets and seconds are keys, and therefore strings. The total is not in the list. In long runs the
//! counts per second cover several seconds each (`Summary::seconds_per_point`).

use std::io::{self, Write};

use gregaria_engine::ClockReading;
use gregaria_stats::{Phase, PhaseTotal, StatsEntry, Summary};
use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::write_indented;

/// Writes all entries with at least one request or aborted request, indented by four columns, with a line end.
///
/// `start` is the start of the run. An entry's `start_time` is the due time of its first request, and
/// `last_request_timestamp` the end of its last one, so that readers compute exact rates.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn write_entries(out: &mut dyn Write, summary: &Summary, start: ClockReading) -> io::Result<()> {
    write_indented(out, &EntryList { summary, start })
}

/// Iterates over the entries with at least one request or aborted request.
pub(super) fn non_empty_entries(summary: &Summary) -> impl Iterator<Item = &StatsEntry> {
    summary.entries().filter(|entry| entry.num_requests() + entry.aborted().count > 0)
}

struct EntryList<'a> {
    summary: &'a Summary,
    start: ClockReading,
}

impl Serialize for EntryList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for entry in non_empty_entries(self.summary) {
            list.serialize_element(&JsonEntry::new(entry, self.start))?;
        }
        list.end()
    }
}

/// An entry of the list.
#[derive(Serialize)]
pub(super) struct JsonEntry<'a> {
    name: &'a str,
    method: &'a str,
    last_request_timestamp: Option<f64>,
    start_time: f64,
    num_requests: u64,
    num_none_requests: u64,
    num_failures: u64,
    total_response_time: f64,
    max_response_time: f64,
    min_response_time: Option<f64>,
    total_content_length: u64,
    response_times: CountMap,
    num_reqs_per_sec: CountMap,
    num_fail_per_sec: CountMap,
    num_retries: u64,
    phases: JsonPhases<'a>,
    aborted: JsonAborted,
}

impl<'a> JsonEntry<'a> {
    pub(super) fn new(entry: &'a StatsEntry, start: ClockReading) -> Self {
        let span = entry.span();
        let first_due_unix_s = span.first_due_ns().map_or(0.0, |due_ns| start.unix_s_at(due_ns));
        Self {
            name: entry.name(),
            method: entry.method(),
            last_request_timestamp: span.last_end_ns().map(|end_ns| start.unix_s_at(end_ns)),
            // A request may be due before a reset and end after it.
            start_time: first_due_unix_s.max(entry.start_unix_s()),
            num_requests: entry.num_requests(),
            num_none_requests: 0,
            num_failures: entry.num_failures(),
            total_response_time: ms(entry.total_response_time_us()),
            max_response_time: ms(entry.max_us()),
            min_response_time: entry.min_us().map(ms),
            total_content_length: entry.bytes_in(),
            response_times: CountMap(entry.response_time_buckets().collect()),
            num_reqs_per_sec: CountMap(entry.num_reqs_per_sec().collect()),
            num_fail_per_sec: CountMap(entry.num_fail_per_sec().collect()),
            num_retries: entry.num_retries(),
            phases: JsonPhases(entry),
            aborted: JsonAborted { count: entry.aborted().count, max_wait: ms(entry.aborted().max_wait_us) },
        }
    }
}

/// Counts by bucket or second, in ascending order.
struct CountMap(Vec<(u64, u64)>);

impl Serialize for CountMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// All phases by name. A phase that never occurred has zeros, so that a reader needs no special case.
struct JsonPhases<'a>(&'a StatsEntry);

impl Serialize for JsonPhases<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Phase::ALL.map(|phase| (phase.name(), JsonPhase::new(self.0.phase(phase)))))
    }
}

#[derive(Serialize)]
struct JsonPhase {
    count: u64,
    total_time: f64,
    max_time: f64,
}

impl JsonPhase {
    fn new(total: PhaseTotal) -> Self {
        Self { count: total.count, total_time: ms(total.total_us), max_time: ms(total.max_us) }
    }
}

#[derive(Serialize)]
struct JsonAborted {
    count: u64,
    max_wait: f64,
}

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use gregaria_stats::{Limits, Outcome, Recorder, Sample};

    use super::*;
    use crate::fixture;

    #[test]
    fn entry_has_locust_fields_and_phases() {
        let mut recorder = Recorder::new(Limits::default());
        let phases_ns = [0, 1_500_000, 20_000_000, 200_000, 0];
        recorder.record(&Sample { phases_ns, ..fixture::sample("GET", "/", 150_000, Outcome::Failure("bad")) });
        let phases_ns = [0, 0, 0, 1_001_000, 233_000];
        recorder.record(&Sample { phases_ns, retries: 1, ..fixture::sample("GET", "/", 1_234, Outcome::Success) });
        recorder.record_aborted("GET", "/", 0, 2_500_000_000);
        let summary = fixture::summary_of(recorder);
        let mut out = Vec::new();
        write_entries(&mut out, &summary, fixture::START).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), JSON_OF_TWO_REQUESTS);
    }

    #[test]
    fn no_requests_give_an_empty_list() {
        let mut out = Vec::new();
        write_entries(&mut out, &fixture::summary(&[]), fixture::START).unwrap();
        assert_eq!(out, b"[]\n");
    }

    const JSON_OF_TWO_REQUESTS: &str = r#"[
    {
        "name": "/",
        "method": "GET",
        "last_request_timestamp": 1000.15,
        "start_time": 1000.0,
        "num_requests": 2,
        "num_none_requests": 0,
        "num_failures": 1,
        "total_response_time": 151.234,
        "max_response_time": 150.0,
        "min_response_time": 1.234,
        "total_content_length": 200,
        "response_times": {
            "1": 1,
            "150": 1
        },
        "num_reqs_per_sec": {
            "1003": 2
        },
        "num_fail_per_sec": {
            "1003": 1
        },
        "num_retries": 1,
        "phases": {
            "resolve": {
                "count": 0,
                "total_time": 0.0,
                "max_time": 0.0
            },
            "connect": {
                "count": 1,
                "total_time": 1.5,
                "max_time": 1.5
            },
            "tls": {
                "count": 1,
                "total_time": 20.0,
                "max_time": 20.0
            },
            "first_byte": {
                "count": 2,
                "total_time": 1.201,
                "max_time": 1.001
            },
            "body": {
                "count": 1,
                "total_time": 0.233,
                "max_time": 0.233
            }
        },
        "aborted": {
            "count": 1,
            "max_wait": 2500.0
        }
    }
]
"#;
}
