//! The settings of TLS as plain data, and the error of settings that cannot be used.
//!
//! This file must not know rustls and reads no file. `config.rs` turns the settings into a
//! [`TlsConfig`](super::TlsConfig), `verify.rs` makes the verifier of a [`CertificateCheck`].

use std::fmt;
use std::path::{Path, PathBuf};

/// The settings of a [`TlsConfig`](super::TlsConfig).
///
/// The default verifies the target against the system's certificate authorities and presents no client certificate.
///
/// # Examples
///
/// ```
/// use gregaria_http::{CertificateCheck, TlsConfig, TlsOptions};
///
/// let options = TlsOptions {
///     certificate_check: CertificateCheck::CaBundle("no-such-bundle.pem".into()),
///     client_identity: None,
/// };
/// let error = TlsConfig::new(&options).unwrap_err();
/// assert!(error.to_string().starts_with("no-such-bundle.pem: "));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The check of the target's certificate. Default: [`CertificateCheck::SystemRoots`].
    pub certificate_check: CertificateCheck,
    /// Two PEM files: the client certificate, followed by its intermediate certificates, and its private key. One file
    /// with all of them may be named twice. `None`, the default: no client certificate is presented.
    pub client_identity: Option<(PathBuf, PathBuf)>,
}

/// The check of a target's certificate.
///
/// # Examples
///
/// ```
/// use gregaria_http::{CertificateCheck, TlsConfig, TlsOptions};
///
/// let certificate_check = CertificateCheck::AcceptAnyCertificate;
/// let config = TlsConfig::new(&TlsOptions { certificate_check, ..TlsOptions::default() });
/// assert!(config.is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CertificateCheck {
    /// Accepts certificates that chain to a certificate authority of the system, or to one in `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR`. They are read once per process, by [`TlsConfig::load_system_roots`](super::TlsConfig) or at the
    /// first certificate that is verified.
    #[default]
    SystemRoots,
    /// Accepts certificates that chain to an authority in this PEM file or in the PEM files of this folder, and no
    /// others. A certificate that is itself in the file or folder is accepted too.
    CaBundle(PathBuf),
    /// Disables certificate verification. Any certificate is accepted, including expired and self-signed ones.
    AcceptAnyCertificate,
}

/// The reason why a [`TlsConfig`](super::TlsConfig) cannot be made: the file, and its fault, in one line.
///
/// # Examples
///
/// ```
/// use gregaria_http::{TlsConfig, TlsConfigError, TlsOptions};
///
/// let client_identity = Some(("no-such-chain.pem".into(), "no-such-key.pem".into()));
/// let options = TlsOptions { client_identity, ..TlsOptions::default() };
/// let error: TlsConfigError = TlsConfig::new(&options).unwrap_err();
/// assert!(error.to_string().starts_with("no-such-chain.pem: "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfigError {
    path: PathBuf,
    message: String,
}

impl TlsConfigError {
    pub(super) fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into() }
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for TlsConfigError {}

/// The message for a PEM file or folder without a certificate.
pub(super) const NO_CERTIFICATE: &str = "has no certificate in PEM format";
