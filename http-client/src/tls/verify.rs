//! Judging a target's certificate: by the authorities that are trusted, or not at all.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_native_certs::{ErrorKind, load_certs_from_paths, load_native_certs};

use super::options::{CertificateCheck, NO_CERTIFICATE, TlsConfigError};

/// The judge that the settings ask for.
pub(super) fn certificate_verifier(
    certificate_check: &CertificateCheck,
    algorithms: WebPkiSupportedAlgorithms,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    Ok(match certificate_check {
        CertificateCheck::SystemRoots => Arc::new(ChainVerifier { trust_store: OnceLock::new(), algorithms }),
        CertificateCheck::CaBundle(path) => {
            Arc::new(ChainVerifier { trust_store: TrustStore::from_bundle(path)?.into(), algorithms })
        }
        CertificateCheck::AcceptAnyCertificate => Arc::new(NoVerification(algorithms)),
    })
}

/// Checks names, dates and signatures up to someone trusted: the system's authorities if nothing else was said.
#[derive(Debug)]
struct ChainVerifier {
    trust_store: OnceLock<TrustStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct TrustStore {
    roots: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

impl TrustStore {
    fn from_bundle(path: &Path) -> Result<Self, TlsConfigError> {
        let found = if path.is_dir() {
            load_certs_from_paths(None, Some(path))
        } else {
            load_certs_from_paths(Some(path), None)
        };
        let trusted = Self::new(found.certs);
        if !trusted.roots.is_empty() {
            return Ok(trusted);
        }
        let what = found.errors.iter().find_map(|error| match &error.kind {
            ErrorKind::Io { inner, .. } => Some(inner.to_string()),
            _ => None,
        });
        Err(TlsConfigError::new(path, what.unwrap_or_else(|| NO_CERTIFICATE.to_owned())))
    }

    fn from_system() -> Self {
        let trusted = Self::new(load_native_certs().certs);
        if trusted.roots.is_empty() {
            log::warn!(
                "no certificate authorities on this machine, so no https target can be trusted: install \
                 ca-certificates, or set SSL_CERT_FILE"
            );
        }
        trusted
    }

    fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self { roots, certificates }
    }
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let trusted = self.trust_store.get_or_init(TrustStore::from_system);
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let (authorities, algorithms) = (&trusted.roots, self.algorithms.all);
        match verify_server_cert_signed_by_trust_anchor(&certificate, authorities, intermediates, now, algorithms) {
            // One that was made by `openssl req -x509` is an authority, which by the book is no server's: good only if it
            // is trusted itself. Its dates have been looked at before.
            Err(Error::InvalidCertificate(CertificateError::Other(_))) => {
                if !trusted.certificates.contains(end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
            }
            verdict => verdict?,
        }
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Finds everything good, also what cannot be read: who trusts nobody in particular is not to be kept from a test system
/// by a certificate of 1995.
#[derive(Debug)]
struct NoVerification(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
