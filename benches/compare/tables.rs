//! Which clients stand in one table, whose ratios to the others are worth a column, and which ratios are aimed at. Clients
//! are only compared within their table: those of another do something else per request.

use crate::peers::Client;

/// Clients that do the same.
pub(crate) struct Table {
    /// In the order of the rows.
    pub(crate) clients: &'static [Client],
    /// Whom the others are measured by, one column each.
    pub(crate) yardsticks: &'static [Client],
    /// What CPU time is given per.
    pub(crate) unit: Unit,
    /// Which ratios are aimed at.
    pub(crate) goals: &'static [Goal],
}

/// What CPU time is given per.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Request,
    /// Where a response is so many.
    Kibibyte(u32),
}

impl Unit {
    /// The heading of its column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "µs/request",
            Self::Kibibyte(_) => "ns/KiB",
        }
    }

    /// The figure for so much CPU time per request.
    pub(crate) fn of(self, us_per_request: f64) -> f64 {
        match self {
            Self::Request => us_per_request,
            Self::Kibibyte(per_response) => us_per_request * 1000.0 / f64::from(per_response),
        }
    }
}

/// What `client` is to cost, in times of what `base` does.
pub(crate) struct Goal {
    pub(crate) client: Client,
    pub(crate) base: Client,
    pub(crate) times: Times,
}

/// How many times.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    AtLeast(f64),
    AtMost(f64),
}

/// GETs of 128 bytes by programs and runtimes without a line of Python.
const NATIVE: Table = Table {
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
        Client::Scenario,
        Client::Scenario2,
        Client::Scenario1x2,
    ],
    yardsticks: &[Client::Floor, Client::Wrk],
    unit: Unit::Request,
    goals: &[],
};

/// The same GETs by Python users: `locustfiles/shopper.py`.
const PYTHON: Table = Table {
    clients: &[Client::Python, Client::LocustHttp, Client::LocustFast],
    yardsticks: &[Client::Python],
    unit: Unit::Request,
    goals: &[
        Goal { client: Client::LocustHttp, base: Client::Python, times: Times::AtLeast(30.0) },
        Goal { client: Client::LocustFast, base: Client::Python, times: Times::AtLeast(6.0) },
    ],
};

/// JSON of 1 KiB that Python users look at: `locustfiles/checker.py`.
const CHECKED: Table = Table {
    clients: &[Client::PythonChecked, Client::LocustHttpChecked, Client::LocustFastChecked],
    yardsticks: &[Client::PythonChecked],
    unit: Unit::Request,
    goals: &[
        Goal { client: Client::LocustHttpChecked, base: Client::PythonChecked, times: Times::AtLeast(12.0) },
        Goal { client: Client::LocustFastChecked, base: Client::PythonChecked, times: Times::AtLeast(3.0) },
    ],
};

/// GETs of 64 KiB, from nginx.
const BODIES_64K: Table = Table {
    clients: &[Client::Wrk64k, Client::Gregaria64k, Client::Scenario64k],
    yardsticks: &[Client::Wrk64k],
    unit: Unit::Kibibyte(64),
    goals: &[
        Goal { client: Client::Gregaria64k, base: Client::Wrk64k, times: Times::AtMost(1.1) },
        Goal { client: Client::Scenario64k, base: Client::Wrk64k, times: Times::AtMost(1.1) },
    ],
};

/// GETs of 1 MiB, from nginx.
const BODIES_1M: Table = Table {
    clients: &[Client::Wrk1m, Client::Gregaria1m, Client::Scenario1m],
    yardsticks: &[Client::Wrk1m],
    unit: Unit::Kibibyte(1024),
    goals: &[
        Goal { client: Client::Gregaria1m, base: Client::Wrk1m, times: Times::AtMost(1.1) },
        Goal { client: Client::Scenario1m, base: Client::Wrk1m, times: Times::AtMost(1.1) },
    ],
};

/// GETs of 128 bytes over TLS, from nginx.
const TLS: Table = Table {
    clients: &[Client::WrkTls, Client::GregariaTls],
    yardsticks: &[Client::WrkTls],
    unit: Unit::Request,
    goals: &[Goal { client: Client::GregariaTls, base: Client::WrkTls, times: Times::AtMost(1.25) }],
};

/// What is compared at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    Native,
    Python,
    Bodies,
    Tls,
}

impl Subject {
    /// Its clients.
    pub(crate) fn clients(self) -> impl Iterator<Item = Client> {
        self.tables().iter().flat_map(|table| table.clients).copied()
    }

    fn tables(self) -> &'static [&'static Table] {
        match self {
            Self::Native => &[&NATIVE],
            Self::Python => &[&PYTHON, &CHECKED],
            Self::Bodies => &[&BODIES_64K, &BODIES_1M],
            Self::Tls => &[&TLS],
        }
    }
}

/// All tables.
pub(crate) const ALL: [&Table; 6] = [&NATIVE, &PYTHON, &CHECKED, &BODIES_64K, &BODIES_1M, &TLS];

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_client_is_in_one_table() {
        for client in Client::value_variants() {
            let tables = ALL.iter().filter(|table| table.clients.contains(client));
            assert_eq!(tables.count(), 1, "{}", client.name());
        }
    }
}
