//! The launch of a run over any swarm, and the run's terminal, keys and signals while it is followed.
//!
//! The only place where a swarm is given to a runner, for Rust and Python users alike. The callers make the swarm
//! (`entry.rs`, and `python/src/run.rs` of the Python host). What happens during a run is in `follow.rs`.

use std::{io, sync::Arc};

use gregaria_engine::{RunHandle, Runner, Scenario, Swarm, rt::DriverKind};

use super::{
    follow,
    output::{RunInfo, RunOutputs},
    setup::RunContext,
};
use crate::{
    args::RunPlan,
    exit::{CliError, HostExit},
    signals,
    terminal::{Screen, Terminal},
};

/// A swarm and its description for the log.
pub struct Backend<S> {
    /// The swarm. Its threads have started.
    pub swarm: S,
    /// The threads that run users and send requests, for the log: `2 threads run the users and send their requests`.
    pub threads: String,
    /// The driver of the threads that send requests; `None` if they have none.
    pub driver: Option<DriverKind>,
}

/// A run before its first command.
pub struct LaunchedRun {
    handle: RunHandle,
    scenario: Arc<dyn Scenario>,
    plan: RunPlan,
    context: RunContext,
    driver: &'static str,
}

/// Makes the swarm and starts its runner. [`LaunchedRun::follow`] spawns the users.
///
/// # Errors
/// The swarm cannot be made, or the runner's thread cannot be started.
pub fn launch<S: Swarm + 'static>(
    context: RunContext,
    plan: RunPlan,
    scenario: Arc<dyn Scenario>,
    make_swarm: impl FnOnce() -> Result<Backend<S>, CliError>,
) -> Result<LaunchedRun, CliError> {
    if may_use_https(&*scenario) {
        plan.client.tls.clone().unwrap_or_default().load_system_roots();
    }
    // Logged after the last step that fails for reasons of the command line: such an error is one line on stderr.
    let Backend { swarm, threads, driver } = make_swarm()?;
    log::info!("Starting gregaria {}", env!("CARGO_PKG_VERSION"));
    log::info!("{threads}{}", driver.map(driver_text).unwrap_or_default());
    if let Some(site) = &context.site {
        log::info!("The demo shop is at {}", site.base_url());
    }
    let handle = Runner::start(Arc::clone(&scenario), swarm, plan.load.runner_options()).map_err(thread_error)?;
    let driver = driver.map_or("no driver", DriverKind::as_str);
    Ok(LaunchedRun { handle, scenario, plan, context, driver })
}

impl LaunchedRun {
    /// Returns the handle that controls the run.
    pub fn handle(&self) -> &RunHandle {
        &self.handle
    }

    /// Returns the screen on which the run is shown.
    pub fn screen(&self) -> &Screen {
        &self.context.screen
    }

    /// Spawns the users, follows the run to its end on this process's terminal, and returns the exit code.
    ///
    /// Keys and signals control the run meanwhile. `host_exit` is called once, after the run and before its results
    /// are written.
    ///
    /// # Errors
    /// A signal handler or its thread cannot be set up.
    pub fn follow(self, host_exit: impl FnOnce() -> HostExit) -> Result<u8, CliError> {
        let Self { handle, scenario, plan, context, driver } = self;
        let terminal = Terminal::open(&context.screen).map_err(thread_error)?;
        // The live display stays until the last request has ended, but the second signal leaves no time for the modes.
        let (at_first, at_second) = (terminal.handle(), terminal.handle());
        signals::forward_to(handle.clone(), move || at_first.release_keys(), move || at_second.restore())
            .map_err(thread_error)?;
        let mut stdout = io::stdout();
        let info = RunInfo { plan: &plan, classes: scenario.user_classes(), driver };
        let mut outputs = RunOutputs::new(info, &context.screen, &mut stdout, terminal.keys().is_some());
        Ok(follow::follow(&*scenario, &handle, &plan, terminal.keys(), host_exit, &mut outputs))
    }
}

/// Returns the name of the driver for the log, and its remedy if there is a faster one.
fn driver_text(driver: DriverKind) -> String {
    let remedy = match driver {
        DriverKind::IoUring => "",
        DriverKind::IoUringBasic => " (io_uring of Linux 6.1 or later needs less CPU time)",
        DriverKind::Epoll => " (io_uring needs less CPU time)",
    };
    format!(" through {}{remedy}", driver.as_str())
}

/// Returns `true` if a class has an https host, or has no host and may call any URL.
fn may_use_https(scenario: &dyn Scenario) -> bool {
    scenario.user_classes().iter().any(|class| !class.host.as_ref().is_some_and(|host| host.starts_with("http://")))
}

fn thread_error(error: io::Error) -> CliError {
    CliError::runtime(format!("failed to start a control thread: {error}"))
}
