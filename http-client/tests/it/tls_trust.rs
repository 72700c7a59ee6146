//! Whom a connection over TLS trusts, what it shows of itself, and what is said of a certificate or a file that is no good.

use std::path::{Path, PathBuf};
use std::{fs, io};

use gregaria_http::{CertificateCheck, Error, TlsConfig, TlsFailure, TlsOptions, Transport};
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use crate::scripted::block_on;
use crate::tls_peer::{CertificateAuthority, Identity, TlsPeer, TlsServerOptions};

/// What a client that trusts this text says of a server with this identity.
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

fn tls_error(failure: TlsFailure) -> Result<(), Error> {
    Err(Error::Tls(failure))
}

#[test]
fn a_certificate_is_good_for_its_names_and_addresses() {
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
fn what_is_no_host_is_refused_before_anything_is_sent() {
    let authority = CertificateAuthority::new();
    let result = handshake_trusting(&authority.certificate.pem(), &authority.sign(["target"]), "no host");
    assert!(matches!(result, Err(Error::InvalidRequest(_))), "{result:?}");
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = CertificateAuthority::new();
    let identity = authority.sign_expired("target");
    assert_eq!(
        handshake_trusting(&authority.certificate.pem(), &identity, "target"),
        tls_error(TlsFailure::CertificateExpired)
    );
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let identity = CertificateAuthority::new().sign(["target"]);
    let pem = CertificateAuthority::new().certificate.pem();
    assert_eq!(handshake_trusting(&pem, &identity, "target"), tls_error(TlsFailure::CertificateUntrusted));
}

#[test]
fn a_self_signed_certificate_is_good_where_it_is_trusted_itself() {
    for is_authority in [false, true] {
        let identity = Identity::self_signed("target", is_authority);
        let pem = identity.certificate.pem();
        assert_eq!(handshake_trusting(&pem, &identity, "target"), Ok(()));
        assert_eq!(handshake_trusting(&pem, &identity, "other"), tls_error(TlsFailure::CertificateNameMismatch));
        let of_another = Identity::self_signed("target", is_authority).certificate.pem();
        assert_eq!(handshake_trusting(&of_another, &identity, "target"), tls_error(TlsFailure::CertificateUntrusted));
    }
}

#[test]
fn a_self_signed_certificate_that_has_expired_is_not_good_anywhere() {
    let identity = Identity::self_signed_expired("target");
    assert_eq!(
        handshake_trusting(&identity.certificate.pem(), &identity, "target"),
        tls_error(TlsFailure::CertificateExpired)
    );
}

#[test]
fn who_trusts_nobody_in_particular_takes_everyone() {
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
fn the_system_trusts_nobody_of_ours() {
    let identity = CertificateAuthority::new().sign(["target"]);
    assert_eq!(handshake(&TlsConfig::default(), &identity, "target"), tls_error(TlsFailure::CertificateUntrusted));
}

#[test]
fn a_folder_of_authorities_is_a_bundle_too() {
    let authorities = [CertificateAuthority::new(), CertificateAuthority::new()];
    let folder = TempDir::new().unwrap();
    write_file(&folder, "one.pem", &authorities[0].certificate.pem());
    write_file(&folder, "two.crt", &authorities[1].certificate.pem());
    write_file(&folder, "README", "These are ours.\n");
    let config = config_trusting(folder.path());
    for authority in &authorities {
        assert_eq!(handshake(&config, &authority.sign(["target"]), "target"), Ok(()));
    }
}

#[test]
fn a_client_certificate_is_shown_to_who_asks_for_it() {
    let (authority, folder) = (CertificateAuthority::new(), TempDir::new().unwrap());
    let identity = authority.sign(["target"]);
    let us = authority.sign(["us"]);
    let both = write_file(&folder, "us.pem", &us.pem());
    let certificate = write_file(&folder, "us.crt", &us.certificate.pem());
    let key = write_file(&folder, "us.key", &us.key.serialize_pem());
    for client_identity in [(both.clone(), both), (certificate, key)] {
        let settings = TlsOptions {
            certificate_check: CertificateCheck::AcceptAnyCertificate,
            client_identity: Some(client_identity),
        };
        let config = TlsConfig::new(&settings).unwrap();
        for versions in [&[&TLS12], &[&TLS13]] {
            let peer = TlsPeer::new(
                &TlsServerOptions { versions, clients: Some(&authority), ..TlsServerOptions::of(&identity) }.config(),
            );
            assert!(peer.handshake(&config, "target").is_ok());
            assert_eq!(peer.server().peer_certificates(), Some(&[us.certificate.der().clone()][..]));
        }
    }
}

/// In TLS 1.3 the handshake is over for the client when the server looks at its certificate, or finds none.
#[test]
fn a_client_certificate_that_is_missing_or_wrong_is_named_as_the_reason() {
    let (authority, folder) = (CertificateAuthority::new(), TempDir::new().unwrap());
    let identity = authority.sign(["target"]);
    let wrong = write_file(&folder, "wrong.pem", &CertificateAuthority::new().sign(["us"]).pem());
    for client_identity in [None, Some((wrong.clone(), wrong))] {
        let config =
            TlsConfig::new(&TlsOptions { certificate_check: CertificateCheck::AcceptAnyCertificate, client_identity })
                .unwrap();
        for versions in [&[&TLS12], &[&TLS13]] {
            let peer = TlsPeer::new(
                &TlsServerOptions { versions, clients: Some(&authority), ..TlsServerOptions::of(&identity) }.config(),
            );
            let result = peer.handshake(&config, "target").and_then(|mut stream| {
                block_on(stream.recv(&mut Vec::new())).map(drop).map_err(|error| Error::from_io(&error))
            });
            assert_eq!(result, tls_error(TlsFailure::ClientCertificateRequired), "{:?}", peer.server_error());
        }
    }
}

#[test]
fn clones_are_the_same_configuration_and_others_are_not() {
    let config = TlsConfig::default();
    assert_eq!(config, config.clone());
    assert_ne!(config, TlsConfig::default());
}

/// What is said of these settings, without the folder.
fn config_error(folder: &TempDir, trust: Option<&str>, client_identity: Option<(&str, &str)>) -> String {
    let in_folder = |name: &str| folder.path().join(name);
    let settings = TlsOptions {
        certificate_check: trust
            .map_or(CertificateCheck::AcceptAnyCertificate, |name| CertificateCheck::CaBundle(in_folder(name))),
        client_identity: client_identity.map(|(chain, key)| (in_folder(chain), in_folder(key))),
    };
    let error = TlsConfig::new(&settings).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn files_that_are_no_good_are_named() {
    let (authority, folder) = (CertificateAuthority::new(), TempDir::new().unwrap());
    let (us, them) = (authority.sign(["us"]), authority.sign(["them"]));
    write_file(&folder, "us.crt", &us.certificate.pem());
    write_file(&folder, "us.key", &us.key.serialize_pem());
    write_file(&folder, "them.key", &them.key.serialize_pem());
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
    assert_eq!(identity("none", "us.key"), format!("none: {missing}"));
    assert_eq!(identity("us.crt", "none"), format!("none: {missing}"));
    assert_eq!(identity("empty", "us.key"), "empty: has no certificate in PEM format");
    assert_eq!(identity("broken", "us.key"), "broken: is not well-formed PEM");
    for key in ["empty", "us.crt", "encrypted"] {
        let expected = format!("{key}: has no private key in PEM format that can be read without a password");
        assert_eq!(identity("us.crt", key), expected);
    }
    let others = identity("us.crt", "them.key");
    assert!(others.starts_with("them.key: is not the private key of the certificate in "), "{others}");
    assert!(others.ends_with("us.crt"), "{others}");
}
