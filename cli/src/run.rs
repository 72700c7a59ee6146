//! A run as the owner of a process does it: what is set up before, who steers it, where it writes to.
//!
//! In the order of its functions: [`prepare`], then the owner starts its swarm, [`start`], [`follow`]. The Rust programs
//! (`command.rs`) and the Python host both go this way. What is shown of a run is `app.rs`'s affair.

use std::{io, process::Command, sync::Arc};

use gregaria_engine::{ConnectConfigError, RunHandle, Runner, Scenario, Swarm, rt::Resolver};

use crate::{
    args::RunPlan,
    demo,
    exit::{CliError, HostExit},
    follow::{self, OutputTargets},
    logger, resource_limits, signals,
    terminal::{Screen, Terminal},
};

/// What a run stands on, to be kept until it is over.
pub struct RunContext {
    /// Replaces the host of every user class.
    pub host: Option<String>,
    /// Where everything that people are to see goes.
    pub screen: Screen,
    /// Checked endpoints of the run's connections.
    pub resolver: Arc<Resolver>,
    site: Option<demo::DemoSite>,
}

/// Checks the addresses that were given, takes over the log, raises the limit on open files, and starts the demo site if it is the target. `this_program` is how
/// this very program is called, up to its first argument.
///
/// # Errors
/// When connections cannot go or come as they shall, or the log or the site cannot be set up.
pub fn prepare(plan: &RunPlan, this_program: impl FnOnce() -> io::Result<Command>) -> Result<RunContext, CliError> {
    let resolver = Resolver::new(plan.connect_config.clone()).map_err(|error| address_error(&error))?;
    let screen = Screen::stderr();
    if !plan.log.skip_setup {
        logger::init(&plan.log, &screen)?;
    }
    resource_limits::raise_and_check(plan.load.users, &plan.connect_config);
    if !plan.load.demo {
        return Ok(RunContext { host: plan.load.host.clone(), screen, resolver, site: None });
    }
    let site = this_program().and_then(demo::DemoSite::start);
    let site = site.map_err(|error| CliError::runtime(format!("cannot start the demo site: {error}")))?;
    Ok(RunContext { host: Some(site.base_url().to_owned()), screen, resolver, site: Some(site) })
}

/// Starts the runner over a swarm that is ready. `place` says what the users run on.
///
/// # Errors
/// When its thread cannot be set up.
pub fn start(
    scenario: &Arc<dyn Scenario>,
    swarm: impl Swarm + 'static,
    context: &RunContext,
    plan: &RunPlan,
    backend: &str,
) -> Result<RunHandle, CliError> {
    // Nothing is said of a run before it is certain that there will be one: a refusal is one line.
    log::info!("Starting gregaria {}", env!("CARGO_PKG_VERSION"));
    log::info!("{backend}");
    if let Some(site) = &context.site {
        log::info!("The demo shop is at {}", site.base_url());
    }
    Runner::start(Arc::clone(scenario), swarm, plan.load.runner_options()).map_err(run_setup_error)
}

/// Follows a run to its end on this process's terminal, has keys and signals steer it, and returns the exit code it
/// deserves. `last_word` is asked when the run is over and nothing has been stored yet.
///
/// # Errors
/// When a signal handler cannot be set up.
pub fn follow_on_terminal(
    scenario: &dyn Scenario,
    run: &RunHandle,
    context: &RunContext,
    plan: &RunPlan,
    host_exit: &mut dyn FnMut() -> HostExit,
) -> Result<u8, CliError> {
    let terminal = Terminal::open(&context.screen).map_err(run_setup_error)?;
    let hold = terminal.handle();
    signals::forward_to(run.clone(), move || hold.restore()).map_err(run_setup_error)?;
    let mut outputs = OutputTargets { screen: &context.screen, data: &mut io::stdout() };
    Ok(follow::run(scenario, run, plan, terminal.keys(), host_exit, &mut outputs))
}

/// Only now that there is to be a run is the machine asked.
fn address_error(error: &ConnectConfigError) -> CliError {
    match error {
        ConnectConfigError::SourceIp { .. } => CliError::usage(format!("--source-ip: {error}")),
        ConnectConfigError::UnixSocket { .. } => CliError::usage(error.to_string()),
    }
}

fn run_setup_error(error: io::Error) -> CliError {
    CliError::runtime(format!("cannot steer the run: {error}"))
}
