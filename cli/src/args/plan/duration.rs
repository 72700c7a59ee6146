//! Durations in Locust's notation: `90`, `300s`, `20m`, `1h30m`, `3h30m10s`.
//!
//! This file must not know flags. Whether a flag takes zero is up to `values.rs`.

use std::time::Duration;

/// Parses whole hours, minutes and seconds in this order, each at most once. A number without a unit is seconds.
///
/// Returns `None` for other text, and for a duration of more seconds than 64 bits hold.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if let Some(seconds) = parse_digits(text) {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total_s = 0_u64;
    for (unit, unit_s) in UNITS {
        if let Some((number, after)) = rest.split_once(unit) {
            total_s = total_s.checked_add(parse_digits(number)?.checked_mul(unit_s)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then(|| Duration::from_secs(total_s))
}

/// Parses digits only, because `u64::from_str` also accepts a leading `+`.
fn parse_digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

const UNITS: [(char, u64); 3] = [('h', 3600), ('m', 60), ('s', 1)];

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
    fn text_that_is_no_duration_is_rejected() {
        for text in
            ["", "s", "h", "1x", "10s5m", "1m1m", "-5", "+5", "1.5", " 5", "5 ", "5s ", "٣", "99999999999999999999"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse(&format!("{}h", u64::MAX)), None);
    }
}
