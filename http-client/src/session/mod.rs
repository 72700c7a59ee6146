//! The session of one user: base URL, connections, cookies, and [`Session::send`].
//!
//! This folder must not know tasks, statistics or runtimes. A request is one hop (`hop.rs`), or several with
//! redirects and authentication (`follow.rs`). `exchange_io.rs` is the IO of one hop. `pool.rs` chooses a
//! connection, `connect.rs` opens one. `upload.rs` sends a long body, `stream.rs` reads a body in chunks.
//! `exchange_timer.rs` records the times, `timeouts.rs` limits them. The protocol itself is in
//! [`proto`](crate::proto).

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

/// The connections and cookies of one user.
///
/// An idle session holds no buffer. It allocates memory for its cookies, its connections to further origins, its TLS
/// sessions and a Digest challenge, if it has any.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use gregaria_http::{BaseUrl, ClientConfig, ClientRuntime, Error, Request, Session};
///
/// async fn log_in<N: ClientRuntime>(runtime: &N) -> Result<u16, Error> {
///     let base = Arc::new(BaseUrl::parse("https://shop.example")?);
///     let session = Session::new(base, Arc::new(ClientConfig::default()));
///     session.send(runtime, &Request::post("/login", b"user=anna")).await.result?;
///     // The cookies of the first response are sent with the second request.
///     let exchange = session.send(runtime, &Request::get("/account")).await;
///     Ok(exchange.result?.status())
/// }
/// ```
pub struct Session<N: ClientRuntime> {
    base_url: Arc<BaseUrl>,
    config: Arc<ClientConfig>,
    pool: ConnectionPool<MaybeTlsStream<N::Transport>>,
    cookies: RefCell<CookieJar>,
    /// The latest Digest challenge of a target.
    digest_state: RefCell<Option<Box<DigestState>>>,
    tls_session_cache: TlsSessionCache,
}

impl<N: ClientRuntime> Session<N> {
    /// Creates a session without connections and cookies.
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

    /// Returns the URL to which targets are appended.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Returns the settings.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Returns the cookies.
    pub const fn cookies(&self) -> &RefCell<CookieJar> {
        &self.cookies
    }

    /// Closes all idle connections. The next request opens a new one.
    pub fn disconnect(&self) {
        self.pool.clear();
    }

    /// Sends a request and reads its response. After redirects this is the response of the last request. The
    /// exchange contains errors too.
    ///
    /// Several requests may be in flight at once, each on its own connection.
    ///
    /// # Cancel safety
    /// A dropped future closes the connection of its request, so that the next request never reads the rest of a
    /// response. The target may have received the request. Cookies of heads that were read stay in the session.
    pub async fn send(&self, runtime: &N, request: &Request<'_>) -> Exchange {
        self.send_due_at(runtime, request, runtime.now_ns()).await
    }

    /// Sends a request that was due at `due_ns`, in monotonic nanoseconds. Its times and its total timeout count from
    /// then.
    ///
    /// # Cancel safety
    /// As [`Session::send`].
    pub async fn send_due_at(&self, runtime: &N, request: &Request<'_>, due_ns: u64) -> Exchange {
        let mut timer = ExchangeTimer::starting_at(due_ns);
        let result = self.execute(runtime, request, &mut timer).await;
        self.finish(runtime, timer, result)
    }

    /// Sends a request and reads the head of its response. The body is then read in chunks from the stream.
    ///
    /// The exchange ends with the head, and its response has no body. Without a response there is no stream.
    ///
    /// # Cancel safety
    /// As [`Session::send`].
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
            return (self.finish(runtime, timer, Err(error)), None);
        }
        timer.response_complete(exchange_io.received_ns());
        let history = exchange_io.history.take();
        let head = exchange_io.response_head().map(|response| response.with_history(history));
        let exchange = self.finish(runtime, timer, head);
        (exchange, Some(BodyStream::new(self, runtime, exchange_io, self.timeouts(request, timer.due_ns()))))
    }

    async fn execute(&self, runtime: &N, request: &Request<'_>, timer: &mut ExchangeTimer) -> Result<Response, Error> {
        let mut exchange_io = self.new_exchange_io(runtime, request);
        let mut read = self.send_and_follow(runtime, request, &mut exchange_io, timer).await;
        if read.is_ok() && request.response_body_mode == ResponseBodyMode::Stream {
            exchange_io.parser.discard_body(&mut exchange_io.buffer);
        }
        if read.is_ok() && !exchange_io.parser.is_done() {
            read = exchange_io.read_to_end(runtime, self.timeouts(request, timer.due_ns()), timer).await;
        }
        match read {
            Ok(()) => self.take_response(runtime, &mut exchange_io, timer),
            Err(error) => {
                if error.is_body_limit() {
                    timer.set_status(exchange_io.parser.head().map_or(0, |head| head.status));
                }
                runtime.release_buffer(exchange_io.take_buffer());
                Err(error)
            }
        }
    }

    /// Sends the request and its follow-ups, and reads up to the head of the last response.
    async fn send_and_follow<'s>(
        &'s self,
        runtime: &'s N,
        request: &Request<'_>,
        exchange_io: &mut ExchangeIo<'s, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<(), Error> {
        self.send_hop(runtime, &Hop::first(request, &self.config), exchange_io, timer).await?;
        if self.needs_follow_up(exchange_io, request) {
            // Boxed, because this future is rare and large, and would enlarge the future of every request.
            Box::pin(self.follow_until_final(runtime, request, exchange_io, timer)).await?;
        }
        Ok(())
    }

    fn finish(&self, runtime: &N, timer: ExchangeTimer, result: Result<Response, Error>) -> Exchange {
        let dropped_cookies = self.cookies.borrow_mut().take_dropped();
        Exchange { dropped_cookies, ..timer.finish(runtime, result) }
    }

    fn timeouts(&self, request: &Request<'_>, due_ns: u64) -> Timeouts {
        Timeouts::for_request(request, &self.config, due_ns)
    }
}
