//! Server certificates that are also certificates of an authority (CA:TRUE), as some internal authorities issue them.
//!
//! RFC 5280 permits them, and OpenSSL accepts them. webpki rejects them before it looks for an issuer, and has no
//! option against that. [`CaServer::verify`] therefore gives webpki a copy that says CA:FALSE. The signature
//! algorithms see the signed original in place of the copy. So webpki checks all that it checks for other servers:
//! signatures, dates, purpose, name constraints and path lengths. `verify.rs` decides which certificates are given to
//! this file.

use std::ops::Range;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{Error, RootCertStore};

/// A server certificate with CA:TRUE, and its copy with CA:FALSE.
pub(super) struct CaServer<'a> {
    original: &'a [u8],
    copy: CertificateDer<'static>,
    /// Range of the signed part in both.
    signed: Range<usize>,
}

impl<'a> CaServer<'a> {
    /// Returns `None` unless the certificate says CA:TRUE.
    pub(super) fn new(certificate: &'a CertificateDer<'_>) -> Option<Self> {
        let parts = CertificateParts::of(certificate)?;
        let flag = parts.ca_flag()?;
        let mut copy = certificate.to_vec();
        copy[flag] = DER_FALSE;
        Some(Self { original: certificate, copy: copy.into(), signed: parts.signed })
    }

    /// Verifies the chain to a trusted authority, as [`verify_server_cert_signed_by_trust_anchor`] does.
    pub(super) fn verify(
        &self,
        roots: &RootCertStore,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), Error> {
        let (copied, signed) = (&self.copy[self.signed.clone()], &self.original[self.signed.clone()]);
        let over_original = |&algorithm| OriginalSignature { algorithm, copied, signed };
        let algorithms: Vec<_> = algorithms.iter().map(over_original).collect();
        let algorithms: Vec<_> = algorithms.iter().map(|own| own as &dyn SignatureVerificationAlgorithm).collect();
        let certificate = ParsedCertificate::try_from(&self.copy)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, &algorithms)
    }
}

/// Returns `true` if subject and issuer are equal, so that no authority has signed the certificate.
pub(super) fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    let names = CertificateParts::of(certificate).and_then(|parts| parts.subject_and_issuer());
    names.is_some_and(|(subject, issuer)| subject == issuer)
}

/// An algorithm that verifies the signature of the original when it is asked about the copy.
#[derive(Debug)]
struct OriginalSignature<'a> {
    algorithm: &'a dyn SignatureVerificationAlgorithm,
    copied: &'a [u8],
    signed: &'a [u8],
}

impl SignatureVerificationAlgorithm for OriginalSignature<'_> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let message = if message == self.copied { self.signed } else { message };
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// The parts of a certificate's DER that this file needs (RFC 5280 §4.1). webpki checks the rest.
struct CertificateParts<'a> {
    der: &'a [u8],
    /// Range of `TBSCertificate`, with tag and length.
    signed: Range<usize>,
    /// The fields of `TBSCertificate`.
    fields: Vec<DerElement>,
}

/// One element of a DER encoding.
#[derive(Clone, Debug)]
struct DerElement {
    tag: u8,
    content: Range<usize>,
}

impl<'a> CertificateParts<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        let certificate = element_at(der, 0..der.len())?;
        let signed = element_at(der, certificate.content.clone())?;
        let fields = elements(der, signed.content.clone()).collect();
        Some(Self { der, signed: certificate.content.start..signed.content.end, fields })
    }

    fn subject_and_issuer(&self) -> Option<(&'a [u8], &'a [u8])> {
        // Before the names are the version (which is optional in version 1), the serial number and the algorithm.
        let mut names = self.fields.iter().skip_while(|field| field.tag != TAG_SEQUENCE).skip(1);
        let (issuer, _validity, subject) = (names.next()?, names.next()?, names.next()?);
        Some((&self.der[subject.content.clone()], &self.der[issuer.content.clone()]))
    }

    /// Returns the position of the value of `cA` in the basic constraints, if it is true.
    fn ca_flag(&self) -> Option<usize> {
        let wrapper = self.fields.iter().find(|field| field.tag == TAG_EXTENSIONS)?;
        let extensions = element_at(self.der, wrapper.content.clone())?;
        let extension = elements(self.der, extensions.content).find(|extension| {
            let id = element_at(self.der, extension.content.clone());
            id.is_some_and(|id| self.der[id.content] == *BASIC_CONSTRAINTS)
        })?;
        let value = elements(self.der, extension.content).last()?;
        let constraints = element_at(self.der, value.content)?;
        let flag = element_at(self.der, constraints.content)?;
        let is_true = flag.tag == TAG_BOOLEAN && self.der[flag.content.clone()] == [DER_TRUE];
        is_true.then_some(flag.content.start)
    }
}

/// Iterates over the elements in this range, up to one that is malformed.
fn elements(der: &[u8], mut range: Range<usize>) -> impl Iterator<Item = DerElement> {
    std::iter::from_fn(move || {
        let element = element_at(der, range.clone())?;
        range.start = element.content.end;
        Some(element)
    })
}

/// Reads the element at the start of the range. Returns `None` if it does not end within the range.
fn element_at(der: &[u8], range: Range<usize>) -> Option<DerElement> {
    let (&[tag, first], mut rest) = der.get(range.clone())?.split_first_chunk()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        // A certificate has less than 16 MiB.
        length = if digits.len() <= 3 {
            digits.iter().fold(0, |sum, &digit| sum << 8 | usize::from(digit))
        } else {
            return None;
        };
        rest = after;
    }
    let start = range.end - rest.len();
    (length <= rest.len()).then_some(DerElement { tag, content: start..start + length })
}

const TAG_BOOLEAN: u8 = 0x01;
const TAG_SEQUENCE: u8 = 0x30;
/// The field `[3]` of `TBSCertificate`.
const TAG_EXTENSIONS: u8 = 0xa3;
const DER_TRUE: u8 = 0xff;
const DER_FALSE: u8 = 0x00;
/// The object identifier 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
