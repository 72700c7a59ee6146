//! The tables of a comparison as text: medians over the rounds, ranges, and ratios to the reference clients of each
//! table. Ratios are taken within each round before the median, since two clients of one round ran under the same
//! conditions.

use std::fmt::{self, Write};

use crate::clients::Client;
use crate::measure::{RoundSample, median};
use crate::tables::{ComparisonTable, RatioBound, RatioGoal};

/// All samples, formatted as tables with one row per measured client.
pub(crate) struct Report<'a> {
    /// The samples in the order of measurement.
    pub(crate) samples: &'a [RoundSample],
    /// The tables that define rows and columns.
    pub(crate) tables: &'a [&'a ComparisonTable],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.samples.is_empty() {
            return Ok(());
        }
        for table in self.tables {
            self.table(f, table)?;
        }
        let others: Vec<_> = self.samples.iter().map(RoundSample::others_cores).collect();
        let most = others.iter().copied().fold(0.0, f64::max);
        writeln!(
            f,
            "CPU time of the client, user and system. Others used {:.2} cores (median), {most:.2} at most.",
            median(&others)
        )
    }
}

impl Report<'_> {
    /// Returns the median over the rounds of the ratio of the CPU time of `client` to that of `base` in the same round.
    /// Returns `None` if no round has both.
    pub(crate) fn ratio(&self, client: Client, base: Client) -> Option<f64> {
        let ratios: Vec<_> = self
            .samples_of(client)
            .filter_map(|sample| {
                let same_round = self.samples_of(base).find(|other| other.round == sample.round)?;
                Some(sample.cpu_us_per_request() / same_round.cpu_us_per_request())
            })
            .collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    fn table(&self, f: &mut fmt::Formatter<'_>, table: &ComparisonTable) -> fmt::Result {
        let clients: Vec<_> =
            table.clients.iter().filter(|&&client| self.samples_of(client).next().is_some()).collect();
        if clients.is_empty() {
            return Ok(());
        }
        let column = |yardstick: &Client| format!("× {}", yardstick.name());
        write!(f, "{:<20}{:>12}{:>18}", "client", table.unit.name(), "range")?;
        table.yardsticks.iter().try_for_each(|yardstick| write!(f, "{:>18}", column(yardstick)))?;
        writeln!(f, "{:>14}{:>12}", "requests/s", "server µs")?;
        for &&client in &clients {
            self.row(f, client, table)?;
        }
        for goal in table.goals {
            self.goal(f, goal)?;
        }
        writeln!(f)
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, client: Client, table: &ComparisonTable) -> fmt::Result {
        let costs: Vec<_> =
            self.samples_of(client).map(|sample| table.unit.convert(sample.cpu_us_per_request())).collect();
        let rates: Vec<_> = self.samples_of(client).map(RoundSample::rate).collect();
        let server: Vec<_> = self.samples_of(client).map(RoundSample::server_us_per_request).collect();
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = costs.iter().copied().fold(0.0, f64::max);
        write!(f, "{:<20}{:>12.2}{:>18}", client.name(), median(&costs), format!("{least:.2}–{most:.2}"))?;
        for &yardstick in table.yardsticks {
            write!(f, "{:>18}", format_ratio(self.ratio(client, yardstick)))?;
        }
        writeln!(f, "{:>14.0}{:>12.2}", median(&rates), median(&server))
    }

    fn goal(&self, f: &mut fmt::Formatter<'_>, goal: &RatioGoal) -> fmt::Result {
        let Some(ratio) = self.ratio(goal.client, goal.base) else {
            return Ok(());
        };
        let (is_reached, wanted) = match goal.bound {
            RatioBound::AtLeast(times) => (ratio >= times, format!("{times} or more")),
            RatioBound::AtMost(times) => (ratio <= times, format!("{times} or less")),
        };
        let verdict = if is_reached { "reached" } else { "missed" };
        let (client, base) = (goal.client.name(), goal.base.name());
        writeln!(f, "Goal {verdict}: {client} costs {ratio:.2} × {base}, to be {wanted}.")
    }

    fn samples_of(&self, client: Client) -> impl Iterator<Item = &RoundSample> {
        self.samples.iter().filter(move |sample| sample.client == client)
    }
}

/// Formats every run as one line of CSV.
pub(crate) fn csv(samples: &[RoundSample]) -> String {
    let mut text = String::from("round,client,run,requests,cpu_us,wall_s,server_cpu_us,others_cores\n");
    for sample in samples {
        for (name, run) in [("short", sample.short), ("long", sample.long)] {
            writeln!(
                text,
                "{},{},{name},{},{:.0},{:.6},{:.0},{:.3}",
                sample.round,
                sample.client.name(),
                run.requests,
                run.cpu_us,
                run.wall_s,
                run.server_cpu_us,
                run.others_cores
            )
            .expect("writing to a String cannot fail");
        }
    }
    text
}

fn format_ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ClientRun;
    use crate::tables::CostUnit;

    fn sample(client: Client, round: u32, us_per_request: f64) -> RoundSample {
        let run = |requests: u64| ClientRun {
            requests,
            cpu_us: us_per_request * requests as f64,
            wall_s: requests as f64 / 1e5,
            server_cpu_us: 5.0 * requests as f64,
            others_cores: 0.1,
        };
        RoundSample { client, round, short: run(100_000), long: run(400_000) }
    }

    #[test]
    fn ratios_are_paired_by_round() {
        // The machine halves its speed each round. Within a round wrk always costs 1.5 times the floor.
        let rounds = [(1, 5.0), (2, 10.0), (3, 20.0)];
        let samples: Vec<_> = rounds
            .iter()
            .flat_map(|&(round, us)| [sample(Client::Floor, round, us), sample(Client::Wrk, round, us * 1.5)])
            .collect();
        let table = ComparisonTable {
            clients: &[Client::Floor, Client::Wrk, Client::Oha],
            yardsticks: &[Client::Floor],
            unit: CostUnit::Request,
            goals: &[
                RatioGoal { client: Client::Wrk, base: Client::Floor, bound: RatioBound::AtLeast(1.5) },
                RatioGoal { client: Client::Wrk, base: Client::Floor, bound: RatioBound::AtLeast(1.6) },
                RatioGoal { client: Client::Wrk, base: Client::Floor, bound: RatioBound::AtMost(1.4) },
                RatioGoal { client: Client::Oha, base: Client::Floor, bound: RatioBound::AtLeast(1.0) },
            ],
        };
        let report = Report { samples: &samples, tables: &[&table] };
        assert!((report.ratio(Client::Wrk, Client::Floor).unwrap() - 1.5).abs() < 1e-9);
        assert_eq!(report.ratio(Client::Oha, Client::Floor), None);
        let text = report.to_string();
        let row = "wrk                        15.00        7.50–30.00             1.500        100000        5.00\n";
        let goals = "Goal reached: wrk costs 1.50 × floor, to be 1.5 or more.\n\
                     Goal missed: wrk costs 1.50 × floor, to be 1.6 or more.\n\
                     Goal missed: wrk costs 1.50 × floor, to be 1.4 or less.\n\n";
        assert!(text.contains(&format!("{row}{goals}")), "{text}");
        assert!(!text.contains("oha"), "{text}");
    }

    #[test]
    fn body_costs_are_per_kibibyte() {
        let samples = [sample(Client::Wrk64k, 1, 32.0)];
        let table =
            ComparisonTable { clients: &[Client::Wrk64k], yardsticks: &[], unit: CostUnit::Kibibyte(64), goals: &[] };
        let text = Report { samples: &samples, tables: &[&table] }.to_string();
        assert!(text.starts_with("client                    ns/KiB"), "{text}");
        assert!(text.contains("\nwrk-64k                   500.00     500.00–500.00"), "{text}");
    }
}
