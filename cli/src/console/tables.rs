//! The two tables of numbers: requests (live and final) and percentiles (final).
//!
//! Layout and order are those of Locust's `print_stats` and `print_percentile_stats`. Unlike in Locust, columns of
//! counts grow with their longest value, because fast runs exceed seven digits.

use std::fmt::Write as _;

use gregaria_stats::{StatsEntry, Summary};

use super::{
    TableWidth,
    color::Colorizer,
    escape_control,
    format::{format_failures, format_ms, format_percentile, format_rate},
};

/// The time over which a table's rates are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RateWindow {
    /// The last whole seconds before this time, at most ten. The time is in seconds since 1970.
    Current(f64),
    /// The whole run, which took this many seconds.
    Total(f64),
}

impl RateWindow {
    /// Returns requests per second and failures per second of an entry.
    pub(crate) fn rates_of(self, entry: &StatsEntry) -> (f64, f64) {
        match self {
            Self::Current(unix_s) => (entry.current_rps(unix_s), entry.current_fail_per_sec(unix_s)),
            Self::Total(elapsed_s) => (entry.total_rps(elapsed_s), entry.total_fail_per_sec(elapsed_s)),
        }
    }
}

/// Formats all entries and their total: counts, times in milliseconds, rates. An empty line follows the table.
pub(crate) fn stats_table(summary: &Summary, window: RateWindow, width: TableWidth, colors: Colorizer) -> String {
    let entries: Vec<[String; 10]> = summary.entries().map(|entry| stats_cells(entry, window)).collect();
    let total = stats_cells(summary.total(), window);
    let names = width.name_columns() + EXTRA_NAME_COLUMNS - TYPE_WIDTH;
    let requests = max_cell_width(&entries, &total, 2).max(7);
    let fails = max_cell_width(&entries, &total, 3).max(12);
    let line = |[kind, name, reqs, failed, avg, min, max, med, rps, fps]: &[String; 10]| {
        let failed = format!("{failed:>fails$}");
        // The header has no digit, and a row without failures has no digit except 0.
        let has_failures = failed.contains(|letter: char| ('1'..='9').contains(&letter));
        let failed = if has_failures { colors.failure(&failed) } else { failed };
        format!(
            "{kind:TYPE_WIDTH$} {name:names$} {reqs:>requests$} {failed} |{avg:>7} {min:>7} {max:>7}{med:>7} | {rps:>7} {fps:>11}"
        )
    };
    let rule = rule_line(&[TYPE_WIDTH, names, requests, fails + 1, 7, 7, 7, 7, 8, 11]);
    let header = line(&STATS_HEADER.map(String::from));
    render_table(&[&header], &rule, entries.iter().map(line), Some(line(&total)))
}

/// Formats the percentiles of the response times of each entry, in milliseconds.
pub(crate) fn percentile_table(summary: &Summary, width: TableWidth) -> String {
    let names = width.name_columns();
    let line = |kind: &str, name: &str, values: &[String]| {
        let mut line = format!("{kind:TYPE_WIDTH$} {name:names$} {:>8}", values[0]);
        for value in &values[1..] {
            // Writing to a String cannot fail.
            let _ = write!(line, " {value:>6}");
        }
        line
    };
    let entry_line =
        |entry: &StatsEntry| line(&method_cell(entry), &escape_control(entry.name()), &percentile_cells(entry));
    let mut header: Vec<String> = PERCENTILES.map(|(name, _)| name.to_owned()).to_vec();
    header.extend(["100%".into(), "# reqs".into()]);
    let rule = rule_line(&[&[TYPE_WIDTH, names, 8][..], &[6; PERCENTILES.len() + 1]].concat());
    let rows = summary.entries().filter(|entry| entry.num_requests() > 0).map(entry_line);
    let total = Some(summary.total()).filter(|total| total.num_requests() > 0).map(entry_line);
    render_table(&["Response time percentiles (approximated)", &line("Type", "Name", &header)], &rule, rows, total)
}

fn stats_cells(entry: &StatsEntry, window: RateWindow) -> [String; 10] {
    let (requests_per_s, failures_per_s) = window.rates_of(entry);
    [
        method_cell(entry),
        escape_control(entry.name()).into_owned(),
        entry.num_requests().to_string(),
        format_failures(entry.num_failures(), entry.fail_ratio()),
        format_ms(entry.avg_us()),
        format_ms(entry.min_us().unwrap_or(0) as f64),
        format_ms(entry.max_us() as f64),
        format_percentile(entry.median_us()),
        format_rate(requests_per_s, 7),
        format_rate(failures_per_s, 11),
    ]
}

fn percentile_cells(entry: &StatsEntry) -> Vec<String> {
    let percentiles = PERCENTILES.iter().map(|(_, q)| format_percentile(entry.percentile_us(*q)));
    percentiles.chain([format_ms(entry.max_us() as f64), entry.num_requests().to_string()]).collect()
}

fn method_cell(entry: &StatsEntry) -> String {
    escape_control(entry.method()).into_owned()
}

fn max_cell_width(rows: &[[String; 10]], total: &[String; 10], column: usize) -> usize {
    rows.iter().chain([total]).map(|row| row[column].len()).max().unwrap_or(0)
}

fn rule_line(widths: &[usize]) -> String {
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    dashes.join("|")
}

fn render_table(header: &[&str], rule: &str, rows: impl Iterator<Item = String>, total: Option<String>) -> String {
    let mut text = String::new();
    let mut push = |line: &str| {
        text.push_str(line.trim_end());
        text.push('\n');
    };
    header.iter().for_each(|line| push(line));
    push(rule);
    rows.for_each(|row| push(&row));
    push(rule);
    total.iter().for_each(|row| push(row));
    push("");
    text
}

/// The percentiles of Locust's report. Its last one, 100 %, is the exact maximum.
const PERCENTILES: [(&str, f64); 10] = [
    ("50%", 0.5),
    ("66%", 0.66),
    ("75%", 0.75),
    ("80%", 0.8),
    ("90%", 0.9),
    ("95%", 0.95),
    ("98%", 0.98),
    ("99%", 0.99),
    ("99.9%", 0.999),
    ("99.99%", 0.9999),
];

const STATS_HEADER: [&str; 10] =
    ["Type", "Name", "# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s", "failures/s"];

const TYPE_WIDTH: usize = 8;

/// The columns that the table of requests has for names in addition to those of the table of percentiles.
const EXTRA_NAME_COLUMNS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const WIDE: TableWidth = TableWidth(80);
    const PLAIN: Colorizer = Colorizer::new(false);
    const NARROW: TableWidth = TableWidth(16);

    fn summary() -> Summary {
        fixture::summary(&[
            ("GET", "/", 60, None),
            ("GET", "/", 64, None),
            ("POST", "/login", 12_300, Some("401 Unauthorized")),
            ("GET", "/a-name-that-is-longer-than-its-column", 250_000, None),
        ])
    }

    #[test]
    fn final_table_has_locust_columns_and_total_rates() {
        let expected = "\
Type     Name                                                                          # reqs      # fails |    Avg     Min     Max    Med |   req/s  failures/s
--------|----------------------------------------------------------------------------|-------|-------------|-------|-------|-------|-------|--------|-----------
GET      /                                                                                  2     0(0.00%) |  0.062   0.060   0.064  0.060 |    0.20        0.00
GET      /a-name-that-is-longer-than-its-column                                             1     0(0.00%) |    250     250     250    250 |    0.10        0.00
POST     /login                                                                             1   1(100.00%) |   12.3    12.3    12.3   12.3 |    0.10        0.10
--------|----------------------------------------------------------------------------|-------|-------------|-------|-------|-------|-------|--------|-----------
         Aggregated                                                                         4    1(25.00%) |   65.6   0.060     250  0.064 |    0.40        0.10

";
        assert_eq!(stats_table(&summary(), RateWindow::Total(10.0), WIDE, PLAIN), expected);
    }

    #[test]
    fn narrow_table_does_not_truncate_names() {
        let expected = "\
Type     Name          # reqs      # fails |    Avg     Min     Max    Med |   req/s  failures/s
--------|------------|-------|-------------|-------|-------|-------|-------|--------|-----------
GET      /                  2     0(0.00%) |  0.062   0.060   0.064  0.060 |    0.40        0.00
GET      /a-name-that-is-longer-than-its-column       1     0(0.00%) |    250     250     250    250 |    0.20        0.00
POST     /login             1   1(100.00%) |   12.3    12.3    12.3   12.3 |    0.20        0.20
--------|------------|-------|-------------|-------|-------|-------|-------|--------|-----------
         Aggregated         4    1(25.00%) |   65.6   0.060     250  0.064 |    0.80        0.20

";
        assert_eq!(stats_table(&summary(), RateWindow::Total(5.0), NARROW, PLAIN), expected);
    }

    #[test]
    fn live_table_has_rates_of_the_last_seconds() {
        let cells = |unix_s: f64| stats_cells(summary().total(), RateWindow::Current(unix_s))[8].clone();
        assert_eq!(cells(1004.0), "0.00", "second 1003 is not reported completely");
        assert_eq!(cells(1004.5), "1.00", "4 requests in the seconds from 1000 to 1003");
        assert_eq!(cells(1012.5), "0.40", "4 requests in ten seconds");
        assert_eq!(cells(1014.5), "0.00", "no request in the last ten seconds");
    }

    #[test]
    fn only_failures_are_colored() {
        let colored = stats_table(&summary(), RateWindow::Total(10.0), WIDE, Colorizer::new(true));
        let red: Vec<&str> = colored.lines().filter(|line| line.contains("\x1b[31m")).collect();
        assert!(red[0].contains("\x1b[31m  1(100.00%)\x1b[0m |"), "{red:?}");
        assert!(red.len() == 2 && red[1].contains("\x1b[31m   1(25.00%)\x1b[0m |"), "{red:?}");
        let plain = colored.replace("\x1b[31m", "").replace("\x1b[0m", "");
        assert_eq!(plain, stats_table(&summary(), RateWindow::Total(10.0), WIDE, PLAIN));
    }

    #[test]
    fn large_counts_widen_their_column_in_all_rows() {
        let requests = vec![("GET", "/", 1000, Some("no")); 12_345];
        let table = stats_table(&fixture::summary(&requests), RateWindow::Total(1.0), NARROW, PLAIN);
        let bars: Vec<Option<usize>> =
            table.lines().filter(|line| line.contains(" |")).map(|line| line.find(" |")).collect();
        assert!(table.contains("12345(100.00%)"));
        assert_eq!(bars.len(), 3);
        assert!(bars.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
    }

    #[test]
    fn percentiles_have_locust_columns() {
        let expected = "\
Response time percentiles (approximated)
Type     Name                  50%    66%    75%    80%    90%    95%    98%    99%  99.9% 99.99%   100% # reqs
--------|----------------|--------|------|------|------|------|------|------|------|------|------|------|------
GET      /                   0.060  0.064  0.064  0.064  0.064  0.064  0.064  0.064  0.064  0.064  0.064      2
GET      /a-name-that-is-longer-than-its-column      250    250    250    250    250    250    250    250    250    250    250      1
POST     /login               12.3   12.3   12.3   12.3   12.3   12.3   12.3   12.3   12.3   12.3   12.3      1
--------|----------------|--------|------|------|------|------|------|------|------|------|------|------|------
         Aggregated          0.064   12.3   12.3    250    250    250    250    250    250    250    250      4

";
        assert_eq!(percentile_table(&summary(), NARROW), expected);
    }

    #[test]
    fn percentiles_above_one_hour_are_shown_as_beyond() {
        let summary = fixture::summary(&[("GET", "/", 95_000_000, None), ("GET", "/", 5_000_000_000, None)]);
        let cells = percentile_cells(summary.total());
        assert_eq!((&*cells[0], &*cells[9], &*cells[10], &*cells[11]), ("95027", "> 3600 s", "5000000", "2"));
        assert_eq!(stats_cells(summary.total(), RateWindow::Total(1.0))[6..8], ["5000000", "95027"]);
    }

    #[test]
    fn tables_without_requests_have_headers() {
        let empty = fixture::summary(&[]);
        assert!(
            stats_table(&empty, RateWindow::Total(0.0), WIDE, PLAIN)
                .contains(" 0     0(0.00%) |      0       0       0      0 |    0.00        0.00\n")
        );
        assert_eq!(percentile_table(&empty, WIDE).lines().count(), 5);
    }
}
