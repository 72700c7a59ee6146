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

use gregaria_engine::{RustScenario, ScenarioError, ShardError, ShardOptions, ShardSwarm, UserClass, rt::DriverKind};

use crate::{
    args::{self, FirstPass, Mode, ParsedLine, ProcessEnv, ProgramKind, RunPlan, RunTarget},
    demo,
    exit::{self, CliError, HostExit},
    list, python_exec, quick, ratio,
    run::{self, Backend},
};

/// Runs the command line of this process around `classes`; without classes it can do quick runs only.
///
/// Takes over arguments, log, SIGINT and SIGTERM of the process, so call it once, from `main`, and exit with what it
/// returns.
pub fn main(classes: impl IntoIterator<Item = UserClass>) -> ExitCode {
    let line: Vec<OsString> = env::args_os().collect();
    ExitCode::from(run_command_line_with(&line, classes.into_iter().collect()))
}

/// [`main`] for a command line that came another way, its program's name first, and without user classes. Returns the exit
/// code.
pub fn run_command_line(line: &[OsString]) -> u8 {
    run_command_line_with(line, Vec::new())
}

fn run_command_line_with(line: &[OsString], classes: Vec<UserClass>) -> u8 {
    dispatch(line, classes).unwrap_or_else(|refusal| {
        // A closed stderr leaves the exit code to speak.
        let _ = writeln!(io::stderr(), "gregaria: {refusal}");
        refusal.code
    })
}

fn dispatch(line: &[OsString], classes: Vec<UserClass>) -> Result<u8, CliError> {
    let surroundings = ProcessEnv::current();
    let program = if classes.is_empty() { ProgramKind::Gregaria } else { ProgramKind::RustUsers };
    let args = line.get(1..).unwrap_or_default();
    if args.first().is_some_and(|first| first == demo::SITE_ARGUMENT) {
        return serve_demo();
    }
    if program == ProgramKind::Gregaria
        && let FirstPass::Locustfiles(_) = args::first_pass(args, &surroundings)?
    {
        return Err(python_exec::exec_python_host(args));
    }
    let typed = match args::parse(line, &program, &surroundings)? {
        ParsedLine::Text(text) => return write_stdout(|out| out.write_all(text.as_bytes())),
        ParsedLine::Args(typed) => *typed,
    };
    let plan = RunPlan::new(&typed, &program)?;
    let all = build_scenario(&plan.target, classes)?;
    if plan.mode == Mode::List {
        return write_stdout(|out| list::write_class_list(out, &all));
    }
    let chosen = select_classes(all, &plan.target)?;
    match plan.mode {
        Mode::TaskRatio => write_stdout(|out| ratio::write_table(out, &chosen, plan.load.explicit_users)),
        Mode::TaskRatioJson => write_stdout(|out| ratio::write_json(out, &chosen, plan.load.explicit_users)),
        Mode::List | Mode::Run => run_users(chosen, plan),
    }
}

fn serve_demo() -> Result<u8, CliError> {
    let served = demo::serve().map(|()| exit::OK);
    served.map_err(|error| CliError::runtime(format!("cannot serve the demo site: {error}")))
}

fn build_scenario(target: &RunTarget, classes: Vec<UserClass>) -> Result<RustScenario, CliError> {
    let scenario = match target {
        RunTarget::Classes(_) => RustScenario::new(classes),
        RunTarget::Quick(request) => RustScenario::new([quick::user_class(request.clone())]),
    };
    scenario.map_err(|error| scenario_error(&error))
}

fn select_classes(scenario: RustScenario, target: &RunTarget) -> Result<RustScenario, CliError> {
    match target {
        RunTarget::Classes(names) => scenario.select(names).map_err(|error| scenario_error(&error)),
        RunTarget::Quick(_) => Ok(scenario),
    }
}

/// Hosts are a matter of the command line; everything else is wrong with the scenario itself.
pub fn scenario_error(error: &ScenarioError) -> CliError {
    match error {
        ScenarioError::InvalidHost { .. } | ScenarioError::NoHost(_) => CliError::usage(error.to_string()),
        ScenarioError::UnknownClass(_) => CliError::runtime(format!("{error}: see --list")),
        _ => CliError::runtime(error.to_string()),
    }
}

fn run_users(scenario: RustScenario, plan: RunPlan) -> Result<u8, CliError> {
    let context = run::prepare(&plan, || env::current_exe().map(Command::new))?;
    let scenario = scenario.with_client(|config| plan.client.apply_to(config));
    let scenario = Arc::new(scenario.with_host(context.host.as_deref()).map_err(|error| scenario_error(&error))?);
    let options = ShardOptions {
        shards: plan.load.shards,
        driver: plan.load.driver,
        resolver: Arc::clone(&context.resolver),
        ..ShardOptions::default()
    };
    let make_swarm = || start_shards(&scenario, &options);
    run::launch(context, plan, scenario.clone(), make_swarm)?.follow(HostExit::default)
}

fn start_shards(scenario: &Arc<RustScenario>, options: &ShardOptions) -> Result<Backend<ShardSwarm>, CliError> {
    let swarm = ShardSwarm::start(Arc::clone(scenario), options).map_err(shard_error)?;
    let driver = swarm.driver_kind().map_or("nothing", DriverKind::as_str);
    let description = format!("Shards: {}, over {driver}", swarm.shard_count());
    Ok(Backend { swarm, description })
}

/// How many shards there are to be is a matter of the command line; that this machine has none to give is not.
fn shard_error(error: ShardError) -> CliError {
    match error {
        ShardError::NoShards | ShardError::TooManyShards { .. } => CliError::usage(format!("--shards: {error}")),
        ShardError::NoHost(_) => CliError::usage(error.to_string()),
        ShardError::Driver(_) | ShardError::Thread(_) => CliError::runtime(error.to_string()),
    }
}

/// Data for stdout. A reader that has seen enough is no failure.
///
/// # Errors
/// When it cannot be written for another reason.
pub fn write_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, CliError> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::runtime(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(exit::OK),
    }
}
