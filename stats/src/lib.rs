//! Load-test statistics as plain data.
//!
//! A [`Sample`] is one finished request. A [`Recorder`] has one writer and counts samples into
//! an [`Interval`]; on every tick it hands the interval over and goes on in an emptied one.
//! Intervals add up exactly, in any grouping, and a [`Summary`] collects them for the whole run:
//! one [`Entry`] per (method, name), errors, exceptions, lags.
//!
//! What is absent on purpose: clocks, threads, input and output. Times come in as arguments,
//! durations are whole microseconds. Memory is bounded by [`Limits`], never by the length of the
//! run; what does not fit is folded into one visible row and counted in [`Overflow`].
//!
//! Read next: `recorder.rs` (the hot path), `interval.rs` (what is handed over), `pages.rs` (why
//! thousands of histograms fit), `cell.rs` (the HDR arithmetic).

#![forbid(unsafe_code)]

mod cell;
mod entry;
mod histogram;
mod interval;
mod limits;
mod locust;
mod occurrences;
mod pages;
mod rates;
mod recorder;
mod row;
mod sample;
mod summary;
mod table;
mod tally;
mod window;

pub use entry::Entry;
pub use histogram::PagedHistogram;
pub use interval::{Interval, IntervalEntry};
pub use limits::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Limits, Overflow};
pub use occurrences::{ErrorEntry, ExceptionEntry, Occurrence};
pub use recorder::Recorder;
pub use sample::{Lag, Outcome, Sample};
pub use summary::Summary;
