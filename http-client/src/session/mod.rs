//! One user's view of the target: a base URL, kept connections, cookies, and [`Session::send`].
//!
//! Must not know what a task, a statistic or a runtime is. A request makes one hop (`hop.rs`), in one `conversation`, or
//! several when a redirect or a question for a password leads on (`chain.rs`). `connections` decides which connection a
//! hop takes and `connect` makes one; `upload` sends a body that is long, `stream` reads one piece by piece; `trace` stamps
//! the times, `patience` limits them. Everything between the two ends of the wire is [`proto`](crate::proto).

mod chain;
mod connect;
mod connections;
mod conversation;
mod hop;
mod patience;
mod stream;
mod trace;
mod upload;

use std::cell::RefCell;
use std::sync::Arc;

pub use self::stream::BodyStream;

use self::connections::Connections;
use self::conversation::Conversation;
use self::hop::Hop;
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
        let mut conversation = self.begin(network, request);
        if let Err(error) = self.reach_head(network, request, &mut conversation, &mut trace).await {
            network.give_buffer(conversation.take_buffer());
            return (trace.finish(network, Err(error)), None);
        }
        trace.complete(conversation.received_ns());
        let chain = conversation.chain.take();
        let head = conversation.head_alone().map(|response| response.with_chain(chain));
        let exchange = trace.finish(network, head);
        (exchange, Some(BodyStream::new(self, network, conversation, self.patience(request, trace.due_ns()))))
    }

    async fn perform(&self, network: &N, request: &Request<'_>, trace: &mut Trace) -> Result<Response, Error> {
        let mut conversation = self.begin(network, request);
        let mut read = self.reach_head(network, request, &mut conversation, trace).await;
        if read.is_ok() && !conversation.parser.is_done() {
            read = conversation.read_on(network, self.patience(request, trace.due_ns()), trace).await;
        }
        match read {
            Ok(()) => self.finish(network, &mut conversation, trace),
            Err(error) => {
                network.give_buffer(conversation.take_buffer());
                Err(error)
            }
        }
    }

    /// Reads up to the head of the response that is the last of its chain.
    async fn reach_head<'s>(
        &'s self,
        network: &'s N,
        request: &Request<'_>,
        conversation: &mut Conversation<'s, N::Transport>,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        self.open_hop(network, &Hop::first(request, &self.config), conversation, trace).await?;
        if self.leads_on(conversation, request) {
            // Rare and large: boxed, so that it does not weigh on every request.
            Box::pin(self.pursue(network, request, conversation, trace)).await?;
        }
        Ok(())
    }

    fn patience(&self, request: &Request<'_>, due_ns: u64) -> Patience {
        Patience::of(request, &self.config, due_ns)
    }
}
