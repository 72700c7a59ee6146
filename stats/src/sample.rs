//! The measured data: one finished request, and the delays of the generator.
//!
//! All times are nanoseconds of one monotonic clock that the caller reads. This crate never reads a clock.

use crate::phases::Phase;

/// One finished request with its outcome.
///
/// A client of another protocol leaves fields that it does not measure at their default, 0.
///
/// # Examples
///
/// ```
/// use gregaria_stats::Sample;
///
/// let sample = Sample { method: "PUBLISH", name: "news", due_ns: 1_000, done_ns: 250_000, ..Sample::default() };
/// assert_eq!(sample.response_time_us(), 249);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample<'a> {
    /// Method of the request, such as `GET`. Any text for other protocols.
    pub method: &'a str,
    /// Name under which the request is counted. By default the engine uses the path.
    pub name: &'a str,
    /// Due time. In a closed run it is the time of the call.
    pub due_ns: u64,
    /// Time of the last byte of the response, or of the failure.
    pub done_ns: u64,
    /// Times of the phases in nanoseconds, by [`Phase::index`]; 0 for a phase that did not occur. The part of the
    /// response time outside all phases is lag.
    pub phases_ns: [u64; Phase::COUNT],
    /// Number of bytes sent.
    pub bytes_out: u64,
    /// Number of body bytes received. Locust calls it the content length.
    pub bytes_in: u64,
    /// Number of times that the request was sent again because a reused connection had lost it.
    pub retries: u32,
    /// Status code of the response, 0 for a request without a response. Codes above 999 count as 999. `None`, the
    /// default, is for protocols without status codes.
    pub status: Option<u16>,
    /// Success or failure. The default is success.
    pub outcome: Outcome<'a>,
}

impl Sample<'_> {
    /// Returns the time from `due_ns` to `done_ns` in whole microseconds, or 0 if `done_ns` is earlier.
    pub fn response_time_us(&self) -> u64 {
        self.done_ns.saturating_sub(self.due_ns) / 1_000
    }
}

/// The outcome of a request.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Outcome, Recorder, Sample};
///
/// let mut recorder = Recorder::new(Limits::default());
/// let outcome = Outcome::Failure("503 Service Unavailable");
/// recorder.record(&Sample { method: "GET", name: "/cart", outcome, ..Sample::default() });
/// let interval = recorder.take(Interval::new());
/// assert_eq!((interval.num_requests(), interval.num_failures()), (1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// A failure with the text of its error.
    Failure(&'a str),
    /// A success.
    #[default]
    Success,
}

/// A kind of delay of the generator itself.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Lag, Limits, Recorder};
///
/// let mut recorder = Recorder::new(Limits::default());
/// recorder.record_lag(Lag::Wait, 250);
/// let interval = recorder.take(Interval::new());
/// assert_eq!(interval.lag(Lag::Wait).max_us(), 250);
/// assert!(interval.lag(Lag::Send).is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lag {
    /// Time from the end of a wait to the user running.
    Wait,
    /// Time from the call of a request to its bytes being sent.
    Send,
    /// Time from a completion in the kernel to the user running.
    Resume,
}

impl Lag {
    /// All kinds, in the order of their occurrence in a request.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Send, Self::Resume];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_time_starts_at_due_and_never_wraps() {
        let mut sample = Sample { method: "GET", name: "/", due_ns: 1_000, done_ns: 2_999_999, ..Sample::default() };
        assert_eq!(sample.response_time_us(), 2_998);
        sample.done_ns = 999;
        assert_eq!(sample.response_time_us(), 0);
    }
}
