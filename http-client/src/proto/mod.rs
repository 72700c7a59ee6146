//! HTTP/1.1 as bytes in, bytes out (RFC 9110, RFC 9112): no IO, no async, no clock, and no buffers of its own.
//!
//! - [`encode`]: a request's parts to bytes, refusing what could smuggle a second request; with `target` for its path and
//!   [`DefaultHeaders`] for what every request repeats;
//! - `header`: the syntax of one header, and the [`HeaderFlags`] of a request;
//! - [`head`]: a status line and headers from bytes, by httparse, and the few headers that decide the framing;
//! - [`HeadCache`]: heads that were read before, so that the same bytes are not parsed over and over;
//! - [`framing`]: where the body ends, as one pure function in the order of RFC 9112 §6.3;
//! - [`chunked`]: the chunked coding as a machine over bytes;
//! - [`coding`]: content codings (gzip and the like), undone within limits: [`BodyDecoder`];
//! - [`parser`]: all of these over the caller's buffer, in place: [`ResponseParser`].
//!
//! Strict where leniency is how requests get smuggled: a bare CR, NUL, a folded header line, a repeated or signed
//! `Content-Length`, `Content-Length` beside `Transfer-Encoding`, any coding but `chunked`, and a bare LF inside the
//! chunked coding are errors. A bare LF as a line end in the head is accepted (RFC 9112 §2.2 allows it).

pub mod chunked;
pub mod coding;
mod default_headers;
pub mod encode;
pub mod framing;
pub mod head;
mod head_cache;
pub(crate) mod header;
pub mod parser;
pub(crate) mod target;

pub use coding::BodyDecoder;
pub use default_headers::DefaultHeaders;
pub use encode::RequestHead;
pub use framing::ResponseFraming;
pub use head::ResponseHead;
pub use head_cache::HeadCache;
pub use header::HeaderFlags;
pub use parser::{ParseProgress, ResponseParser};
