//! The two tables of numbers: requests (live and final) and percentiles (final).
//!
//! The columns and their order are those of Locust's `print_stats` and `print_percentile_stats`. The layout is in
//! `table.rs`.

use gregaria_stats::{StatsEntry, Summary};

use super::{
    TableWidth,
    color::Colorizer,
    escape_control,
    format::{format_failures, format_ms, format_percentile, format_rate},
    table::{Column, Row, render_table},
};

/// The time over which a table's rates are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RateWindow {
    /// The last ten whole seconds before this time, in seconds since 1970.
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
    let rows: Vec<Row> = summary.entries().map(|entry| stats_row(entry, window)).collect();
    render_table(&STATS_COLUMNS, &rows, Some(&stats_row(summary.total(), window)), width, colors)
}

/// Formats the percentiles of the response times of each entry, in milliseconds.
pub(crate) fn percentile_table(summary: &Summary, width: TableWidth) -> String {
    let has_requests = |entry: &&StatsEntry| entry.num_requests() > 0;
    let rows: Vec<Row> = summary.entries().filter(has_requests).map(percentile_row).collect();
    let total = Some(summary.total()).filter(has_requests).map(percentile_row);
    let table = render_table(&PERCENTILE_COLUMNS, &rows, total.as_ref(), width, Colorizer::new(false));
    format!("Response time percentiles in ms (approximated)\n{table}")
}

fn stats_row(entry: &StatsEntry, window: RateWindow) -> Row {
    let (requests_per_s, failures_per_s) = window.rates_of(entry);
    let figures = [
        entry.num_requests().to_string(),
        format_failures(entry.num_failures(), entry.fail_ratio()),
        format_ms(entry.avg_us()),
        format_ms(entry.min_us().unwrap_or(0) as f64),
        format_ms(entry.max_us() as f64),
        format_percentile(entry.median_us()),
        format_rate(requests_per_s, 7),
        format_rate(failures_per_s, 7),
    ];
    row(entry, figures.into(), (entry.num_failures() > 0).then_some(FAILURES_COLUMN))
}

fn percentile_row(entry: &StatsEntry) -> Row {
    let percentiles = PERCENTILES.iter().map(|q| format_percentile(entry.percentile_us(*q)));
    let last = [format_ms(entry.max_us() as f64), entry.num_requests().to_string()];
    row(entry, percentiles.chain(last).collect(), None)
}

fn row(entry: &StatsEntry, figures: Vec<String>, failed_column: Option<usize>) -> Row {
    let [method, name] = [entry.method(), entry.name()].map(|text| escape_control(text).into_owned());
    Row { method, name, figures, failed_column }
}

const fn column(header: &'static str, separator: &'static str, rank: usize) -> Column {
    Column { header, separator, rank }
}

const STATS_COLUMNS: [Column; 8] = [
    column("# reqs", " ", 0),
    column("# fails", " ", 0),
    column("Avg ms", " | ", 0),
    column("Min ms", " ", 1),
    column("Max ms", " ", 0),
    column("Med ms", " ", 0),
    column("req/s", " | ", 0),
    column("fails/s", " ", 2),
];

/// The index of the failures in [`STATS_COLUMNS`].
const FAILURES_COLUMN: usize = 1;

/// The percentiles of Locust's report. Its last one, 100 %, is the exact maximum.
const PERCENTILES: [f64; 10] = [0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999];

/// The columns of [`PERCENTILES`], of the maximum and of the number of requests.
const PERCENTILE_COLUMNS: [Column; 12] = [
    column("50%", " ", 0),
    column("66%", " ", 5),
    column("75%", " ", 3),
    column("80%", " ", 4),
    column("90%", " ", 0),
    column("95%", " ", 0),
    column("98%", " ", 2),
    column("99%", " ", 0),
    column("99.9%", " ", 0),
    column("99.99%", " ", 1),
    column("100%", " ", 0),
    column("# reqs", " ", 6),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{console::color::display_width, fixture};

    const PIPE: TableWidth = TableWidth(None);
    const PLAIN: Colorizer = Colorizer::new(false);

    const fn terminal(columns: usize) -> TableWidth {
        TableWidth(Some(columns))
    }

    fn summary() -> Summary {
        fixture::summary(&[
            ("GET", "/", 60, None),
            ("GET", "/", 64, None),
            ("POST", "/login", 12_300, Some("401 Unauthorized")),
            ("GET", "/a-name-that-is-longer-than-its-column", 250_000, None),
        ])
    }

    fn stats_text(columns: Option<usize>) -> String {
        stats_table(&summary(), RateWindow::Total(10.0), TableWidth(columns), PLAIN)
    }

    #[test]
    fn pipe_has_whole_names_and_all_columns() {
        let expected = "\
Type Name                                   # reqs    # fails | Avg ms Min ms Max ms Med ms | req/s fails/s
----|--------------------------------------|------|-----------|-------|------|------|-------|------|-------
GET  /                                           2   0(0.00%) |  0.062  0.060  0.064  0.060 |  0.20    0.00
GET  /a-name-that-is-longer-than-its-column      1   0(0.00%) |    250    250    250    250 |  0.10    0.00
POST /login                                      1 1(100.00%) |   12.3   12.3   12.3   12.3 |  0.10    0.10
----|--------------------------------------|------|-----------|-------|------|------|-------|------|-------
     Aggregated                                  4  1(25.00%) |   65.6  0.060    250  0.064 |  0.40    0.10

";
        assert_eq!(stats_text(None), expected);
    }

    #[test]
    fn terminal_of_100_columns_cuts_names_in_the_middle() {
        let expected = "\
Type Name                            # reqs    # fails | Avg ms Min ms Max ms Med ms | req/s fails/s
----|-------------------------------|------|-----------|-------|------|------|-------|------|-------
GET  /                                    2   0(0.00%) |  0.062  0.060  0.064  0.060 |  0.20    0.00
GET  /a-name-that-is…than-its-column      1   0(0.00%) |    250    250    250    250 |  0.10    0.00
POST /login                               1 1(100.00%) |   12.3   12.3   12.3   12.3 |  0.10    0.10
----|-------------------------------|------|-----------|-------|------|------|-------|------|-------
     Aggregated                           4  1(25.00%) |   65.6  0.060    250  0.064 |  0.40    0.10

";
        assert_eq!(stats_text(Some(100)), expected);
    }

    #[test]
    fn terminal_of_80_columns_drops_columns() {
        let expected = "\
Type Name                # reqs    # fails | Avg ms Min ms Max ms Med ms | req/s
----|-------------------|------|-----------|-------|------|------|-------|------
GET  /                        2   0(0.00%) |  0.062  0.060  0.064  0.060 |  0.20
GET  /a-name-t…ts-column      1   0(0.00%) |    250    250    250    250 |  0.10
POST /login                   1 1(100.00%) |   12.3   12.3   12.3   12.3 |  0.10
----|-------------------|------|-----------|-------|------|------|-------|------
     Aggregated               4  1(25.00%) |   65.6  0.060    250  0.064 |  0.40

";
        assert_eq!(stats_text(Some(80)), expected);
    }

    #[test]
    fn short_names_leave_all_columns_in_80() {
        let summary = fixture::summary(&vec![("GET", "/", 123, None); 2_000]);
        let table = stats_table(&summary, RateWindow::Total(0.21), terminal(80), PLAIN);
        assert!(table.starts_with("Type Name       # reqs  # fails | Avg ms Min ms Max ms Med ms |   req/s fails/s\n"));
        assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    }

    #[test]
    fn no_line_is_wider_than_its_terminal() {
        let name = "/\u{65e5}\u{672c}".repeat(99);
        let requests: Vec<_> = (0..12_345).map(|us| ("OPTIONS", name.as_str(), us * us, Some("no"))).collect();
        let summary = fixture::summary(&requests);
        for columns in 80..260 {
            let width = terminal(columns);
            let tables =
                stats_table(&summary, RateWindow::Total(0.1), width, PLAIN) + &percentile_table(&summary, width);
            assert!(tables.lines().all(|line| display_width(line) <= columns), "{columns} columns:\n{tables}");
            let cut = |line: &str| line.contains('\u{2026}');
            assert!(tables.lines().filter(|line| line.starts_with("OPTIONS")).all(cut), "{tables}");
        }
        let piped = stats_table(&summary, RateWindow::Total(0.1), PIPE, PLAIN);
        let row = piped.lines().nth(2).unwrap();
        assert_eq!(row.split(' ').nth(1).map(display_width), Some(120), "{row}");
    }

    #[test]
    fn live_table_has_rates_of_the_last_seconds() {
        let rate = |unix_s: f64| stats_row(summary().total(), RateWindow::Current(unix_s)).figures[6].clone();
        assert_eq!(rate(1004.0), "0.00", "second 1003 is not reported completely");
        assert_eq!(rate(1004.5), "1.00", "4 requests in the seconds from 1000 to 1003");
        assert_eq!(rate(1012.5), "0.40", "4 requests in ten seconds");
        assert_eq!(rate(1014.5), "0.00", "no request in the last ten seconds");
    }

    #[test]
    fn only_failures_are_colored() {
        let colored = stats_table(&summary(), RateWindow::Total(10.0), PIPE, Colorizer::new(true));
        let red: Vec<&str> = colored.lines().filter(|line| line.contains("\x1b[31m")).collect();
        assert!(red[0].contains("\x1b[31m1(100.00%)\x1b[0m |"), "{red:?}");
        assert!(red.len() == 2 && red[1].contains("\x1b[31m 1(25.00%)\x1b[0m |"), "{red:?}");
        assert_eq!(colored.replace("\x1b[31m", "").replace("\x1b[0m", ""), stats_text(None));
    }

    #[test]
    fn percentiles_have_locust_columns() {
        let expected = "\
Response time percentiles in ms (approximated)
Type Name                                     50%   66%   75%   80%   90%   95%   98%   99% 99.9% 99.99%  100% # reqs
----|--------------------------------------|-----|-----|-----|-----|-----|-----|-----|-----|-----|------|-----|------
GET  /                                      0.060 0.064 0.064 0.064 0.064 0.064 0.064 0.064 0.064  0.064 0.064      2
GET  /a-name-that-is-longer-than-its-column   250   250   250   250   250   250   250   250   250    250   250      1
POST /login                                  12.3  12.3  12.3  12.3  12.3  12.3  12.3  12.3  12.3   12.3  12.3      1
----|--------------------------------------|-----|-----|-----|-----|-----|-----|-----|-----|-----|------|-----|------
     Aggregated                             0.064  12.3  12.3   250   250   250   250   250   250    250   250      4

";
        assert_eq!(percentile_table(&summary(), PIPE), expected);
    }

    #[test]
    fn terminal_of_80_columns_has_fewer_percentiles() {
        let expected = "\
Response time percentiles in ms (approximated)
Type Name                   50%   75%   90%   95%   98%   99% 99.9% 99.99%  100%
----|--------------------|-----|-----|-----|-----|-----|-----|-----|------|-----
GET  /                    0.060 0.064 0.064 0.064 0.064 0.064 0.064  0.064 0.064
GET  /a-name-th…ts-column   250   250   250   250   250   250   250    250   250
POST /login                12.3  12.3  12.3  12.3  12.3  12.3  12.3   12.3  12.3
----|--------------------|-----|-----|-----|-----|-----|-----|-----|------|-----
     Aggregated           0.064  12.3   250   250   250   250   250    250   250

";
        assert_eq!(percentile_table(&summary(), terminal(80)), expected);
    }

    #[test]
    fn percentiles_above_one_hour_are_shown_as_beyond() {
        let summary = fixture::summary(&[("GET", "/", 95_000_000, None), ("GET", "/", 5_000_000_000, None)]);
        let figures = percentile_row(summary.total()).figures;
        assert_eq!((&*figures[0], &*figures[9], &*figures[10], &*figures[11]), ("95027", "> 3600 s", "5000000", "2"));
        assert_eq!(stats_row(summary.total(), RateWindow::Total(1.0)).figures[4..6], ["5000000", "95027"]);
    }

    #[test]
    fn tables_without_requests_have_headers() {
        let empty = fixture::summary(&[]);
        let table = stats_table(&empty, RateWindow::Total(0.0), PIPE, PLAIN);
        let total = "     Aggregated      0 0(0.00%) |      0      0      0      0 |  0.00    0.00\n\n";
        assert!(table.ends_with(total), "{table}");
        assert_eq!(percentile_table(&empty, PIPE).lines().count(), 5);
    }
}
