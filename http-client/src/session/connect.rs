//! How a connection comes about: to the target, or through a proxy, with TLS where the URL asks for it.

use std::pin::pin;

use super::connections::Destination;
use super::patience::Patience;
use super::trace::Trace;
use crate::connection::Connection;
use crate::proto::ResponseParser;
use crate::{
    BodyPolicy, ClientConfig, CredentialsLine, Error, HttpLimits, Method, Network, Origin, Proxy, Scheme, TlsConfig,
    TlsSessions, TlsStream, Transport,
};

/// Makes a connection to send requests for this destination on.
pub(super) async fn connect<N: Network>(
    network: &N,
    config: &ClientConfig,
    sessions: &TlsSessions,
    destination: &Destination,
    patience: Patience,
    trace: &mut Trace,
) -> Result<Connection<N::Transport>, Error> {
    let since_ns = trace.hop_ns();
    let origin = &destination.origin;
    let proxy = destination.proxy(config);
    let mut resolved_ns = 0;
    let reach = reach(network, origin, proxy, &config.limits, &mut resolved_ns);
    let reached = patience.connect(network, since_ns, reach).await;
    trace.connected(resolved_ns, network.now_ns());
    let transport = reached?;
    if origin.scheme() == Scheme::Http {
        return Ok(Connection::Plain(transport));
    }
    let tls: &TlsConfig = destination.tls.as_ref().unwrap_or(&config.tls);
    let handshake = TlsStream::handshake(transport, tls, sessions, origin.host());
    let secured = patience.connect(network, since_ns, handshake).await;
    trace.secured(network.now_ns());
    secured.map(Connection::Tls)
}

/// Connects to the target, or to the proxy that stands for it.
async fn reach<N: Network>(
    network: &N,
    origin: &Origin,
    proxy: Option<&Proxy>,
    limits: &HttpLimits,
    resolved_ns: &mut u64,
) -> Result<N::Transport, Error> {
    let Some(proxy) = proxy else {
        return network.connect(origin, resolved_ns).await;
    };
    let mut transport = network.connect(&proxy.origin, resolved_ns).await?;
    if origin.scheme() == Scheme::Https {
        open_tunnel(&mut transport, origin, proxy, limits).await?;
    }
    Ok(transport)
}

/// Asks the proxy to pass bytes on to the target and back from here on.
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
    let mut parser = ResponseParser::new(Method::Connect, BodyPolicy::Discard, limits);
    while parser.head().is_none() {
        parser.reserve(&mut buffer);
        let received = pin!(transport.recv(&mut buffer)).await.map_err(|error| Error::from_io(&error))?;
        if received == 0 {
            parser.feed_eof(&buffer)?;
        }
        parser.feed(&mut buffer)?;
    }
    let accepts = parser.head().is_some_and(|head| (200..300).contains(&head.status)) && parser.excess_bytes() == 0;
    if accepts { Ok(()) } else { Err(Error::ProxyRefused) }
}
