//! The end of a run on the screen: the key figures, the final tables and the summary lines.
//!
//! The text is made in `console/`.

use std::io;

use super::output::{FinishedRun, RunOutput};
use crate::{
    args::name_limit_flag,
    console::{self, Colorizer, RateWindow, TableWidth},
    terminal::Screen,
};

/// The key figures, the final tables and the summary lines.
pub(super) struct FinalReport<'a> {
    screen: &'a Screen,
    tables_replaced: bool,
}

impl<'a> FinalReport<'a> {
    /// With `tables_replaced`, the tables are printed only if the results could not be written elsewhere.
    pub(super) fn new(screen: &'a Screen, tables_replaced: bool) -> Self {
        Self { screen, tables_replaced }
    }

    fn tables(&self, run: &FinishedRun<'_>, prose_width: TableWidth, colors: Colorizer) -> String {
        let width = TableWidth::new(self.screen.text_columns());
        let window = RateWindow::Total(run.report.measured.as_secs_f64());
        [
            console::stats_table(run.summary, window, width, colors),
            console::percentile_table(run.summary, width),
            console::aborted_report(run.summary, prose_width),
            console::error_report(run.summary, prose_width, name_limit_flag),
            console::exception_report(run.summary, prose_width),
        ]
        .concat()
    }
}

impl RunOutput for FinalReport<'_> {
    fn finish(&mut self, run: &FinishedRun<'_>) -> io::Result<()> {
        let width = TableWidth::new(self.screen.prose_columns());
        let colors = Colorizer::new(self.screen.has_color());
        let figures = console::key_figures(run.summary, run.report.measured, run.report.peak_users, width, colors);
        self.screen.write_lines(&figures);
        if !self.tables_replaced || !run.results_written {
            self.screen.write_lines(&self.tables(run, width, colors));
        }
        let lines = console::summary_lines(run.report, run.summary.total(), run.summary.overflow(), width);
        self.screen.write_lines(&lines);
        Ok(())
    }

    fn destination(&self) -> String {
        "the screen".to_owned()
    }
}
