//! Locust's buckets of response times, for the JSON output and the cluster protocol.
//!
//! A bucket has about two significant digits in milliseconds. Ties round to even, as in Python's `round`.

/// Returns the bucket of a response time, in milliseconds.
pub(crate) fn locust_bucket_ms(us: u64) -> u64 {
    let step_us = match us {
        0..100_000 => 1_000,
        100_000..1_000_000 => 10_000,
        1_000_000..10_000_000 => 100_000,
        _ => 1_000_000,
    };
    round_to_even(us, step_us) * (step_us / 1_000)
}

/// Returns `value / step`, rounded to the nearest integer. Ties round to even.
fn round_to_even(value: u64, step: u64) -> u64 {
    let (whole, rest) = (value / step, value % step);
    match (2 * rest).cmp(&step) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Equal => whole + whole % 2,
        std::cmp::Ordering::Greater => whole + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_match_the_examples_of_locust() {
        assert_eq!(locust_bucket_ms(147_000), 150);
        assert_eq!(locust_bucket_ms(3_432_000), 3_400);
        assert_eq!(locust_bucket_ms(58_760_000), 59_000);
    }

    #[test]
    fn ties_round_to_even_and_borders_to_coarser_step() {
        assert_eq!(locust_bucket_ms(500), 0);
        assert_eq!(locust_bucket_ms(1_500), 2);
        assert_eq!(locust_bucket_ms(99_500), 100);
        assert_eq!(locust_bucket_ms(105_000), 100);
        assert_eq!(locust_bucket_ms(115_000), 120);
        assert_eq!(locust_bucket_ms(999_999), 1_000);
        assert_eq!(locust_bucket_ms(10_500_000), 10_000);
        assert_eq!(locust_bucket_ms(11_500_000), 12_000);
    }
}
