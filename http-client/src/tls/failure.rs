//! What rustls and the target say went wrong, as one of the few failures that a table can have.

use rustls::{AlertDescription, CertificateError, Error};

use crate::TlsFailure;

/// Reads an error of rustls. `agreed` says whether the target had already agreed to a version and a cipher.
pub(super) fn classify_error(error: &Error, negotiated: bool) -> TlsFailure {
    match error {
        Error::AlertReceived(alert) => classify_alert(*alert, negotiated),
        Error::InvalidCertificate(error) => classify_certificate_error(error),
        Error::NoCertificatesPresented | Error::UnsupportedNameType => TlsFailure::CertificateInvalid,
        Error::PeerIncompatible(_) => TlsFailure::PeerIncompatible,
        _ => TlsFailure::Protocol,
    }
}

fn classify_certificate_error(error: &CertificateError) -> TlsFailure {
    use CertificateError as C;
    match error {
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            TlsFailure::CertificateExpired
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => TlsFailure::CertificateNameMismatch,
        C::UnknownIssuer | C::BadSignature | C::Revoked => TlsFailure::CertificateUntrusted,
        _ => TlsFailure::CertificateInvalid,
    }
}

/// What the target's last word means. A handshake that fails when all is agreed fails for want of our certificate: before
/// TLS 1.3 there was no alert of its own for that.
fn classify_alert(alert: AlertDescription, negotiated: bool) -> TlsFailure {
    use AlertDescription as A;
    match alert {
        A::HandshakeFailure if negotiated => TlsFailure::ClientCertificateRequired,
        A::HandshakeFailure | A::ProtocolVersion | A::InsufficientSecurity | A::NoApplicationProtocol => {
            TlsFailure::PeerIncompatible
        }
        A::UnrecognisedName => TlsFailure::CertificateNameMismatch,
        A::AccessDenied
        | A::BadCertificate
        | A::CertificateExpired
        | A::CertificateRequired
        | A::CertificateRevoked
        | A::CertificateUnknown
        | A::NoCertificate
        | A::UnknownCA
        | A::UnsupportedCertificate => TlsFailure::ClientCertificateRequired,
        _ => TlsFailure::Protocol,
    }
}
