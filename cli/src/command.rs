//! The whole command line around one's own users: the owner of arguments, signals and exit code.
//!
//! `main` reads like the manual: parse, plan, show or run. What is not of the process is elsewhere: `args/` knows
//! flags, `app.rs` runs.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use gregaria_engine::{
    Runner, RustScenario, ScenarioError, ShardError, ShardOptions, ShardSwarm, UserClass, rt::RingKind,
};

use crate::{
    app::{self, Outputs},
    args::{self, Mode, Parsed, Plan, Target},
    exit::{self, Refusal},
    handover, list, logger, open_files, quick, ratio, signals,
    terminal::{Screen, Terminal},
};

/// Runs the command line of this process around `classes`; without classes it can do quick runs only.
///
/// Takes over arguments, log, SIGINT and SIGTERM of the process, so call it once, from `main`, and exit with what it
/// returns.
pub fn main(classes: impl IntoIterator<Item = UserClass>) -> ExitCode {
    let line: Vec<OsString> = env::args_os().collect();
    let code = obey(&line, classes.into_iter().collect()).unwrap_or_else(|refusal| {
        // A closed stderr leaves the exit code to speak.
        let _ = writeln!(io::stderr(), "gregaria: {refusal}");
        refusal.code
    });
    ExitCode::from(code)
}

fn obey(line: &[OsString], classes: Vec<UserClass>) -> Result<u8, Refusal> {
    let own_classes = !classes.is_empty();
    let args = line.get(1..).unwrap_or_default();
    if !own_classes && handover::is_wanted(args) {
        return Err(handover::hand_over(args));
    }
    let typed = match args::parse(line, own_classes)? {
        Parsed::Text(text) => return print(|out| out.write_all(text.as_bytes())),
        Parsed::Typed(typed) => *typed,
    };
    let plan = Plan::new(typed, own_classes)?;
    let all = scenario(&plan.target, classes)?;
    if plan.mode == Mode::List {
        return print(|out| list::write_list(out, &all));
    }
    let chosen = choose(all, &plan.target)?;
    match plan.mode {
        Mode::TaskRatio => print(|out| ratio::write_table(out, &chosen, plan.load.users_given)),
        Mode::TaskRatioJson => print(|out| ratio::write_json(out, &chosen, plan.load.users_given)),
        Mode::List | Mode::Run => run(chosen, &plan),
    }
}

fn scenario(target: &Target, classes: Vec<UserClass>) -> Result<RustScenario, Refusal> {
    let scenario = match target {
        Target::Classes(_) => RustScenario::new(classes),
        Target::Quick(request) => RustScenario::new([quick::class(request.clone())]),
    };
    scenario.map_err(refuse)
}

fn choose(scenario: RustScenario, target: &Target) -> Result<RustScenario, Refusal> {
    match target {
        Target::Classes(names) => scenario.select(names).map_err(refuse),
        Target::Quick(_) => Ok(scenario),
    }
}

/// Hosts are a matter of the command line; everything else is wrong with the scenario itself.
fn refuse(error: ScenarioError) -> Refusal {
    match error {
        ScenarioError::Host { .. } | ScenarioError::NoHost(_) => Refusal::usage(error.to_string()),
        ScenarioError::UnknownClass(_) => Refusal::cannot_run(format!("{error}: see --list")),
        _ => Refusal::cannot_run(error.to_string()),
    }
}

fn run(scenario: RustScenario, plan: &Plan) -> Result<u8, Refusal> {
    let scenario = Arc::new(scenario.with_host(plan.load.host.as_deref()).map_err(refuse)?);
    let screen = Screen::stderr();
    logger::init(&plan.log, &screen)?;
    open_files::allow_for(plan.load.users);
    let options = ShardOptions { shards: plan.load.shards, ring: plan.load.ring, ..ShardOptions::default() };
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &options).map_err(refuse_shards)?;
    let ring = swarm.ring().map_or("nothing", RingKind::as_str);
    // Nothing is said of a run before it is certain that there will be one: a refusal is one line.
    log::info!("Starting gregaria {}", env!("CARGO_PKG_VERSION"));
    log::info!("Shards: {}, over {ring}", swarm.shards());
    let cannot_steer = |error: io::Error| Refusal::cannot_run(format!("cannot steer the run: {error}"));
    let handle = Runner::start(scenario.clone(), swarm, plan.load.runner_options()).map_err(cannot_steer)?;
    let terminal = Terminal::open(&screen).map_err(cannot_steer)?;
    let hold = terminal.hold();
    signals::steer(handle.clone(), move || hold.let_go()).map_err(cannot_steer)?;
    let mut outputs = Outputs { screen: &screen, data: &mut io::stdout() };
    Ok(app::run(&*scenario, &handle, plan, terminal.keys(), &mut outputs))
}

/// How many shards there are to be is a matter of the command line; that this machine has none to give is not.
fn refuse_shards(error: ShardError) -> Refusal {
    match error {
        ShardError::NoShards | ShardError::TooManyShards { .. } => Refusal::usage(format!("--shards: {error}")),
        ShardError::NoHost(_) => Refusal::usage(error.to_string()),
        ShardError::Ring(_) | ShardError::Thread(_) => Refusal::cannot_run(error.to_string()),
    }
}

/// Data for stdout. A reader that has seen enough is no failure.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, Refusal> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Refusal::cannot_run(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(exit::OK),
    }
}
