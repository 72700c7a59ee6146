//! Statistics and user classes made up for the tests of this crate.
//!
//! Nothing here runs; a run for tests is in `app.rs`.

use gregaria_engine::{Scenario, TaskInfo, UserClassInfo};
use gregaria_stats::{Interval, Limits, Outcome, Recorder, Sample, Summary};

/// Requests as (method, name, response time in µs, error), of 100 body bytes each, in a run that began at second 1000;
/// all were counted at second 1003.5.
pub(crate) fn summary(requests: &[(&str, &str, u64, Option<&str>)]) -> Summary {
    let mut recorder = Recorder::new(Limits::default());
    for (method, name, us, error) in requests {
        recorder.record(&sample(method, name, *us, error.map_or(Outcome::Success, Outcome::Failure)));
    }
    summary_of(recorder)
}

/// What was recorded, counted at second 1003.5 of a run that began at second 1000.
pub(crate) fn summary_of(mut recorder: Recorder) -> Summary {
    let mut summary = Summary::new(Limits::default());
    summary.start(1000.0);
    summary.add(&recorder.take(Interval::new()), 1003.5);
    summary
}

/// A request that took `us`.
pub(crate) fn sample<'a>(method: &'a str, name: &'a str, us: u64, outcome: Outcome<'a>) -> Sample<'a> {
    let done_ns = us * 1000;
    Sample {
        method,
        name,
        due_ns: 0,
        sent_ns: 0,
        first_byte_ns: done_ns,
        done_ns,
        bytes_out: 50,
        bytes_in: 100,
        outcome,
    }
}

/// A scenario that can only be looked at.
pub(crate) struct Classes(pub(crate) Vec<UserClassInfo>);

impl Scenario for Classes {
    fn user_classes(&self) -> &[UserClassInfo] {
        &self.0
    }
}

/// A class that needs a host and has none.
pub(crate) fn class(name: &str, weight: f64, fixed_count: u32, tasks: Vec<TaskInfo>) -> UserClassInfo {
    UserClassInfo { name: name.into(), weight, fixed_count, host: None, needs_host: true, tasks }
}
