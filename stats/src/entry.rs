//! One row of the statistics: the requests of one (method, name), or all requests.
//!
//! All values count from the last start or reset. The current rate is over whole seconds (`rates.rs`), the total rate
//! over the elapsed time, which is an argument. This file must not know limits; `limits.rs` defines and `summary.rs`
//! applies them.

use crate::{
    aborted::AbortedRequests,
    histogram::PagedHistogram,
    history::{History, first_second},
    locust_buckets::locust_bucket_ms,
    paged_counts::PagedCounts,
    phases::{Phase, PhaseTotal},
    rates::{RecentSeconds, RequestCounts},
    row::{IntervalRow, Traffic},
    span::RequestSpan,
};

/// Counts, times and rates of the requests with one method and name.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Recorder, Sample, Summary};
///
/// let mut recorder = Recorder::new(Limits::default());
/// for done_ns in [10_000_000, 20_000_000, 90_000_000] {
///     recorder.record(&Sample { method: "GET", name: "/", done_ns, ..Sample::default() });
/// }
/// let mut summary = Summary::new(Limits::default());
/// summary.start(1_700_000_000.0);
/// summary.add(&recorder.take(Interval::new()), 1_700_000_000.5);
///
/// let entry = summary.entry("GET", "/").unwrap();
/// assert_eq!((entry.min_us(), entry.max_us()), (Some(10_000), 90_000));
/// assert_eq!(entry.avg_us(), 40_000.0);
/// assert_eq!(entry.total_rps(1.5), 2.0);
/// ```
#[derive(Clone, Debug)]
pub struct StatsEntry {
    method: Box<str>,
    name: Box<str>,
    times: PagedHistogram,
    traffic: Traffic,
    rates: RecentSeconds,
    history: History,
    start_unix_s: f64,
}

impl StatsEntry {
    pub(crate) fn new(method: &str, name: &str, start_unix_s: f64) -> Self {
        Self {
            method: method.into(),
            name: name.into(),
            times: PagedHistogram::new(),
            traffic: Traffic::default(),
            rates: RecentSeconds::new(),
            history: History::new(),
            start_unix_s,
        }
    }

    /// Returns the method of the requests. It is empty for the total.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the name of the requests. It is `Aggregated` for the total.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of requests, including failures.
    pub fn num_requests(&self) -> u64 {
        self.times.count()
    }

    /// Returns the number of failures.
    pub fn num_failures(&self) -> u64 {
        self.traffic.num_failures
    }

    /// Returns the fraction of failures, from 0 to 1, or 0 without requests.
    pub fn fail_ratio(&self) -> f64 {
        self.per_request(self.traffic.num_failures)
    }

    /// Returns the response times, including those of failures.
    pub fn response_times(&self) -> &PagedHistogram {
        &self.times
    }

    /// Returns the saturating sum of all response times.
    pub fn total_response_time_us(&self) -> u64 {
        self.times.total_us()
    }

    /// Returns the exact mean response time, or 0 without requests.
    pub fn avg_us(&self) -> f64 {
        self.times.mean_us()
    }

    /// Returns the exact shortest response time, or `None` without requests.
    pub fn min_us(&self) -> Option<u64> {
        self.times.min_us()
    }

    /// Returns the exact longest response time, or 0 without requests.
    pub fn max_us(&self) -> u64 {
        self.times.max_us()
    }

    /// Returns the median response time, as [`percentile_us`](Self::percentile_us) of 0.5.
    pub fn median_us(&self) -> u64 {
        self.percentile_us(0.5)
    }

    /// Returns the response time that the fraction `q` (0 to 1) of the requests do not exceed, or 0 without requests.
    ///
    /// The precision is three significant digits. The result is never outside the exact extremes.
    pub fn percentile_us(&self, q: f64) -> u64 {
        self.times.percentile_us(q)
    }

    /// Returns the sum of one phase: the requests in which it occurred, and its times.
    pub fn phase(&self, phase: Phase) -> PhaseTotal {
        self.traffic.phases.of(phase)
    }

    /// Returns the aborted requests. They count in no other value of this entry.
    pub fn aborted(&self) -> AbortedRequests {
        self.traffic.aborted
    }

    /// Returns the time that the requests cover, without aborted ones.
    pub fn span(&self) -> RequestSpan {
        self.traffic.span
    }

    /// Returns the sum of bytes sent.
    pub fn bytes_out(&self) -> u64 {
        self.traffic.bytes_out
    }

    /// Returns the sum of body bytes received. Locust calls it the total content length.
    pub fn bytes_in(&self) -> u64 {
        self.traffic.bytes_in
    }

    /// Returns the number of times that a request was sent again because a reused connection had lost it.
    pub fn num_retries(&self) -> u64 {
        self.traffic.num_retries
    }

    /// Returns the mean of body bytes received, or 0 without requests.
    pub fn avg_content_length(&self) -> f64 {
        self.per_request(self.traffic.bytes_in)
    }

    /// Returns the current requests per second: the mean over the last ten whole seconds since the start or reset, or
    /// over all of them if there are fewer. In the first second, it is the mean over the elapsed time.
    ///
    /// A second counts from 0.2 s after its end, when all threads have reported it. Without requests the rate falls. It
    /// is 0 after 11.2 s at the latest.
    pub fn current_rps(&self, now_unix_s: f64) -> f64 {
        self.current_rate(now_unix_s, |second| second.num_requests)
    }

    /// Returns the current failures per second, over the same seconds as [`current_rps`](Self::current_rps).
    pub fn current_fail_per_sec(&self, now_unix_s: f64) -> f64 {
        self.current_rate(now_unix_s, |second| second.num_failures)
    }

    /// Returns the requests per second over the elapsed time, or 0 if that is not positive.
    pub fn total_rps(&self, elapsed_s: f64) -> f64 {
        per_second(self.num_requests(), elapsed_s)
    }

    /// Returns the failures per second over the elapsed time, or 0 if that is not positive.
    pub fn total_fail_per_sec(&self, elapsed_s: f64) -> f64 {
        per_second(self.num_failures(), elapsed_s)
    }

    /// Iterates over the times with requests since the start or reset, ascending: (seconds since 1970, number of
    /// requests). A number covers [`Summary::seconds_per_point`](crate::Summary::seconds_per_point) seconds.
    pub fn num_reqs_per_sec(&self) -> impl Iterator<Item = (u64, u64)> {
        self.history.iter().map(|point| (point.unix_s, point.counts.num_requests))
    }

    /// Iterates over the times with failures, as [`num_reqs_per_sec`](Self::num_reqs_per_sec) does.
    pub fn num_fail_per_sec(&self) -> impl Iterator<Item = (u64, u64)> {
        let points = self.history.iter().map(|point| (point.unix_s, point.counts.num_failures));
        points.filter(|(_, num_failures)| *num_failures > 0)
    }

    /// Iterates over the response times in Locust's buckets, ascending: (bucket in milliseconds, count).
    ///
    /// Times are rounded to 1 ms below 100 ms, to 10 ms below 1 s, to 100 ms below 10 s, and to 1 s above.
    pub fn response_time_buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut buckets = (self.times.iter()).map(|(us, count)| (locust_bucket_ms(us), count)).peekable();
        std::iter::from_fn(move || {
            let (bucket, mut sum) = buckets.next()?;
            while let Some((_, count)) = buckets.next_if(|(next, _)| *next == bucket) {
                sum += count;
            }
            Some((bucket, sum))
        })
    }

    /// Returns the time of the last start or reset, in seconds since 1970.
    pub fn start_unix_s(&self) -> f64 {
        self.start_unix_s
    }

    /// Adds one row of an interval. `id` is the row of its histogram in `pages`.
    pub(crate) fn add_row(&mut self, row: &IntervalRow, pages: &PagedCounts, id: u32, time: AddTime) {
        self.times.add_row(&row.times, pages, id);
        self.add_traffic(&row.traffic, row.times.count, time);
    }

    /// Adds the requests of a whole interval.
    pub(crate) fn add_all(&mut self, times: &PagedHistogram, traffic: &Traffic, time: AddTime) {
        self.times.add(times);
        self.add_traffic(traffic, times.count(), time);
    }

    /// Makes the points of the history this long. They must not become shorter.
    pub(crate) fn thin_history(&mut self, seconds_per_point: u64) {
        self.history.thin(seconds_per_point);
    }

    /// Returns the number of points of the history.
    pub(crate) fn history_points(&self) -> usize {
        self.history.len()
    }

    /// Sets all counts to 0 and keeps method, name and memory.
    pub(crate) fn reset(&mut self, start_unix_s: f64) {
        self.times.clear();
        self.traffic = Traffic::default();
        self.rates = RecentSeconds::new();
        self.history = History::new();
        self.start_unix_s = start_unix_s;
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.method.len() + self.name.len() + self.times.heap_bytes() + self.history.heap_bytes()
    }

    fn add_traffic(&mut self, traffic: &Traffic, num_requests: u64, time: AddTime) {
        let AddTime { unix_s, seconds_per_point } = time;
        self.traffic.add(traffic);
        if num_requests == 0 {
            return;
        }
        let more = RequestCounts { num_requests, num_failures: traffic.num_failures };
        self.rates.add(unix_s - self.start_unix_s, more);
        self.history.add(first_second(unix_s as u64, seconds_per_point), more);
    }

    fn current_rate(&self, now_unix_s: f64, count: impl Fn(RequestCounts) -> u64) -> f64 {
        self.rates.mean(now_unix_s - self.start_unix_s, count)
    }

    fn per_request(&self, sum: u64) -> f64 {
        if self.num_requests() == 0 {
            return 0.0;
        }
        sum as f64 / self.num_requests() as f64
    }
}

/// The time at which requests are added, and the length of the points of all histories.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddTime {
    pub(crate) unix_s: f64,
    pub(crate) seconds_per_point: u64,
}

fn per_second(count: u64, elapsed_s: f64) -> f64 {
    if elapsed_s > 0.0 { count as f64 / elapsed_s } else { 0.0 }
}
