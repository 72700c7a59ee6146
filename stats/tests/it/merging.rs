//! Sums are exact: the counts do not depend on how a stream of samples is split and merged.
//!
//! Records beyond a limit are folded into visible rows, and no request is lost. The streams are in `stream.rs`; the
//! cost of merging is not tested here.

use gregaria_stats::{
    FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Interval, Limits, Outcome, Recorder, Sample, Summary,
};
use proptest::prelude::*;

use crate::stream::{IntervalContent, RecorderCall, events, request};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn split_recording_merges_to_the_same_counts(
        events in events(20),
        choices in proptest::collection::vec(any::<u16>(), 300),
        recorders in 1..6_usize,
    ) {
        let mut parts = record_split(&events, &choices, recorders);
        let mut choices = choices.iter();
        while parts.len() > 1 {
            let choice = usize::from(*choices.next().unwrap());
            let part = parts.swap_remove(choice % parts.len());
            let last = parts.len() - 1;
            parts[choice % (last + 1)] += &part;
        }
        prop_assert_eq!(IntervalContent::of(&parts[0]), content_of(&events));
    }

    #[test]
    fn reused_interval_counts_like_a_new_one(before in events(20), events in events(20)) {
        let mut recorder = Recorder::new(Limits::default());
        before.iter().for_each(|event| event.record(&mut recorder));
        let used = recorder.take(Interval::new());
        recorder.take(used);
        events.iter().for_each(|event| event.record(&mut recorder));
        let reused = recorder.take(Interval::new());
        prop_assert_eq!(IntervalContent::of(&reused), content_of(&events));
    }

    #[test]
    fn cleared_interval_is_empty(before in events(20), events in events(20)) {
        let mut sum = interval_of(&before);
        sum.clear();
        prop_assert!(sum.is_empty());
        prop_assert_eq!(IntervalContent::of(&sum), IntervalContent::of(&Interval::new()));
        sum += &interval_of(&events);
        prop_assert_eq!(IntervalContent::of(&sum), content_of(&events));
    }

    #[test]
    fn folding_loses_no_request(events in events(20)) {
        let limits = Limits { max_names: 3, max_errors: 2, max_exceptions: 1, ..Limits::default() };
        let mut recorder = Recorder::new(limits.clone());
        events.iter().for_each(|event| event.record(&mut recorder));
        let folded = recorder.take(Interval::new());
        let exact = interval_of(&events);
        prop_assert_eq!(folded.num_requests(), exact.num_requests());
        prop_assert_eq!(folded.num_failures(), exact.num_failures());
        prop_assert!(folded.entries().count() <= 4);
        prop_assert!(folded.errors().count() <= 3);
        prop_assert!(folded.exceptions().count() <= 2);

        // A summary with the same limits folds an interval of a recorder without these limits.
        let mut summary = Summary::new(limits);
        summary.add(&exact, 1.0);
        prop_assert_eq!(summary.total().num_requests(), exact.num_requests());
        prop_assert_eq!(summary.overflow().names_folded, folded.overflow().names_folded);
        prop_assert_eq!(summary.overflow().exceptions_folded, folded.overflow().exceptions_folded);
        let failures = summary.errors().map(|error| error.occurrences()).sum::<u64>();
        prop_assert_eq!(failures, exact.num_failures());
        prop_assert_eq!(summary.entries().count(), folded.entries().count());
    }
}

#[test]
fn folded_records_are_visible() {
    let mut recorder = Recorder::new(Limits {
        max_names: 1,
        max_errors: 1,
        max_exceptions: 1,
        max_text_bytes: 40,
        ..Limits::default()
    });
    for (name, error) in [("/a", "first"), ("/b", "second"), ("/c", "third")] {
        recorder.record(&Sample { outcome: Outcome::Failure(error), ..request("GET", name, 7) });
        recorder.record_exception(error, "");
    }
    recorder.record(&request("GET", &"/long".repeat(9), 4_000_000_000));
    let interval = recorder.take(Interval::new());

    let entries: Vec<_> =
        (interval.entries()).map(|entry| (entry.method(), entry.name(), entry.num_requests())).collect();
    assert_eq!(entries, [("GET", "/a", 1), ("", FOLDED_NAME, 3)]);
    let errors: Vec<_> = (interval.errors()).map(|error| (error.name(), error.error(), error.occurrences())).collect();
    assert_eq!(errors, [("/a", "first", 1), ("", FOLDED_ERROR, 2)]);
    let exceptions: Vec<_> =
        (interval.exceptions()).map(|exception| (exception.message(), exception.occurrences())).collect();
    assert_eq!(exceptions, [("first", 1), (FOLDED_EXCEPTION, 2)]);
    let overflow = interval.overflow();
    assert_eq!((overflow.names_folded, overflow.errors_folded), (3, 2));
    assert_eq!((overflow.exceptions_folded, overflow.texts_truncated), (2, 1));
    assert_eq!(overflow.beyond_range, 1);
}

#[test]
fn unused_names_are_dropped_at_the_limit() {
    let mut recorder = Recorder::new(Limits { max_names: 1, ..Limits::default() });
    recorder.record(&request("GET", "/a", 1));
    recorder.record(&request("GET", "/b", 1));
    let used = recorder.take(Interval::new());
    recorder.take(used);
    recorder.record(&request("GET", "/b", 1));
    let interval = recorder.take(Interval::new());
    let names: Vec<_> = interval.entries().map(|entry| entry.name()).collect();
    assert_eq!(names, ["/b"]);
    assert_eq!(interval.overflow().names_folded, 0);
}

#[test]
fn texts_at_the_same_address_are_distinguished() {
    let mut recorder = Recorder::new(Limits::default());
    let mut name = String::from("/a");
    recorder.record(&request("GET", &name, 1));
    name.replace_range(1.., "b");
    recorder.record(&request("GET", &name, 1));
    let interval = recorder.take(Interval::new());
    let names: Vec<_> = interval.entries().map(|entry| entry.name()).collect();
    assert_eq!(names, ["/a", "/b"]);
}

/// Records each event with the recorder of its choice.
fn record_split(events: &[RecorderCall], choices: &[u16], recorders: usize) -> Vec<Interval> {
    let mut all: Vec<_> = (0..recorders).map(|_| Recorder::new(Limits::default())).collect();
    for (event, choice) in events.iter().zip(choices) {
        event.record(&mut all[usize::from(*choice) % recorders]);
    }
    (all.iter_mut()).map(|recorder| recorder.take(Interval::new())).collect()
}

fn interval_of(events: &[RecorderCall]) -> Interval {
    let mut recorder = Recorder::new(Limits::default());
    events.iter().for_each(|event| event.record(&mut recorder));
    recorder.take(Interval::new())
}

fn content_of(events: &[RecorderCall]) -> IntervalContent {
    IntervalContent::of(&interval_of(events))
}
