//! What the process says when it ends: the exit codes, in one place, and the one line that goes with a refusal.
//!
//! Only the owners of the process (`command.rs`, the Python host) turn these into an exit. The order in which they
//! apply to a finished run is [`of_run`].

use std::fmt;

/// The run was fine.
pub const OK: u8 = 0;
/// There is nothing that could be run: no locustfile, an unknown user class, no shard could be started.
pub const RUNTIME_ERROR: u8 = 1;
/// There were failed requests or exceptions, unless `--exit-code-on-error` says otherwise.
pub const FAILED_REQUESTS: u8 = 1;
/// A flag, a value or a combination is wrong, or a host is missing or has no scheme; or a listener has failed.
pub const USAGE_ERROR: u8 = 2;
/// With `--fail-on-lag`: the generator was the bottleneck.
pub const GENERATOR_LIMITED: u8 = 3;

/// Why nothing is run: an exit code and one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// [`CANNOT_RUN`] or [`USAGE`].
    pub code: u8,
    /// One line, for stderr.
    pub message: String,
}

impl CliError {
    /// What was typed is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE_ERROR, message: message.into() }
    }

    /// What was typed makes sense, but cannot be run here.
    pub fn runtime(message: impl Into<String>) -> Self {
        Self { code: RUNTIME_ERROR, message: message.into() }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// What the user wants to hear of a finished run through its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitPlan {
    /// For a run with failures or exceptions.
    pub on_error: u8,
    /// Whether a generator that was the bottleneck makes the run worthless.
    pub fail_on_lag: bool,
}

/// What whoever brought the users has to say of a finished run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostExit {
    /// The exit code that it wants, whatever else happened.
    pub exit_code: Option<u8>,
    /// A listener of its own has failed.
    pub listener_failed: bool,
}

/// What counts of a finished run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOutcome {
    /// What the users' owner says.
    pub host_exit: HostExit,
    /// The run could not go on, or its results could not be stored.
    pub run_failed: bool,
    /// The generator was the bottleneck.
    pub generator_limited: bool,
    /// There were failed requests or exceptions.
    pub has_errors: bool,
}

/// The exit code of a finished run; the first that applies.
///
/// A lag comes before failures because it may have caused them: with `--fail-on-lag` no figure of the run counts.
pub fn exit_code(outcome: RunOutcome, plan: ExitPlan) -> u8 {
    match outcome {
        RunOutcome { host_exit: HostExit { exit_code: Some(code), .. }, .. } => code,
        RunOutcome { run_failed: true, .. } => RUNTIME_ERROR,
        RunOutcome { generator_limited: true, .. } if plan.fail_on_lag => GENERATOR_LIMITED,
        RunOutcome { has_errors: true, .. } => plan.on_error,
        RunOutcome { host_exit: HostExit { listener_failed: true, .. }, .. } => USAGE_ERROR,
        _ => OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_code_that_applies_is_taken() {
        let lenient = ExitPlan { on_error: 7, fail_on_lag: false };
        let strict = ExitPlan { fail_on_lag: true, ..lenient };
        for (broken, lagged, errors, code, strict_code) in [
            (false, false, false, 0, 0),
            (false, false, true, 7, 7),
            (false, true, false, 0, 3),
            (false, true, true, 7, 3),
            (true, false, false, 1, 1),
            (true, true, true, 1, 1),
        ] {
            let facts = RunOutcome {
                run_failed: broken,
                generator_limited: lagged,
                has_errors: errors,
                ..RunOutcome::default()
            };
            assert_eq!(exit_code(facts, lenient), code, "{facts:?}");
            assert_eq!(exit_code(facts, strict), strict_code, "{facts:?}");
        }
    }

    #[test]
    fn the_users_owner_has_the_first_and_the_last_word() {
        let plan = ExitPlan { on_error: 7, fail_on_lag: false };
        let last_word = HostExit { exit_code: Some(0), listener_failed: true };
        let worst = RunOutcome { host_exit: last_word, run_failed: true, generator_limited: true, has_errors: true };
        assert_eq!(exit_code(worst, plan), 0);
        let last_word = HostExit { exit_code: None, listener_failed: true };
        assert_eq!(exit_code(RunOutcome { host_exit: last_word, ..RunOutcome::default() }, plan), 2);
        assert_eq!(exit_code(RunOutcome { host_exit: last_word, has_errors: true, ..RunOutcome::default() }, plan), 7);
    }

    #[test]
    fn errors_can_be_told_to_be_fine() {
        let facts = RunOutcome { has_errors: true, ..RunOutcome::default() };
        assert_eq!(exit_code(facts, ExitPlan { on_error: 0, fail_on_lag: false }), OK);
    }
}
