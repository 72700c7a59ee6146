//! Tests of TLS certificates: verification of the target, the client's identity, and errors in certificate files.

use std::path::{Path, PathBuf};
use std::{fs, io};

use gregaria_http::{CertificateCheck, Error, TlsConfig, TlsFailure, TlsOptions, Transport};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use crate::scripted::block_on;
use crate::tls_peer::{CertificateAuthority, Identity, TlsPeer, TlsServerOptions};

/// Connects to a server with this identity. The client trusts the certificates in `bundle`.
fn handshake_trusting(bundle: &str, identity: &Identity, host: &str) -> Result<(), Error> {
    let folder = TempDir::new().unwrap();
    let config = config_trusting(&write_file(&folder, "bundle.pem", bundle));
    handshake(&config, identity, host)
}

fn handshake(config: &TlsConfig, identity: &Identity, host: &str) -> Result<(), Error> {
    TlsPeer::new(&TlsServerOptions::of(identity).config()).handshake(config, host).map(drop)
}

fn config_trusting(path: &Path) -> TlsConfig {
    TlsConfig::new(&TlsOptions { certificate_check: CertificateCheck::CaBundle(path.to_owned()), ..Default::default() })
        .unwrap()
}

fn write_file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

const fn any_authority() -> IsCa {
    IsCa::Ca(BasicConstraints::Unconstrained)
}

fn tls_error(failure: TlsFailure) -> Result<(), Error> {
    Err(Error::Tls(failure))
}

#[test]
fn certificate_is_valid_for_its_names_and_addresses() {
    let authority = CertificateAuthority::new();
    let identity = authority.sign(["target", "*.wild.example", "127.0.0.1", "::1"]);
    let pem = authority.certificate.pem();
    for host in ["target", "a.wild.example", "127.0.0.1", "::1"] {
        assert_eq!(handshake_trusting(&pem, &identity, host), Ok(()), "{host}");
    }
    for host in ["other", "a.b.wild.example", "127.0.0.2", "::2"] {
        assert_eq!(handshake_trusting(&pem, &identity, host), tls_error(TlsFailure::CertificateNameMismatch), "{host}");
    }
}

#[test]
fn invalid_host_name_is_an_invalid_request() {
    let authority = CertificateAuthority::new();
    let result = handshake_trusting(&authority.certificate.pem(), &authority.sign(["target"]), "no host");
    assert!(matches!(result, Err(Error::InvalidRequest(_))), "{result:?}");
}

#[test]
fn expired_certificate_is_rejected() {
    let authority = CertificateAuthority::new();
    let identity = authority.sign_expired("target");
    assert_eq!(
        handshake_trusting(&authority.certificate.pem(), &identity, "target"),
        tls_error(TlsFailure::CertificateExpired)
    );
}

#[test]
fn each_refusal_has_its_own_reason() {
    let authority = CertificateAuthority::new();
    let refused = |change: &dyn Fn(&mut CertificateParams), expected| {
        for is_ca in [IsCa::NoCa, any_authority()] {
            let identity = authority.sign_changed("target", |params| {
                params.is_ca = is_ca;
                change(params);
            });
            let result = handshake_trusting(&authority.certificate.pem(), &identity, "target");
            assert_eq!(result, tls_error(expected), "{is_ca:?}");
        }
    };
    refused(&|params| params.not_after = date_time_ymd(2002, 1, 1), TlsFailure::CertificateExpired);
    refused(&|params| params.not_before = date_time_ymd(4001, 1, 1), TlsFailure::CertificateNotValidYet);
    refused(&|params| params.subject_alt_names.clear(), TlsFailure::CertificateWithoutName);
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    refused(&|params| params.extended_key_usages = vec![client.clone()], TlsFailure::CertificateWrongPurpose);
}

#[test]
fn server_of_a_trusted_authority_may_be_an_authority() {
    let root = CertificateAuthority::new();
    // A server does not count for the path length of the authorities above it.
    let between = root.sign_authority(IsCa::Ca(BasicConstraints::Constrained(0)));
    for (authority, constraints) in
        [(&root, BasicConstraints::Unconstrained), (&between, BasicConstraints::Constrained(0))]
    {
        let identity = authority.sign_changed("target", |params| params.is_ca = IsCa::Ca(constraints));
        let trusting = |pem: &str, host| handshake_trusting(pem, &identity, host);
        assert_eq!(trusting(&root.certificate.pem(), "target"), Ok(()));
        assert_eq!(trusting(&identity.certificate.pem(), "target"), Ok(()), "trusted itself");
        let mismatch = tls_error(TlsFailure::CertificateNameMismatch);
        assert_eq!(trusting(&root.certificate.pem(), "other"), mismatch);
        let unrelated = CertificateAuthority::new();
        assert_eq!(trusting(&unrelated.certificate.pem(), "target"), tls_error(TlsFailure::CertificateUntrusted));
    }
}

#[test]
fn chain_with_a_wrong_authority_is_named() {
    let root = CertificateAuthority::new();
    let no_authority = root.sign_authority(IsCa::NoCa);
    let too_long = root.sign_authority(IsCa::Ca(BasicConstraints::Constrained(0))).sign_authority(any_authority());
    for issuer in [no_authority, too_long] {
        for is_ca in [IsCa::NoCa, any_authority()] {
            let identity = issuer.sign_changed("target", |params| params.is_ca = is_ca);
            let result = handshake_trusting(&root.certificate.pem(), &identity, "target");
            assert_eq!(result, tls_error(TlsFailure::CertificateChainInvalid));
        }
    }
}

#[test]
fn certificate_of_another_authority_is_rejected() {
    let identity = CertificateAuthority::new().sign(["target"]);
    let pem = CertificateAuthority::new().certificate.pem();
    assert_eq!(handshake_trusting(&pem, &identity, "target"), tls_error(TlsFailure::CertificateUntrusted));
}

#[test]
fn self_signed_certificate_is_valid_if_trusted() {
    for is_authority in [false, true] {
        let identity = Identity::self_signed("target", is_authority);
        let pem = identity.certificate.pem();
        assert_eq!(handshake_trusting(&pem, &identity, "target"), Ok(()));
        assert_eq!(handshake_trusting(&pem, &identity, "other"), tls_error(TlsFailure::CertificateNameMismatch));
        let other_pem = Identity::self_signed("target", is_authority).certificate.pem();
        let unrelated_pem = CertificateAuthority::new().certificate.pem();
        for pem in [other_pem, unrelated_pem] {
            assert_eq!(handshake_trusting(&pem, &identity, "target"), tls_error(TlsFailure::CertificateSelfSigned));
        }
    }
}

#[test]
fn expired_self_signed_certificate_is_rejected() {
    let identity = Identity::self_signed_expired("target");
    assert_eq!(
        handshake_trusting(&identity.certificate.pem(), &identity, "target"),
        tls_error(TlsFailure::CertificateExpired)
    );
}

#[test]
fn accept_any_certificate_disables_all_checks() {
    let config =
        TlsConfig::new(&TlsOptions { certificate_check: CertificateCheck::AcceptAnyCertificate, ..Default::default() })
            .unwrap();
    let identities = [
        Identity::self_signed("target", true),
        CertificateAuthority::new().sign_expired("target"),
        CertificateAuthority::new().sign(["x"]),
    ];
    for versions in [&[&TLS12], &[&TLS13]] {
        for identity in &identities {
            let peer = TlsPeer::new(&TlsServerOptions { versions, ..TlsServerOptions::of(identity) }.config());
            assert!(peer.handshake(&config, "target").is_ok());
        }
    }
}

#[test]
fn system_roots_do_not_trust_a_test_authority() {
    let identity = CertificateAuthority::new().sign(["target"]);
    assert_eq!(handshake(&TlsConfig::default(), &identity, "target"), tls_error(TlsFailure::CertificateUntrusted));
}

#[test]
fn ca_bundle_may_be_a_folder() {
    let authorities = [CertificateAuthority::new(), CertificateAuthority::new()];
    let folder = TempDir::new().unwrap();
    write_file(&folder, "one.pem", &authorities[0].certificate.pem());
    write_file(&folder, "two.crt", &authorities[1].certificate.pem());
    write_file(&folder, "README", "Certificates for a test.\n");
    let config = config_trusting(folder.path());
    for authority in &authorities {
        assert_eq!(handshake(&config, &authority.sign(["target"]), "target"), Ok(()));
    }
}

#[test]
fn client_certificate_is_sent_on_request() {
    let (authority, folder) = (CertificateAuthority::new(), TempDir::new().unwrap());
    let identity = authority.sign(["target"]);
    let client = authority.sign(["client"]);
    let combined = write_file(&folder, "client.pem", &client.pem());
    let certificate = write_file(&folder, "client.crt", &client.certificate.pem());
    let key = write_file(&folder, "client.key", &client.key.serialize_pem());
    for client_identity in [(combined.clone(), combined), (certificate, key)] {
        let options = TlsOptions {
            certificate_check: CertificateCheck::AcceptAnyCertificate,
            client_identity: Some(client_identity),
        };
        let config = TlsConfig::new(&options).unwrap();
        for versions in [&[&TLS12], &[&TLS13]] {
            let peer = TlsPeer::new(
                &TlsServerOptions { versions, client_authority: Some(&authority), ..TlsServerOptions::of(&identity) }
                    .config(),
            );
            assert!(peer.handshake(&config, "target").is_ok());
            assert_eq!(peer.server().peer_certificates(), Some(&[client.certificate.der().clone()][..]));
        }
    }
}

/// In TLS 1.3 the client's handshake ends before the server checks the client certificate, so the error comes with
/// the first receive.
#[test]
fn missing_or_wrong_client_certificate_is_named() {
    let (authority, folder) = (CertificateAuthority::new(), TempDir::new().unwrap());
    let identity = authority.sign(["target"]);
    let wrong = write_file(&folder, "wrong.pem", &CertificateAuthority::new().sign(["client"]).pem());
    for client_identity in [None, Some((wrong.clone(), wrong))] {
        let config =
            TlsConfig::new(&TlsOptions { certificate_check: CertificateCheck::AcceptAnyCertificate, client_identity })
                .unwrap();
        for versions in [&[&TLS12], &[&TLS13]] {
            let peer = TlsPeer::new(
                &TlsServerOptions { versions, client_authority: Some(&authority), ..TlsServerOptions::of(&identity) }
                    .config(),
            );
            let result = peer.handshake(&config, "target").and_then(|mut stream| {
                block_on(stream.recv(&mut Vec::new())).map(drop).map_err(|error| Error::from_io(&error))
            });
            assert_eq!(result, tls_error(TlsFailure::ClientCertificateRequired), "{:?}", peer.server_error());
        }
    }
}

#[test]
fn config_equals_its_clones_only() {
    let config = TlsConfig::default();
    assert_eq!(config, config.clone());
    assert_ne!(config, TlsConfig::default());
}

/// Returns the error for a CA bundle and a client identity in `folder`, without the path of the folder.
fn config_error(folder: &TempDir, ca_bundle: Option<&str>, client_identity: Option<(&str, &str)>) -> String {
    let in_folder = |name: &str| folder.path().join(name);
    let options = TlsOptions {
        certificate_check: ca_bundle
            .map_or(CertificateCheck::AcceptAnyCertificate, |name| CertificateCheck::CaBundle(in_folder(name))),
        client_identity: client_identity.map(|(chain, key)| (in_folder(chain), in_folder(key))),
    };
    let error = TlsConfig::new(&options).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn invalid_certificate_files_are_named() {
    let (authority, folder) = (CertificateAuthority::new(), TempDir::new().unwrap());
    let (client, other) = (authority.sign(["client"]), authority.sign(["other"]));
    write_file(&folder, "client.crt", &client.certificate.pem());
    write_file(&folder, "client.key", &client.key.serialize_pem());
    write_file(&folder, "other.key", &other.key.serialize_pem());
    write_file(&folder, "empty", "");
    write_file(&folder, "broken", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    write_file(
        &folder,
        "encrypted",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    fs::create_dir(folder.path().join("folder")).unwrap();

    let missing = io::Error::from_raw_os_error(2);
    let identity = |chain, key| config_error(&folder, None, Some((chain, key)));
    assert_eq!(config_error(&folder, Some("none"), None), format!("none: {missing}"));
    for bundle in ["empty", "broken", "folder"] {
        assert_eq!(config_error(&folder, Some(bundle), None), format!("{bundle}: has no certificate in PEM format"));
    }
    assert_eq!(identity("none", "client.key"), format!("none: {missing}"));
    assert_eq!(identity("client.crt", "none"), format!("none: {missing}"));
    assert_eq!(identity("empty", "client.key"), "empty: has no certificate in PEM format");
    assert_eq!(identity("broken", "client.key"), "broken: is not well-formed PEM");
    for key in ["empty", "client.crt", "encrypted"] {
        let expected = format!("{key}: has no private key in PEM format that can be read without a password");
        assert_eq!(identity("client.crt", key), expected);
    }
    let mismatch = identity("client.crt", "other.key");
    assert!(mismatch.starts_with("other.key: is not the private key of the certificate in "), "{mismatch}");
    assert!(mismatch.ends_with("client.crt"), "{mismatch}");
}
