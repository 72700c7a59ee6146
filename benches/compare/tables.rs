//! The tables of the comparison: the clients of each table, the reference clients for ratios, and the goals. Clients
//! are compared within one table only, because clients of another table do different work per request.

use crate::clients::Client;

/// A table of clients that do the same work per request.
pub(crate) struct ComparisonTable {
    /// The clients, in the order of the rows.
    pub(crate) clients: &'static [Client],
    /// The reference clients. Each has a column of ratios.
    pub(crate) yardsticks: &'static [Client],
    /// The unit of the costs.
    pub(crate) unit: CostUnit,
    /// The target ratios.
    pub(crate) goals: &'static [RatioGoal],
}

/// The unit of a cost: CPU time per request or per body size.
#[derive(Clone, Copy)]
pub(crate) enum CostUnit {
    /// Microseconds per request.
    Request,
    /// Nanoseconds per KiB. The value is the size of a response in KiB.
    Kibibyte(u32),
}

impl CostUnit {
    /// Returns the heading of the column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "µs/request",
            Self::Kibibyte(_) => "ns/KiB",
        }
    }

    /// Converts microseconds per request to this unit.
    pub(crate) fn convert(self, us_per_request: f64) -> f64 {
        match self {
            Self::Request => us_per_request,
            Self::Kibibyte(per_response) => us_per_request * 1000.0 / f64::from(per_response),
        }
    }
}

/// A goal for the ratio of the cost of `client` to the cost of `base`.
pub(crate) struct RatioGoal {
    pub(crate) client: Client,
    pub(crate) base: Client,
    pub(crate) bound: RatioBound,
}

/// A bound of a ratio.
#[derive(Clone, Copy)]
pub(crate) enum RatioBound {
    AtLeast(f64),
    AtMost(f64),
}

/// The ratio of two versions above which the newer one is slower: the noise between rounds is a tenth
/// (`benches/runs/README.md`).
const MAX_NOISE: RatioBound = RatioBound::AtMost(1.1);

/// GETs of 128 bytes by programs and runtimes without a line of Python.
const NATIVE: ComparisonTable = ComparisonTable {
    clients: &[
        Client::Floor,
        Client::Monoio,
        Client::MonoioPlain,
        Client::Glommio,
        Client::Tokio,
        Client::Wrk,
        Client::H2load,
        Client::Oha,
        Client::Gregaria,
        Client::GregariaBefore,
        Client::Scenario,
        Client::ScenarioBefore,
        Client::Scenario2,
        Client::Scenario1x2,
    ],
    yardsticks: &[Client::Floor, Client::Wrk],
    unit: CostUnit::Request,
    goals: &[
        RatioGoal { client: Client::Gregaria, base: Client::GregariaBefore, bound: MAX_NOISE },
        RatioGoal { client: Client::Scenario, base: Client::ScenarioBefore, bound: MAX_NOISE },
    ],
};

/// The same GETs by Python users: `locustfiles/shopper.py`.
const PYTHON: ComparisonTable = ComparisonTable {
    clients: &[Client::Python, Client::PythonBefore, Client::LocustHttp, Client::LocustFast],
    yardsticks: &[Client::Python],
    unit: CostUnit::Request,
    goals: &[
        RatioGoal { client: Client::LocustHttp, base: Client::Python, bound: RatioBound::AtLeast(30.0) },
        RatioGoal { client: Client::LocustFast, base: Client::Python, bound: RatioBound::AtLeast(6.0) },
        RatioGoal { client: Client::Python, base: Client::PythonBefore, bound: MAX_NOISE },
    ],
};

/// JSON of 1 KiB that Python users decode and check: `locustfiles/checker.py`.
const CHECKED: ComparisonTable = ComparisonTable {
    clients: &[Client::PythonChecked, Client::LocustHttpChecked, Client::LocustFastChecked],
    yardsticks: &[Client::PythonChecked],
    unit: CostUnit::Request,
    goals: &[
        RatioGoal { client: Client::LocustHttpChecked, base: Client::PythonChecked, bound: RatioBound::AtLeast(12.0) },
        RatioGoal { client: Client::LocustFastChecked, base: Client::PythonChecked, bound: RatioBound::AtLeast(3.0) },
    ],
};

/// GETs of 64 KiB, from nginx.
const BODIES_64K: ComparisonTable = ComparisonTable {
    clients: &[Client::Wrk64k, Client::Gregaria64k, Client::Scenario64k],
    yardsticks: &[Client::Wrk64k],
    unit: CostUnit::Kibibyte(64),
    goals: &[
        RatioGoal { client: Client::Gregaria64k, base: Client::Wrk64k, bound: RatioBound::AtMost(1.1) },
        RatioGoal { client: Client::Scenario64k, base: Client::Wrk64k, bound: RatioBound::AtMost(1.1) },
    ],
};

/// GETs of 1 MiB, from nginx.
const BODIES_1M: ComparisonTable = ComparisonTable {
    clients: &[Client::Wrk1m, Client::Gregaria1m, Client::Scenario1m],
    yardsticks: &[Client::Wrk1m],
    unit: CostUnit::Kibibyte(1024),
    goals: &[
        RatioGoal { client: Client::Gregaria1m, base: Client::Wrk1m, bound: RatioBound::AtMost(1.1) },
        RatioGoal { client: Client::Scenario1m, base: Client::Wrk1m, bound: RatioBound::AtMost(1.1) },
    ],
};

/// GETs of 128 bytes over TLS, from nginx.
const TLS: ComparisonTable = ComparisonTable {
    clients: &[Client::WrkTls, Client::GregariaTls],
    yardsticks: &[Client::WrkTls],
    unit: CostUnit::Request,
    goals: &[RatioGoal { client: Client::GregariaTls, base: Client::WrkTls, bound: RatioBound::AtMost(1.25) }],
};

/// The subject of one comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    Native,
    Python,
    Bodies,
    Tls,
}

impl Subject {
    /// Returns the clients of all tables of the subject.
    pub(crate) fn clients(self) -> impl Iterator<Item = Client> {
        self.tables().iter().flat_map(|table| table.clients).copied()
    }

    fn tables(self) -> &'static [&'static ComparisonTable] {
        match self {
            Self::Native => &[&NATIVE],
            Self::Python => &[&PYTHON, &CHECKED],
            Self::Bodies => &[&BODIES_64K, &BODIES_1M],
            Self::Tls => &[&TLS],
        }
    }
}

/// All tables.
pub(crate) const ALL_TABLES: [&ComparisonTable; 6] = [&NATIVE, &PYTHON, &CHECKED, &BODIES_64K, &BODIES_1M, &TLS];

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn each_client_is_in_one_table() {
        for client in Client::value_variants() {
            let tables = ALL_TABLES.iter().filter(|table| table.clients.contains(client));
            assert_eq!(tables.count(), 1, "{}", client.name());
        }
    }
}
