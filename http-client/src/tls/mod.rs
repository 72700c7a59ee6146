//! TLS around another transport, by rustls.
//!
//! [`config`] says whom we trust and who we are, [`verify`] judges a target's certificate, [`records`] is a connection as
//! a machine over bytes, [`stream`] puts it around a [`Transport`](crate::Transport), [`failure`] tells what went wrong in
//! our own words. Only this folder names rustls. Whether a certificate has expired, rustls asks the time itself: it is
//! the one clock in this crate, and never read but in a handshake.

mod config;
mod failure;
mod records;
mod scratch;
mod stream;
mod verify;

pub use config::{TlsConfig, TlsConfigError, TlsSettings, Trust};
pub use stream::TlsStream;
