//! Which clients stand in one table, whose ratios to the others are worth a column, and which ratios are aimed at. Clients
//! are only compared within their table: those of another do something else per request.

use crate::peers::Client;

/// Clients that do the same.
pub(crate) struct Table {
    /// In the order of the rows.
    pub(crate) clients: &'static [Client],
    /// Whom the others are measured by, one column each.
    pub(crate) yardsticks: &'static [Client],
    /// What a ratio is to be at least.
    pub(crate) goals: &'static [Goal],
}

/// `dear` is to cost at least so many times what `cheap` does.
pub(crate) struct Goal {
    pub(crate) dear: Client,
    pub(crate) cheap: Client,
    pub(crate) times: f64,
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
    goals: &[],
};

/// The same GETs by Python users: `locustfiles/shopper.py`.
const PYTHON: Table = Table {
    clients: &[Client::Python, Client::LocustHttp, Client::LocustFast],
    yardsticks: &[Client::Python],
    goals: &[
        Goal { dear: Client::LocustHttp, cheap: Client::Python, times: 30.0 },
        Goal { dear: Client::LocustFast, cheap: Client::Python, times: 6.0 },
    ],
};

/// JSON of 1 KiB that Python users look at: `locustfiles/checker.py`.
const CHECKED: Table = Table {
    clients: &[Client::PythonChecked, Client::LocustHttpChecked, Client::LocustFastChecked],
    yardsticks: &[Client::PythonChecked],
    goals: &[
        Goal { dear: Client::LocustHttpChecked, cheap: Client::PythonChecked, times: 12.0 },
        Goal { dear: Client::LocustFastChecked, cheap: Client::PythonChecked, times: 3.0 },
    ],
};

/// All tables.
pub(crate) const ALL: [&Table; 3] = [&NATIVE, &PYTHON, &CHECKED];

/// All clients, with or without Python.
pub(crate) fn clients(in_python: bool) -> Vec<Client> {
    let clients = ALL.iter().flat_map(|table| table.clients).copied();
    clients.filter(|client| client.python_users().is_some() == in_python).collect()
}

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
