//! Streams of recorder calls, and the content of an interval in a comparable form.
//!
//! There are few names and error texts, so they repeat, and some times exceed the histogram's range. This file has no
//! tests; `merging.rs` and `summary.rs` use it.

use std::collections::BTreeMap;

use gregaria_stats::{
    AbortedRequests, Interval, Lag, Outcome, Overflow, PagedHistogram, Phase, PhaseTotal, Recorder, RequestSpan, Sample,
};
use proptest::prelude::*;

/// One call of a recorder.
#[derive(Clone, Debug)]
pub(crate) enum RecorderCall {
    Aborted {
        name: String,
        due_ns: u64,
        wait_us: u64,
    },
    Exception(&'static str),
    Lag(Lag, u64),
    Request {
        method: &'static str,
        name: String,
        response_time_us: u64,
        phases_ns: [u64; Phase::COUNT],
        bytes: u64,
        error: Option<String>,
    },
}

impl RecorderCall {
    pub(crate) fn record(&self, recorder: &mut Recorder) {
        match self {
            Self::Aborted { name, due_ns, wait_us } => {
                recorder.record_aborted("GET", name, *due_ns, due_ns + wait_us * 1_000)
            }
            Self::Exception(message) => recorder.record_exception(message, "main.py, line 1"),
            Self::Lag(lag, us) => recorder.record_lag(*lag, *us),
            Self::Request { method, name, response_time_us, phases_ns, bytes, error } => recorder.record(&Sample {
                phases_ns: *phases_ns,
                bytes_out: *bytes,
                bytes_in: bytes / 2,
                retries: (bytes % 3) as u32,
                status: [None, Some(0), Some(200), Some(503)][(bytes % 4) as usize],
                outcome: error.as_deref().map_or(Outcome::Success, Outcome::Failure),
                ..request(method, name, *response_time_us)
            }),
        }
    }
}

/// Returns a successful request without bytes or phases.
pub(crate) fn request<'a>(method: &'a str, name: &'a str, response_time_us: u64) -> Sample<'a> {
    let due_ns = 5_000;
    let done_ns = due_ns + response_time_us * 1_000;
    Sample { method, name, due_ns, done_ns, ..Sample::default() }
}

/// Returns a strategy for events with up to `names` names and error texts. Some times exceed the histogram's range.
pub(crate) fn events(names: usize) -> impl Strategy<Value = Vec<RecorderCall>> {
    let request = (
        prop_oneof![Just("GET"), Just("POST"), Just("")],
        0..names,
        prop_oneof![8 => 0..3_000_u64, 8 => 0..2_000_000_u64, 1 => 60_000_000..4_000_000_000_u64],
        phases_ns(),
        any::<u32>(),
        proptest::option::weighted(0.2, 0..names),
    )
        .prop_map(|(method, name, response_time_us, phases_ns, bytes, error)| RecorderCall::Request {
            method,
            name: format!("/{name}"),
            response_time_us,
            phases_ns,
            bytes: bytes.into(),
            error: error.map(|error| format!("error {error}")),
        });
    let lag = (0..Lag::ALL.len(), 0..5_000_u64).prop_map(|(lag, us)| RecorderCall::Lag(Lag::ALL[lag], us));
    let exception = prop_oneof![Just("KeyError"), Just("ValueError")].prop_map(RecorderCall::Exception);
    let aborted = (0..names, 0..9_000_u64, 0..9_000_000_u64)
        .prop_map(|(name, due_ns, wait_us)| RecorderCall::Aborted { name: format!("/{name}"), due_ns, wait_us });
    proptest::collection::vec(prop_oneof![10 => request, 3 => lag, 1 => exception, 1 => aborted], 0..300)
}

/// Returns a strategy for phases. Each may be 0, as on an open connection.
fn phases_ns() -> impl Strategy<Value = [u64; Phase::COUNT]> {
    let ns = || prop_oneof![Just(0), 1..3_000_u64, 1..5_000_000_000_u64];
    let connecting = prop_oneof![Just((0, 0, 0)), (ns(), ns(), ns())];
    (connecting, ns(), ns()).prop_map(|((resolve_ns, connect_ns, tls_ns), first_byte_ns, body_ns)| {
        [resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns]
    })
}

/// All counts of an interval, in an order that does not depend on its history.
#[derive(Debug, PartialEq)]
pub(crate) struct IntervalContent {
    entries: BTreeMap<(String, String), EntryContent>,
    errors: BTreeMap<(String, String, String), u64>,
    exceptions: BTreeMap<(String, String), u64>,
    lags: [HistogramContent; 3],
    statuses: Vec<(u16, u64)>,
    overflow: Overflow,
}

type EntryContent = ([u64; 7], Option<u64>, [PhaseTotal; Phase::COUNT], Vec<(u64, u64)>, AbortedRequests, RequestSpan);
type HistogramContent = ([u64; 4], Option<u64>, Vec<(u64, u64)>);

impl IntervalContent {
    pub(crate) fn of(interval: &Interval) -> Self {
        let entries = interval.entries().map(|entry| {
            let counts = [
                entry.num_requests(),
                entry.num_failures(),
                entry.total_response_time_us(),
                entry.max_us(),
                entry.bytes_out(),
                entry.bytes_in(),
                entry.num_retries(),
            ];
            let key = (entry.method().into(), entry.name().into());
            let phases = Phase::ALL.map(|phase| entry.phase(phase));
            let buckets = entry.buckets().collect();
            (key, (counts, entry.min_us(), phases, buckets, entry.aborted(), entry.span()))
        });
        let errors = interval.errors().map(|error| {
            let key = (error.method().into(), error.name().into(), error.error().into());
            (key, error.occurrences())
        });
        let exceptions = interval.exceptions().map(|exception| {
            let key = (exception.message().into(), exception.traceback().into());
            (key, exception.occurrences())
        });
        Self {
            entries: entries.collect(),
            errors: errors.collect(),
            exceptions: exceptions.collect(),
            lags: Lag::ALL.map(|lag| histogram(interval.lag(lag))),
            statuses: interval.statuses().sorted(),
            overflow: interval.overflow(),
        }
    }
}

fn histogram(histogram: &PagedHistogram) -> HistogramContent {
    let counts = [histogram.count(), histogram.total_us(), histogram.max_us(), histogram.beyond_range()];
    (counts, histogram.min_us(), histogram.iter().collect())
}
