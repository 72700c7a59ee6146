//! One request on one connection: encoded and sent, its response read as far as it is wanted.

use std::borrow::Cow;

use super::Session;
use super::connect::connect;
use super::exchange_io::ExchangeIo;
use super::exchange_timer::ExchangeTimer;
use super::maybe_tls_stream::MaybeTlsStream;
use super::pool::{PoolKey, PoolSlot, PooledConnection, RequestRoute};
use super::timeouts::Timeouts;
use super::upload::{self, DeferredBody};
use crate::proto::coding::BodyDecoder;
use crate::proto::{HeaderFlags, RequestHead, encode};
use crate::proto::{ResponseParser, target};
use crate::{Auth, ClientConfig, ClientRuntime, Error, InvalidRequest, Request, Response};

/// A request as it is made of one host.
pub(super) struct Hop<'a> {
    pub(super) request: &'a Request<'a>,
    /// Who asks; nobody once a redirect has led to somebody else.
    pub(super) auth: Option<&'a Auth>,
    /// A redirect has led to somebody else, who is not to see what says who asks.
    pub(super) is_cross_origin: bool,
}

impl<'a> Hop<'a> {
    /// The one that the user asked for.
    pub(super) fn first(request: &'a Request<'_>, config: &'a ClientConfig) -> Self {
        let auth = request.options.and_then(|options| options.auth.as_ref()).or(config.auth.as_ref());
        Self { request, auth, is_cross_origin: false }
    }

    /// Cookies beside those of the session.
    fn request_cookies(&self) -> &'a [(String, String)] {
        match self.request.options {
            Some(options) if !self.is_cross_origin => &options.cookies,
            _ => &[],
        }
    }

    /// Default headers that are left out.
    fn suppressed_headers(&self) -> Cow<'a, [String]> {
        let names = self.request.options.map_or(&[][..], |options| &options.suppressed_default_headers);
        let mut without = Cow::Borrowed(names);
        if self.is_cross_origin {
            without.to_mut().extend(CREDENTIAL_HEADERS.map(String::from));
        }
        without
    }
}

/// What is left to do when the head of a request is in the buffer.
struct EncodedRequest<'a> {
    header_flags: HeaderFlags,
    deferred_body: Option<DeferredBody<'a>>,
}

impl<N: ClientRuntime> Session<N> {
    /// What a request begins with.
    pub(super) fn new_exchange_io<'s>(&'s self, runtime: &'s N, request: &Request<'_>) -> ExchangeIo<'s, N::Transport> {
        let parser = ResponseParser::new(request.method, request.response_body_mode, &self.config.limits);
        ExchangeIo::new(parser.with_head_cache(runtime.head_cache()), runtime.acquire_buffer())
    }

    /// Sends a request and reads up to the head of its response.
    pub(super) async fn send_hop(
        &self,
        runtime: &N,
        hop: &Hop<'_>,
        exchange_io: &mut ExchangeIo<'_, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<(), Error> {
        let request = hop.request;
        let route = self.pool.route(&self.base_url, request)?;
        let EncodedRequest { header_flags, deferred_body } =
            self.encode_request(runtime, hop, &route, &mut exchange_io.buffer)?;
        let timeouts = self.timeouts(request, timer.due_ns());
        exchange_io.connection = Some(self.acquire_connection(runtime, &route, timeouts, timer).await?);
        exchange_io.must_close = header_flags.close;

        timer.add_bytes_out(exchange_io.buffer.len());
        let answered = match deferred_body {
            None => exchange_io.send_and_receive(runtime, timeouts, timer.connected_at_ns()).await,
            // Rare and large: boxed, so that it does not weigh on every request.
            Some(upload) => {
                let asks_first = header_flags.expects_continue;
                Box::pin(upload::send(upload, runtime, timeouts, exchange_io, &self.config, asks_first, timer)).await
            }
        };
        let received = match answered {
            Ok(()) => {
                exchange_io.stamp_first_byte(timer);
                let since_ns = exchange_io.received_ns();
                exchange_io.receive_until(runtime, timeouts, since_ns, timer, |parser| parser.head().is_some()).await
            }
            Err(error) => Err(error),
        };
        timer.request_sent(exchange_io.sent_ns());
        received?;
        if exchange_io.parser.head().is_some_and(|head| head.has_set_cookie) {
            self.store_cookies(runtime, exchange_io, &route);
        }
        exchange_io.pool_slot = route.slot;
        Ok(())
    }

    /// An idle connection, or a new one.
    async fn acquire_connection(
        &self,
        runtime: &N,
        route: &RequestRoute<'_>,
        timeouts: Timeouts,
        timer: &mut ExchangeTimer,
    ) -> Result<PooledConnection<MaybeTlsStream<N::Transport>>, Error> {
        if let Some(pooled) = self.pool.acquire(route, &self.base_url) {
            return Ok(pooled);
        }
        // Rare and large: boxed, so that it does not weigh on every request.
        let connected = Box::pin(async {
            let home;
            let key = match &route.slot {
                PoolSlot::Other(key) => &**key,
                PoolSlot::Base => {
                    home = PoolKey::for_base(&self.base_url);
                    &home
                }
            };
            connect(runtime, &self.config, &self.tls_session_cache, key, timeouts, timer).await
        });
        connected.await.map(|transport| PooledConnection { transport, requests_served: 0 })
    }

    /// A response that was read to its end; its connection is kept.
    pub(super) fn take_response(
        &self,
        runtime: &N,
        exchange_io: &mut ExchangeIo<'_, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<Response, Error> {
        let parser = &exchange_io.parser;
        timer.response_complete(exchange_io.received_ns());
        timer.set_bytes_in(parser.body_bytes());
        let is_coded = parser.head().is_some_and(|head| head.is_content_encoded);
        self.release_connection(exchange_io);
        let (buffer, chain) = (exchange_io.take_buffer(), exchange_io.history.take());
        let response = Response::new(buffer, &exchange_io.parser).ok_or(Error::ClosedBeforeResponse)?;
        let response = response.with_history(chain);
        if is_coded && !response.body().is_empty() {
            return self.decode_body(runtime, response, timer);
        }
        Ok(response)
    }

    /// Keeps a connection whose response is complete, unless it is of no more use, or has served enough requests.
    pub(super) fn release_connection(&self, exchange_io: &mut ExchangeIo<'_, N::Transport>) {
        let Some(mut pooled) = exchange_io.connection.take() else {
            return;
        };
        pooled.requests_served = pooled.requests_served.saturating_add(1);
        let most = self.config.max_requests_per_connection;
        let is_worn = exchange_io.must_close || (most > 0 && pooled.requests_served >= most);
        if exchange_io.parser.is_reusable() && !is_worn {
            self.pool.release(&exchange_io.pool_slot, &self.base_url, pooled);
        }
    }

    /// The response as its reader wants it: without content codings, as far as they are known.
    #[cold]
    fn decode_body(&self, runtime: &N, mut response: Response, timer: &mut ExchangeTimer) -> Result<Response, Error> {
        match self.decode_to_buffer(&response) {
            Ok(None) => Ok(response),
            Ok(Some(decoded)) => {
                runtime.release_buffer(response.replace_buffer(decoded));
                timer.set_bytes_in(response.body().len() as u64);
                Ok(response)
            }
            Err(error) => {
                timer.set_bytes_in(0);
                runtime.release_buffer(response.into_buffer());
                Err(error)
            }
        }
    }

    /// Head and decoded body; `None` when there is no coding that is known.
    fn decode_to_buffer(&self, response: &Response) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut decoder) = BodyDecoder::for_codings(&response.content_codings(), &self.config.limits)? else {
            return Ok(None);
        };
        let mut decoded = response.head().to_vec();
        decoder.decode(response.body(), &mut decoded)?;
        decoder.finish(&mut decoded)?;
        Ok(Some(decoded))
    }

    /// Puts the request's head into the buffer, with its body if that is short.
    fn encode_request<'a>(
        &self,
        runtime: &N,
        hop: &Hop<'a>,
        route: &RequestRoute<'_>,
        out: &mut Vec<u8>,
    ) -> Result<EncodedRequest<'a>, InvalidRequest> {
        let request = hop.request;
        let origin = route.origin(&self.base_url);
        let proxy = if origin.scheme().is_secure() { None } else { route.proxy(&self.base_url, &self.config) };
        let without = hop.suppressed_headers();
        let head = RequestHead {
            method: request.method,
            origin,
            prefix: route.prefix(&self.base_url),
            target: route.path,
            defaults: &self.config.default_headers,
            headers: request.headers,
            suppressed: &without,
            absolute_form: proxy.is_some(),
        };
        let mut header_flags = head.append_to(out)?;
        if let Some(line) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
            out.extend_from_slice(line.as_str().as_bytes());
        }
        let auth = hop.auth.or_else(|| route.auth(&self.base_url));
        if let Some(auth) = auth.filter(|_| !header_flags.has_authorization) {
            self.append_authorization(auth, &head, out);
        }
        let cookies = hop.request_cookies();
        let has_cookies = !cookies.is_empty() || !self.cookies.borrow().is_empty();
        if has_cookies && !header_flags.has_cookie {
            let path = encode::path_range(out, head.target_range(out));
            let extra: Vec<_> = cookies.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            self.cookies.borrow().append_to(out, origin, path, &extra, || runtime.unix_time_s())?;
        }
        let deferred_body = upload::append_body(out, request, &self.config, &mut header_flags);
        Ok(EncodedRequest { header_flags, deferred_body })
    }

    fn append_authorization(&self, auth: &Auth, head: &RequestHead<'_>, out: &mut Vec<u8>) {
        match auth {
            Auth::Basic(line) => out.extend_from_slice(line.as_str().as_bytes()),
            Auth::Digest(credentials) => {
                let target = String::from_utf8_lossy(&out[head.target_range(out)]).into_owned();
                let mut digest = self.digest_state.borrow_mut();
                let line = digest.as_mut().and_then(|state| state.authorization(credentials, head.method, &target));
                out.extend_from_slice(line.unwrap_or_default().as_bytes());
            }
        }
    }

    #[cold]
    fn store_cookies(&self, runtime: &N, exchange_io: &ExchangeIo<'_, N::Transport>, route: &RequestRoute<'_>) {
        let path = target::path(route.prefix(&self.base_url), route.path);
        let origin = route.origin(&self.base_url);
        let now = runtime.unix_time_s();
        let head = exchange_io.parser.head().map_or(0, |head| head.len);
        for (name, value) in crate::HeaderIter::from_head(&exchange_io.buffer[..head]) {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Ok(value) = std::str::from_utf8(value)
            {
                self.cookies.borrow_mut().store(value, origin, &path, now);
            }
        }
    }
}

/// Headers that say who asks.
pub(super) const CREDENTIAL_HEADERS: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];
