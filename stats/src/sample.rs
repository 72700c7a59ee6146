//! What is measured: one finished request, and the generator's own lateness.
//!
//! All times are nanoseconds of one monotonic clock that the caller reads; this crate never does.

use crate::phases::Phase;

/// One finished request, as its outcome was decided.
///
/// A client of another protocol that measures no phases can leave out what it does not know:
///
/// ```
/// use gregaria_stats::Sample;
///
/// let sample = Sample { method: "PUBLISH", name: "news", due_ns: 1_000, done_ns: 250_000, ..Sample::default() };
/// assert_eq!(sample.response_time_us(), 249);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample<'a> {
    /// The request's method, such as `GET`; any text for other protocols.
    pub method: &'a str,
    /// The name under which the request is counted: its path unless the scenario says otherwise.
    pub name: &'a str,
    /// When the request was due: in the closed model the moment of the call.
    pub due_ns: u64,
    /// When the answer was complete, or the failure known.
    pub done_ns: u64,
    /// Times of the phases in nanoseconds, by [`Phase::index`]; 0 for a phase that did not happen. The part of the
    /// response time outside all phases is lag.
    pub phases_ns: [u64; Phase::COUNT],
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes of the answer's body: what Locust calls the content length.
    pub bytes_in: u64,
    /// Whether the scenario counts it as a success.
    pub outcome: Outcome<'a>,
}

impl Sample<'_> {
    /// Time from due to done in whole microseconds; 0 if the clock readings are out of order.
    pub fn response_time_us(&self) -> u64 {
        self.done_ns.saturating_sub(self.due_ns) / 1_000
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Counted as a failure, with the error's text.
    Failure(&'a str),
    /// Counted as a success.
    #[default]
    Success,
}

/// Where the generator itself can be late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lag {
    /// From the end of a wait to the moment the user runs again.
    Wait,
    /// From the call of a request to its bytes being sent.
    Send,
    /// From the end of an operation in the kernel to the moment the user that waits for it runs.
    Resume,
}

impl Lag {
    /// All kinds, in the order in which a request meets them.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Send, Self::Resume];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_time_counts_from_due_and_never_wraps() {
        let mut sample = Sample { method: "GET", name: "/", due_ns: 1_000, done_ns: 2_999_999, ..Sample::default() };
        assert_eq!(sample.response_time_us(), 2_998);
        sample.done_ns = 999;
        assert_eq!(sample.response_time_us(), 0);
    }
}
