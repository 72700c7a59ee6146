//! TLS around another transport, by rustls. Only this folder names rustls.
//!
//! - `options`: the settings, and `config`: the [`TlsConfig`] that connections share;
//! - `verify`: the verification of a target's certificate, with `ca_server` for those that are authorities too;
//! - `record_layer`: the TLS of one connection as a state machine over bytes;
//! - `stream`: the record layer around a [`Transport`](crate::Transport), with `scratch` for its buffers;
//! - `session_cache`: the sessions that a user can resume;
//! - `failure`: the errors of rustls and alerts of the target as [`TlsFailure`](crate::TlsFailure).
//!
//! rustls reads the system's clock to check the expiry of certificates and sessions. It does so in handshakes and
//! for sessions to be resumed later, never while a request is in flight. The crate itself has no clock.

mod ca_server;
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
