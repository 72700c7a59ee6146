//! The command line of the Python host: that of the `cli` crate, with the arguments that locustfiles add.
//!
//! `__main__.py` and `arguments.py` are on the other side. A run is started in `run.rs`.

use std::{ffi::OsString, path::PathBuf, process::Command};

use gregaria::{
    args::{self, Arity, CustomArg, FirstPass, ParsedLine, ProcessEnv, ProgramKind, RawArgs, RunPlan},
    demo, exit,
};
use gregaria_engine::scenario;
use pyo3::{
    create_exception,
    exceptions::{PyException, PyValueError},
    prelude::*,
    types::PyDict,
};

use crate::scenario::{ClassDescription, class_infos};

create_exception!(
    gregaria,
    CliError,
    PyException,
    "An error of the command line: an exit code and one line for stderr."
);

/// A parsed command line.
#[pyclass(frozen, module = "gregaria._engine")]
pub(crate) struct CommandLine {
    raw_args: RawArgs,
    pub(crate) plan: RunPlan,
}

/// Returns the locustfiles that the arguments (without the program's name) name, for a run or for its help. The list is
/// empty if the command line needs no Python.
///
/// # Errors
/// `CliError` if a locustfile does not exist.
#[pyfunction]
pub(crate) fn locustfiles(args: Vec<OsString>) -> PyResult<Vec<PathBuf>> {
    let found = args::first_pass(&args, &ProcessEnv::current()).map_err(python_error)?;
    Ok(match found {
        FirstPass::Help(paths) | FirstPass::Locustfiles(paths) => paths,
        FirstPass::Native => Vec::new(),
    })
}

/// Runs a command line that needs no Python and returns the exit code. `this_program` are the words that start this
/// program, up to its first argument.
#[pyfunction]
pub(crate) fn run_native(py: Python<'_>, args: Vec<OsString>, this_program: Vec<OsString>) -> u8 {
    py.detach(|| gregaria::run_command_line(&with_program_name(args), || Ok(program_command(&this_program))))
}

/// Returns the command of these words.
pub(crate) fn program_command(words: &[OsString]) -> Command {
    let mut words = words.iter();
    let mut command = Command::new(words.next().cloned().unwrap_or_default());
    command.args(words);
    command
}

/// Serves the demo site until stdin reaches end of file.
#[pyfunction]
pub(crate) fn serve_demo(py: Python<'_>) -> PyResult<()> {
    Ok(py.detach(demo::serve)?)
}

#[pymethods]
impl CommandLine {
    /// Parses the arguments (without the program's name), including those that locustfiles have added. Returns `None`
    /// if they request a text, such as the help, which has been printed.
    #[staticmethod]
    fn parse(args: Vec<OsString>, custom_args: Vec<Bound<'_, PyDict>>) -> PyResult<Option<Self>> {
        let custom_args = custom_args.iter().map(custom_arg).collect::<PyResult<_>>()?;
        let program = ProgramKind::Locustfile { custom_args };
        let locustfiles = locustfiles(args.clone())?;
        match args::parse(&with_program_name(args), &program, &ProcessEnv::current()).map_err(python_error)? {
            ParsedLine::Text(text) => {
                gregaria::write_stdout(|out| out.write_all(text.as_bytes())).map_err(python_error)?;
                Ok(None)
            }
            ParsedLine::Args(raw_args) => {
                let mut plan = RunPlan::new(&raw_args, &program).map_err(python_error)?;
                plan.locustfiles = locustfiles;
                Ok(Some(Self { raw_args: *raw_args, plan }))
            }
        }
    }

    /// Returns `environment.parsed_options` as JSON.
    fn options(&self) -> String {
        let options = args::parsed_options(&self.raw_args, &self.plan);
        let options = options.into_iter().map(|(name, value)| (name.to_owned(), value));
        serde_json::Value::Object(options.collect()).to_string()
    }

    /// The words given for the arguments that locustfiles have added, for `argparse`.
    #[getter]
    fn custom_args(&self) -> Vec<String> {
        self.raw_args.custom_args.clone()
    }

    /// Whether stdout is reserved for results.
    #[getter]
    fn json(&self) -> bool {
        self.plan.output.uses_stdout()
    }

    #[getter]
    fn skips_log_setup(&self) -> bool {
        self.plan.log.skip_setup
    }

    /// Prints the class list or the task ratios if the command line requests them instead of a run. Returns `true` if
    /// so.
    fn show(&self, classes: Vec<ClassDescription<'_>>) -> PyResult<bool> {
        let code = gregaria::write_mode_output(&self.plan, &class_infos(classes)?).map_err(python_error)?;
        Ok(code.is_some())
    }

    /// Returns the indices of the classes to run.
    fn selected_indices(&self, classes: Vec<ClassDescription<'_>>) -> PyResult<Vec<usize>> {
        let selected = scenario::select_classes(&class_infos(classes)?, self.plan.target.class_names());
        selected.map_err(|error| python_error(gregaria::scenario_error(&error)))
    }
}

/// Converts an error of the command line for Python.
pub(crate) fn python_error(error: exit::CliError) -> PyErr {
    CliError::new_err((error.code, error.message))
}

/// Adds the program's name, which the parsers expect first.
fn with_program_name(args: Vec<OsString>) -> Vec<OsString> {
    [OsString::from("gregaria")].into_iter().chain(args).collect()
}

/// Converts an argument as `arguments.py` describes it.
fn custom_arg(described: &Bound<'_, PyDict>) -> PyResult<CustomArg> {
    let item = |key: &str| described.as_any().get_item(key);
    Ok(CustomArg {
        flags: item("flags")?.extract()?,
        dest: item("dest")?.extract()?,
        env_var: item("env_var")?.extract()?,
        value_name: item("value_name")?.extract()?,
        help: item("help")?.extract()?,
        arity: arity(&item("arity")?)?,
        choices: item("choices")?.extract()?,
        required: item("required")?.extract()?,
        hidden: item("hidden")?.extract()?,
        secret: item("secret")?.extract()?,
    })
}

fn arity(described: &Bound<'_, PyAny>) -> PyResult<Arity> {
    if let Ok(number) = described.extract() {
        return Ok(Arity::Exactly(number));
    }
    match described.extract::<&str>()? {
        "zero" => Ok(Arity::Zero),
        "optional" => Ok(Arity::Optional),
        "one" => Ok(Arity::One),
        "many" => Ok(Arity::Many),
        other => Err(PyValueError::new_err(format!("{other:?} is not an arity"))),
    }
}
