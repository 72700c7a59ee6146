//! Statistics, user classes and terminals for the tests of this crate.
//!
//! A scripted run is in the tests of `run/follow.rs`.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use gregaria_engine::{
    ClockReading, EndReason, GeneratorHealth, RunReport, Scenario, TaskInfo, ThreadLoad, UserClassInfo,
};
use gregaria_stats::{Interval, Limits, Outcome, Recorder, Sample, Summary};

use crate::terminal::{OutputDevice, TerminalSize};

/// The summary of requests given as (method, name, response time in µs, error), each with 100 body bytes.
///
/// The run began at second 1000. All requests were counted at second 1003.5.
pub(crate) fn summary(requests: &[(&str, &str, u64, Option<&str>)]) -> Summary {
    let mut recorder = Recorder::new(Limits::default());
    for (method, name, us, error) in requests {
        recorder.record(&sample(method, name, *us, error.map_or(Outcome::Success, Outcome::Failure)));
    }
    summary_of(recorder)
}

/// The summary of a recorder, counted at second 1003.5 of a run that began at second 1000.
pub(crate) fn summary_of(mut recorder: Recorder) -> Summary {
    let mut summary = Summary::new(Limits::default());
    summary.start(START.unix_s);
    summary.add(&recorder.take(Interval::new()), 1003.5);
    summary
}

/// The start of the run of [`summary`]. Its requests are due then.
pub(crate) const START: ClockReading = ClockReading { mono_ns: 0, unix_s: 1000.0 };

/// A request with a response time of `us` and no phases.
pub(crate) fn sample<'a>(method: &'a str, name: &'a str, us: u64, outcome: Outcome<'a>) -> Sample<'a> {
    let done_ns = us * 1000;
    Sample { method, name, done_ns, bytes_out: 50, bytes_in: 100, outcome, ..Sample::default() }
}

/// The report of a run of one second that ended by time.
pub(crate) fn report(health: GeneratorHealth) -> RunReport {
    let second = Duration::from_secs(1);
    RunReport {
        end_reason: EndReason::RunTime,
        aborted: 0,
        peak_users: 8,
        start: START,
        elapsed: second,
        measured: second,
        health,
    }
}

/// The health of a generator with one shard that used this much of its core for 100 requests.
pub(crate) fn health(percent: u64) -> GeneratorHealth {
    GeneratorHealth { num_requests: 100, loads: vec![load(percent)], ..GeneratorHealth::default() }
}

/// The load of a thread that used this much of its core in one second.
pub(crate) fn load(percent: u64) -> ThreadLoad {
    ThreadLoad { cpu_ns: percent * 10_000_000, wall_ns: 1_000_000_000, ..ThreadLoad::default() }
}

/// A scenario without users.
pub(crate) struct StaticScenario(pub(crate) Vec<UserClassInfo>);

impl Scenario for StaticScenario {
    fn user_classes(&self) -> &[UserClassInfo] {
        &self.0
    }
}

/// A user class that needs a host and has none.
pub(crate) fn class_info(name: &str, weight: f64, fixed_count: u32, tasks: Vec<TaskInfo>) -> UserClassInfo {
    UserClassInfo { name: name.into(), weight, fixed_count, host: None, needs_host: true, tasks }
}

/// A file or a terminal in memory. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryDevice {
    written: Arc<Mutex<Vec<Vec<u8>>>>,
    size: Arc<Mutex<Option<TerminalSize>>>,
    is_foreground: Arc<Mutex<bool>>,
}

impl MemoryDevice {
    /// A terminal of this size.
    pub(crate) fn terminal(columns: u16, rows: u16) -> Self {
        let memory = Self::default();
        memory.resize(columns, rows);
        memory.set_foreground(true);
        memory
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        *self.size.lock().unwrap() = Some(TerminalSize { columns, rows });
    }

    pub(crate) fn set_foreground(&self, is_foreground: bool) {
        *self.is_foreground.lock().unwrap() = is_foreground;
    }

    /// Returns all text written so far.
    pub(crate) fn written(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().concat()).unwrap()
    }

    /// Returns the number of writes.
    pub(crate) fn writes(&self) -> usize {
        self.written.lock().unwrap().len()
    }

    /// Returns the text that a terminal of this size shows.
    pub(crate) fn contents(&self) -> String {
        let size = self.size.lock().unwrap().unwrap();
        let mut parser = vt100::Parser::new(size.rows.try_into().unwrap(), size.columns.try_into().unwrap(), 0);
        parser.process(self.written().replace('\n', "\r\n").as_bytes());
        parser.screen().contents()
    }
}

impl io::Write for MemoryDevice {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OutputDevice for MemoryDevice {
    fn size(&self) -> Option<TerminalSize> {
        *self.size.lock().unwrap()
    }

    fn can_redraw(&self) -> bool {
        *self.is_foreground.lock().unwrap()
    }

    fn has_color(&self) -> bool {
        false
    }

    fn shows_stdout(&self) -> bool {
        true
    }
}
