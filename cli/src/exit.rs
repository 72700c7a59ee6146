//! What the process says when it ends: the exit codes, in one place, and the one line that goes with a refusal.
//!
//! Only the owners of the process (`command.rs`, the Python host) turn these into an exit. The order in which they
//! apply to a finished run is [`of_run`].

use std::fmt;

/// The run was fine.
pub const OK: u8 = 0;
/// There is nothing that could be run: no locustfile, an unknown user class, no shard could be started.
pub const CANNOT_RUN: u8 = 1;
/// There were failed requests or exceptions, unless `--exit-code-on-error` says otherwise.
pub const ERRORS: u8 = 1;
/// A flag, a value or a combination is wrong, or a host is missing or has no scheme; or a listener has failed.
pub const USAGE: u8 = 2;
/// With `--fail-on-lag`: the generator was the bottleneck.
pub const LAGGED: u8 = 3;

/// Why nothing is run: an exit code and one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// [`CANNOT_RUN`] or [`USAGE`].
    pub code: u8,
    /// One line, for stderr.
    pub message: String,
}

impl Refusal {
    /// What was typed is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    /// What was typed makes sense, but cannot be run here.
    pub fn cannot_run(message: impl Into<String>) -> Self {
        Self { code: CANNOT_RUN, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

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
pub struct LastWord {
    /// The exit code that it wants, whatever else happened.
    pub exit_code: Option<u8>,
    /// A listener of its own has failed.
    pub listener_failed: bool,
}

/// What counts of a finished run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// What the users' owner says.
    pub last_word: LastWord,
    /// The run could not go on, or its results could not be stored.
    pub broken: bool,
    /// The generator was the bottleneck.
    pub lagged: bool,
    /// There were failed requests or exceptions.
    pub errors: bool,
}

/// The exit code of a finished run; the first that applies.
///
/// A lag comes before failures because it may have caused them: with `--fail-on-lag` no figure of the run counts.
pub fn of_run(facts: RunFacts, plan: ExitPlan) -> u8 {
    match facts {
        RunFacts { last_word: LastWord { exit_code: Some(code), .. }, .. } => code,
        RunFacts { broken: true, .. } => CANNOT_RUN,
        RunFacts { lagged: true, .. } if plan.fail_on_lag => LAGGED,
        RunFacts { errors: true, .. } => plan.on_error,
        RunFacts { last_word: LastWord { listener_failed: true, .. }, .. } => USAGE,
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
            let facts = RunFacts { broken, lagged, errors, ..RunFacts::default() };
            assert_eq!(of_run(facts, lenient), code, "{facts:?}");
            assert_eq!(of_run(facts, strict), strict_code, "{facts:?}");
        }
    }

    #[test]
    fn the_users_owner_has_the_first_and_the_last_word() {
        let plan = ExitPlan { on_error: 7, fail_on_lag: false };
        let last_word = LastWord { exit_code: Some(0), listener_failed: true };
        let worst = RunFacts { last_word, broken: true, lagged: true, errors: true };
        assert_eq!(of_run(worst, plan), 0);
        let last_word = LastWord { exit_code: None, listener_failed: true };
        assert_eq!(of_run(RunFacts { last_word, ..RunFacts::default() }, plan), 2);
        assert_eq!(of_run(RunFacts { last_word, errors: true, ..RunFacts::default() }, plan), 7);
    }

    #[test]
    fn errors_can_be_told_to_be_fine() {
        let facts = RunFacts { errors: true, ..RunFacts::default() };
        assert_eq!(of_run(facts, ExitPlan { on_error: 0, fail_on_lag: false }), OK);
    }
}
