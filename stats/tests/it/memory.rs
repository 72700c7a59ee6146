//! Recording allocates no memory, and memory stays within its budget.
//!
//! Bytes are those that the allocator returned, counted in this thread.

use allocation_counter::measure;
use gregaria_stats::{Interval, Lag, Limits, Outcome, Recorder, Sample, Summary};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::stream::request;

#[test]
fn recording_known_names_allocates_no_memory() {
    let mut load = SampleLoad::new(50);
    let mut recorder = Recorder::new(Limits::default());
    // Twice, because recorder and reader exchange two intervals.
    load.restart();
    load.tick(&mut recorder, 2_000);
    let used = recorder.take(Interval::new());
    load.restart();
    load.tick(&mut recorder, 2_000);
    let mut summary = Summary::new(Limits::default());
    summary.add(&used, 1.0);

    let allocated = measure(|| {
        let interval = recorder.take(used);
        load.restart();
        load.tick(&mut recorder, 2_000);
        summary.add(&interval, 1.5);
    });
    assert_eq!(allocated.count_total, 0);

    let new = measure(|| recorder.record(&request("GET", "/new", 1)));
    assert!(new.count_total > 0, "the allocation counter works");
}

#[test]
fn memory_bytes_equals_allocated_bytes() {
    let (recorder, allocated) = allocated_by(|| {
        let mut recorder = Recorder::new(Limits::default());
        SampleLoad::new(300).tick(&mut recorder, 5_000);
        recorder.record_exception("KeyError", "main.py, line 1");
        recorder
    });
    assert_eq!(recorder.memory_bytes() - size_of::<Recorder>(), allocated);

    let interval = { recorder }.take(Interval::new());
    let (summary, allocated) = allocated_by(|| {
        let mut summary = Summary::new(Limits::default());
        summary.start(1.0);
        summary.add(&interval, 2.0);
        summary
    });
    assert_eq!(summary.memory_bytes() - size_of::<Summary>(), allocated);
}

#[test]
fn memory_bytes_includes_overflow_pages() {
    let mut recorder = Recorder::new(Limits::default());
    (0..40_000).for_each(|_| recorder.record(&request("GET", "/", 100)));
    let interval = recorder.take(Interval::new());
    let (sum, allocated) = allocated_by(|| {
        let mut sum = Interval::new();
        sum += &interval;
        sum += &interval;
        sum
    });
    assert_eq!(sum.memory_bytes() - size_of::<Interval>(), allocated);
}

#[test]
fn one_thousand_names_fit_in_64_mib() {
    assert!(max_bytes_with(1_000) <= 64 << 20);
}

#[test]
fn five_thousand_names_fit_in_256_mib() {
    assert!(max_bytes_with(5_000) <= 256 << 20);
}

/// Returns the peak memory of two recorders, each with a spare interval, and a summary. They run five ticks of one
/// second, with 100,000 requests per tick and recorder.
fn max_bytes_with(names: usize) -> u64 {
    let mut load = SampleLoad::new(names);
    let allocated = measure(|| {
        let mut summary = Summary::new(Limits::default());
        let mut shards = [(); 2].map(|()| (Recorder::new(Limits::default()), Interval::new()));
        for second in 0..5 {
            for (recorder, spare) in &mut shards {
                load.tick(recorder, 100_000);
                *spare = recorder.take(std::mem::replace(spare, Interval::new()));
                summary.add(spare, f64::from(second));
            }
        }
        assert_eq!(summary.total().num_requests(), 1_000_000);
        assert_eq!(summary.overflow().names_folded, 0);
    });
    allocated.bytes_max
}

/// Returns the value of `make` and the bytes that are allocated for the value.
fn allocated_by<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let mut value = None;
    let allocated = measure(|| value = Some(make()));
    (value.expect("measure calls the closure"), allocated.bytes_current as usize)
}

/// Requests of uniformly distributed names with log-normal times around 100 ms. One in ten fails.
struct SampleLoad {
    names: Vec<String>,
    times_us: Vec<u64>,
    random: SmallRng,
}

impl SampleLoad {
    fn new(names: usize) -> Self {
        let mut random = SmallRng::seed_from_u64(1);
        Self {
            names: (0..names).map(|i| format!("/shop/article/{i}")).collect(),
            times_us: (0..10_000).map(|_| log_normal_us(&mut random)).collect(),
            random,
        }
    }

    /// Restarts the sequence: the requests after each restart are the same.
    fn restart(&mut self) {
        self.random = SmallRng::seed_from_u64(2);
    }

    fn tick(&mut self, recorder: &mut Recorder, requests: usize) {
        for _ in 0..requests {
            let name = self.random.random_range(0..self.names.len());
            let time_us = self.times_us[self.random.random_range(0..self.times_us.len())];
            let outcome = if self.random.random_ratio(1, 10) {
                Outcome::Failure("503 Service Unavailable")
            } else {
                Outcome::Success
            };
            recorder.record(&Sample {
                bytes_in: 1_000,
                status: Some(200),
                outcome,
                ..request("GET", &self.names[name], time_us)
            });
            recorder.record_lag(Lag::Resume, time_us / 1_000);
        }
    }
}

/// Returns a log-normal time. The sum of twelve uniform numbers approximates a normal distribution.
fn log_normal_us(random: &mut SmallRng) -> u64 {
    let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    (100e3 * (0.7 * normal).exp()) as u64
}
