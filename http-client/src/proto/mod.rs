//! The HTTP/1.1 protocol (RFC 9110, RFC 9112) without I/O, async, clock or buffers of its own.
//!
//! - [`encode`]: encodes a request and rejects input that could smuggle a second request. `target` encodes its path,
//!   and [`DefaultHeaders`] holds the headers of every request;
//! - `header`: the syntax of one header, and the [`HeaderFlags`] of a request;
//! - [`head`]: parses a status line and headers, which `folding` unfolds, and picks out those that the client needs;
//! - [`HeadCache`]: parsed heads, so that equal bytes are not parsed again;
//! - [`framing`]: decides the end of the body, as one pure function in the order of RFC 9112 §6.3;
//! - [`chunked`]: a state machine for the chunked coding;
//! - [`coding`]: decodes content codings (gzip and others) within limits, as [`BodyDecoder`];
//! - [`parser`]: combines these over the caller's buffer, in place, as [`ResponseParser`].
//!
//! The parser is strict where lenient parsers enable request smuggling. It rejects a bare CR, NUL, a folded framing
//! header, different or signed `Content-Length`s, `Content-Length` beside `Transfer-Encoding`, any transfer coding
//! except `chunked`, and a bare LF inside the chunked coding. A bare LF may end a line of the head (RFC 9112 §2.2).

pub mod chunked;
pub mod coding;
mod default_headers;
pub mod encode;
mod folding;
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
