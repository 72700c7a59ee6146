//! The user classes of a locustfile as a scenario of the engine: names, weights, hosts, tasks.
//!
//! `scenario.py` describes them. Tasks are run in Python only.

use gregaria_engine::{Scenario, TaskInfo, UserClassInfo};
use pyo3::{prelude::*, types::PyList};

/// User classes described by Python.
pub(crate) struct PythonScenario(pub(crate) Vec<UserClassInfo>);

impl Scenario for PythonScenario {
    fn user_classes(&self) -> &[UserClassInfo] {
        &self.0
    }
}

/// A user class as `scenario.py` describes it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ClassDescription<'py> {
    name: String,
    weight: f64,
    fixed_count: u32,
    host: Option<String>,
    needs_host: bool,
    tasks: Bound<'py, PyList>,
}

impl ClassDescription<'_> {
    fn class_info(self) -> PyResult<UserClassInfo> {
        Ok(UserClassInfo {
            tasks: task_infos(&self.tasks)?,
            name: self.name,
            weight: self.weight,
            fixed_count: self.fixed_count,
            host: self.host,
            needs_host: self.needs_host,
        })
    }
}

/// Converts the descriptions of all user classes.
///
/// # Errors
/// `TypeError` for a task that is not described as a triple.
pub(crate) fn class_infos(classes: Vec<ClassDescription<'_>>) -> PyResult<Vec<UserClassInfo>> {
    classes.into_iter().map(ClassDescription::class_info).collect()
}

/// Converts tasks. Each is a triple of name, weight and, for a task set, its own tasks.
fn task_infos(described: &Bound<'_, PyList>) -> PyResult<Vec<TaskInfo>> {
    let task_info = |task: Bound<'_, PyAny>| {
        let (name, weight, inner): (String, u32, Bound<'_, PyList>) = task.extract()?;
        Ok(TaskInfo { name, weight, tasks: task_infos(&inner)? })
    };
    described.iter().map(task_info).collect()
}
