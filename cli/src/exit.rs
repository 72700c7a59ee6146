//! The exit codes of the process, and the one line on stderr that goes with an error.
//!
//! Only the owners of the process (`entry.rs`, the Python host) exit with them.

use std::fmt;

use gregaria_engine::{EndReason, GeneratorVerdict, RunReport};
use gregaria_stats::Summary;

/// The run went well.
pub const OK: u8 = 0;
/// A run is not possible: there is no locustfile, a user class is unknown, or no shard could be started.
pub const RUNTIME_ERROR: u8 = 1;
/// The default of `--exit-code-on-error`: there were failed requests or exceptions, or no request got a response.
pub(crate) const FAILED_REQUESTS: u8 = 1;
/// A flag, a value or a combination is wrong, a host is missing or has no scheme, or a listener failed.
pub const USAGE_ERROR: u8 = 2;
/// With `--fail-on-lag`: the generator was the bottleneck.
pub(crate) const GENERATOR_LIMITED: u8 = 3;

/// An error that prevents a run: an exit code, and one line with the cause and the remedy.
///
/// # Examples
///
/// ```
/// use gregaria::exit::{self, CliError};
///
/// let error = CliError::usage("-u 0: takes a whole number of at least 1");
/// assert_eq!(error.code, exit::USAGE_ERROR);
/// assert_eq!(error.to_string(), "-u 0: takes a whole number of at least 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// [`RUNTIME_ERROR`] or [`USAGE_ERROR`].
    pub code: u8,
    /// One line, for stderr.
    pub message: String,
}

impl CliError {
    /// Creates an error of the command line itself.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE_ERROR, message: message.into() }
    }

    /// Creates an error of a correct command line that cannot be executed.
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

/// The flags that determine the exit code of a finished run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitPlan {
    /// The exit code of a run with failed requests or exceptions, or without any response.
    pub(crate) on_error: u8,
    /// Whether a run ends with [`GENERATOR_LIMITED`] if the generator was the bottleneck. A run that is too short to
    /// tell does not.
    pub(crate) fail_on_lag: bool,
}

/// The exit status requested by the host of the users. The default requests none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostExit {
    /// An exit code that precedes all others. The Python host takes it from `environment.process_exit_code`.
    pub exit_code: Option<u8>,
    /// Whether a listener failed.
    pub listener_failed: bool,
}

impl ExitPlan {
    /// Returns the exit code of a finished run: the first one that applies.
    ///
    /// A lag precedes failures because it may have caused them: with `--fail-on-lag` no figure of the run is valid.
    pub(crate) fn exit_code(self, host: HostExit, report: &RunReport, summary: &Summary, results_written: bool) -> u8 {
        if let Some(code) = host.exit_code {
            return code;
        }
        if !results_written || matches!(report.end_reason, EndReason::FatalError(_)) {
            return RUNTIME_ERROR;
        }
        if self.fail_on_lag && matches!(report.health.verdict(), GeneratorVerdict::Bottleneck(_)) {
            return GENERATOR_LIMITED;
        }
        let total = summary.total();
        let is_unanswered = total.num_requests() == 0 && total.aborted().count > 0;
        if is_unanswered || total.num_failures() > 0 || summary.exceptions().next().is_some() {
            return self.on_error;
        }
        if host.listener_failed { USAGE_ERROR } else { OK }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const LENIENT: ExitPlan = ExitPlan { on_error: 7, fail_on_lag: false };

    /// The exit code of a run in which these things happened.
    fn exit_code(plan: ExitPlan, host: HostExit, broken: bool, lagged: bool, failed: bool) -> u8 {
        let end_reason = if broken { EndReason::FatalError("a shard is gone".into()) } else { EndReason::RunTime };
        let report = RunReport { end_reason, ..fixture::report(fixture::health(if lagged { 99 } else { 10 })) };
        let summary = fixture::summary(&[("GET", "/", 64, failed.then_some("500"))]);
        plan.exit_code(host, &report, &summary, true)
    }

    #[test]
    fn first_applicable_code_is_taken() {
        let strict = ExitPlan { fail_on_lag: true, ..LENIENT };
        for (broken, lagged, failed, code, strict_code) in [
            (false, false, false, 0, 0),
            (false, false, true, 7, 7),
            (false, true, false, 0, 3),
            (false, true, true, 7, 3),
            (true, false, false, 1, 1),
            (true, true, true, 1, 1),
        ] {
            let host = HostExit::default();
            assert_eq!(exit_code(LENIENT, host, broken, lagged, failed), code, "{broken} {lagged} {failed}");
            assert_eq!(exit_code(strict, host, broken, lagged, failed), strict_code, "{broken} {lagged} {failed}");
        }
    }

    #[test]
    fn run_too_short_to_tell_does_not_fail() {
        let mut health = fixture::health(99);
        health.loads[0].wall_ns /= 10;
        health.loads[0].cpu_ns /= 10;
        let report = fixture::report(health);
        let strict = ExitPlan { fail_on_lag: true, ..LENIENT };
        assert_eq!(strict.exit_code(HostExit::default(), &report, &fixture::summary(&[]), true), OK);
    }

    #[test]
    fn host_code_comes_first_and_listener_last() {
        let host = HostExit { exit_code: Some(0), listener_failed: true };
        assert_eq!(exit_code(LENIENT, host, true, true, true), 0);
        let host = HostExit { exit_code: None, listener_failed: true };
        assert_eq!(exit_code(LENIENT, host, false, false, false), 2);
        assert_eq!(exit_code(LENIENT, host, false, false, true), 7);
    }

    #[test]
    fn unwritten_results_fail_the_run() {
        let report = fixture::report(fixture::health(10));
        let code = LENIENT.exit_code(HostExit::default(), &report, &fixture::summary(&[]), false);
        assert_eq!(code, RUNTIME_ERROR);
    }

    #[test]
    fn exit_code_on_error_0_ignores_failures() {
        let plan = ExitPlan { on_error: 0, ..LENIENT };
        assert_eq!(exit_code(plan, HostExit::default(), false, false, true), OK);
    }
}
