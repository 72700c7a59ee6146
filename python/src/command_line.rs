//! The command line of the Python host: the `cli` crate's, with the arguments that locustfiles add.

use std::{ffi::OsString, path::PathBuf};

use gregaria::{
    args::{self, Arity, CustomArg, FirstPass, Mode, ParsedLine, ProcessEnv, ProgramKind, RawArgs, RunPlan, RunTarget},
    demo,
    exit::CliError,
    list, ratio,
};
use gregaria_engine::scenario;
use pyo3::{create_exception, exceptions::PyException, prelude::*, types::PyDict};

use crate::scenario::{ClassDescription, PythonScenario};

create_exception!(gregaria, Refused, PyException, "Why nothing is run: an exit code and one line for stderr.");

/// A command line, understood.
#[pyclass(frozen)]
pub(crate) struct CommandLine {
    pub(crate) typed: RawArgs,
    pub(crate) plan: RunPlan,
}

/// Which locustfiles the arguments (without the program's name) are about: `("help" | "native" | "locustfiles", paths)`.
#[pyfunction]
pub(crate) fn first_pass(args: Vec<OsString>) -> PyResult<(&'static str, Vec<PathBuf>)> {
    let found = args::first_pass(&args, &ProcessEnv::current()).map_err(refused)?;
    Ok(match found {
        FirstPass::Help(paths) => ("help", paths),
        FirstPass::Locustfiles(paths) => ("locustfiles", paths),
        FirstPass::Native => ("native", Vec::new()),
    })
}

/// Runs a command line that needs nothing of Python, and gives the exit code.
#[pyfunction]
pub(crate) fn run_native(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| gregaria::run_command_line(&line(args)))
}

/// Is the demo site until nobody needs it any more.
#[pyfunction]
pub(crate) fn serve_demo(py: Python<'_>) -> PyResult<()> {
    Ok(py.detach(demo::serve)?)
}

#[pymethods]
impl CommandLine {
    /// Takes the arguments (without the program's name) apart, with those that locustfiles have added. `None` when they
    /// asked for a text, which has been printed.
    #[staticmethod]
    fn parse(args: Vec<OsString>, extra: Vec<Bound<'_, PyDict>>) -> PyResult<Option<Self>> {
        let extra = extra.iter().map(extra_arg).collect::<PyResult<_>>()?;
        let program = ProgramKind::Locustfile { custom_args: extra };
        match args::parse(&line(args), &program, &ProcessEnv::current()).map_err(refused)? {
            ParsedLine::Text(text) => {
                gregaria::write_stdout(|out| out.write_all(text.as_bytes())).map_err(refused)?;
                Ok(None)
            }
            ParsedLine::Args(typed) => {
                let plan = RunPlan::new(&typed, &program).map_err(refused)?;
                Ok(Some(Self { typed: *typed, plan }))
            }
        }
    }

    /// Everything under the names of `environment.parsed_options`, as JSON.
    fn options(&self) -> String {
        let options = args::parsed_options(&self.typed, &self.plan);
        let options = options.into_iter().map(|(name, value)| (name.to_owned(), value));
        serde_json::Value::Object(options.collect()).to_string()
    }

    /// What was given for the arguments that locustfiles have added, for `argparse`.
    #[getter]
    fn extra(&self) -> Vec<String> {
        self.typed.custom_args.clone()
    }

    /// Whether results go to stdout, so that nothing else may.
    #[getter]
    fn json(&self) -> bool {
        self.plan.output.json
    }

    #[getter]
    fn skips_log_setup(&self) -> bool {
        self.plan.log.skip_setup
    }

    /// Shows what was asked for instead of a run, if so, and says whether it did.
    fn show(&self, classes: Vec<ClassDescription<'_>>) -> PyResult<bool> {
        let all = PythonScenario(infos(classes)?);
        if self.plan.mode == Mode::List {
            gregaria::write_stdout(|out| list::write_class_list(out, &all)).map_err(refused)?;
            return Ok(true);
        }
        let (mode, users) = (self.plan.mode, self.plan.load.explicit_users);
        let chosen = self.select(all.0)?;
        let shown = match mode {
            Mode::List | Mode::Run => return Ok(false),
            Mode::TaskRatio => gregaria::write_stdout(|out| ratio::write_table(out, &chosen, users)),
            Mode::TaskRatioJson => gregaria::write_stdout(|out| ratio::write_json(out, &chosen, users)),
        };
        shown.map_err(refused).map(|_| true)
    }

    /// Which of the classes are to run, by their places in the list.
    fn choose(&self, classes: Vec<ClassDescription<'_>>) -> PyResult<Vec<usize>> {
        self.places(&infos(classes)?)
    }
}

impl CommandLine {
    fn select(&self, infos: Vec<gregaria_engine::UserClassInfo>) -> PyResult<PythonScenario> {
        let places = self.places(&infos)?;
        Ok(PythonScenario(places.into_iter().map(|place| infos[place].clone()).collect()))
    }

    fn places(&self, infos: &[gregaria_engine::UserClassInfo]) -> PyResult<Vec<usize>> {
        let names = match &self.plan.target {
            RunTarget::Classes(names) => names.as_slice(),
            RunTarget::Quick(_) => &[],
        };
        scenario::select_classes(infos, names).map_err(|error| refused(gregaria::scenario_error(&error)))
    }
}

pub(crate) fn infos(classes: Vec<ClassDescription<'_>>) -> PyResult<Vec<gregaria_engine::UserClassInfo>> {
    classes.into_iter().map(ClassDescription::info).collect()
}

pub(crate) fn refused(refusal: CliError) -> PyErr {
    Refused::new_err((refusal.code, refusal.message))
}

/// The parsers expect the program's name first.
fn line(args: Vec<OsString>) -> Vec<OsString> {
    [OsString::from("gregaria")].into_iter().chain(args).collect()
}

/// As `arguments.py` describes it.
fn extra_arg(described: &Bound<'_, PyDict>) -> PyResult<CustomArg> {
    let item = |key: &str| described.as_any().get_item(key);
    let takes = match item("takes")?.extract::<&str>()? {
        "nothing" => Arity::Zero,
        "optional" => Arity::Optional,
        "one" => Arity::One,
        "*" | "+" | "..." => Arity::Many,
        number => number.parse().map_or(Arity::Many, Arity::Exactly),
    };
    Ok(CustomArg {
        flags: item("flags")?.extract()?,
        dest: item("dest")?.extract()?,
        env_var: item("env_var")?.extract()?,
        value_name: item("value_name")?.extract()?,
        help: item("help")?.extract()?,
        arity: takes,
        choices: item("choices")?.extract()?,
        required: item("required")?.extract()?,
        hidden: item("hidden")?.extract()?,
    })
}
