//! An HTTP/1.1 client for load generation: it sends requests, reads responses, and records the times of each
//! exchange.
//!
//! The crate opens no socket, resolves no name, starts no thread, and has no clock and no runtime. A
//! [`ClientRuntime`] supplies all of these: the engine's runtime, the simulator, or a script in a test. The crate
//! keeps no statistics and judges no status. An [`Exchange`] contains the result and its times, and the caller
//! decides whether that is a failure. The client does not pipeline. It repeats a request only for a redirect or an
//! authentication challenge.
//!
//! ```text
//!   Request ──> proto::encode ──> buffer ──> Transport::send ──>┐
//!                                                               │ the target
//!   Response <── proto::ResponseParser <── same buffer <── Transport::recv
//! ```
//!
//! One buffer serves the whole exchange. The request is encoded into the buffer, the response is received over the
//! request, and the caller returns the buffer with [`Response::into_buffer`]. An idle session holds no buffer.
//!
//! ```
//! # use std::sync::Arc;
//! # use gregaria_http::{BaseUrl, ClientConfig, ClientRuntime, Error, Request, Session};
//! async fn visit<N: ClientRuntime>(runtime: &N, config: Arc<ClientConfig>) -> Result<(), Error> {
//!     let base = Arc::new(BaseUrl::parse("http://127.0.0.1:8080")?);
//!     let session = Session::new(base, config);
//!     let exchange = session.send(runtime, &Request::get("/")).await;
//!     let response = exchange.result?;
//!     assert_eq!((response.status(), response.body()), (200, &b"hello"[..]));
//!     runtime.release_buffer(response.into_buffer());
//!     Ok(())
//! }
//! ```
//!
//! Where to go next: [`Session::send`] is one request from top to bottom, `message/` contains the requests and
//! responses, and [`proto`] is the protocol without IO.

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
mod token;
mod transport;

pub use auth::{Auth, CredentialsLine, DigestCredentials, split_credentials};
pub use config::ClientConfig;
pub use cookies::{Cookie, CookieJar};
pub use error::{Error, ErrorCategory, InvalidRequest, InvalidResponse, ProxyFailure, TlsFailure};
pub use exchange::{Exchange, ExchangePhases};
pub use limits::HttpLimits;
pub use message::body::{BodySource, FileBody, ReaderBody};
pub use message::charset;
pub use message::links::LinkValue;
pub use message::multipart::Multipart;
pub use message::request::{Body, Request, RequestOptions};
pub use message::response::{HeaderIter, Response};
pub use method::{ExtensionMethod, InvalidMethod, Method};
pub use origin::{BaseUrl, Origin, Scheme, is_absolute_url};
pub use proto::DefaultHeaders;
pub use proto::framing::Version;
pub use proto::parser::ResponseBodyMode;
pub use proto::target::{encode_url, is_plain_target};
pub(crate) use proxy::Proxy;
pub use proxy::{InvalidProxy, Proxies};
pub use redirect::{Redirect, resolve_redirect};
pub use session::{BodyStream, Session};
pub use tls::{CertificateCheck, TlsConfig, TlsConfigError, TlsOptions, TlsSessionCache, TlsStream};
pub use token::decode_header;
pub use transport::{ClientRuntime, Transport, allocate_discard_buffer};
