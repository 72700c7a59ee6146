//! One user's view of the target: a base URL, kept connections, cookies, and [`Session::send`].
//!
//! Must not know what a task, a statistic or a runtime is. A request makes one hop (`hop.rs`), in one `conversation`, or
//! several when a redirect or a question for a password leads on (`chain.rs`). `connections` decides which connection a
//! hop takes and `connect` makes one; `upload` sends a body that is long, `stream` reads one piece by piece; `trace` stamps
//! the times, `patience` limits them. Everything between the two ends of the wire is [`proto`](crate::proto).

mod connect;
mod exchange_io;
mod exchange_timer;
mod follow;
mod hop;
mod maybe_tls_stream;
mod pool;
mod stream;
mod timeouts;
mod upload;

use std::cell::RefCell;
use std::sync::Arc;

pub use self::stream::BodyStream;

use self::exchange_io::ExchangeIo;
use self::exchange_timer::ExchangeTimer;
use self::hop::Hop;
use self::maybe_tls_stream::MaybeTlsStream;
use self::pool::ConnectionPool;
use self::timeouts::Timeouts;
use crate::auth::DigestState;
use crate::{
    BaseUrl, ClientConfig, ClientRuntime, CookieJar, Error, Exchange, Request, Response, ResponseBodyMode,
    TlsSessionCache,
};

/// One user's connections and cookies.
///
/// Idle, it holds no buffer and no memory beside its cookies and, where it talks to several hosts, their names.
pub struct Session<N: ClientRuntime> {
    base_url: Arc<BaseUrl>,
    config: Arc<ClientConfig>,
    pool: ConnectionPool<MaybeTlsStream<N::Transport>>,
    cookies: RefCell<CookieJar>,
    /// What a target has said that digests are to be made of.
    digest_state: RefCell<Option<Box<DigestState>>>,
    tls_session_cache: TlsSessionCache,
}

impl<N: ClientRuntime> Session<N> {
    /// A session without connections and cookies.
    pub const fn new(base_url: Arc<BaseUrl>, config: Arc<ClientConfig>) -> Self {
        Self {
            base_url,
            config,
            pool: ConnectionPool::new(),
            cookies: RefCell::new(CookieJar::new()),
            digest_state: RefCell::new(None),
            tls_session_cache: TlsSessionCache::new(),
        }
    }

    /// The URL that targets are appended to.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
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
        self.pool.clear();
    }

    /// Sends a request and reads its response, that of the last redirect if there are any. Whatever comes of it is part of
    /// the exchange, errors too.
    ///
    /// Several may be under way at once, each on a connection of its own. A dropped future closes its connection, so
    /// half a request or response is never met by the next one.
    pub async fn send(&self, runtime: &N, request: &Request<'_>) -> Exchange {
        let mut timer = ExchangeTimer::starting_at(runtime.now_ns());
        let result = self.execute(runtime, request, &mut timer).await;
        timer.finish(runtime, result)
    }

    /// Sends a request and reads the head of its response, whose body is then read piece by piece from the stream. The
    /// exchange ends with the head, and its response has no body. Without a response there is no stream.
    pub async fn send_streaming<'s>(
        &'s self,
        runtime: &'s N,
        request: &Request<'_>,
    ) -> (Exchange, Option<BodyStream<'s, N>>) {
        let mut timer = ExchangeTimer::starting_at(runtime.now_ns());
        let request = &Request { response_body_mode: ResponseBodyMode::Stream, ..*request };
        let mut exchange_io = self.new_exchange_io(runtime, request);
        if let Err(error) = self.send_and_follow(runtime, request, &mut exchange_io, &mut timer).await {
            runtime.release_buffer(exchange_io.take_buffer());
            return (timer.finish(runtime, Err(error)), None);
        }
        timer.response_complete(exchange_io.received_ns());
        let chain = exchange_io.history.take();
        let head = exchange_io.response_head().map(|response| response.with_history(chain));
        let exchange = timer.finish(runtime, head);
        (exchange, Some(BodyStream::new(self, runtime, exchange_io, self.timeouts(request, timer.due_ns()))))
    }

    async fn execute(&self, runtime: &N, request: &Request<'_>, timer: &mut ExchangeTimer) -> Result<Response, Error> {
        let mut exchange_io = self.new_exchange_io(runtime, request);
        let mut read = self.send_and_follow(runtime, request, &mut exchange_io, timer).await;
        if read.is_ok() && !exchange_io.parser.is_done() {
            read = exchange_io.read_to_end(runtime, self.timeouts(request, timer.due_ns()), timer).await;
        }
        match read {
            Ok(()) => self.take_response(runtime, &mut exchange_io, timer),
            Err(error) => {
                runtime.release_buffer(exchange_io.take_buffer());
                Err(error)
            }
        }
    }

    /// Reads up to the head of the response that is the last of its chain.
    async fn send_and_follow<'s>(
        &'s self,
        runtime: &'s N,
        request: &Request<'_>,
        exchange_io: &mut ExchangeIo<'s, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<(), Error> {
        self.send_hop(runtime, &Hop::first(request, &self.config), exchange_io, timer).await?;
        if self.needs_follow_up(exchange_io, request) {
            // Rare and large: boxed, so that it does not weigh on every request.
            Box::pin(self.follow_until_final(runtime, request, exchange_io, timer)).await?;
        }
        Ok(())
    }

    fn timeouts(&self, request: &Request<'_>, due_ns: u64) -> Timeouts {
        Timeouts::for_request(request, &self.config, due_ns)
    }
}
