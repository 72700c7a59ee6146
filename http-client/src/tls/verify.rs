//! The verification of a target's certificate: against trusted roots, or not at all.
//!
//! This file must not know connections. `config.rs` puts the verifier into a configuration.

use std::path::Path;
use std::sync::{Arc, Once, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use rustls_native_certs::{ErrorKind, load_certs_from_paths, load_native_certs};

use super::ca_server::{CaServer, is_self_issued};
use super::options::{CertificateCheck, NO_CERTIFICATE, TlsConfigError};
use crate::TlsFailure;

/// Creates the verifier for the options.
pub(super) fn certificate_verifier(
    certificate_check: &CertificateCheck,
    algorithms: WebPkiSupportedAlgorithms,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    Ok(match certificate_check {
        CertificateCheck::SystemRoots => Arc::new(ChainVerifier { bundle: None, algorithms }),
        CertificateCheck::CaBundle(path) => {
            Arc::new(ChainVerifier { bundle: Some(TrustStore::from_bundle(path)?), algorithms })
        }
        CertificateCheck::AcceptAnyCertificate => Arc::new(NoVerification(algorithms)),
    })
}

/// Reads the system's certificate authorities, unless they are read already.
pub(super) fn load_system_roots() {
    TrustStore::of_system();
}

/// A verifier of names, dates and signatures up to a trusted authority.
#[derive(Debug)]
struct ChainVerifier {
    /// The trusted authorities; `None` for those of the system.
    bundle: Option<TrustStore>,
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
        let trust_store = Self::new(found.certs);
        if !trust_store.roots.is_empty() {
            return Ok(trust_store);
        }
        let message = found.errors.iter().find_map(|error| match &error.kind {
            ErrorKind::Io { inner, .. } => Some(inner.to_string()),
            _ => None,
        });
        Err(TlsConfigError::new(path, message.unwrap_or_else(|| NO_CERTIFICATE.to_owned())))
    }

    /// Returns the system's authorities. They are constant once read, so all configurations of the process share them.
    fn of_system() -> &'static Self {
        static SYSTEM_ROOTS: OnceLock<TrustStore> = OnceLock::new();
        SYSTEM_ROOTS.get_or_init(|| Self::new(load_native_certs().certs))
    }

    fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self { roots, certificates }
    }
}

impl ChainVerifier {
    /// Verifies signatures, dates and purpose from the certificate up to a trusted authority.
    fn verify_chain(
        &self,
        trust_store: &TrustStore,
        certificate: &ParsedCertificate<'_>,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let (roots, algorithms) = (&trust_store.roots, self.algorithms.all);
        let verified = match CaServer::new(end_entity) {
            Some(ca_server) => ca_server.verify(roots, intermediates, now, algorithms),
            None => verify_server_cert_signed_by_trust_anchor(certificate, roots, intermediates, now, algorithms),
        };
        verified.map_err(|error| match error {
            // The errors without a variant are about authorities: path length, name constraints, no authority.
            Error::InvalidCertificate(CertificateError::Other(_)) => tls_error(TlsFailure::CertificateChainInvalid),
            error => error,
        })
    }
}

/// Returns `true` if the only fault of a certificate is that no trusted authority has signed it.
fn is_untrusted(error: &Error) -> bool {
    use CertificateError as C;
    matches!(error, Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature))
}

/// Wraps a failure that rustls has no error for. `failure.rs` unwraps it.
fn tls_error(failure: TlsFailure) -> Error {
    CertificateError::Other(OtherError(Arc::new(failure))).into()
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
        let trust_store = self.bundle.as_ref().unwrap_or_else(|| TrustStore::of_system());
        if trust_store.roots.is_empty() {
            warn_without_roots();
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        match self.verify_chain(trust_store, &certificate, end_entity, intermediates, now) {
            Err(error) if is_untrusted(&error) => {
                // webpki has checked the dates and the purpose. A certificate in the trust store needs no issuer.
                if !trust_store.certificates.contains(end_entity) {
                    let is_self_signed = is_self_issued(end_entity);
                    return Err(if is_self_signed { tls_error(TlsFailure::CertificateSelfSigned) } else { error });
                }
            }
            result => result?,
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

/// Logs once per process that no authority is trusted.
fn warn_without_roots() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        log::warn!(
            "No certificate authorities on this machine, so no https target can be trusted: install \
             ca-certificates, or set SSL_CERT_FILE"
        );
    });
}

/// A verifier that accepts any certificate, even one that cannot be parsed. A test system may have a certificate
/// that no current library can read.
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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::crypto::ring::default_provider;

    use super::*;

    fn params_of_authority(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn verify(verifier: &ChainVerifier, certificate: &[u8]) -> Result<ServerCertVerified, Error> {
        let certificate = CertificateDer::from(certificate);
        verifier.verify_server_cert(&certificate, &[], &"target".try_into().unwrap(), &[], UnixTime::now())
    }

    #[test]
    fn any_changed_byte_of_a_ca_server_is_detected() {
        let (root_params, root_key) = (params_of_authority("root"), KeyPair::generate().unwrap());
        let root = root_params.self_signed(&root_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = params_of_authority("target").signed_by(&key, &Issuer::new(root_params, root_key)).unwrap();
        let verifier = ChainVerifier {
            bundle: Some(TrustStore::new(vec![root.der().clone()])),
            algorithms: default_provider().signature_verification_algorithms,
        };
        assert!(verify(&verifier, server.der()).is_ok());
        for index in 0..server.der().len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = server.der().to_vec();
                changed[index] ^= change;
                assert!(verify(&verifier, &changed).is_err(), "byte {index} changed by {change:#x}");
            }
        }
    }
}
