//! Requests and responses as values: what a caller builds, and what a caller reads.
//!
//! - `request`: a [`Request`](crate::Request) with its [`RequestOptions`](crate::RequestOptions);
//! - `body` and `multipart`: request bodies that are read from a file, a reader or several fields;
//! - `response`: a [`Response`](crate::Response) with its status, headers, body and history;
//! - `charset` and `links`: the text of a body, and the URLs of a `Link` header.
//!
//! This folder must not know sessions, cookies or transports. `proto/` parses the bytes, `session/` sends these values.

pub(crate) mod body;
pub mod charset;
pub(crate) mod links;
pub(crate) mod multipart;
pub(crate) mod request;
pub(crate) mod response;
