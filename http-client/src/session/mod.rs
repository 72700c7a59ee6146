//! One user's view of the target: a base URL, kept connections, cookies, and [`Session::send`].
//!
//! Must not know what a task, a statistic or a runtime is. `connections` decides which connection a request takes,
//! `trace` stamps the times; everything between the two ends of the wire is [`proto`](crate::proto).

mod connections;
mod trace;

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;

use self::connections::{Connections, Route};
use self::trace::Trace;
use crate::proto::encode::{self, RequestHead, Wishes};
use crate::proto::{Progress, ResponseParser, target};
use crate::{BaseUrl, ClientConfig, CookieJar, Error, Exchange, InvalidRequest, Network, Request, Response, Transport};

/// One user's connections and cookies.
///
/// Idle, it holds no buffer and no memory beside its cookies and, where it talks to several hosts, their names.
pub struct Session<N: Network> {
    base: Arc<BaseUrl>,
    config: Arc<ClientConfig>,
    connections: Connections<N::Transport>,
    cookies: RefCell<CookieJar>,
}

impl<N: Network> Session<N> {
    /// A session without connections and cookies.
    pub const fn new(base: Arc<BaseUrl>, config: Arc<ClientConfig>) -> Self {
        Self { base, config, connections: Connections::new(), cookies: RefCell::new(CookieJar::new()) }
    }

    /// The URL that targets are appended to.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The cookies.
    pub const fn cookies(&self) -> &RefCell<CookieJar> {
        &self.cookies
    }

    /// Closes all connections; the next request makes a new one.
    pub fn disconnect(&self) {
        self.connections.clear();
    }

    /// Sends a request and reads its response, whatever that is: an error is part of the exchange.
    ///
    /// Several may be under way at once, each on a connection of its own. A dropped future closes its connection, so
    /// half a request or response is never met by the next one.
    pub async fn send(&self, network: &N, request: &Request<'_>) -> Exchange {
        let mut trace = Trace::due(network.now_ns());
        let result = self.perform(network, request, &mut trace).await;
        trace.finish(network, result)
    }

    async fn perform(&self, network: &N, request: &Request<'_>, trace: &mut Trace) -> Result<Response, Error> {
        let route = self.connections.route(&self.base, request.target)?;
        let (mut buffer, wishes) = self.encode(network, request, &route)?;

        let kept = self.connections.take(&route, &self.base, trace.hop_ns(), self.config.idle_peek_after_ns);
        let mut transport = match kept {
            Some(transport) => transport,
            None => match self.connect(network, &route, trace).await {
                Ok(transport) => transport,
                Err(error) => {
                    network.give_buffer(buffer);
                    return Err(error);
                }
            },
        };

        trace.bytes_out = buffer.len() as u64;
        let limits = &self.config.limits;
        let mut parser =
            ResponseParser::new(request.method, request.body_policy, limits).remembering(network.head_memo());
        let until_ns = trace.ready_ns().saturating_add(self.read_timeout_ns(request));
        let received = {
            // Pinned here, because a future that is handed over by value is copied.
            let conversation = pin!(converse(&mut transport, &mut parser, &mut buffer, trace));
            network.deadline(until_ns, conversation).await
        };
        trace.sent(transport.sent_ns());
        if let Err(error) = received.unwrap_or(Err(Error::ReadTimeout)) {
            network.give_buffer(buffer);
            return Err(error);
        }
        trace.complete(transport.received_ns());
        trace.body_bytes(parser.body_bytes());

        let response = Response::new(buffer, &parser).ok_or(Error::ClosedBeforeResponse)?;
        let reusable = parser.is_reusable() && !wishes.close;
        if parser.head().is_some_and(|head| head.sets_cookies) {
            self.store_cookies(network, &response, &route);
        }
        if reusable {
            self.connections.keep(&route, &self.base, transport, trace.done_ns());
        }
        Ok(response)
    }

    /// The request in a buffer of the network's.
    fn encode(&self, network: &N, request: &Request<'_>, route: &Route<'_>) -> Result<(Vec<u8>, Wishes), Error> {
        let mut buffer = network.take_buffer();
        match self.append_request(network, request, route, &mut buffer) {
            Ok(wishes) => Ok((buffer, wishes)),
            Err(error) => {
                network.give_buffer(buffer);
                Err(error.into())
            }
        }
    }

    fn append_request(
        &self,
        network: &N,
        request: &Request<'_>,
        route: &Route<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Wishes, InvalidRequest> {
        let origin = route.origin(&self.base);
        let head = RequestHead {
            method: request.method,
            origin,
            prefix: route.prefix(&self.base),
            target: route.path,
            defaults: &self.config.headers,
            headers: request.headers,
        };
        let wishes = head.append_to(out)?;
        let cookies = self.cookies.borrow();
        if !cookies.is_empty() && !wishes.own_cookies {
            let path = encode::path_range(out, request.method);
            cookies.append_to(out, origin, path, &[], || network.unix_time_s())?;
        }
        encode::append_body(out, request.method, request.body);
        Ok(wishes)
    }

    async fn connect(&self, network: &N, route: &Route<'_>, trace: &mut Trace) -> Result<N::Transport, Error> {
        let origin = route.origin(&self.base);
        let until_ns = trace.hop_ns().saturating_add(self.config.connect_timeout_ns);
        let mut resolved_ns = 0;
        let connected = network.deadline(until_ns, network.connect(origin, &mut resolved_ns)).await;
        trace.connected(resolved_ns, network.now_ns());
        connected.unwrap_or(Err(Error::ConnectTimeout))
    }

    fn read_timeout_ns(&self, request: &Request<'_>) -> u64 {
        request.read_timeout_ns.unwrap_or(self.config.read_timeout_ns)
    }

    #[cold]
    fn store_cookies(&self, network: &N, response: &Response, route: &Route<'_>) {
        let path = target::path(route.prefix(&self.base), route.path);
        let origin = route.origin(&self.base);
        let now = network.unix_time_s();
        for (name, value) in response.headers() {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Ok(value) = std::str::from_utf8(value)
            {
                self.cookies.borrow_mut().store(value, origin, &path, now);
            }
        }
    }
}

/// Sends what is in the buffer, then reads the response into it.
async fn converse(
    transport: &mut impl Transport,
    parser: &mut ResponseParser<'_>,
    buffer: &mut Vec<u8>,
    trace: &mut Trace,
) -> Result<(), Error> {
    transport.send(buffer).await.map_err(|error| Error::from_io(&error))?;
    loop {
        if buffer.capacity() > 0 {
            parser.make_room(buffer);
        }
        let progress = match transport.recv(buffer).await {
            Ok(0) => return parser.end(buffer),
            Ok(_) => parser.feed(buffer)?,
            Err(error) => return Err(Error::from_io(&error)),
        };
        match progress {
            Progress::More => trace.first_byte(transport.received_ns()),
            Progress::Done => return Ok(()),
        }
    }
}
