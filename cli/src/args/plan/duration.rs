//! Durations as text, in one syntax for all flags and settings: `500ms`, `1.5s`, `90`, `1h30m`.
//!
//! The forms of Locust are among them. This file must not know flags. Whether a flag takes zero is up to `values.rs`.

use std::time::Duration;

/// Parses hours, minutes, seconds and milliseconds in this order, each at most once. Each number may have a decimal
/// point. A number without a unit is seconds.
///
/// Returns `None` for other text, and for a duration of more seconds than 64 bits hold.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if let Some(seconds) = parse_decimal(text, 1.0) {
        return Some(seconds);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    for (unit, unit_s) in UNITS {
        let digits = rest.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let has_unit = after.strip_prefix(unit).filter(|after| !after.starts_with(|next: char| next.is_alphabetic()));
        if let Some(after) = has_unit {
            total = total.checked_add(parse_decimal(number, unit_s)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

/// Parses a decimal number of units. Only digits and a point are accepted, because `f64::from_str` also accepts a sign,
/// an exponent and names.
fn parse_decimal(text: &str, unit_s: f64) -> Option<Duration> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = is_decimal.then(|| text.parse().ok()).flatten()?;
    Duration::try_from_secs_f64(number * unit_s).ok()
}

/// The forms that [`parse`] accepts, for messages.
pub(super) const FORMS: &str = "such as 90 (seconds), 1.5s, 500ms, 20m or 1h30m";

const UNITS: [(&str, f64); 4] = [("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_of_locust_is_parsed() {
        for (text, seconds) in [
            ("90", 90),
            ("300s", 300),
            ("20m", 1200),
            ("3h", 10_800),
            ("1h30m", 5400),
            ("3h30m10s", 12_610),
            ("1h10s", 3610),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn fractions_and_milliseconds_are_parsed() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("1.5s", 1500),
            ("1.5", 1500),
            (".5", 500),
            ("1.5h", 5_400_000),
            ("1m500ms", 60_500),
            ("1h2m3s4ms", 3_723_004),
            ("0.25ms", 0),
            ("1.1s", 1100),
            ("0ms", 0),
        ] {
            let parsed = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parsed.as_millis(), milliseconds, "{text}");
        }
        assert_eq!(parse("0.25ms"), Some(Duration::from_micros(250)));
    }

    #[test]
    fn text_that_is_no_duration_is_rejected() {
        for text in [
            "",
            ".",
            "s",
            "h",
            "ms",
            "1x",
            "10s5m",
            "1m1m",
            "5ms1s",
            "1.2.3",
            "-5",
            "+5",
            "1e3",
            "inf",
            "nan",
            " 5",
            "5 ",
            "5s ",
            "5 s",
            "٣",
            "1sm",
            "1mms",
            "1min",
            "5S",
            "1m30",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse(&format!("{}h", u64::MAX)), None);
    }
}
