//! How long a request may take: each silence of the target, and all of it.

use std::io;
use std::pin::Pin;

use crate::{ClientConfig, ClientRuntime, Error, Request};

/// The time limits of one request. Of two that are set the nearer one holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    connect_timeout_ns: u64,
    read_timeout_ns: u64,
    /// When all of it must be over.
    total_deadline_ns: u64,
}

impl Timeouts {
    pub(super) fn for_request(request: &Request<'_>, config: &ClientConfig, due_ns: u64) -> Self {
        let connect_timeout_ns = request.options.and_then(|options| options.connect_timeout_ns);
        let read_timeout_ns = request.options.and_then(|options| options.read_timeout_ns);
        let total_timeout_ns = request.options.and_then(|options| options.total_timeout_ns);
        let total_timeout_ns = total_timeout_ns.or(config.total_timeout_ns);
        Self {
            connect_timeout_ns: connect_timeout_ns.unwrap_or(config.connect_timeout_ns),
            read_timeout_ns: read_timeout_ns.unwrap_or(config.read_timeout_ns),
            total_deadline_ns: total_timeout_ns.map_or(u64::MAX, |timeout_ns| due_ns.saturating_add(timeout_ns)),
        }
    }

    /// Waits for one thing on the connection, of which nothing was heard since `since_ns`.
    pub(super) async fn run_io<T>(
        &self,
        runtime: &impl ClientRuntime,
        idle_since_ns: u64,
        operation: Pin<&mut impl Future<Output = io::Result<T>>>,
    ) -> Result<T, Error> {
        let deadline_ns = self.total_deadline_ns.min(idle_since_ns.saturating_add(self.read_timeout_ns));
        match runtime.timeout_at(deadline_ns, operation).await {
            Some(result) => result.map_err(|error| Error::from_io(&error)),
            None => Err(self.timeout_error(deadline_ns, Error::ReadTimeout)),
        }
    }

    /// Waits for a connection that was asked for at `since_ns`.
    pub(super) async fn run_connect<T>(
        &self,
        runtime: &impl ClientRuntime,
        started_ns: u64,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let deadline_ns = self.total_deadline_ns.min(started_ns.saturating_add(self.connect_timeout_ns));
        let connected = runtime.timeout_at(deadline_ns, operation).await;
        connected.unwrap_or_else(|| Err(self.timeout_error(deadline_ns, Error::ConnectTimeout)))
    }

    /// Waits for something that is not the target's.
    pub(super) async fn run_total<T>(
        &self,
        runtime: &impl ClientRuntime,
        operation: impl Future<Output = T>,
    ) -> Result<T, Error> {
        runtime.timeout_at(self.total_deadline_ns, operation).await.ok_or(Error::TotalTimeout)
    }

    /// The same, with no more than this much silence.
    pub(super) fn with_read_timeout(self, read_timeout_ns: u64) -> Self {
        Self { read_timeout_ns, ..self }
    }

    fn timeout_error(&self, deadline_ns: u64, error: Error) -> Error {
        if deadline_ns == self.total_deadline_ns { Error::TotalTimeout } else { error }
    }
}
