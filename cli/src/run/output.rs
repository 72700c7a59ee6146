//! The interface between a run and its outputs, and the list of the outputs of a run.
//!
//! The list is built in [`RunOutputs::new`], from the flags. Each output is a file beside this one; none of them
//! depends on another.

use std::io::{self, Write};

use gregaria_engine::{RunHandle, RunReport, UserClassInfo};
use gregaria_stats::Summary;

use super::{
    final_report::FinalReport,
    json_output::{self, JsonForm, JsonOutput},
    live_display::LiveDisplay,
};
use crate::{args::RunPlan, terminal::Screen};

/// An output of a run: a display for people, or results for programs.
///
/// The calls come in the order of the methods.
pub(crate) trait RunOutput {
    /// Updates the output while the run goes on. Called about every 200 ms.
    fn tick(&mut self, _run: &RunHandle) {}

    /// Ends the updates. Called once, when the run has stopped and its results are not final yet.
    fn end_ticks(&mut self) {}

    /// Writes the final results. Called once.
    ///
    /// # Errors
    /// The results cannot be written. The caller logs the error with [`RunOutput::destination`].
    fn finish(&mut self, run: &FinishedRun<'_>) -> io::Result<()>;

    /// Returns the name of the destination, for messages.
    fn destination(&self) -> String;
}

/// The facts of a run that do not change.
#[derive(Clone, Copy)]
pub(crate) struct RunInfo<'a> {
    /// The plan.
    pub(crate) plan: &'a RunPlan,
    /// The user classes.
    pub(crate) classes: &'a [UserClassInfo],
    /// The kernel interface of the threads that send requests.
    pub(crate) driver: &'static str,
}

/// A run that is over.
#[derive(Clone, Copy)]
pub(crate) struct FinishedRun<'a> {
    /// The runner's report.
    pub(crate) report: &'a RunReport,
    /// All statistics.
    pub(crate) summary: &'a Summary,
    /// Whether all [`RunOutputs::results`] finished without an error. `true` while they are written.
    pub(crate) results_written: bool,
}

/// The outputs of a run. Results are written before displays.
pub(crate) struct RunOutputs<'a> {
    /// Results for programs. An error of one of them makes the run fail.
    pub(crate) results: Vec<Box<dyn RunOutput + 'a>>,
    /// Displays for people.
    pub(crate) displays: Vec<Box<dyn RunOutput + 'a>>,
}

impl<'a> RunOutputs<'a> {
    /// Builds the outputs that the plan selects. `has_keys` is whether the live display offers keys.
    pub(crate) fn new(run: RunInfo<'a>, screen: &'a Screen, stdout: &'a mut dyn Write, has_keys: bool) -> Self {
        let RunPlan { load, output, .. } = run.plan;
        let mut displays: Vec<Box<dyn RunOutput + 'a>> = Vec::new();
        if output.live {
            displays.push(Box::new(LiveDisplay::new(screen, load, has_keys)));
        }
        displays.push(Box::new(FinalReport::new(screen, output.json_file.is_some())));
        let on_stdout = match (output.json, output.json_full) {
            (true, _) => Some(JsonOutput::to_stdout(JsonForm::Entries, stdout)),
            (_, true) => Some(JsonOutput::to_stdout(JsonForm::Full(run), stdout)),
            _ => None,
        };
        let list_file = output.json_file.as_deref().map(json_output::locust_path);
        let list_file = list_file.map(|path| JsonOutput::to_file(JsonForm::Entries, path));
        let full_file = output.json_full_file.clone().map(|path| JsonOutput::to_file(JsonForm::Full(run), path));
        let results = [on_stdout, list_file, full_file].into_iter().flatten();
        Self { results: results.map(|output| Box::new(output) as Box<dyn RunOutput + 'a>).collect(), displays }
    }

    /// Calls [`RunOutput::tick`] of all outputs.
    pub(super) fn tick(&mut self, run: &RunHandle) {
        self.all().for_each(|output| output.tick(run));
    }

    /// Calls [`RunOutput::end_ticks`] of all outputs.
    pub(super) fn end_ticks(&mut self) {
        self.all().for_each(|output| output.end_ticks());
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Box<dyn RunOutput + 'a>> {
        self.results.iter_mut().chain(&mut self.displays)
    }
}

/// Finishes all `outputs`, in their order. Logs each error and returns `false` if there was one.
pub(super) fn finish_all(outputs: &mut [Box<dyn RunOutput + '_>], run: &FinishedRun<'_>) -> bool {
    let mut all_written = true;
    for output in outputs {
        if let Err(error) = output.finish(run) {
            log::error!("Cannot write the results to {}: {error}", output.destination());
            all_written = false;
        }
    }
    all_written
}
