//! A table that fits into a width: method and name on the left, figures on the right.
//!
//! Each column is as wide as its longest cell. In a narrow terminal the least important columns are dropped, then names
//! are cut in the middle. The content of the tables is in `tables.rs`.

use super::{
    TableWidth,
    color::{Colorizer, cut_middle, display_width},
};

/// A column of figures.
pub(super) struct Column {
    /// The header.
    pub(super) header: &'static str,
    /// The separator on the left. The rule of the table continues its bar.
    pub(super) separator: &'static str,
    /// The importance. Columns with the highest rank are dropped first; 0 is never dropped.
    pub(super) rank: usize,
}

/// A row of a table.
pub(super) struct Row {
    /// The method of the requests.
    pub(super) method: String,
    /// The name of the requests.
    pub(super) name: String,
    /// One text per column.
    pub(super) figures: Vec<String>,
    /// The column in the color of failures.
    pub(super) failed_column: Option<usize>,
}

/// The columns of a table that are shown, and their widths.
struct Layout {
    method_width: usize,
    name_width: usize,
    /// Index, separator and width of each column of figures.
    figures: Vec<(usize, &'static str, usize)>,
}

/// Formats a header, the rows and their total, and an empty line.
pub(super) fn render_table(
    columns: &[Column],
    rows: &[Row],
    total: Option<&Row>,
    width: TableWidth,
    colors: Colorizer,
) -> String {
    let figures = columns.iter().map(|column| column.header.to_owned()).collect();
    let header = Row { method: "Type".into(), name: "Name".into(), figures, failed_column: None };
    let all_rows: Vec<&Row> = [&header].into_iter().chain(rows).chain(total).collect();
    let layout = Layout::new(columns, &all_rows, width);
    let rule = layout.rule();
    let rows = rows.iter().map(|row| layout.line(row, colors));
    let total = total.map(|row| layout.line(row, colors));
    let lines = [layout.line(&header, colors), rule.clone()].into_iter().chain(rows).chain([rule]).chain(total);
    lines.map(|line| format!("{}\n", line.trim_end())).collect::<String>() + "\n"
}

impl Layout {
    fn new(columns: &[Column], rows: &[&Row], width: TableWidth) -> Self {
        let widest = |text: fn(&Row) -> &str| rows.iter().map(|row| display_width(text(row))).max().unwrap_or(0);
        let figures = columns.iter().enumerate().map(|(index, column)| {
            let cells = rows.iter().map(|row| display_width(&row.figures[index]));
            (index, column.separator, cells.max().unwrap_or(0))
        });
        let mut layout = Self { method_width: widest(|row| &row.method), name_width: 0, figures: figures.collect() };
        let longest_name = widest(|row| &row.name);
        let wanted = longest_name.min(MIN_NAME_COLUMNS);
        while layout.free_columns(width) < wanted && layout.drop_column(columns) {}
        layout.name_width = longest_name.min(layout.free_columns(width).max(SHORTEST_NAME_COLUMNS));
        layout
    }

    /// Returns the columns that the rest of a line leaves for the name.
    fn free_columns(&self, width: TableWidth) -> usize {
        let figures = self.figures.iter().map(|(_, separator, width)| separator.len() + width);
        let other_columns = self.method_width + 1 + figures.sum::<usize>();
        width.columns().map_or(MAX_NAME_COLUMNS, |columns| columns.saturating_sub(other_columns))
    }

    /// Drops the least important column. Returns `false` if all are needed.
    fn drop_column(&mut self, columns: &[Column]) -> bool {
        let rank = |(index, ..): &(usize, &'static str, usize)| columns[*index].rank;
        let least = self.figures.iter().enumerate().max_by_key(|(_, figure)| rank(figure));
        let least = least.filter(|(_, figure)| rank(figure) > 0).map(|(position, _)| position);
        least.map(|position| self.figures.remove(position)).is_some()
    }

    fn line(&self, row: &Row, colors: Colorizer) -> String {
        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(display_width(text)));
        let name = cut_middle(&row.name, self.name_width);
        let mut line = format!("{}{} ", row.method, pad(&row.method, self.method_width));
        line += &format!("{name}{}", pad(&name, self.name_width));
        for (index, separator, width) in &self.figures {
            let figure = format!("{}{}", pad(&row.figures[*index], *width), row.figures[*index]);
            line += separator;
            line += &if row.failed_column == Some(*index) { colors.failure(&figure) } else { figure };
        }
        line
    }

    fn rule(&self) -> String {
        let mut rule = format!("{}|{}", "-".repeat(self.method_width), "-".repeat(self.name_width));
        for (_, separator, width) in &self.figures {
            rule += if separator.len() > 1 { "-|-" } else { "|" };
            rule += &"-".repeat(*width);
        }
        rule
    }
}

/// The columns that a name keeps while there are columns of figures to drop.
const MIN_NAME_COLUMNS: usize = 16;

/// The columns that a name has in any terminal. Below 80 columns lines may be wider than the terminal.
const SHORTEST_NAME_COLUMNS: usize = 8;

/// The columns of the longest name in a file or a pipe.
const MAX_NAME_COLUMNS: usize = 120;
