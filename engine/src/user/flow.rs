//! What a task can say besides "done": leave the task set, or stop the user.

/// What a task gives back. The target's failures are samples, not errors: `?` carries only interruptions.
pub type TaskResult = Result<(), TaskExit>;

/// Why a task did not simply end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskExit {
    /// Leave the task set; its parent goes on.
    Interrupt {
        /// Whether the parent picks its next task at once, without a wait.
        reschedule: bool,
    },
    /// This user has done its work and goes.
    StopUser,
}

/// Leaves the task set that runs the calling task: `return interrupt(true)`.
///
/// With `reschedule` the parent task set picks its next task at once, else after its wait. In a user's outermost
/// task set there is no parent to go on: the user starts that task set anew.
///
/// # Errors
/// Always: that is how it leaves.
pub fn interrupt(reschedule: bool) -> TaskResult {
    Err(TaskExit::Interrupt { reschedule })
}

/// Stops the user that runs the calling task: `return stop_user()`.
///
/// # Errors
/// Always: that is how it leaves.
pub fn stop_user() -> TaskResult {
    Err(TaskExit::StopUser)
}
