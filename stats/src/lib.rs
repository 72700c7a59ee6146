//! Load-test statistics as plain data.
//!
//! A [`Sample`] is one finished request. A [`Recorder`] has one writer and counts samples into an [`Interval`]. Each
//! tick takes the interval and leaves an empty one in the recorder. Intervals add exactly, in any grouping. A
//! [`Summary`] sums them for the whole run: one [`StatsEntry`] per (method, name) with response times and [`Phase`]s,
//! and the errors, exceptions and lags.
//!
//! This crate must not use clocks, threads, input or output. Times are arguments; durations are whole microseconds.
//! [`Limits`] bound the memory, which does not grow with the length of the run. Excess texts are counted in one visible
//! row and in [`Overflow`].
//!
//! ```
//! use gregaria_stats::{Interval, Limits, Outcome, Recorder, Sample, Summary};
//!
//! let mut recorder = Recorder::new(Limits::default());
//! recorder.record(&Sample {
//!     method: "GET",
//!     name: "/",
//!     due_ns: 0,
//!     done_ns: 1_500_000,
//!     bytes_out: 80,
//!     bytes_in: 128,
//!     outcome: Outcome::Success,
//!     ..Sample::default()
//! });
//! let interval = recorder.take(Interval::new());
//!
//! let mut summary = Summary::new(Limits::default());
//! summary.start(1_700_000_000.0);
//! summary.add(&interval, 1_700_000_000.5);
//! assert_eq!(summary.total().median_us(), 1_500);
//! ```
//!
//! Reading order: `recorder.rs` (the hot path), `interval.rs` (the data of a tick), `paged_counts.rs` (compact
//! storage of thousands of histograms), `bucket.rs` (the HDR arithmetic).

#![forbid(unsafe_code)]

mod aborted;
mod bucket;
mod entry;
mod hdr_encoding;
mod histogram;
mod history;
mod interval;
mod limits;
mod locust_buckets;
mod occurrences;
mod paged_counts;
mod phases;
mod rates;
mod recorder;
mod row;
mod row_cache;
mod sample;
mod span;
mod status_counts;
mod summary;
mod table;
mod value_summary;
mod window;

pub use aborted::AbortedRequests;
pub use entry::StatsEntry;
pub use histogram::PagedHistogram;
pub use interval::{Interval, IntervalEntry};
pub use limits::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Limits, Overflow};
pub use occurrences::{ErrorEntry, ExceptionEntry, Occurrence};
pub use phases::{Phase, PhaseTotal};
pub use recorder::Recorder;
pub use sample::{Lag, Outcome, Sample};
pub use span::RequestSpan;
pub use status_counts::StatusCounts;
pub use summary::Summary;
