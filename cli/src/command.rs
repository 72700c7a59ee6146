//! The whole command line around one's own users: the owner of arguments, signals and exit code.
//!
//! `main` reads like the manual: parse, plan, show or run. What is not of the process is elsewhere: `args/` knows
//! flags, `run.rs` runs.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::{Command, ExitCode},
    sync::Arc,
};

use gregaria_engine::{
    RustScenario, Scenario, ScenarioError, ShardError, ShardOptions, ShardSwarm, UserClass, rt::DriverKind,
};

use crate::{
    args::{self, FirstPass, Mode, Parsed, Plan, Program, Surroundings, Target},
    demo,
    exit::{self, LastWord, Refusal},
    handover, list, quick, ratio, run,
};

/// Runs the command line of this process around `classes`; without classes it can do quick runs only.
///
/// Takes over arguments, log, SIGINT and SIGTERM of the process, so call it once, from `main`, and exit with what it
/// returns.
pub fn main(classes: impl IntoIterator<Item = UserClass>) -> ExitCode {
    let line: Vec<OsString> = env::args_os().collect();
    ExitCode::from(run_line_with(&line, classes.into_iter().collect()))
}

/// [`main`] for a command line that came another way, its program's name first, and without user classes. Returns the exit
/// code.
pub fn run_line(line: &[OsString]) -> u8 {
    run_line_with(line, Vec::new())
}

fn run_line_with(line: &[OsString], classes: Vec<UserClass>) -> u8 {
    obey(line, classes).unwrap_or_else(|refusal| {
        // A closed stderr leaves the exit code to speak.
        let _ = writeln!(io::stderr(), "gregaria: {refusal}");
        refusal.code
    })
}

fn obey(line: &[OsString], classes: Vec<UserClass>) -> Result<u8, Refusal> {
    let surroundings = Surroundings::of_process();
    let program = if classes.is_empty() { Program::Gregaria } else { Program::OwnUsers };
    let args = line.get(1..).unwrap_or_default();
    if args.first().is_some_and(|first| first == demo::SITE_ARGUMENT) {
        return serve_demo();
    }
    if program == Program::Gregaria
        && let FirstPass::Locustfiles(_) = args::first_pass(args, &surroundings)?
    {
        return Err(handover::hand_over(args));
    }
    let typed = match args::parse(line, &program, &surroundings)? {
        Parsed::Text(text) => return print(|out| out.write_all(text.as_bytes())),
        Parsed::Typed(typed) => *typed,
    };
    let plan = Plan::new(&typed, &program)?;
    let all = scenario(&plan.target, classes)?;
    if plan.mode == Mode::List {
        return print(|out| list::write_list(out, &all));
    }
    let chosen = choose(all, &plan.target)?;
    match plan.mode {
        Mode::TaskRatio => print(|out| ratio::write_table(out, &chosen, plan.load.users_given)),
        Mode::TaskRatioJson => print(|out| ratio::write_json(out, &chosen, plan.load.users_given)),
        Mode::List | Mode::Run => run_users(chosen, &plan),
    }
}

fn serve_demo() -> Result<u8, Refusal> {
    let served = demo::serve().map(|()| exit::OK);
    served.map_err(|error| Refusal::cannot_run(format!("cannot serve the demo site: {error}")))
}

fn scenario(target: &Target, classes: Vec<UserClass>) -> Result<RustScenario, Refusal> {
    let scenario = match target {
        Target::Classes(_) => RustScenario::new(classes),
        Target::Quick(request) => RustScenario::new([quick::class(request.clone())]),
    };
    scenario.map_err(|error| refuse_scenario(&error))
}

fn choose(scenario: RustScenario, target: &Target) -> Result<RustScenario, Refusal> {
    match target {
        Target::Classes(names) => scenario.select(names).map_err(|error| refuse_scenario(&error)),
        Target::Quick(_) => Ok(scenario),
    }
}

/// Hosts are a matter of the command line; everything else is wrong with the scenario itself.
pub fn refuse_scenario(error: &ScenarioError) -> Refusal {
    match error {
        ScenarioError::InvalidHost { .. } | ScenarioError::NoHost(_) => Refusal::usage(error.to_string()),
        ScenarioError::UnknownClass(_) => Refusal::cannot_run(format!("{error}: see --list")),
        _ => Refusal::cannot_run(error.to_string()),
    }
}

fn run_users(scenario: RustScenario, plan: &Plan) -> Result<u8, Refusal> {
    let grounds = run::prepare(plan, || env::current_exe().map(Command::new))?;
    let scenario = scenario.with_client(|config| plan.client.lay_over(config));
    let scenario = Arc::new(scenario.with_host(grounds.host.as_deref()).map_err(|error| refuse_scenario(&error))?);
    let options = ShardOptions {
        shards: plan.load.shards,
        driver: plan.load.ring,
        connect_config: plan.addresses.clone(),
        ..ShardOptions::default()
    };
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &options).map_err(refuse_shards)?;
    let place =
        format!("Shards: {}, over {}", swarm.shard_count(), swarm.driver_kind().map_or("nothing", DriverKind::as_str));
    let scenario: Arc<dyn Scenario> = scenario;
    let handle = run::start(&scenario, swarm, &grounds, plan, &place)?;
    run::follow(&*scenario, &handle, &grounds, plan, &mut LastWord::default)
}

/// How many shards there are to be is a matter of the command line; that this machine has none to give is not.
fn refuse_shards(error: ShardError) -> Refusal {
    match error {
        ShardError::NoShards | ShardError::TooManyShards { .. } => Refusal::usage(format!("--shards: {error}")),
        ShardError::NoHost(_) => Refusal::usage(error.to_string()),
        ShardError::Driver(_) | ShardError::Thread(_) => Refusal::cannot_run(error.to_string()),
    }
}

/// Data for stdout. A reader that has seen enough is no failure.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, Refusal> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Refusal::cannot_run(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(exit::OK),
    }
}
