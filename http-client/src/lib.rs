//! An HTTP/1.1 client for load: requests out, responses in, and times on every exchange.
//!
//! It opens no socket, resolves no name, owns no clock, starts no thread and names no runtime: all of that comes from a
//! [`Network`], which is the engine's runtime, the simulator, or a script in a test. It keeps no statistics and judges no
//! status: an [`Exchange`] says what happened and when, the caller decides whether that is a failure. It does not
//! pipeline, and repeats no request that was once on the wire, unless the target asks for that.
//!
//! ```text
//!   Request ──> proto::encode ──> buffer ──> Transport::send ──>┐
//!                                                               │ the target
//!   Response <── proto::ResponseParser <── same buffer <── Transport::recv
//! ```
//!
//! One buffer makes the whole round: the request is encoded into it, the response is received over it, and the caller
//! gives it back with [`Response::into_buffer`]. A session that waits between two requests holds none.
//!
//! ```
//! # use std::sync::Arc;
//! # use gregaria_http::{BaseUrl, ClientConfig, Error, Network, Request, Session};
//! async fn visit<N: Network>(network: &N, config: Arc<ClientConfig>) -> Result<(), Error> {
//!     let base = Arc::new(BaseUrl::parse("http://127.0.0.1:8080")?);
//!     let mut session = Session::new(base, config);
//!     let exchange = session.send(network, &Request::get("/")).await;
//!     let response = exchange.result?;
//!     assert_eq!((response.status(), response.body()), (200, &b"hello"[..]));
//!     network.give_buffer(response.into_buffer());
//!     Ok(())
//! }
//! ```
//!
//! Where to go next: [`Session::send`] is one request from top to bottom; [`proto`] is the protocol without any waiting.

#![forbid(unsafe_code)]

mod auth;
mod config;
mod cookies;
mod error;
mod exchange;
mod limits;
mod message;
mod method;
mod origin;
pub mod proto;
mod proxy;
mod redirect;
mod session;
mod tls;
mod transport;

pub use auth::{Auth, CredentialsLine, DigestCredentials, DigestState, split_credentials};
pub use config::ClientConfig;
pub use cookies::{Cookie, CookieJar};
pub use error::{Error, ErrorCategory, InvalidRequest, InvalidResponse, TlsFailure};
pub use exchange::{Exchange, ExchangePhases};
pub use limits::HttpLimits;
pub use message::body::{BodySource, FileBody, ReaderBody};
pub use message::charset;
pub use message::links::{LinkValue, links};
pub use message::multipart::Multipart;
pub use message::request::{Body, Request, RequestOptions, ResponseBodyMode};
pub use message::response::{HeaderIter, Response, Version};
pub use method::{ExtensionMethod, InvalidMethod, Method};
pub use origin::{BaseUrl, Origin, Scheme};
pub use proto::DefaultHeaders;
pub use proxy::{InvalidProxy, Proxies, Proxy};
pub use redirect::{Redirect, resolve_redirect};
pub use session::{BodyStream, Session};
pub use tls::{CertificateCheck, TlsConfig, TlsConfigError, TlsOptions, TlsSessionCache, TlsStream};
pub use transport::{ClientRuntime, Transport};
