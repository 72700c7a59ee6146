//! One request on one connection: encode, send, and read the head of the response.
//!
//! This file must not resolve redirects, which `follow.rs` turns into further hops. `exchange_io.rs` transfers the
//! bytes.

use std::borrow::Cow;

use super::Session;
use super::connect::connect;
use super::exchange_io::ExchangeIo;
use super::exchange_timer::ExchangeTimer;
use super::maybe_tls_stream::MaybeTlsStream;
use super::pool::{PoolKey, PoolSlot, PooledConnection, RequestRoute};
use super::timeouts::Timeouts;
use super::upload::{self, DeferredBody};
use crate::cookies::CookieHost;
use crate::proto::{HeaderFlags, RequestHead, ResponseParser, encode, target};
use crate::{Auth, ClientConfig, ClientRuntime, Error, InvalidRequest, Origin, Request, Response};

/// A request to one origin within a chain of redirects and authentication requests.
pub(super) struct Hop<'a> {
    pub(super) request: &'a Request<'a>,
    /// Credentials for this request. `None` after a cross-origin redirect.
    pub(super) auth: Option<&'a Auth>,
    /// Whether a cross-origin redirect was followed. If set, `Authorization`, `Cookie` and `Proxy-Authorization` are
    /// not sent.
    pub(super) is_cross_origin: bool,
    /// Whether a target has refused `Expect: 100-continue`. If set, `Expect` is not sent.
    pub(super) is_expectation_refused: bool,
}

impl<'a> Hop<'a> {
    /// Creates the first hop of the caller's request.
    pub(super) fn first(request: &'a Request<'_>, config: &'a ClientConfig) -> Self {
        let auth = request.options.and_then(|options| options.auth.as_ref()).or(config.auth.as_ref());
        Self { request, auth, is_cross_origin: false, is_expectation_refused: false }
    }

    /// Returns the cookies of this request only, beside those of the session.
    fn request_cookies(&self) -> &'a [(String, String)] {
        match self.request.options {
            Some(options) if !self.is_cross_origin => &options.cookies,
            _ => &[],
        }
    }

    /// Returns the names of default headers that are not sent.
    fn suppressed_headers(&self) -> Cow<'a, [String]> {
        let names = self.request.options.map_or(&[][..], |options| &options.suppressed_default_headers);
        let mut suppressed = Cow::Borrowed(names);
        if self.is_cross_origin {
            suppressed.to_mut().extend(CREDENTIAL_HEADERS.map(String::from));
            suppressed.to_mut().push("Host".to_owned());
        }
        if self.is_expectation_refused {
            suppressed.to_mut().push("Expect".to_owned());
        }
        suppressed
    }
}

/// The remaining work after the head of a request was encoded.
struct EncodedRequest<'a> {
    header_flags: HeaderFlags,
    deferred_body: Option<DeferredBody<'a>>,
}

impl<N: ClientRuntime> Session<N> {
    /// Creates the IO state of a new hop, with a buffer from the runtime.
    pub(super) fn new_exchange_io<'s>(&'s self, runtime: &'s N, request: &Request<'_>) -> ExchangeIo<'s, N::Transport> {
        let parser = ResponseParser::new(request.method, request.response_body_mode, &self.config.limits);
        ExchangeIo::new(parser.with_head_cache(runtime.head_cache()), runtime.acquire_buffer())
    }

    /// Sends a request and reads up to the head of its response.
    ///
    /// A request that a reused connection lost is sent once more, on a new connection.
    pub(super) async fn send_hop(
        &self,
        runtime: &N,
        hop: &Hop<'_>,
        exchange_io: &mut ExchangeIo<'_, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<(), Error> {
        let request = hop.request;
        let route = self.pool.route(&self.base_url, request)?;
        let timeouts = self.timeouts(request, timer.due_ns());
        let mut is_retry = false;
        loop {
            let EncodedRequest { header_flags, deferred_body } =
                self.encode_request(runtime, hop, &route, &mut exchange_io.buffer)?;
            let acquiring = self.acquire_connection(runtime, &route, !is_retry, timeouts, timer);
            exchange_io.connection = Some(acquiring.await?);
            (exchange_io.must_close, exchange_io.expects_continue) =
                (header_flags.close, header_flags.expects_continue);

            timer.add_bytes_out(exchange_io.buffer.len());
            let sent = match deferred_body {
                None => exchange_io.send_and_receive(runtime, timeouts, timer.connected_at_ns()).await,
                // Boxed, because this future is rare and large, and would enlarge the future of every request.
                Some(body) => Box::pin(upload::send(body, runtime, timeouts, exchange_io, &self.config, timer)).await,
            };
            let received = match sent {
                Ok(()) => {
                    exchange_io.stamp_first_byte(timer);
                    let since_ns = exchange_io.received_ns();
                    exchange_io.receive_until(runtime, timeouts, since_ns, timer, |p| p.head().is_some()).await
                }
                Err(error) => Err(error),
            };
            timer.request_sent(exchange_io.sent_ns());
            match received {
                Err(error) if exchange_io.is_lost(error) && request.is_repeatable() => {
                    is_retry = true;
                    exchange_io.drop_connection();
                    timer.start_retry(runtime.now_ns());
                }
                Err(error) if !exchange_io.keep_body_error(error) => return Err(error),
                _ => break,
            }
        }
        if exchange_io.parser.head().is_some_and(|head| head.has_set_cookie) {
            self.store_cookies(runtime, exchange_io, hop, &route);
        }
        exchange_io.pool_slot = route.slot;
        Ok(())
    }

    /// Takes an idle connection from the pool if `may_reuse` is set, or opens a new one.
    async fn acquire_connection(
        &self,
        runtime: &N,
        route: &RequestRoute<'_>,
        may_reuse: bool,
        timeouts: Timeouts,
        timer: &mut ExchangeTimer,
    ) -> Result<PooledConnection<MaybeTlsStream<N::Transport>>, Error> {
        if may_reuse && let Some(pooled) = self.pool.acquire(route, &self.base_url) {
            return Ok(pooled);
        }
        // Boxed, because this future is rare and large, and would enlarge the future of every request.
        let connected = Box::pin(async {
            let base_key;
            let key = match &route.slot {
                PoolSlot::Other(key) => &**key,
                PoolSlot::Base => {
                    base_key = PoolKey::for_base(&self.base_url);
                    &base_key
                }
            };
            connect(runtime, &self.config, &self.tls_session_cache, key, timeouts, timer).await
        });
        let transport = connected.await?;
        timer.add_retries(u32::from(!may_reuse));
        Ok(PooledConnection { transport, requests_served: 0 })
    }

    /// Returns the complete response with its body decoded, and releases its connection to the pool.
    pub(super) fn take_response(
        &self,
        runtime: &N,
        exchange_io: &mut ExchangeIo<'_, N::Transport>,
        timer: &mut ExchangeTimer,
    ) -> Result<Response, Error> {
        let parser = &exchange_io.parser;
        timer.response_complete(exchange_io.received_ns());
        timer.set_bytes_in(parser.body_bytes());
        self.release_connection(exchange_io);
        let (buffer, history) = (exchange_io.take_buffer(), exchange_io.history.take());
        let response = Response::new(buffer, &exchange_io.parser).ok_or(Error::ClosedBeforeResponse)?;
        let response = response.with_history(history);
        if response.has_coded_body() {
            return self.decode_body(runtime, response, timer);
        }
        Ok(response)
    }

    /// Returns the connection of a complete response to the pool, unless it must be closed or has served enough
    /// requests.
    pub(super) fn release_connection(&self, exchange_io: &mut ExchangeIo<'_, N::Transport>) {
        let Some(mut pooled) = exchange_io.connection.take() else {
            return;
        };
        pooled.requests_served = pooled.requests_served.saturating_add(1);
        let max_requests = self.config.max_requests_per_connection;
        let is_exhausted = exchange_io.must_close || (max_requests > 0 && pooled.requests_served >= max_requests);
        if exchange_io.parser.is_reusable() && !is_exhausted {
            self.pool.release(&exchange_io.pool_slot, &self.base_url, pooled);
        }
    }

    /// Removes the known content codings from the body.
    #[cold]
    fn decode_body(&self, runtime: &N, mut response: Response, timer: &mut ExchangeTimer) -> Result<Response, Error> {
        let mut decoded = response.head().to_vec();
        match response.decode_into(&self.config.limits, &mut decoded) {
            Ok(false) => Ok(response),
            Ok(true) => {
                runtime.release_buffer(response.replace_buffer(decoded));
                timer.set_bytes_in(response.body().len() as u64);
                Ok(response)
            }
            Err(error) => {
                timer.set_bytes_in(0);
                if error.is_body_limit() {
                    timer.set_status(response.status());
                }
                runtime.release_buffer(response.into_buffer());
                Err(error)
            }
        }
    }

    /// Encodes the request's head into the buffer, together with a short body.
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
        let suppressed = hop.suppressed_headers();
        let head = RequestHead {
            method: request.method,
            origin,
            prefix: route.prefix(&self.base_url),
            target: route.path,
            defaults: &self.config.default_headers,
            headers: request.headers,
            suppressed: &suppressed,
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
            let host = self.cookie_host(hop, origin);
            self.cookies.borrow().append_to(out, &host, path, &extra, || runtime.unix_time_s())?;
        }
        let expect_above_bytes = self.config.expect_continue_above_bytes.filter(|_| !hop.is_expectation_refused);
        let deferred_body = upload::append_body(out, request, expect_above_bytes, &mut header_flags);
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
    fn store_cookies(
        &self,
        runtime: &N,
        exchange_io: &ExchangeIo<'_, N::Transport>,
        hop: &Hop<'_>,
        route: &RequestRoute<'_>,
    ) {
        let path = target::path(route.prefix(&self.base_url), route.path);
        let host = self.cookie_host(hop, route.origin(&self.base_url));
        let now = runtime.unix_time_s();
        let head = exchange_io.parser.head().map_or(0, |head| head.len);
        for (name, value) in crate::HeaderIter::from_head(&exchange_io.buffer[..head]) {
            if name.eq_ignore_ascii_case("set-cookie") {
                self.cookies.borrow_mut().store_from(&host, value, &path, now);
            }
        }
    }

    /// Returns the host of the request's cookies: that of its own or the default `Host` header, otherwise that of the
    /// URL.
    fn cookie_host<'a>(&'a self, hop: &Hop<'a>, origin: &'a Origin) -> CookieHost<'a> {
        let is_host = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("Host");
        let own = hop.request.headers.iter().copied().find(is_host);
        let host = own.or_else(|| {
            let is_suppressed = hop.suppressed_headers().iter().any(|name| name.eq_ignore_ascii_case("Host"));
            self.config.default_headers.iter().find(is_host).filter(|_| !is_suppressed)
        });
        CookieHost::new(origin, host.map(|(_, value)| value))
    }
}

/// The headers that carry credentials.
pub(super) const CREDENTIAL_HEADERS: [&str; 3] = ["Authorization", "Cookie", "Proxy-Authorization"];
