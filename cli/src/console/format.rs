//! The text of single figures: times, rates and failures.
//!
//! Statistics are in microseconds, the text is in milliseconds. Digits beyond the precision are not shown.

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

/// Formats a wait with its unit and three significant digits: `12.3 ms`, `4.01 s`, `61.0 s`.
pub(super) fn format_wait(us: u64) -> String {
    if us < MICROSECONDS_PER_SECOND {
        return format!("{} ms", format_ms(us as f64));
    }
    format!("{} s", format_ms(us as f64 / 1000.0))
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

const MICROSECONDS_PER_SECOND: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

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
    fn wait_is_in_seconds_from_a_second_on() {
        assert_eq!(format_wait(12_345), "12.3 ms");
        assert_eq!(format_wait(999_999), "1000 ms");
        assert_eq!(format_wait(4_012_345), "4.01 s");
        assert_eq!(format_wait(3_723_000_000), "3723 s");
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
