//! One user's view of the target: a base URL, kept connections, cookies, and [`Session::send`].
//!
//! Must not know what a task, a statistic or a runtime is. A request makes one hop (`hop.rs`) on one connection, or
//! several when a redirect or a question for a password leads on (`chain.rs`). `connections` decides which connection a
//! hop takes and `connect` makes one; `upload` sends a body that is long, `stream` reads one piece by piece; `trace` stamps
//! the times, `patience` limits them. Everything between the two ends of the wire is [`proto`](crate::proto).

mod chain;
mod connect;
mod connections;
mod hop;
mod patience;
mod stream;
mod trace;
mod upload;

use std::cell::RefCell;
use std::sync::Arc;

pub use self::stream::BodyStream;

use self::connections::Connections;
use self::hop::{Hop, Opened};
use self::patience::Patience;
use self::trace::Trace;
use crate::auth::DigestState;
use crate::connection::Connection;
use crate::{BaseUrl, BodyPolicy, ClientConfig, CookieJar, Error, Exchange, Network, Request, Response, TlsSessions};

/// One user's connections and cookies.
///
/// Idle, it holds no buffer and no memory beside its cookies and, where it talks to several hosts, their names.
pub struct Session<N: Network> {
    base: Arc<BaseUrl>,
    config: Arc<ClientConfig>,
    connections: Connections<Connection<N::Transport>>,
    cookies: RefCell<CookieJar>,
    /// What a target has said that digests are to be made of.
    digest: RefCell<Option<Box<DigestState>>>,
    tls_sessions: TlsSessions,
}

impl<N: Network> Session<N> {
    /// A session without connections and cookies.
    pub const fn new(base: Arc<BaseUrl>, config: Arc<ClientConfig>) -> Self {
        Self {
            base,
            config,
            connections: Connections::new(),
            cookies: RefCell::new(CookieJar::new()),
            digest: RefCell::new(None),
            tls_sessions: TlsSessions::new(),
        }
    }

    /// The URL that targets are appended to.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The settings.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The cookies.
    pub const fn cookies(&self) -> &RefCell<CookieJar> {
        &self.cookies
    }

    /// Closes all connections; the next request makes a new one.
    pub fn disconnect(&self) {
        self.connections.clear();
    }

    /// Sends a request and reads its response, that of the last redirect if there are any. Whatever comes of it is part of
    /// the exchange, errors too.
    ///
    /// Several may be under way at once, each on a connection of its own. A dropped future closes its connection, so
    /// half a request or response is never met by the next one.
    pub async fn send(&self, network: &N, request: &Request<'_>) -> Exchange {
        let mut trace = Trace::due(network.now_ns());
        let result = self.perform(network, request, &mut trace).await;
        trace.finish(network, result)
    }

    /// Sends a request and reads the head of its response, whose body is then read piece by piece from the stream. The
    /// exchange ends with the head, and its response has no body. Without a response there is no stream.
    pub async fn open<'s>(&'s self, network: &'s N, request: &Request<'_>) -> (Exchange, Option<BodyStream<'s, N>>) {
        let mut trace = Trace::due(network.now_ns());
        let request = &Request { body_policy: BodyPolicy::Stream, ..*request };
        match self.reach_head(network, request, &mut trace).await {
            Ok(mut opened) => {
                trace.complete(opened.received_ns());
                let chain = opened.chain.take();
                let head = opened.head_alone().map(|response| response.with_chain(chain));
                let exchange = trace.finish(network, head);
                (exchange, Some(BodyStream::new(self, network, opened, self.patience(request, trace.due_ns()))))
            }
            Err(error) => (trace.finish(network, Err(error)), None),
        }
    }

    async fn perform(&self, network: &N, request: &Request<'_>, trace: &mut Trace) -> Result<Response, Error> {
        let mut opened = self.reach_head(network, request, trace).await?;
        opened.read_on(network, self.patience(request, trace.due_ns()), trace).await?;
        self.finish(network, opened, trace)
    }

    /// Reads up to the head of the response that is the last of its chain.
    async fn reach_head<'s>(
        &'s self,
        network: &'s N,
        request: &Request<'_>,
        trace: &mut Trace,
    ) -> Result<Opened<'s, N::Transport>, Error> {
        let hop = Hop::first(request, &self.config);
        let opened = self.open_hop(network, &hop, trace).await?;
        if !self.leads_on(&opened, request) {
            return Ok(opened);
        }
        // Rare and large: boxed, so that it does not weigh on every request.
        Box::pin(self.pursue(network, request, opened, trace)).await
    }

    fn patience(&self, request: &Request<'_>, due_ns: u64) -> Patience {
        Patience::of(request, &self.config, due_ns)
    }
}
