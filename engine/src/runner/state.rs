//! The states of a run, its events, and the reasons for its end. Plain data: [`Runner`](super::Runner) decides them.

/// A change of a run, as subscribers of a [`RunHandle`](super::RunHandle) receive it.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{RunEvent, RunHandle};
///
/// fn log_events(run: &RunHandle) {
///     for event in run.events() {
///         match event {
///             RunEvent::SpawningComplete(users) => println!("all {users} users spawned"),
///             RunEvent::Stopping(reason) => println!("stopping: {reason:?}"),
///             RunEvent::Stopped => return,
///             RunEvent::Started => {}
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// The run has started.
    Started,
    /// The ramp has reached its end. The value is the number of active users.
    SpawningComplete(u32),
    /// The run is stopping for this reason. Sent again if a fatal error replaces the reason.
    Stopping(EndReason),
    /// The run has ended. No user is left and all measurements are in the summary, unless the reason is
    /// [`EndReason::FatalError`].
    Stopped,
}

/// The reason for the end of a run.
///
/// # Examples
///
/// ```
/// use gregaria_engine::EndReason;
///
/// fn is_failure(reason: &EndReason) -> bool {
///     matches!(reason, EndReason::FatalError(_))
/// }
/// assert!(!is_failure(&EndReason::RunTime));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The run time has elapsed.
    RunTime,
    /// The number of requests is reached.
    NumRequests,
    /// A [`RunCommand::Stop`](super::RunCommand::Stop) or [`RunCommand::Abort`](super::RunCommand::Abort) was sent, or
    /// the last [`RunHandle`](super::RunHandle) was dropped.
    Requested,
    /// All users have stopped themselves.
    NoUsersLeft,
    /// The swarm cannot continue, for the given reason.
    FatalError(String),
}

/// The state of a run.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{RunHandle, RunnerState};
///
/// fn is_over(run: &RunHandle) -> bool {
///     run.status().state == RunnerState::Stopped
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunnerState {
    /// No run has started yet.
    #[default]
    Ready,
    /// The number of users changes along a ramp.
    Spawning,
    /// The ramp has reached its end.
    Running,
    /// No request starts any more. Some may still be in flight.
    Stopping,
    /// The run has ended.
    Stopped,
}

impl RunnerState {
    /// Returns the name of the state as Locust writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Spawning => "spawning",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}
