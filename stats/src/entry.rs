//! One row of the statistics: the requests of one (method, name), or all of them.
//!
//! Everything is since the last start or reset. Rates follow Locust 2: the current one is over
//! whole calendar seconds, the total one over the elapsed time that the caller gives.

use crate::{
    histogram::PagedHistogram,
    locust_buckets::locust_bucket_ms,
    paged_counts::PagedCounts,
    phases::{Phase, PhaseTotal},
    rates::{RateHistory, SecondCounts},
    row::{IntervalRow, Traffic},
};

/// Counts, times and rates of the requests with one method and name.
#[derive(Clone, Debug)]
pub struct StatsEntry {
    method: Box<str>,
    name: Box<str>,
    times: PagedHistogram,
    traffic: Traffic,
    rates: RateHistory,
    start_unix_s: f64,
    last_request_unix_s: Option<f64>,
}

impl StatsEntry {
    pub(crate) fn new(method: &str, name: &str, start_unix_s: f64) -> Self {
        Self {
            method: method.into(),
            name: name.into(),
            times: PagedHistogram::new(),
            traffic: Traffic::default(),
            rates: RateHistory::new(),
            start_unix_s,
            last_request_unix_s: None,
        }
    }

    /// The requests' method; empty for the total.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The requests' name; `Aggregated` for the total.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of requests, failures included.
    pub fn num_requests(&self) -> u64 {
        self.times.count()
    }

    /// Number of failed requests.
    pub fn num_failures(&self) -> u64 {
        self.traffic.num_failures
    }

    /// Failures per request, from 0 to 1; 0 without requests.
    pub fn fail_ratio(&self) -> f64 {
        self.per_request(self.traffic.num_failures)
    }

    /// Response times, failures included.
    pub fn response_times(&self) -> &PagedHistogram {
        &self.times
    }

    /// Sum of all response times, saturating.
    pub fn total_response_time_us(&self) -> u64 {
        self.times.total_us()
    }

    /// Exact mean response time, 0 without requests.
    pub fn avg_us(&self) -> f64 {
        self.times.mean_us()
    }

    /// Exact shortest response time.
    pub fn min_us(&self) -> Option<u64> {
        self.times.min_us()
    }

    /// Exact longest response time, 0 without requests.
    pub fn max_us(&self) -> u64 {
        self.times.max_us()
    }

    /// The response time within which half of the requests lie.
    pub fn median_us(&self) -> u64 {
        self.percentile_us(0.5)
    }

    /// The response time within which the fraction `q` (0 to 1) of the requests lie: three
    /// significant digits, never outside the exact extremes, 0 without requests.
    pub fn percentile_us(&self, q: f64) -> u64 {
        self.times.percentile_us(q)
    }

    /// One phase of the requests: how many it happened in, and how long it took.
    pub fn phase(&self, phase: Phase) -> PhaseTotal {
        self.traffic.phases.of(phase)
    }

    /// Sum of bytes sent.
    pub fn bytes_out(&self) -> u64 {
        self.traffic.bytes_out
    }

    /// Sum of body bytes received: Locust's total content length.
    pub fn bytes_in(&self) -> u64 {
        self.traffic.bytes_in
    }

    /// Mean of body bytes received, 0 without requests.
    pub fn avg_content_length(&self) -> f64 {
        self.per_request(self.traffic.bytes_in)
    }

    /// Requests per second lately: the mean over up to ten whole seconds of which the last ended
    /// two seconds ago, so that it only looks at complete ones. Falls to 0 when traffic stops.
    pub fn current_rps(&self, now_unix_s: f64) -> f64 {
        self.current_rate(now_unix_s, |second| second.num_requests)
    }

    /// Failures per second lately, over the same seconds as [`current_rps`](Self::current_rps).
    pub fn current_fail_per_sec(&self, now_unix_s: f64) -> f64 {
        self.current_rate(now_unix_s, |second| second.num_failures)
    }

    /// Requests per second over the whole elapsed time; 0 if that is not positive.
    pub fn total_rps(&self, elapsed_s: f64) -> f64 {
        per_second(self.num_requests(), elapsed_s)
    }

    /// Failures per second over the whole elapsed time; 0 if that is not positive.
    pub fn total_fail_per_sec(&self, elapsed_s: f64) -> f64 {
        per_second(self.num_failures(), elapsed_s)
    }

    /// Requests of each of the last 20 seconds that had any: (seconds since 1970, count).
    pub fn num_reqs_per_sec(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.rates.iter()).map(|(unix_s, second)| (unix_s, second.num_requests))
    }

    /// Failures of each of the last 20 seconds that had any: (seconds since 1970, count).
    pub fn num_fail_per_sec(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.rates.iter())
            .map(|(unix_s, second)| (unix_s, second.num_failures))
            .filter(|(_, num_failures)| *num_failures > 0)
    }

    /// Response times in Locust's buckets, ascending: (bucket in milliseconds, count).
    ///
    /// Below 100 ms the nearest millisecond, below 1 s the nearest ten, below 10 s the nearest
    /// hundred, above that the nearest second.
    pub fn response_time_buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut cells = (self.times.iter()).map(|(us, count)| (locust_bucket_ms(us), count)).peekable();
        std::iter::from_fn(move || {
            let (bucket, mut sum) = cells.next()?;
            while let Some((_, count)) = cells.next_if(|(next, _)| *next == bucket) {
                sum += count;
            }
            Some((bucket, sum))
        })
    }

    /// Seconds since 1970 of the last start or reset.
    pub fn start_unix_s(&self) -> f64 {
        self.start_unix_s
    }

    /// Seconds since 1970 of the latest interval with requests.
    pub fn last_request_unix_s(&self) -> Option<f64> {
        self.last_request_unix_s
    }

    /// Adds one row of an interval; its histogram is that of number `id` in `pages`.
    pub(crate) fn add_row(&mut self, row: &IntervalRow, pages: &PagedCounts, id: u32, unix_s: f64) {
        self.times.add_row(&row.times, pages, id);
        self.add_traffic(&row.traffic, row.times.count, unix_s);
    }

    /// Adds the requests of a whole interval.
    pub(crate) fn add_all(&mut self, times: &PagedHistogram, traffic: &Traffic, unix_s: f64) {
        self.times.add(times);
        self.add_traffic(traffic, times.count(), unix_s);
    }

    /// Sets everything to 0 and keeps method, name and memory.
    pub(crate) fn reset(&mut self, start_unix_s: f64) {
        self.times.clear();
        self.traffic = Traffic::default();
        self.rates = RateHistory::new();
        self.start_unix_s = start_unix_s;
        self.last_request_unix_s = None;
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.method.len() + self.name.len() + self.times.heap_bytes()
    }

    fn add_traffic(&mut self, traffic: &Traffic, num_requests: u64, unix_s: f64) {
        self.traffic.add(traffic);
        let more = SecondCounts { num_requests, num_failures: traffic.num_failures };
        self.rates.add(unix_s as u64, more);
        let last = self.last_request_unix_s.map_or(unix_s, |last| last.max(unix_s));
        self.last_request_unix_s = Some(last);
    }

    fn current_rate(&self, now_unix_s: f64, count: impl Fn(SecondCounts) -> u64) -> f64 {
        (self.rates).mean(self.start_unix_s as u64, now_unix_s as u64, count)
    }

    fn per_request(&self, sum: u64) -> f64 {
        if self.num_requests() == 0 {
            return 0.0;
        }
        sum as f64 / self.num_requests() as f64
    }
}

fn per_second(count: u64, elapsed_s: f64) -> f64 {
    if elapsed_s > 0.0 { count as f64 / elapsed_s } else { 0.0 }
}
