//! The line about the load generator: the verdict on it, and how busy and how late its threads were.
//!
//! The verdict itself is in `engine/src/health.rs`.

use gregaria_engine::{GeneratorHealth, GeneratorVerdict, ThreadLoad, ThreadRole};
use gregaria_stats::StatsEntry;

use super::format::format_ms;

/// Formats the line. `total` is the entry of all requests together.
pub(super) fn generator_line(health: &GeneratorHealth, total: &StatsEntry) -> String {
    let lags_us = [health.wait_lag_p99_us, health.send_lag_p99_us, health.resume_lag_p99_us];
    let longest_us = lags_us.into_iter().flatten().max();
    let delays = longest_us.map(|us| format!(", with delays of {} ms (p99)", format_ms(us as f64)));
    let evidence = match load_text(&health.loads) {
        Some(loads) => loads + &delays.unwrap_or_default(),
        None => "nothing was measured".to_owned(),
    };
    format!("Generator: {}; {evidence}", verdict_text(health, total))
}

fn verdict_text(health: &GeneratorHealth, total: &StatsEntry) -> String {
    // A late end of a wait is no part of a response time.
    let in_response_times_us = [health.send_lag_p99_us, health.resume_lag_p99_us].into_iter().flatten().max();
    let matters = in_response_times_us.is_some_and(|us| us * MIN_RESPONSE_TIME_PER_LAG > total.percentile_us(0.99));
    match health.verdict() {
        GeneratorVerdict::Bottleneck(figure) => {
            format!("it was the bottleneck ({figure}), so the figures above are its own, not the target's")
        }
        GeneratorVerdict::TooShort(reason) => {
            format!("the run was too short to tell whether it was the bottleneck ({reason})")
        }
        GeneratorVerdict::NotBottleneck if matters => {
            "it kept up, but its delays may be a part of the longest response times above".to_owned()
        }
        GeneratorVerdict::NotBottleneck => "it kept up, so the figures above are the target's".to_owned(),
    }
}

/// Returns `None` without threads.
fn load_text(loads: &[ThreadLoad]) -> Option<String> {
    let percent = |load: &ThreadLoad| format!("{:.0} %", load.cpu_share() * 100.0);
    if loads.iter().any(|load| load.role != ThreadRole::Shard) {
        let texts = loads.iter().enumerate().map(|(index, load)| {
            let verb = if index == 0 { " used" } else { "" };
            format!("{}{verb} {}", load.name(index), percent(load))
        });
        return Some(format!("{} of a core", texts.collect::<Vec<_>>().join(" and ")));
    }
    let mut shares: Vec<String> = loads.iter().map(percent).collect();
    match shares.len() {
        0..=1 => shares.pop().map(|share| format!("its thread used {share} of a core")),
        count @ 2..=MAX_LISTED_THREADS => {
            let last = shares.pop().unwrap_or_default();
            Some(format!("its {count} threads used {} and {last} of a core", shares.join(", ")))
        }
        count => {
            let by_share = |one: &&ThreadLoad, other: &&ThreadLoad| one.cpu_share().total_cmp(&other.cpu_share());
            let (least, most) = (loads.iter().min_by(by_share)?, loads.iter().max_by(by_share)?);
            Some(format!("its {count} threads used {} to {} of a core each", percent(least), percent(most)))
        }
    }
}

/// The ratio of the p99 of the response times to that of the lag from which the lag does not matter.
const MIN_RESPONSE_TIME_PER_LAG: u64 = 10;

/// The number of threads up to which each is listed.
const MAX_LISTED_THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use gregaria_stats::Summary;

    use super::*;
    use crate::fixture::{self, load};

    fn health(loads: Vec<ThreadLoad>) -> GeneratorHealth {
        GeneratorHealth {
            num_requests: 100,
            wait_lag_p99_us: Some(210),
            send_lag_p99_us: Some(60),
            loads,
            ..GeneratorHealth::default()
        }
    }

    /// The line of a run in which each request took this many microseconds.
    fn line(health: &GeneratorHealth, response_time_us: u64) -> String {
        let summary: Summary = fixture::summary(&[("GET", "/", response_time_us, None)]);
        generator_line(health, summary.total())
    }

    #[test]
    fn verdict_relates_the_lag_to_the_response_times() {
        let two = health(vec![load(45), load(44)]);
        assert_eq!(
            line(&two, 600),
            "Generator: it kept up, so the figures above are the target's; \
             its 2 threads used 45 % and 44 % of a core, with delays of 0.210 ms (p99)"
        );
        assert_eq!(
            line(&two, 599),
            "Generator: it kept up, but its delays may be a part of the longest response times above; \
             its 2 threads used 45 % and 44 % of a core, with delays of 0.210 ms (p99)"
        );
    }

    #[test]
    fn bottleneck_and_short_run_give_their_reasons() {
        assert_eq!(
            line(&health(vec![load(98)]), 2_100),
            "Generator: it was the bottleneck (a thread used 98 % of its core), so the figures above are its own, \
             not the target's; its thread used 98 % of a core, with delays of 0.210 ms (p99)"
        );
        let short = GeneratorHealth { loads: vec![ThreadLoad { wall_ns: 210_000_000, ..load(7) }], ..health(vec![]) };
        assert_eq!(
            line(&GeneratorHealth { wait_lag_p99_us: None, send_lag_p99_us: None, ..short }, 2_100),
            "Generator: the run was too short to tell whether it was the bottleneck \
             (a verdict needs 1 s); its thread used 33 % of a core"
        );
        assert!(line(&GeneratorHealth::default(), 1).ends_with("; nothing was measured"));
    }

    #[test]
    fn threads_are_named_or_counted() {
        let text = |loads: &[ThreadLoad]| load_text(loads).unwrap();
        let python =
            [ThreadLoad { role: ThreadRole::Python, ..load(25) }, ThreadLoad { role: ThreadRole::Io, ..load(6) }];
        assert_eq!(text(&python), "the Python thread used 25 % and the I/O thread 6 % of a core");
        assert_eq!(text(&[load(1), load(2), load(3)]), "its 3 threads used 1 %, 2 % and 3 % of a core");
        assert_eq!(text(&[5, 3, 9, 7, 4].map(load)), "its 5 threads used 3 % to 9 % of a core each");
    }
}
