//! The certificates of an nginx with TLS: an authority, a server, and a client that the server accepts.

use std::path::Path;
use std::{fs, io};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// File with the certificate of the authority, in the folder of nginx.
pub(super) const AUTHORITY: &str = "authority.pem";
/// File with the certificate of a client and its private key.
pub(super) const CLIENT: &str = "client.pem";
/// File with the certificate of the server and its private key.
const SERVER: &str = "server.pem";

pub(super) fn write_files(folder: &Path) -> io::Result<()> {
    let mut params = CertificateParams::new([]).expect("an empty list of names is valid");
    params.distinguished_name.push(DnType::CommonName, "the tests' authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    fs::write(folder.join(AUTHORITY), certificate.pem())?;

    let authority = Issuer::new(params, key);
    fs::write(folder.join(SERVER), sign_certificate(&authority, ["localhost", "127.0.0.1"]))?;
    fs::write(folder.join(CLIENT), sign_certificate(&authority, ["client"]))
}

/// Returns a certificate for these names and its private key, as PEM.
fn sign_certificate<const N: usize>(authority: &Issuer<'_, KeyPair>, names: [&str; N]) -> String {
    let params = CertificateParams::new(names.map(str::to_owned)).expect("names and addresses");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    certificate.pem() + &key.serialize_pem()
}
