//! The classification of rustls errors and TLS alerts as one of the few [`TlsFailure`]s that an error table can
//! show.

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use crate::TlsFailure;

/// Classifies an error of rustls. `negotiated` is `true` if the target had already chosen a version and a cipher.
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
        C::Expired | C::ExpiredContext { .. } => TlsFailure::CertificateExpired,
        C::NotValidYet | C::NotValidYetContext { .. } => TlsFailure::CertificateNotValidYet,
        C::NotValidForNameContext { presented, .. } if presented.is_empty() => TlsFailure::CertificateWithoutName,
        C::NotValidForName | C::NotValidForNameContext { .. } => TlsFailure::CertificateNameMismatch,
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => TlsFailure::CertificateWrongPurpose,
        C::UnsupportedSignatureAlgorithmContext { .. } | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            TlsFailure::CertificateUnsupported
        }
        C::Other(OtherError(error)) => *error.downcast_ref().unwrap_or(&TlsFailure::CertificateInvalid),
        C::UnknownIssuer | C::BadSignature | C::Revoked => TlsFailure::CertificateUntrusted,
        _ => TlsFailure::CertificateInvalid,
    }
}

/// Classifies the target's alert.
///
/// A handshake that fails after the negotiation fails for lack of a client certificate, because TLS before 1.3 has
/// no alert of its own for that.
fn classify_alert(alert: AlertDescription, negotiated: bool) -> TlsFailure {
    use AlertDescription as A;
    match alert {
        A::HandshakeFailure if negotiated => TlsFailure::ClientCertificateRequired,
        A::HandshakeFailure | A::ProtocolVersion | A::InsufficientSecurity | A::NoApplicationProtocol => {
            TlsFailure::PeerIncompatible
        }
        A::UnrecognisedName => TlsFailure::UnknownServerName,
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
