//! The runner's own thread: calls [`Runner::step`] with the time, at each command and each tick.
//!
//! This is the only file of the runner that reads a clock. Callers of [`RunHandle::wait`] wait in `handle.rs`.

use std::{io, sync::mpsc::RecvTimeoutError, time::Duration};

use super::{ClockReading, RunCommand, RunHandle, Runner, RunnerOptions, RunnerState};
use crate::{rt, scenario::Scenario, swarm::Swarm};

impl<S: Swarm + 'static> Runner<S> {
    /// Starts a thread that runs a new runner over `swarm`. The thread ends after all clones of the handle are dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::{io, sync::Arc};
    ///
    /// use gregaria_engine::{RunHandle, Runner, RunnerOptions, Scenario, ShardSwarm};
    ///
    /// fn start(scenario: Arc<dyn Scenario>, swarm: ShardSwarm) -> io::Result<RunHandle> {
    ///     Runner::start(scenario, swarm, RunnerOptions { num_requests: Some(1_000), ..RunnerOptions::default() })
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub fn start(scenario: std::sync::Arc<dyn Scenario>, swarm: S, options: RunnerOptions) -> io::Result<RunHandle> {
        let (runner, handle) = Self::new(scenario, swarm, options);
        std::thread::Builder::new().name("gregaria-runner".into()).spawn(move || runner.run())?;
        Ok(handle)
    }

    fn run(mut self) {
        let mut handles_left = true;
        while handles_left || self.is_active() {
            let now = ClockReading { mono_ns: rt::now_ns(), unix_s: rt::unix_time_s() };
            let wake_ns = self.step(now);
            let wait = Duration::from_nanos(wake_ns.saturating_sub(rt::now_ns()));
            match self.commands.recv_timeout(wait) {
                Ok(command) => {
                    self.handle_command(command, ClockReading { mono_ns: rt::now_ns(), unix_s: rt::unix_time_s() })
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if handles_left => {
                    handles_left = false;
                    self.handle_command(RunCommand::Abort, now);
                }
                Err(RecvTimeoutError::Disconnected) => rt::sleep_blocking(wait),
            }
        }
        debug_assert!(matches!(self.state, RunnerState::Ready | RunnerState::Stopped));
    }
}
