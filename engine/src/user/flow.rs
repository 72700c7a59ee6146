//! The control flow of a task: leaving the task set, or stopping the user.

/// The result of a task.
///
/// Failures of the target are samples, not errors: `?` carries only a [`TaskExit`].
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, stop_user};
///
/// async fn check_out(user: &mut HttpUser) -> TaskResult {
///     if !user.post("/checkout").await.ok() {
///         return Ok(());
///     }
///     stop_user()
/// }
/// ```
pub type TaskResult = Result<(), TaskExit>;

/// Control flow that a task requests instead of a normal return.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{TaskExit, interrupt};
///
/// assert_eq!(interrupt(true), Err(TaskExit::Interrupt { reschedule: true }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskExit {
    /// Leaves the task set. Its parent continues.
    Interrupt {
        /// Whether the parent picks its next task immediately, without a wait.
        reschedule: bool,
    },
    /// Stops the user.
    StopUser,
}

/// Leaves the task set of the calling task: `return interrupt(true)`.
///
/// With `reschedule` the parent task set picks its next task immediately, otherwise after its wait. The outermost task
/// set has no parent: the user starts it again.
///
/// # Errors
/// Always returns [`TaskExit::Interrupt`], for the task to return it.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, TaskSet, interrupt};
///
/// async fn leave(_: &mut HttpUser) -> TaskResult {
///     interrupt(true)
/// }
/// let forum = TaskSet::new("Forum").task(1, leave);
/// ```
pub fn interrupt(reschedule: bool) -> TaskResult {
    Err(TaskExit::Interrupt { reschedule })
}

/// Stops the user of the calling task: `return stop_user()`.
///
/// # Errors
/// Always returns [`TaskExit::StopUser`], for the task to return it.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, stop_user};
///
/// async fn log_out(user: &mut HttpUser) -> TaskResult {
///     user.post("/logout").await;
///     stop_user()
/// }
/// ```
pub fn stop_user() -> TaskResult {
    Err(TaskExit::StopUser)
}
