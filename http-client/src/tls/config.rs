//! The TLS configuration that connections share, built once from options and PEM files.
//!
//! If the variable `SSLKEYLOGFILE` is set, secrets are written to the file that it names, as browsers do for
//! Wireshark. This file must not know connections. `options.rs` has the settings, `verify.rs` the verification.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, KeyLogFile};

use super::options::{CertificateCheck, NO_CERTIFICATE, TlsConfigError, TlsOptions};
use super::verify::{certificate_verifier, load_system_roots};

/// The trusted certificate authorities and the client certificate of connections. Cheap to clone.
///
/// Two configurations are equal if one is a clone of the other. Requests share connections only if their
/// configurations are equal.
///
/// # Examples
///
/// ```
/// use gregaria_http::{CertificateCheck, TlsConfig, TlsOptions};
///
/// let certificate_check = CertificateCheck::AcceptAnyCertificate;
/// let config = TlsConfig::new(&TlsOptions { certificate_check, ..TlsOptions::default() })?;
/// assert_eq!(config, config.clone());
/// assert_ne!(config, TlsConfig::default());
/// # Ok::<(), gregaria_http::TlsConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TlsConfig {
    rustls: Arc<ClientConfig>,
    uses_system_roots: bool,
}

impl TlsConfig {
    /// Builds a configuration, and reads the files that the options name.
    ///
    /// # Errors
    /// If a file cannot be read, or does not contain the expected certificate or key.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsConfigError> {
        let provider = Arc::new(default_provider());
        let verifier = certificate_verifier(&options.certificate_check, provider.signature_verification_algorithms)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the ring provider supports TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &options.client_identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(read_certificates(chain)?, read_private_key(key)?)
                .map_err(|error| client_identity_error(chain, key, &error))?,
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.key_log = Arc::new(KeyLogFile::new());
        let uses_system_roots = options.certificate_check == CertificateCheck::SystemRoots;
        Ok(Self { rustls: Arc::new(config), uses_system_roots })
    }

    /// Reads the system's certificate authorities if this configuration trusts them and they are not read yet. That
    /// takes several milliseconds, which the first handshake takes otherwise.
    pub fn load_system_roots(&self) {
        if self.uses_system_roots {
            load_system_roots();
        }
    }

    pub(super) fn rustls(&self) -> &ClientConfig {
        &self.rustls
    }
}

/// Compares by identity: a configuration equals its clones only.
impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rustls, &other.rustls)
    }
}

impl Eq for TlsConfig {}

impl Default for TlsConfig {
    /// Returns a configuration that trusts the system's certificate authorities and has no client certificate.
    fn default() -> Self {
        Self::new(&TlsOptions::default()).expect("the default options name no file")
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(TlsConfigError::new(path, NO_CERTIFICATE)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(pem_error(path, NO_CERTIFICATE, &error)),
    }
}

fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| pem_error(path, NO_KEY, &error))
}

fn pem_error(path: &Path, missing: &str, error: &pem::Error) -> TlsConfigError {
    match error {
        pem::Error::Io(error) => TlsConfigError::new(path, error.to_string()),
        pem::Error::NoItemsFound => TlsConfigError::new(path, missing),
        _ => TlsConfigError::new(path, "is not well-formed PEM"),
    }
}

fn client_identity_error(chain: &Path, key: &Path, error: &rustls::Error) -> TlsConfigError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsConfigError::new(key, format!("is not the private key of the certificate in {}", chain.display()))
        }
        rustls::Error::InvalidCertificate(_) => TlsConfigError::new(chain, "the certificate cannot be read"),
        _ => TlsConfigError::new(key, "the private key cannot be read, or is of a kind that is not supported"),
    }
}

const NO_KEY: &str = "has no private key in PEM format that can be read without a password";
