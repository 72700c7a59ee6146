//! Load-test statistics as plain data.
//!
//! A [`Sample`] is one finished request. A [`Recorder`] has one writer and counts samples into
//! an [`Interval`]; on every tick it hands the interval over and goes on in an emptied one.
//! Intervals add up exactly, in any grouping, and a [`Summary`] collects them for the whole run:
//! one [`Entry`] per (method, name) with its times and their [`Phase`]s, errors, exceptions, lags.
//!
//! What is absent on purpose: clocks, threads, input and output. Times come in as arguments,
//! durations are whole microseconds. Memory is bounded by [`Limits`], never by the length of the
//! run; what does not fit is folded into one visible row and counted in [`Overflow`].
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
//! Read next: `recorder.rs` (the hot path), `interval.rs` (what is handed over), `pages.rs` (why
//! thousands of histograms fit), `cell.rs` (the HDR arithmetic).

#![forbid(unsafe_code)]

mod bucket;
mod entry;
mod histogram;
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
mod summary;
mod table;
mod value_summary;
mod window;

pub use entry::StatsEntry;
pub use histogram::PagedHistogram;
pub use interval::{Interval, IntervalEntry};
pub use limits::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Limits, Overflow};
pub use occurrences::{ErrorEntry, ExceptionEntry, Occurrence};
pub use phases::{Phase, PhaseTotal};
pub use recorder::Recorder;
pub use sample::{Lag, Outcome, Sample};
pub use summary::Summary;
