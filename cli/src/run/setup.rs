//! The setup of a process for a run: endpoints, log, open files, demo site.
//!
//! The next step is `launch.rs`.

use std::{io, process::Command, sync::Arc};

use gregaria_engine::{ConnectConfigError, rt::Resolver};

use crate::{args::RunPlan, demo::DemoSite, exit::CliError, logger, panic_log, resource_limits, terminal::Screen};

/// The resources of a run. They are released when the run is over.
pub struct RunContext {
    /// The host that replaces the host of every user class; `None` leaves the hosts as they are.
    pub host: Option<String>,
    /// The checked endpoints of the run's connections.
    pub resolver: Arc<Resolver>,
    pub(crate) screen: Screen,
    pub(super) site: Option<DemoSite>,
}

/// Checks the endpoints of connections, takes over the log, raises the limit on open files, and starts the demo site
/// if it is the target.
///
/// `this_program` returns the command that starts this program, up to its first argument. It is called for the demo
/// site only.
///
/// # Errors
/// A source address or Unix socket cannot be used, or the log or the demo site cannot be started.
pub fn prepare(plan: &RunPlan, this_program: impl FnOnce() -> io::Result<Command>) -> Result<RunContext, CliError> {
    let resolver = Resolver::new(plan.connect_config.clone()).map_err(|error| address_error(&error))?;
    let screen = Screen::stderr();
    if !plan.log.skip_setup {
        logger::init(&plan.log, &screen)?;
    }
    panic_log::install(&screen, !plan.log.skip_setup);
    resource_limits::raise_and_check(plan.load.users, &plan.connect_config);
    if !plan.load.demo {
        return Ok(RunContext { host: plan.load.host.clone(), resolver, screen, site: None });
    }
    let site = this_program().and_then(DemoSite::start);
    let site = site.map_err(|error| CliError::runtime(format!("cannot start the demo site: {error}")))?;
    Ok(RunContext { host: Some(site.base_url().to_owned()), resolver, screen, site: Some(site) })
}

fn address_error(error: &ConnectConfigError) -> CliError {
    match error {
        ConnectConfigError::SourceIp { .. } => CliError::usage(format!("--source-ip: {error}")),
        ConnectConfigError::UnixSocket { .. } => CliError::usage(error.to_string()),
        ConnectConfigError::NoUnixSocket { .. } => {
            CliError::usage(format!("Unix socket: {error}; give the path of a socket that the target has opened"))
        }
    }
}
