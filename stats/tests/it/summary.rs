//! The values that reports read: sums, rates, buckets, first and last occurrences.
//!
//! Expected rates and buckets are Locust's, computed by hand for a run that starts at `T0`.

use gregaria_stats::{Interval, Lag, Limits, Outcome, Phase, PhaseTotal, Recorder, Sample, Summary};
use proptest::prelude::*;

use crate::stream::{events, request};

const T0: f64 = 1_700_000_000.0;

#[test]
fn entries_are_sorted_and_total_sums_them() {
    let mut summary = started_summary();
    summary.add(
        &interval(&[
            request("POST", "/b", 400),
            request("GET", "/b", 100),
            failure(request("GET", "/a", 1_300), "500"),
        ]),
        T0 + 1.0,
    );
    let rows: Vec<_> = (summary.entries()).map(|entry| (entry.method(), entry.name())).collect();
    assert_eq!(rows, [("GET", "/a"), ("GET", "/b"), ("POST", "/b")]);
    let total = summary.total();
    assert_eq!((total.method(), total.name()), ("", "Aggregated"));
    assert_eq!((total.num_requests(), total.num_failures()), (3, 1));
    assert_eq!(total.fail_ratio(), 1.0 / 3.0);
    assert_eq!(total.avg_us(), 600.0);
    assert_eq!((total.min_us(), total.max_us()), (Some(100), 1_300));
    assert_eq!(total.median_us(), 400);
    assert_eq!(summary.entry("POST", "/b").unwrap().median_us(), 400);
    assert!(summary.entry("PUT", "/b").is_none());
}

#[test]
fn entry_without_requests_is_zero() {
    let summary = started_summary();
    let total = summary.total();
    assert_eq!((total.min_us(), total.max_us(), total.median_us()), (None, 0, 0));
    assert_eq!((total.avg_us(), total.fail_ratio()), (0.0, 0.0));
    assert_eq!((total.avg_content_length(), total.total_rps(0.0)), (0.0, 0.0));
    assert_eq!(total.current_rps(T0 + 5.0), 0.0);
    assert_eq!((total.span().first_due_ns(), total.span().last_end_ns()), (None, None));
    assert_eq!(summary.current_percentile_us(0.5, T0), None);
}

#[test]
fn rates_use_whole_seconds_since_the_start() {
    let mut summary = Summary::new(Limits::default());
    let start = T0 + 0.7;
    summary.start(start);
    let four = interval(&[
        request("GET", "/a", 1),
        request("GET", "/a", 1),
        request("GET", "/a", 1),
        failure(request("GET", "/a", 1), "500"),
    ]);
    for second in 0..6 {
        let entry = summary.entry("GET", "/a");
        let (expected, now) = (if second == 0 { None } else { Some(4.0) }, start + f64::from(second) + 0.3);
        assert_eq!(entry.map(|entry| entry.current_rps(now)), expected, "second {second}");
        summary.add(&four, start + f64::from(second) + 0.9);
    }
    let entry = summary.entry("GET", "/a").unwrap();
    assert_eq!(entry.current_fail_per_sec(start + 6.3), 1.0);
    // Six of the ten seconds before start + 10 had requests, then two, then none.
    assert_eq!(entry.current_rps(start + 10.3), 2.4);
    assert_eq!(entry.current_rps(start + 14.3), 0.8);
    assert_eq!(entry.current_rps(start + 16.3), 0.0);
    assert_eq!(entry.total_rps(12.0), 2.0);
    assert_eq!(entry.total_fail_per_sec(12.0), 0.5);

    summary.reset(start + 20.0);
    assert_eq!(summary.total().current_rps(start + 20.5), 0.0);
    summary.add(&four, start + 20.5);
    assert_eq!(summary.total().current_rps(start + 21.0), 4.0);
}

#[test]
fn time_before_the_start_counts_as_the_start() {
    let mut summary = started_summary();
    summary.add(&interval(&[request("GET", "/a", 1)]), T0 - 0.04);
    assert_eq!(summary.total().current_rps(T0 + 0.5), 2.0);
    assert_eq!(summary.total().num_reqs_per_sec().collect::<Vec<_>>(), [(T0 as u64, 1)]);
}

#[test]
fn history_covers_the_whole_run() {
    let mut summary = started_summary();
    let requests = interval(&[request("GET", "/a", 1), failure(request("GET", "/a", 1), "500")]);
    for second in (0..9_999).step_by(3) {
        summary.add(&requests, T0 + f64::from(second) + 0.5);
    }
    let entry = summary.entry("GET", "/a").unwrap();
    let requests_per_s: Vec<_> = entry.num_reqs_per_sec().collect();
    assert_eq!((requests_per_s.len(), summary.seconds_per_point()), (3_333, 1));
    assert_eq!(requests_per_s[..2], [(T0 as u64, 2), (T0 as u64 + 3, 2)]);
    assert_eq!(entry.num_fail_per_sec().last(), Some((T0 as u64 + 9_996, 1)));
}

#[test]
fn long_run_has_longer_points() {
    let mut summary = started_summary();
    let requests = interval(&[request("GET", "/a", 1), request("GET", "/b", 1), request("GET", "/b", 1)]);
    for second in 0..20_100 {
        summary.add(&requests, T0 + f64::from(second));
    }
    assert_eq!(summary.seconds_per_point(), 4);
    let points: Vec<_> = summary.entry("GET", "/b").unwrap().num_reqs_per_sec().collect();
    assert_eq!(points.len(), 20_100 / 4);
    assert!(points.iter().all(|(unix_s, count)| unix_s % 4 == 0 && *count == 8), "{points:?}");
    assert_eq!(summary.total().num_reqs_per_sec().map(|(_, count)| count).sum::<u64>(), 3 * 20_100);

    summary.reset(T0 + 20_100.0);
    assert_eq!((summary.seconds_per_point(), summary.total().num_reqs_per_sec().count()), (1, 0));
}

#[test]
fn many_names_have_longer_points() {
    let names: Vec<String> = (0..100).map(|name| format!("/{name}")).collect();
    let requests: Vec<_> = names.iter().map(|name| request("GET", name, 1)).collect();
    let requests = interval(&requests);
    let mut summary = Summary::new(Limits { max_history_points: 1_000, ..Limits::default() });
    summary.start(T0);
    for second in 0..100 {
        summary.add(&requests, T0 + f64::from(second));
        let points = summary.entries().map(|entry| entry.num_reqs_per_sec().count()).sum::<usize>();
        assert!(points <= 1_000, "{points} points at {second} s");
    }
    assert_eq!(summary.seconds_per_point(), 16);
    let counts = summary.entries().flat_map(|entry| entry.num_reqs_per_sec()).map(|(_, count)| count);
    assert_eq!(counts.sum::<u64>(), 100 * 100);
}

#[test]
fn errors_have_first_and_last_times() {
    let mut summary = started_summary();
    let mut recorder = Recorder::new(Limits::default());
    recorder.record(&failure(request("GET", "/a", 1), "500"));
    recorder.record_exception("KeyError", "main.py, line 1");
    let interval = recorder.take(Interval::new());
    assert_eq!(interval.errors().next().unwrap().first_seen_unix_s(), None);
    summary.add(&interval, T0 + 1.0);
    summary.add(&interval, T0 + 3.0);

    let error = summary.errors().next().unwrap();
    assert_eq!((error.method(), error.name(), error.error()), ("GET", "/a", "500"));
    assert_eq!(error.occurrences(), 2);
    assert_eq!(error.first_seen_unix_s(), Some(T0 + 1.0));
    assert_eq!(error.last_seen_unix_s(), Some(T0 + 3.0));
    let exception = summary.exceptions().next().unwrap();
    assert_eq!(exception.traceback(), "main.py, line 1");
    assert_eq!((exception.message(), exception.occurrences()), ("KeyError", 2));
}

#[test]
fn reset_keeps_entries_and_start_removes_them() {
    let mut summary = started_summary();
    let mut recorder = Recorder::new(Limits::default());
    let mut phases_ns = [0; Phase::COUNT];
    phases_ns[Phase::Connect.index()] = 3_000;
    recorder.record(&failure(Sample { phases_ns, ..request("GET", "/a", 1) }, "500"));
    recorder.record_exception("KeyError", "");
    recorder.record_lag(Lag::Send, 12);
    summary.add(&recorder.take(Interval::new()), T0 + 1.0);
    assert_eq!(summary.total().phase(Phase::Connect), PhaseTotal { count: 1, total_us: 3, max_us: 3 });
    assert_eq!(summary.lag(Lag::Send).max_us(), 12);

    summary.reset(T0 + 10.0);
    assert_eq!(summary.entry("GET", "/a").unwrap().num_requests(), 0);
    assert_eq!(summary.total().num_requests(), 0);
    assert_eq!(summary.total().phase(Phase::Connect), PhaseTotal::default());
    assert_eq!((summary.errors().count(), summary.exceptions().count()), (0, 0));
    assert!(summary.lag(Lag::Send).is_empty());
    assert_eq!(summary.current_percentile_us(0.5, T0 + 1.0), None);
    assert_eq!(summary.start_unix_s(), T0 + 10.0);

    summary.start(T0 + 20.0);
    assert_eq!(summary.entries().count(), 0);
    assert_eq!(summary.start_unix_s(), T0 + 20.0);
}

#[test]
fn response_time_buckets_are_those_of_locust() {
    let mut summary = started_summary();
    let times = [400, 500, 600, 98_700, 104_000, 147_000, 152_000, 3_432_000, 58_760_000];
    let samples: Vec<_> = times.iter().map(|us| request("GET", "/", *us)).collect();
    summary.add(&interval(&samples), T0);
    let buckets: Vec<_> = summary.total().response_time_buckets().collect();
    let expected = [(0, 2), (1, 1), (99, 1), (100, 1), (150, 2), (3_400, 1), (59_000, 1)];
    assert_eq!(buckets, expected);
}

#[test]
fn current_percentile_covers_ten_seconds() {
    let mut summary = started_summary();
    summary.add(&interval(&[request("GET", "/", 900)]), T0);
    summary.add(&interval(&[request("GET", "/", 100)]), T0 + 8.0);
    assert_eq!(summary.current_percentile_us(1.0, T0 + 8.5), Some(900));
    assert_eq!(summary.current_percentile_us(1.0, T0 + 11.5), Some(100));
    assert_eq!(summary.current_percentile_us(1.0, T0 + 60.0), None);
    assert_eq!(summary.total().max_us(), 900);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn total_is_the_sum_of_all_entries(ticks in proptest::collection::vec(events(20), 1..4)) {
        let mut summary = started_summary();
        let mut sum = Interval::new();
        let mut recorder = Recorder::new(Limits::default());
        for (second, events) in ticks.iter().enumerate() {
            events.iter().for_each(|event| event.record(&mut recorder));
            let interval = recorder.take(Interval::new());
            summary.add(&interval, T0 + second as f64);
            sum += &interval;
        }
        let total = summary.total();
        prop_assert_eq!(total.num_requests(), sum.num_requests());
        prop_assert_eq!(total.num_failures(), sum.num_failures());
        prop_assert_eq!(total.bytes_in(), sum.entries().map(|entry| entry.bytes_in()).sum::<u64>());
        prop_assert_eq!(total.num_retries(), sum.entries().map(|entry| entry.num_retries()).sum::<u64>());
        prop_assert_eq!(summary.statuses().sorted(), sum.statuses().sorted());
        prop_assert_eq!(summary.entries().count(), sum.entries().count());
        for phase in Phase::ALL {
            let of_all = total.phase(phase);
            let parts = || summary.entries().map(|entry| entry.phase(phase));
            prop_assert_eq!(of_all.count, parts().map(|part| part.count).sum::<u64>());
            prop_assert_eq!(of_all.total_us, parts().map(|part| part.total_us).sum::<u64>());
            prop_assert_eq!(of_all.max_us, parts().map(|part| part.max_us).max().unwrap_or(0));
        }
        for part in sum.entries() {
            let entry = summary.entry(part.method(), part.name()).unwrap();
            prop_assert_eq!(entry.num_requests(), part.num_requests());
            prop_assert_eq!(entry.min_us(), part.min_us());
            prop_assert_eq!(Phase::ALL.map(|phase| entry.phase(phase)), Phase::ALL.map(|phase| part.phase(phase)));
            let counts = entry.response_times().iter().map(|(_, count)| count);
            prop_assert!(counts.eq(part.buckets().map(|(_, count)| count)));
        }
        let in_buckets: u64 = total.response_time_buckets().map(|(_, count)| count).sum();
        prop_assert_eq!(in_buckets, total.num_requests());
    }
}

fn started_summary() -> Summary {
    let mut summary = Summary::new(Limits::default());
    summary.start(T0);
    summary
}

fn interval(samples: &[Sample<'_>]) -> Interval {
    let mut recorder = Recorder::new(Limits::default());
    samples.iter().for_each(|sample| recorder.record(sample));
    recorder.take(Interval::new())
}

fn failure<'a>(sample: Sample<'a>, error: &'a str) -> Sample<'a> {
    Sample { outcome: Outcome::Failure(error), ..sample }
}
