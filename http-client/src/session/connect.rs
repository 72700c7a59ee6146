//! The opening of a connection: to the target or through a proxy, with TLS if the URL requires it.
//!
//! This file must not know requests. `pool.rs` has the key of the connection, `tls/` the handshake.

use std::pin::pin;

use super::exchange_timer::ExchangeTimer;
use super::maybe_tls_stream::MaybeTlsStream;
use super::pool::PoolKey;
use super::timeouts::Timeouts;
use crate::proto::ResponseParser;
use crate::{
    ClientConfig, ClientRuntime, CredentialsLine, Error, HttpLimits, Method, Origin, Proxy, ProxyFailure,
    ResponseBodyMode, Scheme, TlsConfig, TlsSessionCache, TlsStream, Transport,
};

/// Opens a connection for requests with this pool key.
pub(super) async fn connect<N: ClientRuntime>(
    runtime: &N,
    config: &ClientConfig,
    session_cache: &TlsSessionCache,
    key: &PoolKey,
    timeouts: Timeouts,
    timer: &mut ExchangeTimer,
) -> Result<MaybeTlsStream<N::Transport>, Error> {
    let since_ns = timer.connected_at_ns();
    let origin = &key.origin;
    let proxy = key.proxy(config);
    let mut resolved_ns = 0;
    let connecting = connect_transport(runtime, origin, proxy, &config.limits, &mut resolved_ns);
    let connected = timeouts.run_connect(runtime, since_ns, connecting).await;
    timer.connect_done(resolved_ns, runtime.now_ns());
    let transport = connected.map_err(|error| if proxy.is_some() { error.at_proxy() } else { error })?;
    if origin.scheme() == Scheme::Http {
        return Ok(MaybeTlsStream::Plain(transport));
    }
    let tls: &TlsConfig = key.tls.as_ref().unwrap_or(&config.tls);
    let handshake = TlsStream::handshake(transport, tls, session_cache, origin.host());
    let handshaken = timeouts.run_connect(runtime, since_ns, handshake).await;
    timer.tls_done(runtime.now_ns());
    handshaken.map(MaybeTlsStream::Tls)
}

/// Connects to the target, or to the proxy in front of the target, and opens the tunnel for https.
async fn connect_transport<N: ClientRuntime>(
    runtime: &N,
    origin: &Origin,
    proxy: Option<&Proxy>,
    limits: &HttpLimits,
    resolved_ns: &mut u64,
) -> Result<N::Transport, Error> {
    let Some(proxy) = proxy else {
        return runtime.connect(origin, resolved_ns).await;
    };
    let mut transport = runtime.connect(&proxy.origin, resolved_ns).await?;
    if origin.scheme() == Scheme::Https {
        open_tunnel(&mut transport, origin, proxy, limits).await?;
    }
    Ok(transport)
}

/// Requests a tunnel to the target from the proxy (`CONNECT`).
async fn open_tunnel(
    transport: &mut impl Transport,
    origin: &Origin,
    proxy: &Proxy,
    limits: &HttpLimits,
) -> Result<(), Error> {
    let authority = origin.authority_with_port();
    let authorization = proxy.authorization.as_ref().map_or("", CredentialsLine::as_str);
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n");
    let mut buffer = request.into_bytes();
    transport.send(&mut buffer).await.map_err(|error| Error::from_io(&error))?;
    let mut parser = ResponseParser::new(Method::Connect, ResponseBodyMode::Discard, limits);
    while parser.head().is_none() {
        parser.reserve(&mut buffer);
        let received = pin!(transport.recv(&mut buffer)).await.map_err(|error| Error::from_io(&error))?;
        if received == 0 {
            parser.feed_eof(&buffer)?;
        }
        parser.feed(&mut buffer)?;
    }
    let is_accepted = parser.head().is_some_and(|head| (200..300).contains(&head.status)) && parser.excess_bytes() == 0;
    if is_accepted { Ok(()) } else { Err(Error::Proxy(ProxyFailure::TunnelRefused)) }
}
