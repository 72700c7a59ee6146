//! Cost of statistics: recording one sample, merging a thousand names, one percentile.
//!
//! The budgets are about 15 ns for a sample of a known name and 5 ms for a merge of 1,000 names. The interval of a tick
//! holds the samples that a shard records in one second at 100,000 requests/s, with log-normal times.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gregaria_stats::{Interval, Lag, Limits, Outcome, PagedHistogram, Recorder, Sample, Summary};
use rand::{Rng, SeedableRng, rngs::SmallRng};

criterion_main!(benches);
criterion_group!(benches, record, merge, percentile);

fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stats/record");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    for names in [1, 10, 1_000] {
        let stream = SampleStream::new(names);
        let mut recorder = stream.recorder();
        group.bench_function(format!("{names} names"), |bencher| {
            bencher.iter(|| stream.samples().for_each(|sample| recorder.record(&sample)));
        });
    }
    let stream = SampleStream::new(10);
    let mut recorder = stream.recorder();
    group.bench_function("10 names, all failed", |bencher| {
        bencher.iter(|| {
            for mut sample in stream.samples() {
                sample.outcome = Outcome::Failure("503 Service Unavailable");
                recorder.record(&sample);
            }
        });
    });
    group.bench_function("lag", |bencher| {
        bencher.iter(|| {
            for sample in stream.samples() {
                recorder.record_lag(Lag::Wait, sample.response_time_us());
            }
        });
    });
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stats/merge");
    for names in [10, 1_000, 5_000] {
        let interval = SampleStream::new(names).interval();
        let mut summary = Summary::new(Limits::default());
        group.bench_function(format!("{names} names into the summary"), |bencher| {
            bencher.iter(|| summary.add(black_box(&interval), 1_000.0));
        });
        let mut sum = Interval::new();
        group.bench_function(format!("{names} names into an interval"), |bencher| {
            bencher.iter(|| sum += black_box(&interval));
        });
    }
    let stream = SampleStream::new(1_000);
    group.bench_function("clear 1000 names", |bencher| {
        let interval = || stream.interval();
        bencher.iter_batched_ref(interval, Interval::clear, BatchSize::LargeInput);
    });
    group.finish();
}

fn percentile(criterion: &mut Criterion) {
    let mut histogram = PagedHistogram::new();
    for sample in SampleStream::new(1).samples() {
        histogram.record(sample.response_time_us());
    }
    criterion.bench_function("stats/percentile", |bencher| {
        bencher.iter(|| histogram.percentile_us(black_box(0.99)));
    });
}

/// Requests of one tick: uniformly distributed names, log-normal times around 100 ms, open connections, small bodies.
struct SampleStream {
    names: Vec<String>,
    requests: Vec<(usize, u64)>,
}

impl SampleStream {
    fn new(names: usize) -> Self {
        let mut random = SmallRng::seed_from_u64(1);
        Self {
            names: (0..names).map(|i| format!("/shop/article/{i}")).collect(),
            requests: (0..SAMPLES).map(|_| (random.random_range(0..names), log_normal_ns(&mut random))).collect(),
        }
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.requests.iter().map(|(name, time_ns)| Sample {
            method: "GET",
            name: &self.names[*name],
            due_ns: 0,
            phases_ns: [0, 0, 0, *time_ns, 0],
            done_ns: *time_ns,
            bytes_out: 100,
            bytes_in: 1_000,
            retries: 0,
            status: Some(200),
            outcome: Outcome::Success,
        })
    }

    /// Returns a recorder that has already allocated all names and pages.
    fn recorder(&self) -> Recorder {
        let mut recorder = Recorder::new(Limits::default());
        self.samples().for_each(|sample| recorder.record(&sample));
        recorder
    }

    fn interval(&self) -> Interval {
        self.recorder().take(Interval::new())
    }
}

/// Returns a log-normal time. The sum of twelve uniform numbers approximates a normal distribution.
fn log_normal_ns(random: &mut SmallRng) -> u64 {
    let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    (100e6 * (SIGMA * normal).exp()) as u64
}

const SAMPLES: usize = 100_000;
const SIGMA: f64 = 0.7;
