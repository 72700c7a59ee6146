//! What rustls and the target say went wrong, as one of the few failures that a table can have.

use rustls::{AlertDescription, CertificateError, Error};

use crate::TlsFailure;

/// Reads an error of rustls. `agreed` says whether the target had already agreed to a version and a cipher.
pub(super) fn failure(error: &Error, agreed: bool) -> TlsFailure {
    match error {
        Error::AlertReceived(alert) => refusal(*alert, agreed),
        Error::InvalidCertificate(error) => bad_certificate(error),
        Error::NoCertificatesPresented | Error::UnsupportedNameType => TlsFailure::CertificateInvalid,
        Error::PeerIncompatible(_) => TlsFailure::NoCommonGround,
        _ => TlsFailure::Protocol,
    }
}

fn bad_certificate(error: &CertificateError) -> TlsFailure {
    use CertificateError as C;
    match error {
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            TlsFailure::CertificateExpired
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => TlsFailure::CertificateName,
        C::UnknownIssuer | C::BadSignature | C::Revoked => TlsFailure::CertificateUntrusted,
        _ => TlsFailure::CertificateInvalid,
    }
}

/// What the target's last word means. A handshake that fails when all is agreed fails for want of our certificate: before
/// TLS 1.3 there was no alert of its own for that.
fn refusal(alert: AlertDescription, agreed: bool) -> TlsFailure {
    use AlertDescription as A;
    match alert {
        A::HandshakeFailure if agreed => TlsFailure::CertificateRequired,
        A::HandshakeFailure | A::ProtocolVersion | A::InsufficientSecurity | A::NoApplicationProtocol => {
            TlsFailure::NoCommonGround
        }
        A::UnrecognisedName => TlsFailure::CertificateName,
        A::AccessDenied
        | A::BadCertificate
        | A::CertificateExpired
        | A::CertificateRequired
        | A::CertificateRevoked
        | A::CertificateUnknown
        | A::NoCertificate
        | A::UnknownCA
        | A::UnsupportedCertificate => TlsFailure::CertificateRequired,
        _ => TlsFailure::Protocol,
    }
}
