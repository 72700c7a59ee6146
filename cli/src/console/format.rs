//! The text of single figures: times, rates, failures and counts.
//!
//! Statistics are in microseconds, the text is in milliseconds. Digits beyond the precision are not shown.

use std::time::Duration;

use gregaria_stats::PagedHistogram;

/// Formats a time in milliseconds with three significant digits, at most to the microsecond: `0.064`, `1.23`, `12.3`,
/// `123`, `1234`. Zero means that there is no time, and is `0`.
pub(super) fn format_ms(us: f64) -> String {
    let decimals = match us {
        us if us < 0.5 => 0,
        us if us < 999.5 => 3,
        us if us < 9_995.0 => 2,
        us if us < 99_950.0 => 1,
        _ => 0,
    };
    format!("{:.decimals$}", us / 1000.0)
}

/// Formats a percentile as [`format_ms`] does. The size of percentiles above 1 h is not known: `> 3600 s`.
pub(super) fn format_percentile(us: u64) -> String {
    if us > PagedHistogram::MAX_US {
        return format!("> {} s", PagedHistogram::MAX_US / 1_000_000);
    }
    format_ms(us as f64)
}

/// Formats a rate with two decimals, or with fewer if `width` columns are too few.
pub(super) fn format_rate(rate: f64, width: usize) -> String {
    let with_decimals = |decimals: usize| format!("{rate:.decimals$}");
    (0..=2).rev().map(with_decimals).find(|text| text.len() <= width).unwrap_or_else(|| with_decimals(0))
}

/// Formats failures and their share of the requests: `3(1.50%)`.
pub(super) fn format_failures(num_failures: u64, fail_ratio: f64) -> String {
    format!("{num_failures}({:.2}%)", fail_ratio * 100.0)
}

/// Formats bytes per second with three significant digits: `361 B/s`, `1.23 kB/s`, `45.6 MB/s`, `7.89 GB/s`.
pub(super) fn format_bytes_per_s(bytes_per_s: f64) -> String {
    let units = [("B/s", 1.0), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)];
    let (unit, size) = units.into_iter().rfind(|(_, size)| bytes_per_s >= size * 0.9995).unwrap_or(units[0]);
    let figure = bytes_per_s / size;
    let decimals = match figure {
        _ if size == 1.0 => 0,
        figure if figure < 9.995 => 2,
        figure if figure < 99.95 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$} {unit}")
}

/// Formats a duration with three significant digits below 100 s, and in hours, minutes and seconds above: `17.3 ms`,
/// `9.87 s`, `12m 34s`, `1h 0m 5s`.
pub(super) fn format_duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0 if seconds < 0.9995 => format!("{} ms", format_ms(seconds * 1e6)),
        0..100 => format!("{seconds:.*} s", if seconds < 9.995 { 2 } else { 1 }),
        whole if whole < 3600 => format!("{}m {}s", whole / 60, whole % 60),
        whole => format!("{}h {}m {}s", whole / 3600, whole / 60 % 60, whole % 60),
    }
}

/// Formats a count with its noun: `1 user`, `2 users`.
pub(super) fn pluralize(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_rate_has_three_significant_digits() {
        for (bytes_per_s, text) in [
            (0.0, "0 B/s"),
            (999.4, "999 B/s"),
            (999.6, "1.00 kB/s"),
            (12_345.0, "12.3 kB/s"),
            (999_900.0, "1.00 MB/s"),
            (123_456_789.0, "123 MB/s"),
            (1.5e12, "1500 GB/s"),
        ] {
            assert_eq!(format_bytes_per_s(bytes_per_s), text, "{bytes_per_s}");
        }
    }

    #[test]
    fn duration_has_the_unit_of_its_size() {
        for (ms, text) in [
            (0, "0 ms"),
            (17, "17.0 ms"),
            (999, "999 ms"),
            (1_000, "1.00 s"),
            (9_994, "9.99 s"),
            (59_960, "60.0 s"),
            (100_000, "1m 40s"),
            (3_605_900, "1h 0m 5s"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(ms)), text, "{ms} ms");
        }
    }

    #[test]
    fn time_has_three_significant_digits() {
        for (us, text) in [
            (0.0, "0"),
            (0.7, "0.001"),
            (1.0, "0.001"),
            (60.0, "0.060"),
            (123.0, "0.123"),
            (999.4, "0.999"),
            (999.6, "1.00"),
            (1_234.0, "1.23"),
            (9_994.0, "9.99"),
            (9_996.0, "10.0"),
            (12_345.0, "12.3"),
            (99_949.0, "99.9"),
            (99_951.0, "100"),
            (123_456.0, "123"),
            (60_000_000.0, "60000"),
        ] {
            assert_eq!(format_ms(us), text, "{us} µs");
        }
    }

    #[test]
    fn percentile_above_one_hour_is_shown_as_beyond() {
        assert_eq!(format_percentile(95_000_000), "95000");
        assert_eq!(format_percentile(3_600_000_000), "3600000");
        assert_eq!(format_percentile(3_700_000_000), "> 3600 s");
    }

    #[test]
    fn rate_drops_decimals_to_fit_the_column() {
        assert_eq!(format_rate(0.0, 7), "0.00");
        assert_eq!(format_rate(1234.567, 7), "1234.57");
        assert_eq!(format_rate(12_345.678, 7), "12345.7");
        assert_eq!(format_rate(123_456.78, 7), "123457");
        assert_eq!(format_rate(123_456_789.0, 7), "123456789");
    }

    #[test]
    fn failures_show_their_share() {
        assert_eq!(format_failures(0, 0.0), "0(0.00%)");
        assert_eq!(format_failures(41, 0.41), "41(41.00%)");
    }
}
