//! A run as the owner of a process does it: what is set up before, who steers it, where it writes to.
//!
//! In the order of its functions: [`prepare`], then the owner starts its swarm, [`start`], [`follow`]. The Rust programs
//! (`command.rs`) and the Python host both go this way. What is shown of a run is `app.rs`'s affair.

use std::{io, process::Command, sync::Arc};

use gregaria_engine::{ConnectConfigError, RunHandle, Runner, Scenario, Swarm};

use crate::{
    app::{self, Outputs},
    args::Plan,
    demo,
    exit::{LastWord, Refusal},
    logger, machine, signals,
    terminal::{Screen, Terminal},
};

/// What a run stands on, to be kept until it is over.
pub struct Grounds {
    /// Replaces the host of every user class.
    pub host: Option<String>,
    /// Where everything that people are to see goes.
    pub screen: Screen,
    site: Option<demo::Site>,
}

/// Checks the addresses that were given, takes over the log, raises the limit on open files, and starts the demo site if it is the target. `this_program` is how
/// this very program is called, up to its first argument.
///
/// # Errors
/// When connections cannot go or come as they shall, or the log or the site cannot be set up.
pub fn prepare(plan: &Plan, this_program: impl FnOnce() -> io::Result<Command>) -> Result<Grounds, Refusal> {
    plan.addresses.check().map_err(|error| refuse_addresses(&error))?;
    let screen = Screen::stderr();
    if !plan.log.skip_setup {
        logger::init(&plan.log, &screen)?;
    }
    machine::make_room_for(plan.load.users, &plan.addresses);
    if !plan.load.demo {
        return Ok(Grounds { host: plan.load.host.clone(), screen, site: None });
    }
    let site = this_program().and_then(demo::Site::start);
    let site = site.map_err(|error| Refusal::cannot_run(format!("cannot start the demo site: {error}")))?;
    Ok(Grounds { host: Some(site.base_url().to_owned()), screen, site: Some(site) })
}

/// Starts the runner over a swarm that is ready. `place` says what the users run on.
///
/// # Errors
/// When its thread cannot be set up.
pub fn start(
    scenario: &Arc<dyn Scenario>,
    swarm: impl Swarm + 'static,
    grounds: &Grounds,
    plan: &Plan,
    place: &str,
) -> Result<RunHandle, Refusal> {
    // Nothing is said of a run before it is certain that there will be one: a refusal is one line.
    log::info!("Starting gregaria {}", env!("CARGO_PKG_VERSION"));
    log::info!("{place}");
    if let Some(site) = &grounds.site {
        log::info!("The demo shop is at {}", site.base_url());
    }
    Runner::start(Arc::clone(scenario), swarm, plan.load.runner_options()).map_err(cannot_steer)
}

/// Follows a run to its end on this process's terminal, has keys and signals steer it, and returns the exit code it
/// deserves. `last_word` is asked when the run is over and nothing has been stored yet.
///
/// # Errors
/// When a signal handler cannot be set up.
pub fn follow(
    scenario: &dyn Scenario,
    run: &RunHandle,
    grounds: &Grounds,
    plan: &Plan,
    last_word: &mut dyn FnMut() -> LastWord,
) -> Result<u8, Refusal> {
    let terminal = Terminal::open(&grounds.screen).map_err(cannot_steer)?;
    let hold = terminal.hold();
    signals::steer(run.clone(), move || hold.let_go()).map_err(cannot_steer)?;
    let mut outputs = Outputs { screen: &grounds.screen, data: &mut io::stdout() };
    Ok(app::run(scenario, run, plan, terminal.keys(), last_word, &mut outputs))
}

/// Only now that there is to be a run is the machine asked.
fn refuse_addresses(error: &ConnectConfigError) -> Refusal {
    match error {
        ConnectConfigError::SourceIp { .. } => Refusal::usage(format!("--source-ip: {error}")),
        ConnectConfigError::UnixSocket { .. } => Refusal::usage(error.to_string()),
    }
}

fn cannot_steer(error: io::Error) -> Refusal {
    Refusal::cannot_run(format!("cannot steer the run: {error}"))
}
