//! How long a request may take: each silence of the target, and all of it.

use std::io;
use std::pin::Pin;

use crate::{ClientConfig, Error, Network, Request};

/// The time limits of one request. Of two that are set the nearer one holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    connect_timeout_ns: u64,
    read_timeout_ns: u64,
    /// When all of it must be over.
    until_ns: u64,
}

impl Patience {
    pub(super) fn of(request: &Request<'_>, config: &ClientConfig, due_ns: u64) -> Self {
        let options = request.options;
        let total_timeout_ns = options.total_timeout_ns.or(config.total_timeout_ns);
        Self {
            connect_timeout_ns: options.connect_timeout_ns.unwrap_or(config.connect_timeout_ns),
            read_timeout_ns: options.read_timeout_ns.unwrap_or(config.read_timeout_ns),
            until_ns: total_timeout_ns.map_or(u64::MAX, |timeout_ns| due_ns.saturating_add(timeout_ns)),
        }
    }

    /// Waits for one thing on the connection, of which nothing was heard since `since_ns`.
    pub(super) async fn wait<T>(
        &self,
        network: &impl Network,
        since_ns: u64,
        operation: Pin<&mut impl Future<Output = io::Result<T>>>,
    ) -> Result<T, Error> {
        let until_ns = self.until_ns.min(since_ns.saturating_add(self.read_timeout_ns));
        match network.deadline(until_ns, operation).await {
            Some(result) => result.map_err(|error| Error::from_io(&error)),
            None => Err(self.overdue(until_ns, Error::ReadTimeout)),
        }
    }

    /// Waits for a connection that was asked for at `since_ns`.
    pub(super) async fn connect<T>(
        &self,
        network: &impl Network,
        since_ns: u64,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let until_ns = self.until_ns.min(since_ns.saturating_add(self.connect_timeout_ns));
        let connected = network.deadline(until_ns, operation).await;
        connected.unwrap_or_else(|| Err(self.overdue(until_ns, Error::ConnectTimeout)))
    }

    /// Waits for something that is not the target's.
    pub(super) async fn in_time<T>(
        &self,
        network: &impl Network,
        operation: impl Future<Output = T>,
    ) -> Result<T, Error> {
        network.deadline(self.until_ns, operation).await.ok_or(Error::TotalTimeout)
    }

    /// The same, with no more than this much silence.
    pub(super) fn with_read_timeout(self, read_timeout_ns: u64) -> Self {
        Self { read_timeout_ns, ..self }
    }

    fn overdue(&self, until_ns: u64, error: Error) -> Error {
        if until_ns == self.until_ns { Error::TotalTimeout } else { error }
    }
}
