//! A run as the owner of a process does it: what is set up before, who steers it, where it writes to.
//!
//! In the order of its functions: [`prepare`], then the owner starts its swarm, [`start`], [`follow`]. The Rust programs
//! (`command.rs`) and the Python host both go this way. What is shown of a run is `app.rs`'s affair.

use std::{io, process::Command, sync::Arc};

use gregaria_engine::{RunHandle, Runner, Scenario, Swarm};

use crate::{
    app::{self, Outputs},
    args::Plan,
    console::Width,
    demo,
    exit::{LastWord, Refusal},
    logger, open_files, signals,
};

/// What a run stands on, to be kept until it is over.
pub struct Grounds {
    /// Replaces the host of every user class.
    pub host: Option<String>,
    _site: Option<demo::Site>,
}

/// Takes over the log, raises the limit on open files, and starts the demo site if it is the target. `this_program` is how
/// this very program is called, up to its first argument.
///
/// # Errors
/// When the log or the site cannot be set up.
pub fn prepare(plan: &Plan, this_program: impl FnOnce() -> io::Result<Command>) -> Result<Grounds, Refusal> {
    if !plan.log.skip_setup {
        logger::init(&plan.log)?;
    }
    open_files::allow_for(plan.load.users);
    if !plan.load.demo {
        return Ok(Grounds { host: plan.load.host.clone(), _site: None });
    }
    let site = this_program().and_then(demo::Site::start);
    let site = site.map_err(|error| Refusal::cannot_run(format!("cannot start the demo site: {error}")))?;
    Ok(Grounds { host: Some(site.base_url().to_owned()), _site: Some(site) })
}

/// Starts the runner over a swarm that is ready, and has signals steer it. `place` says what the users run on.
///
/// # Errors
/// When a thread or a signal handler cannot be set up.
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
    if let Some(site) = &grounds._site {
        log::info!("The demo shop is at {}", site.base_url());
    }
    let cannot_steer = |error: io::Error| Refusal::cannot_run(format!("cannot steer the run: {error}"));
    let run = Runner::start(Arc::clone(scenario), swarm, plan.load.runner_options()).map_err(cannot_steer)?;
    signals::steer(run.clone()).map_err(cannot_steer)?;
    Ok(run)
}

/// Follows a run to its end on this process's terminal, and returns the exit code it deserves. `last_word` is asked when the
/// run is over and nothing has been stored yet.
pub fn follow(scenario: &dyn Scenario, run: &RunHandle, plan: &Plan, last_word: &mut dyn FnMut() -> LastWord) -> u8 {
    let columns = terminal_size::terminal_size_of(io::stderr()).map(|(columns, _)| columns.0);
    let (console, data) = (&mut io::stderr(), &mut io::stdout());
    app::run(scenario, run, plan, last_word, &mut Outputs { console, data, width: Width::new(columns) })
}
