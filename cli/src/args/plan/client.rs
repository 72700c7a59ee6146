//! The client settings of the command line. They override those of every user class: in Rust, in Python, or of a quick
//! run.
//!
//! A setting that the command line does not give stays as the user class has it. The endpoints of connections are in
//! `connect_config.rs`, the names of limits in `limits.rs`.

use std::{path::PathBuf, time::Duration};

use gregaria_http::{CertificateCheck, ClientConfig, TlsConfig, TlsOptions};

use super::{limits::ResponseLimit, values};
use crate::{
    args::cli::{
        arg_value::ArgValue,
        raw::{NetworkArgs, TlsArgs},
    },
    exit::CliError,
};

/// The settings that override those of every user's client. `None` keeps the setting of the user class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPlan {
    /// The longest time to open a connection.
    pub(crate) connect_timeout: Option<Duration>,
    /// The longest time without data from the target while a response is awaited or received.
    pub(crate) read_timeout: Option<Duration>,
    /// The longest time of a whole request, redirects included.
    pub(crate) total_timeout: Option<Duration>,
    /// The number of requests after which a connection is closed; 0 for no limit.
    pub(crate) requests_per_connection: Option<u32>,
    /// The length of a body in bytes above which a request has `Expect: 100-continue`.
    pub(crate) expect_continue_above_bytes: Option<u64>,
    /// Whether redirects are not followed, unless a request asks for it.
    pub(crate) no_redirects: bool,
    /// Limits of responses in the order of the command line, so that the last one of a name counts.
    pub(crate) limits: Vec<ResponseLimit>,
    /// The trusted CAs and the client certificate.
    pub(crate) tls: Option<TlsConfig>,
}

impl ClientPlan {
    /// Replaces the settings of `config` that the command line gives.
    pub fn apply_to(&self, config: &mut ClientConfig) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        config.connect_timeout_ns = self.connect_timeout.map_or(config.connect_timeout_ns, ns);
        config.read_timeout_ns = self.read_timeout.map_or(config.read_timeout_ns, ns);
        config.total_timeout_ns = self.total_timeout.map(ns).or(config.total_timeout_ns);
        config.max_requests_per_connection = self.requests_per_connection.unwrap_or(config.max_requests_per_connection);
        config.expect_continue_above_bytes = self.expect_continue_above_bytes.or(config.expect_continue_above_bytes);
        config.follow_redirects &= !self.no_redirects;
        self.limits.iter().for_each(|limit| limit.apply_to(&mut config.limits));
        if let Some(tls) = &self.tls {
            config.tls = tls.clone();
        }
    }
}

/// Converts the network and TLS arguments into a [`ClientPlan`].
///
/// # Errors
/// An invalid value, or a certificate file that cannot be read.
pub(super) fn plan(network: &NetworkArgs, tls: &TlsArgs) -> Result<ClientPlan, CliError> {
    let timeout = |flag, arg: &Option<ArgValue>| values::optional(arg, |arg| values::positive_duration(flag, arg));
    let requests = |arg: &ArgValue| values::non_negative_int("--requests-per-connection", arg);
    Ok(ClientPlan {
        connect_timeout: timeout("--connect-timeout", &network.connect_timeout)?,
        read_timeout: timeout("--read-timeout", &network.read_timeout)?,
        total_timeout: timeout("--timeout", &network.timeout)?,
        requests_per_connection: values::optional(&network.requests_per_connection, requests)?,
        expect_continue_above_bytes: values::optional(&network.expect_continue, |arg| {
            values::bytes("--expect-continue", arg)
        })?,
        no_redirects: network.no_redirects,
        limits: network.limits.iter().map(ResponseLimit::parse).collect::<Result<_, _>>()?,
        tls: tls_config(tls)?,
    })
}

/// Builds the TLS configuration; `None` without a TLS argument. The files are read now, so that an error is reported
/// before the run starts.
fn tls_config(args: &TlsArgs) -> Result<Option<TlsConfig>, CliError> {
    let certificate_check = match &args.cacert {
        _ if args.insecure => CertificateCheck::AcceptAnyCertificate,
        Some(bundle) => CertificateCheck::CaBundle(PathBuf::from(&bundle.text)),
        None => CertificateCheck::SystemRoots,
    };
    let settings = TlsOptions { certificate_check, client_identity: client_identity(args)? };
    if settings == TlsOptions::default() {
        return Ok(None);
    }
    TlsConfig::new(&settings).map(Some).map_err(|error| CliError::usage(error.to_string()))
}

/// Returns the files of the client certificate and of its key, which are the same unless a key is given.
fn client_identity(args: &TlsArgs) -> Result<Option<(PathBuf, PathBuf)>, CliError> {
    let key_name = |key: &ArgValue| key.describe("--key");
    match (&args.cert, &args.key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Err(CliError::usage(format!("{}: needs its certificate; add --cert FILE", key_name(key)))),
        (Some(cert), key) => match (cert.text.split_once(','), key) {
            (Some(_), Some(key)) => Err(CliError::usage(format!("{}: --cert already names a key", key_name(key)))),
            (Some((cert, key)), None) => Ok(Some((cert.into(), key.into()))),
            (None, key) => Ok(Some((PathBuf::from(&cert.text), PathBuf::from(&key.as_ref().unwrap_or(cert).text)))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_settings_override_and_others_stay() {
        let mut own = ClientConfig { connect_timeout_ns: 1, max_requests_per_connection: 9, ..ClientConfig::default() };
        own.limits.max_headers = 3;
        let mut same = own.clone();
        plan(&NetworkArgs::default(), &TlsArgs::default()).unwrap().apply_to(&mut same);
        assert_eq!(format!("{same:?}"), format!("{own:?}"));
        let args = NetworkArgs {
            connect_timeout: Some("2".into()),
            read_timeout: Some("0.5".into()),
            timeout: Some("1m".into()),
            requests_per_connection: Some("0".into()),
            expect_continue: Some("1M".into()),
            no_redirects: true,
            limits: vec!["body-bytes=1K".into(), "body-bytes=2K".into()],
            ..NetworkArgs::default()
        };
        plan(&args, &TlsArgs::default()).unwrap().apply_to(&mut own);
        assert_eq!((own.connect_timeout_ns, own.read_timeout_ns), (2_000_000_000, 500_000_000));
        assert_eq!((own.total_timeout_ns, own.max_requests_per_connection), (Some(60_000_000_000), 0));
        assert_eq!((own.expect_continue_above_bytes, own.follow_redirects), (Some(1 << 20), false));
        assert_eq!((own.limits.max_body_bytes, own.limits.max_headers), (2048, 3));
    }

    #[test]
    fn invalid_values_name_their_flags() {
        let defaults = NetworkArgs::default();
        for (args, start) in [
            (NetworkArgs { timeout: Some("0".into()), ..defaults.clone() }, "--timeout 0: takes a time of more than 0"),
            (
                NetworkArgs { requests_per_connection: Some("-1".into()), ..defaults.clone() },
                "--requests-per-connection -1: takes a whole number",
            ),
            (
                NetworkArgs { expect_continue: Some("big".into()), ..defaults.clone() },
                "--expect-continue big: takes bytes, such as 65536",
            ),
            (NetworkArgs { limits: vec!["x".into()], ..defaults }, "--limit x: takes NAME=VALUE"),
        ] {
            let error = plan(&args, &TlsArgs::default()).unwrap_err();
            assert!(error.code == 2 && error.message.starts_with(start), "{error}");
        }
    }

    #[test]
    fn client_key_is_given_in_one_of_three_ways() {
        let tls = |cert: &str, key: &str| {
            let arg = |text: &str| (!text.is_empty()).then(|| ArgValue::from(text));
            client_identity(&TlsArgs { cert: arg(cert), key: arg(key), ..TlsArgs::default() })
        };
        let files = |cert: &str, key: &str| Ok(Some((PathBuf::from(cert), PathBuf::from(key))));
        assert_eq!(tls("", ""), Ok(None));
        assert_eq!(tls("a.pem", ""), files("a.pem", "a.pem"));
        assert_eq!(tls("a.pem", "a.key"), files("a.pem", "a.key"));
        assert_eq!(tls("a.pem,a.key", ""), files("a.pem", "a.key"));
        assert_eq!(tls("", "a.key").unwrap_err().message, "--key a.key: needs its certificate; add --cert FILE");
        assert_eq!(tls("a.pem,a.key", "b.key").unwrap_err().message, "--key b.key: --cert already names a key");
    }

    #[test]
    fn missing_tls_file_is_named() {
        for args in [
            TlsArgs { cacert: Some("no/such.pem".into()), ..TlsArgs::default() },
            TlsArgs { cert: Some("no/such.pem".into()), ..TlsArgs::default() },
        ] {
            let error = plan(&NetworkArgs::default(), &args).unwrap_err();
            assert!(error.code == 2 && error.message.starts_with("no/such.pem: "), "{error}");
        }
    }
}
