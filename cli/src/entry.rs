//! The entry of a Rust program: the command line around its user classes, from the arguments to the exit code.
//!
//! The steps are: parse, plan, show a list or run. Flags are in `args/`, the run is in `run/`.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::{Command, ExitCode},
    sync::Arc,
};

use gregaria_engine::{
    RunCommand, Runner, RunnerOptions, RustScenario, Scenario, ScenarioError, ShardError, ShardOptions, ShardSwarm,
    UserClass, UserClassInfo, scenario,
};

use crate::{
    args::{self, FirstPass, Mode, ParsedLine, ProcessEnv, ProgramKind, RunPlan, RunTarget, positional},
    demo,
    exit::{self, CliError, HostExit},
    first_response, list, python_exec,
    quick::{self, QuickRequest},
    ratio,
    run::{self, Backend, RunContext},
};

/// Runs the command line of this process with these user classes and returns the exit code.
///
/// Without classes it runs quick runs and, through the Python host, locustfiles. Takes over arguments, log, SIGINT and
/// SIGTERM of the process: call it once, from `main`, and exit with the returned code.
///
/// # Examples
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use gregaria::{HttpUser, TaskResult, TaskSet, UserClass, constant};
///
/// async fn front_page(user: &mut HttpUser) -> TaskResult {
///     user.get("/").expect(200).await;
///     Ok(())
/// }
///
/// fn main() -> ExitCode {
///     let tasks = TaskSet::new("Browse").task(1, front_page);
///     gregaria::main([UserClass::http("Visitor").wait(constant(1.0)).tasks(tasks)])
/// }
/// ```
pub fn main(classes: impl IntoIterator<Item = UserClass>) -> ExitCode {
    let line: Vec<OsString> = env::args_os().collect();
    let this_program = || env::current_exe().map(Command::new);
    ExitCode::from(run_command_line_with(&line, classes.into_iter().collect(), this_program))
}

/// Runs `line`, the program's name first, as [`main`] does without user classes, and returns the exit code.
///
/// `this_program` returns the command that starts this program, up to its first argument. It is called for the demo
/// site only.
///
/// # Examples
///
/// ```
/// use std::{env, process::Command};
///
/// use gregaria::exit;
///
/// let line = ["gregaria", "http://127.0.0.1/", "-u", "0"].map(Into::into);
/// let this_program = || env::current_exe().map(Command::new);
/// assert_eq!(gregaria::run_command_line(&line, this_program), exit::USAGE_ERROR);
/// ```
pub fn run_command_line(line: &[OsString], this_program: impl FnOnce() -> io::Result<Command>) -> u8 {
    run_command_line_with(line, Vec::new(), this_program)
}

fn run_command_line_with(
    line: &[OsString],
    classes: Vec<UserClass>,
    this_program: impl FnOnce() -> io::Result<Command>,
) -> u8 {
    dispatch(line, classes, this_program).unwrap_or_else(|error| {
        // If stderr is closed, the exit code is the only report.
        let _ = writeln!(io::stderr(), "gregaria: {error}");
        error.code
    })
}

fn dispatch(
    line: &[OsString],
    classes: Vec<UserClass>,
    this_program: impl FnOnce() -> io::Result<Command>,
) -> Result<u8, CliError> {
    let process_env = ProcessEnv::current();
    let program = if classes.is_empty() { ProgramKind::Gregaria } else { ProgramKind::RustUsers };
    let args = line.get(1..).unwrap_or_default();
    if args.first().is_some_and(|first| first == demo::SITE_ARGUMENT) {
        return serve_demo();
    }
    if program == ProgramKind::Gregaria
        && let FirstPass::Locustfiles(_) = args::first_pass(args, &process_env)?
    {
        return Err(python_exec::exec_python_host(args));
    }
    let raw = match args::parse(line, &program, &process_env)? {
        ParsedLine::Text(text) => return write_stdout(|out| out.write_all(text.as_bytes())),
        ParsedLine::Args(raw) => *raw,
    };
    let plan = RunPlan::new(&raw, &program)?;
    let is_demo = plan.load.demo && program == ProgramKind::Gregaria;
    let classes = if is_demo { demo::user_classes().into() } else { classes };
    let scenario = build_scenario(&plan.target, classes)?;
    if let Some(code) = write_mode_output(&plan, scenario.user_classes())? {
        return Ok(code);
    }
    let selected = scenario.select(plan.target.class_names()).map_err(|error| scenario_error(&error))?;
    run_users(selected, plan, this_program)
}

fn serve_demo() -> Result<u8, CliError> {
    let result = demo::serve().map(|()| exit::OK);
    result.map_err(|error| CliError::runtime(format!("cannot serve the demo site: {error}")))
}

fn build_scenario(target: &RunTarget, classes: Vec<UserClass>) -> Result<RustScenario, CliError> {
    let scenario = match target {
        RunTarget::Classes(_) => RustScenario::new(classes),
        RunTarget::Quick(request) => RustScenario::new([quick::user_class(request.clone())]),
    };
    scenario.map_err(|error| scenario_error(&error))
}

/// Writes the output that `plan` requests in place of a run to stdout: the list of `classes`, or the task ratios of
/// those that `plan` selects. Returns the exit code, or `None` if `plan` requests a run.
///
/// # Errors
/// A selected class does not exist, or stdout cannot be written.
///
/// # Examples
///
/// ```
/// use gregaria::{
///     args::{ParsedLine, ProcessEnv, ProgramKind, RunPlan, parse},
///     exit,
/// };
///
/// let line = ["users", "--list"].map(Into::into);
/// if let ParsedLine::Args(args) = parse(&line, &ProgramKind::RustUsers, &ProcessEnv::default())? {
///     let plan = RunPlan::new(&args, &ProgramKind::RustUsers)?;
///     assert_eq!(gregaria::write_mode_output(&plan, &[])?, Some(exit::OK));
/// }
/// # Ok::<(), exit::CliError>(())
/// ```
pub fn write_mode_output(plan: &RunPlan, classes: &[UserClassInfo]) -> Result<Option<u8>, CliError> {
    let users = plan.load.explicit_users;
    let code = match plan.mode {
        Mode::Run => return Ok(None),
        Mode::List => write_stdout(|out| list::write_class_list(out, classes)),
        Mode::TaskRatio => {
            let selected = select_infos(&plan.target, classes)?;
            write_stdout(|out| ratio::write_table(out, &selected, users))
        }
        Mode::TaskRatioJson => {
            let selected = select_infos(&plan.target, classes)?;
            write_stdout(|out| ratio::write_json(out, &selected, users))
        }
    };
    code.map(Some)
}

fn select_infos(target: &RunTarget, classes: &[UserClassInfo]) -> Result<Vec<UserClassInfo>, CliError> {
    let indices = scenario::select_classes(classes, target.class_names()).map_err(|error| scenario_error(&error))?;
    Ok(indices.into_iter().map(|index| classes[index].clone()).collect())
}

/// Returns the error of the command line for an error of the scenario.
///
/// A missing or invalid host is a usage error, because a flag sets it. Other errors are runtime errors.
///
/// # Examples
///
/// ```
/// use gregaria::{exit, scenario_error};
/// use gregaria_engine::ScenarioError;
///
/// let error = scenario_error(&ScenarioError::NoHost("Visitor".into()));
/// assert_eq!(error.code, exit::USAGE_ERROR);
/// ```
pub fn scenario_error(error: &ScenarioError) -> CliError {
    match error {
        ScenarioError::InvalidHost { class, host, .. } if !positional::is_url(host) => {
            CliError::usage(format!("host {host:?} of user class {class}: {}", positional::scheme_error(host)))
        }
        ScenarioError::InvalidHost { .. } => CliError::usage(error.to_string()),
        ScenarioError::NoHost(_) => CliError::usage(format!("{error} (--host)")),
        ScenarioError::UnknownClass(name) => {
            match positional::with_scheme(name).filter(|_| positional::is_address(name)) {
                Some(host) => CliError::usage(format!("{error}: give the host with -H {host}")),
                None => CliError::runtime(format!("{error}: see --list")),
            }
        }
        _ => CliError::runtime(error.to_string()),
    }
}

fn run_users(
    scenario: RustScenario,
    plan: RunPlan,
    this_program: impl FnOnce() -> io::Result<Command>,
) -> Result<u8, CliError> {
    let context = run::prepare(&plan, this_program)?;
    if let RunTarget::Quick(request) = &plan.target
        && plan.output.print_first_response
    {
        print_first_response(request, &plan, &context)?;
    }
    let scenario = configure(scenario, &plan, context.host.as_deref())?;
    let options = shard_options(plan.load.shards, &plan, &context);
    let make_swarm = || start_shards(&scenario, &options);
    run::launch(context, plan, scenario.clone(), make_swarm)?.follow(HostExit::default)
}

/// Runs a user that sends the request once, and prints the response or the error in its place.
fn print_first_response(request: &QuickRequest, plan: &RunPlan, context: &RunContext) -> Result<(), CliError> {
    let (class, response) = first_response::user_class(request.clone());
    let scenario = RustScenario::new([class]).map_err(|error| scenario_error(&error))?;
    let scenario = configure(scenario, plan, None)?;
    let swarm = start_shards(&scenario, &shard_options(Some(1), plan, context))?.swarm;
    let run = Runner::start(scenario, swarm, RunnerOptions::default());
    let run = run.map_err(|error| CliError::runtime(format!("failed to start a control thread: {error}")))?;
    run.send_command(RunCommand::Spawn { users: 1, spawn_rate: f64::INFINITY });
    // The user sends one text. A run without users would end a second later.
    if let Ok(text) = response.recv() {
        context.screen.write_lines(&text);
    }
    Ok(())
}

/// Applies the client settings and the host of the run to a scenario.
fn configure(scenario: RustScenario, plan: &RunPlan, host: Option<&str>) -> Result<Arc<RustScenario>, CliError> {
    let scenario = scenario.with_client(|config| plan.client.apply_to(config));
    scenario.with_host(host).map(Arc::new).map_err(|error| scenario_error(&error))
}

fn shard_options(shards: Option<usize>, plan: &RunPlan, context: &RunContext) -> ShardOptions {
    let resolver = Arc::clone(&context.resolver);
    ShardOptions { shards, driver: plan.load.driver, resolver, ..ShardOptions::default() }
}

fn start_shards(scenario: &Arc<RustScenario>, options: &ShardOptions) -> Result<Backend<ShardSwarm>, CliError> {
    let swarm = ShardSwarm::start(Arc::clone(scenario), options).map_err(shard_error)?;
    let threads = match swarm.shard_count() {
        1 => "1 thread runs the users and sends their requests".to_owned(),
        count => format!("{count} threads run the users and send their requests"),
    };
    let driver = swarm.driver_kind();
    Ok(Backend { swarm, threads, driver })
}

/// A wrong number of shards is a usage error. A machine that cannot start them is a runtime error.
fn shard_error(error: ShardError) -> CliError {
    match error {
        ShardError::NoShards | ShardError::TooManyShards { .. } => CliError::usage(format!("--shards: {error}")),
        ShardError::NoHost(_) => CliError::usage(format!("{error} (--host)")),
        ShardError::Driver(_) | ShardError::Thread(_) => CliError::runtime(error.to_string()),
    }
}

/// Writes data to stdout and returns [`exit::OK`]. A reader that closes the pipe early is not an error.
///
/// # Errors
/// Stdout cannot be written for another reason.
///
/// # Examples
///
/// ```
/// use gregaria::exit;
///
/// assert_eq!(gregaria::write_stdout(|out| writeln!(out, "gregaria 0.1.0")), Ok(exit::OK));
/// ```
pub fn write_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, CliError> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::runtime(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(exit::OK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_error_names_the_corrected_host() {
        let invalid = |host: &str| ScenarioError::InvalidHost { class: "Web".into(), host: host.into(), reason: "no" };
        let message = |error: ScenarioError| scenario_error(&error);
        let text = "host \"localhost:80\" of user class Web: has no scheme: write http://localhost:80";
        assert_eq!(message(invalid("localhost:80")), CliError::usage(text));
        assert_eq!(message(invalid("http://")), CliError::usage("\"http://\" of user class Web is not a host: no"));
        let unknown = |name: &str| message(ScenarioError::UnknownClass(name.into()));
        let text = "there is no user class h:80: give the host with -H http://h:80";
        assert_eq!(unknown("h:80"), CliError::usage(text));
        assert_eq!(unknown("Web"), CliError::runtime("there is no user class Web: see --list"));
    }
}
