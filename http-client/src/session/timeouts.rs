//! The timeouts of one request: opening a connection, each silence of the target, and the whole request.

use std::io;
use std::pin::Pin;

use crate::{ClientConfig, ClientRuntime, Error, Request};

/// The timeouts of one request. If two of them apply, the earlier deadline holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    connect_timeout_ns: u64,
    read_timeout_ns: u64,
    /// Deadline of the whole request.
    total_deadline_ns: u64,
}

impl Timeouts {
    /// Computes the timeouts from the request's options and the session's settings.
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

    /// Runs one operation on the connection. The target has been silent since `idle_since_ns`.
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

    /// Runs the opening of a connection that started at `started_ns`.
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

    /// Runs an operation that does not depend on the target, up to the total deadline.
    pub(super) async fn run_total<T>(
        &self,
        runtime: &impl ClientRuntime,
        operation: impl Future<Output = T>,
    ) -> Result<T, Error> {
        runtime.timeout_at(self.total_deadline_ns, operation).await.ok_or(Error::TotalTimeout)
    }

    /// Returns the same timeouts with another read timeout.
    pub(super) fn with_read_timeout(self, read_timeout_ns: u64) -> Self {
        Self { read_timeout_ns, ..self }
    }

    fn timeout_error(&self, deadline_ns: u64, error: Error) -> Error {
        if deadline_ns == self.total_deadline_ns { Error::TotalTimeout } else { error }
    }
}
