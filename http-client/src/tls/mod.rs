//! TLS around another transport, by rustls.
//!
//! [`config`] says whom we trust and who we are, [`verify`] judges a target's certificate, [`records`] is a connection as
//! a machine over bytes, [`stream`] puts it around a [`Transport`](crate::Transport), [`failure`] tells what went wrong in
//! our own words; [`sessions`] are what a user's next handshake begins with. Only this folder names rustls.
//!
//! Whether certificates and sessions have expired, rustls finds out by asking the system for the time: in handshakes and
//! for sessions to be resumed later, never on a request's way. The crate itself still knows no clock.

mod config;
mod failure;
mod options;
mod record_layer;
mod scratch;
mod session_cache;
mod stream;
mod verify;

pub use config::TlsConfig;
pub use options::{CertificateCheck, TlsConfigError, TlsOptions};
pub use session_cache::TlsSessionCache;
pub use stream::TlsStream;
