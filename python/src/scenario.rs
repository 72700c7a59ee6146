//! The user classes of a locustfile, as the engine knows scenarios: names, weights, hosts, tasks.

use gregaria_engine::{Scenario, TaskInfo, UserClassInfo};
use pyo3::{prelude::*, types::PyList};

/// User classes that Python has described.
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
    pub(crate) fn info(self) -> PyResult<UserClassInfo> {
        Ok(UserClassInfo {
            tasks: tasks(&self.tasks)?,
            name: self.name,
            weight: self.weight,
            fixed_count: self.fixed_count,
            host: self.host,
            needs_host: self.needs_host,
        })
    }
}

/// Each task is a name, a weight and, for a task set, its own tasks.
fn tasks(described: &Bound<'_, PyList>) -> PyResult<Vec<TaskInfo>> {
    let task = |task: Bound<'_, PyAny>| {
        let (name, weight, inner): (String, u32, Bound<'_, PyList>) = task.extract()?;
        Ok(TaskInfo { name, weight, tasks: tasks(&inner)? })
    };
    described.iter().map(task).collect()
}
